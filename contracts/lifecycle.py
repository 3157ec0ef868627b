"""Lifecycle records: what one reported record did to at most one dossier, so that a counting reader needs no memory."""

from hashlib import blake2b
from typing import Literal

import msgspec
from msgspec import Raw, Struct, structs
from msgspec import field as member

Outcome = Literal["applied", "parked", "duplicate", "rejected", "annulled", "tick", "control"]
Timeliness = Literal["early", "on_time", "late", "without_due"]
Late = Literal["by_link", "entry"]
Birth = Literal["case", "leg"]

CHAIN_HEADER = "chain"
CHAIN_START = bytes(8)
ABSENT = Raw(b"")


class Stand(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """How a dossier stands: what its stocks are counted from, and what its steps are counted under."""

    procedure: str | None = None
    field: str | None = None
    channel: str | None = None
    receiver: str | None = None
    competent: str | None = None
    state: int | None = None
    state_detail: Literal["suspended", "terminal"] | None = None
    overdue: bool = False
    due_in_24h: bool = False
    due_in_72h: bool = False
    acceptance_overdue: bool = False
    parked: dict[str, int] = member(default_factory=dict)


class Step(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """The countable content of an event that moved its dossier.

    `competent` is the body competent when it applied (at a hand-over the one that gives up). `timeliness` stands on the
    completion that holds now, and on no other.
    """

    fact: str
    competent: str
    birth: Birth | None = None
    timeliness: Timeliness | None = None
    late: Late | None = None
    digitised: bool = False
    electronic_result: bool = False
    paid_online: bool = False


class Counted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """What one reported record counts as; `source` is the code, `day` that of `time`."""

    standing: Outcome
    source: str | None = None
    day: str | None = None
    skewed: bool = False
    backdated: bool = False
    step: Step | None = None


class Entry(Counted, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """One reported record as it counts: undone under `was`, done under `is`. On the wire: `[offset, what it counts as]`."""

    offset: int


class Position(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """What a lifecycle record says beside its pieces that count. Instants are microseconds since 1970."""

    src: tuple[int, int]
    prev: tuple[int, int] | None
    last: bool
    outcome: Outcome
    recorded_at: int
    log_clock: int | None = None
    digest: str | None = None
    source: str | None = None
    fact: str | None = None
    occurred_at: int | None = None
    dossier: str | None = None
    retired: bool = False


class Lifecycle(Position, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """One lifecycle record; `src` and `prev` are (offset, index) pairs."""

    was: Stand | None = None
    now: Stand | None = member(default=None, name="is")
    undone: tuple[Entry, ...] = ()
    done: tuple[Entry, ...] = ()


class Countable(Position, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A lifecycle record whose pieces that count are left as the bytes they are.

    Equal pieces are equal bytes, so that a counting reader decodes each of them once and looks it up ever after:
    `bytes(record.now)` is b"" without a stand, else what `decode_stand` takes; an entry is (offset, piece), its
    `bytes(piece)` what `decode_counted` takes.
    """

    was: Raw = ABSENT
    now: Raw = member(default=ABSENT, name="is")
    undone: tuple[tuple[int, Raw], ...] = ()
    done: tuple[tuple[int, Raw], ...] = ()


def encode(record: Lifecycle) -> bytes:
    """The record's value bytes; equal records give equal bytes."""
    # Member by member, as in `_counted`: this is done for each record that processing sends.
    wire = _Wire(
        src=record.src, prev=record.prev, last=record.last, outcome=record.outcome, recorded_at=record.recorded_at,
        log_clock=record.log_clock, digest=record.digest, source=record.source, fact=record.fact,
        occurred_at=record.occurred_at, dossier=record.dossier, retired=record.retired, was=record.was, now=record.now,
        undone=_pairs(record.undone), done=_pairs(record.done),
    )  # fmt: skip
    return _ENCODER.encode(wire)


def decode(value: bytes) -> Lifecycle:
    """The record of its value bytes; ValueError (msgspec's among them) when they are none."""
    wire = _DECODER.decode(value)
    return Lifecycle(**{**structs.asdict(wire), "undone": _entries(wire.undone), "done": _entries(wire.done)})


def decode_countable(value: bytes) -> Countable:
    """The record of its value bytes as a counting reader wants it; ValueError when they are none."""
    return _COUNTABLE_DECODER.decode(value)


def decode_stand(piece: bytes) -> Stand:
    """The stand of a countable record's `was` or `now`."""
    return _STAND_DECODER.decode(piece)


def decode_counted(piece: bytes) -> Counted:
    """What an entry of a countable record's `undone` or `done` counts as."""
    return _COUNTED_DECODER.decode(piece)


def chain(previous: bytes, value: bytes) -> bytes:
    """The 8-byte digest that ties a record to all before it in its partition."""
    return blake2b(previous + value, digest_size=8).digest()


class _Wire(Position, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """The wire form: the offset stands outside an entry, or no two entries would be equal bytes."""

    was: Stand | None = None
    now: Stand | None = member(default=None, name="is")
    undone: tuple[tuple[int, Counted], ...] = ()
    done: tuple[tuple[int, Counted], ...] = ()


def _pairs(entries: tuple[Entry, ...]) -> tuple[tuple[int, Counted], ...]:
    return tuple([(e.offset, _counted(e)) for e in entries])


def _counted(e: Entry) -> Counted:
    # The tests compare with all members there are.
    return Counted(standing=e.standing, source=e.source, day=e.day, skewed=e.skewed, backdated=e.backdated, step=e.step)


def _entries(pairs: tuple[tuple[int, Counted], ...]) -> tuple[Entry, ...]:
    return tuple(Entry(offset=offset, **structs.asdict(counted)) for offset, counted in pairs)


# Deterministic: the members of `parked` in one order, whatever order they were counted in.
_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(_Wire)
_COUNTABLE_DECODER = msgspec.json.Decoder(Countable)
_STAND_DECODER = msgspec.json.Decoder(Stand)
_COUNTED_DECODER = msgspec.json.Decoder(Counted)
