"""A plain reading of reported records: what their headers say, without the codec that processing folds with."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import msgspec

from contracts import instants
from contracts.events import ARCHIVE_OPENED, CLOCK_TICKED, CONTROL_TYPES, TYPES, Headers, RefusedError, from_record

Kind = Literal["event", "tick", "control", "strange"]
_SOURCE = re.compile(r"/units/([^/]+)")


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as Kafka keeps it; `at_ms` is LogAppendTime."""

    offset: int
    at_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def recorded_at(self) -> int:
        """LogAppendTime in microseconds."""
        return self.at_ms * 1000


@dataclass(frozen=True, slots=True)
class Reported:
    """What a reported record says of itself; `strange` is what no contract names."""

    kind: Kind
    type: str
    source: str | None
    dossier: str | None
    time_text: str | None

    @property
    def fact(self) -> str | None:
        """The fact of an event's type."""
        return TYPES.get(self.type)

    @property
    def code(self) -> str | None:
        """The unit code in `source`."""
        found = _SOURCE.match(self.source or "")
        return None if found is None else found[1]

    @property
    def occurred_at(self) -> int | None:
        """Microseconds of `time`; None when there is none or it is no instant."""
        try:
            return None if self.time_text is None else instants.parse(self.time_text)
        except ValueError:
            return None


def read(stored: Stored) -> Reported:
    """The attributes of a reported record, whatever they are worth."""
    texts: dict[str, str] = {}
    for name, text in stored.headers:
        if text is not None and name.startswith("ce_"):
            texts[name] = text.decode("utf-8", "replace")
    kind = texts.get("ce_type", "")
    return Reported(_kind(kind), kind, texts.get("ce_source"), texts.get("ce_subject"), texts.get("ce_time"))


def _kind(type_: str) -> Kind:
    if type_ in TYPES:
        return "event"
    if type_ == CLOCK_TICKED:
        return "tick"
    return "control" if type_ in CONTROL_TYPES else "strange"


def is_refused(stored: Stored) -> bool:
    """Whether the contract refuses this record, so that no dossier can be named for it."""
    try:
        from_record(stored.value, stored.headers)
    except RefusedError:
        return True
    return False


def control_member(stored: Stored, reported: Reported) -> str | None:
    """The one member of a control record that moves something: `clock`, `digest` or `at`."""
    name = {ARCHIVE_OPENED: "clock", CLOCK_TICKED: "at"}.get(reported.type, "digest")
    try:
        members = msgspec.json.decode(stored.value or b"", type=dict[str, str])
    except msgspec.MsgspecError:
        return None
    return members.get(name)


def fingerprint(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Eight bytes' digest of key, value and headers in their order: what is compared instead of the records themselves."""
    return int.from_bytes(blake2b(_PACK.encode((key, value, headers)), digest_size=8).digest(), "big")


_PACK = msgspec.msgpack.Encoder()
