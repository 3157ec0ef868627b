"""A plain reading of reported records: what their headers say, without the codec that processing folds with."""

import re
from typing import Literal

import msgspec
from msgspec import Struct

from contracts import instants
from contracts.events import ARCHIVE_OPENED, CLOCK_TICKED, CONTROL_TYPES, TYPES, Headers, RefusedError, from_record

Kind = Literal["event", "tick", "control", "strange"]
SOURCES_KEPT_MAX = 100_000
_SOURCE = re.compile(r"/units/([^/]+)")


class Stored(Struct, frozen=True, gc=False):
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


class Reported(Struct, frozen=True, gc=False):
    """What a reported record says of itself; `strange` is what no contract names. `code` is that in `source`."""

    kind: Kind
    type: str
    fact: str | None
    source: str | None
    code: str | None
    dossier: str | None
    occurred_at: int | None
    attributes: dict[str, bytes]


def read(stored: Stored) -> Reported:
    """The attributes of a reported record, whatever they are worth."""
    texts = dict(stored.headers)
    if None in texts.values():
        texts = {name: text for name, text in stored.headers if text is not None}
    source, code = _source(texts.get("ce_source"))
    subject = texts.get("ce_subject")
    kind, type_, fact = _kind(texts.get("ce_type") or b"")
    return Reported(
        kind, type_, fact, source, code,
        None if subject is None else _text(subject),
        _instant(texts.get("ce_time")),
        texts,  # type: ignore[arg-type]  # those without a text were left out
    )  # fmt: skip


_Source = tuple[str | None, str | None]
_SOURCES: dict[bytes, _Source] = {}
_KINDS: dict[bytes, tuple[Kind, str, str | None]] = {
    **{type_.encode(): ("event", type_, fact) for type_, fact in TYPES.items()},
    **{type_.encode(): ("control", type_, None) for type_ in CONTROL_TYPES},
    CLOCK_TICKED.encode(): ("tick", CLOCK_TICKED, None),
}


def _kind(type_: bytes) -> tuple[Kind, str, str | None]:
    return _KINDS.get(type_) or ("strange", _text(type_), None)


def _source(raw: bytes | None) -> _Source:
    # The same few sources report all events: each is taken apart once.
    if raw is None:
        return None, None
    found = _SOURCES.get(raw)
    if found is None:
        if len(_SOURCES) >= SOURCES_KEPT_MAX:
            _SOURCES.clear()
        text = _text(raw)
        code = _SOURCE.match(text)
        found = _SOURCES[raw] = text, None if code is None else code[1]
    return found


def _instant(text: bytes | None) -> int | None:
    try:
        return None if text is None else instants.parse(text.decode())
    except ValueError:
        return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


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
    """Eight bytes that stand for key, value and headers in their order, within this process alone."""
    # Python's own keyed hash: nobody outside knows its key, and nothing of it is stored.
    return hash((key, value, tuple(headers))) & 0xFFFFFFFFFFFFFFFF
