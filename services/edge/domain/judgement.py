"""The verdict on each item at the centre's door: an entry to keep, or why it is refused, as intake would say it."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from contracts.events import TYPE_PREFIX, TYPE_SUFFIX, Event, ItemCode, RefusedError, codes_named, read_structured
from contracts.keys import Key

ID_CHARS_MAX = 64
GIVEN_HERE = ("sequence", "incarnation")


class Refusal(Struct, frozen=True):
    """An item that sending again unchanged cannot help; `id` as sent, None when it could not be read."""

    id: str | None
    code: ItemCode
    detail: str


class House(Struct, frozen=True):
    """What the door knows besides the item: the codes of the reference data, the largest event, whose clock counts."""

    codes: frozenset[str]
    event_bytes_max: int
    keeps_recordedtime: bool


class Entry(Struct, frozen=True):
    """An event to keep: its JSON up to where sequence, incarnation and recordedtime go; the last only when it is kept."""

    id: str
    source: str
    head: bytes
    recordedtime: str | None = None


class _Written(Struct, omit_defaults=True, kw_only=True):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    traceparent: str | None = None
    tracestate: str | None = None
    data: Raw


class _Named(Struct):
    id: Any = None
    sequence: Any = None
    incarnation: Any = None


_NAMED = msgspec.json.Decoder(_Named)
_NOTHING: frozenset[str] = frozenset()
_WRITTEN_HERE = frozenset({"recordedtime"})
_ENCODER = msgspec.json.Encoder()


def judge(raw: bytes | Raw, key: Key, house: House, now: int, traceparent: str | None = None) -> Entry | Refusal:
    """The verdict on one item; `now` in microseconds bounds its `time` from above.

    An event that came without a traceparent gets the one given here: that of the request, where requests are traced.
    """
    if len(memoryview(raw)) > house.event_bytes_max:
        return Refusal(readable_id(raw), "too_large", f"an event has at most {house.event_bytes_max} bytes")
    try:
        event = read_structured(raw, now, _NOTHING if house.keeps_recordedtime else _WRITTEN_HERE)
    except RefusedError as error:
        if error.code == "invalid_envelope" and (refused := _given(raw)) is not None:
            return refused
        return Refusal(readable_id(raw), error.code, error.detail)
    if event.code not in house.codes:
        return Refusal(event.id, "unknown_unit", "the code in `source` is not known to the reference data")
    if not key.speaks_for(event.code):
        return Refusal(event.id, "unit_not_allowed", "this key does not speak for the code in `source`")
    if not house.codes.issuperset(codes_named(event)):
        return Refusal(event.id, "unknown_unit", "the code in `competent` is not known to the reference data")
    for name in GIVEN_HERE:
        if getattr(event, name) is not None:
            return _not_from_here(event.id, name)
    return _entry(event, traceparent)


def finished(entry: Entry, sequence: int, incarnation: str, recordedtime: str) -> bytes:
    """The event as it is kept and sent: the contract's structured JSON."""
    told = entry.recordedtime or recordedtime
    return b'%b,"sequence":"%d","incarnation":"%b","recordedtime":"%b"}' % (
        entry.head, sequence, incarnation.encode(), told.encode(),
    )  # fmt: skip


def readable_id(raw: bytes | Raw) -> str | None:
    """The `id` of an item that need not be an event; None when there is none that an answer could repeat."""
    try:
        named = _NAMED.decode(raw)
    except (ValueError, RecursionError):
        return None
    return named.id if isinstance(named.id, str) and len(named.id) <= ID_CHARS_MAX else None


def _given(raw: bytes | Raw) -> Refusal | None:
    """Of an item that is no event: whether it gives what only the outbox may, in whatever form; null means absent."""
    try:
        named = _NAMED.decode(raw)
    except (ValueError, RecursionError):
        return None
    for name in GIVEN_HERE:
        if getattr(named, name) is not None:
            return _not_from_here(readable_id(raw), name)
    return None


def _not_from_here(event_id: str | None, name: str) -> Refusal:
    return Refusal(event_id, "unknown_attribute", f"`{name}` is given by the outbox, not by the sender")


def _entry(event: Event, traceparent: str | None) -> Entry:
    # Written anew, so that a name that stood twice or as null in what was sent stands once or not at all.
    written = _Written(
        specversion="1.0", id=event.id, source=event.source, type=f"{TYPE_PREFIX}{event.fact}{TYPE_SUFFIX}",
        subject=event.subject, time=event.time_text, datacontenttype="application/json",
        traceparent=event.traceparent or traceparent, tracestate=event.tracestate, data=Raw(event.raw_data),
    )  # fmt: skip
    return Entry(event.id, event.source, _ENCODER.encode(written)[:-1], event.recordedtime_text)
