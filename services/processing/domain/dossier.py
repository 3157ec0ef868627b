"""What is kept of a dossier: the set of its events, from which everything else follows."""

from typing import Any

import msgspec
from msgspec import Struct

from contracts.data import FACTS, Data
from contracts.events import Event, code_of


class KeptEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One event of the set. Instants are microseconds since 1970; `log_clock` is the partition's at its arrival."""

    offset: int
    source: str
    id: str
    fact: str
    time: int
    sequence: int | None
    data: Data
    recordedtime: int | None
    recorded_at: int
    log_clock: int | None

    @property
    def code(self) -> str:
        """The unit or department code in `source`."""
        return code_of(self.source)

    @property
    def order(self) -> tuple[int, str, int, str]:
        """Place in the order of time; ties by source, sequence (none first), id. Code points order as UTF-8 bytes do."""
        return (self.time, self.source, -1 if self.sequence is None else self.sequence, self.id)


class Fate(Struct, frozen=True, array_like=True, gc=False):
    """How an event that has a dead letter stood when its dossier's history left: so it stands for ever."""

    source: str
    id: str
    offset: int
    recorded_at: int
    standing: str


class Retired(Struct, frozen=True):
    """The stub of a dossier whose history has left: every later record of its code is a dead letter."""

    lettered: tuple[Fate, ...] = ()


class Dossier:
    """The kept events of one code, in the order of the log; immutable, with room for the fold's memory of itself."""

    __slots__ = ("code", "kept", "lettered", "memory")

    def __init__(self, code: str, kept: tuple[KeptEvent, ...], lettered: frozenset[int] = frozenset()) -> None:
        self.code = code
        self.kept = kept
        # Offsets of the kept events whose dead letter was written: at most one for each.
        self.lettered = lettered
        # What the fold last worked out of exactly this set under some rules; a cache, never stored.
        self.memory: Any = None


class _Stored(Struct, array_like=True, gc=False):
    offset: int
    source: str
    id: str
    fact: str
    time: int
    sequence: int | None
    data: bytes
    recordedtime: int | None
    recorded_at: int
    log_clock: int | None
    lettered: bool


_RETIRED = b"R"
_DATA = {fact: msgspec.json.Decoder(model) for fact, model in FACTS.items()}
_PACK = msgspec.msgpack.Encoder()
_UNPACK = msgspec.msgpack.Decoder(list[_Stored])
_UNPACK_FATES = msgspec.msgpack.Decoder(tuple[Fate, ...])
_JSON = msgspec.json.Encoder()


def encode(dossier: Dossier | Retired) -> bytes:
    """State bytes of a dossier, or of the stub that is left of it."""
    if isinstance(dossier, Retired):
        return _RETIRED + _PACK.encode(dossier.lettered) if dossier.lettered else _RETIRED
    return _PACK.encode(
        [
            _Stored(
                e.offset, e.source, e.id, e.fact, e.time, e.sequence, _JSON.encode(e.data),
                e.recordedtime, e.recorded_at, e.log_clock, e.offset in dossier.lettered,
            )
            for e in dossier.kept
        ]
    )  # fmt: skip


def decode(code: str, state: bytes) -> Dossier | Retired:
    """The dossier of its state bytes; msgspec.MsgspecError when they are none."""
    # A history begins with the mark of an array, which is another byte.
    if state.startswith(_RETIRED):
        return Retired(_UNPACK_FATES.decode(state[1:]) if state != _RETIRED else ())
    stored = _UNPACK.decode(state)
    return Dossier(
        code,
        tuple(
            KeptEvent(
                offset=s.offset, source=s.source, id=s.id, fact=s.fact, time=s.time, sequence=s.sequence,
                data=_DATA[s.fact].decode(s.data), recordedtime=s.recordedtime, recorded_at=s.recorded_at,
                log_clock=s.log_clock,
            )
            for s in stored
        ),
        frozenset(s.offset for s in stored if s.lettered),
    )  # fmt: skip


def keep(event: Event, offset: int, recorded_at: int, log_clock: int | None) -> KeptEvent:
    """An arriving event as it would be kept."""
    return KeptEvent(
        offset=offset, source=event.source, id=event.id, fact=event.fact, time=event.time, sequence=event.sequence,
        data=event.data, recordedtime=event.recordedtime, recorded_at=recorded_at, log_clock=log_clock,
    )  # fmt: skip
