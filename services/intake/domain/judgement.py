"""The verdict on each item at the door: an event to store, or why it is refused."""

import msgspec
from msgspec import Raw, Struct

from contracts.data import FACTS
from contracts.events import TYPE_PREFIX, TYPE_SUFFIX, Event, ItemCode, RefusedError, codes_named, read_structured
from contracts.keys import Key

ID_CHARS_MAX = 64


class Refusal(Struct, frozen=True):
    """An item that sending again unchanged cannot help; `id` as sent, None when it could not be read."""

    id: str | None
    code: ItemCode
    detail: str


class House(Struct, frozen=True):
    """What the door knows besides the item: all codes of the reference data, and how large one event may be."""

    codes: frozenset[str]
    event_bytes_max: int


# Said at this door alone: in a dead letter, which an archive keeps for ever, a detail stays as it was.
_FORMS = {
    "`id` is not of its form": "1 to 64 characters without control characters",
    "`source` is not of its form": "/units/ and a code, as /units/19753, or a point of it, as /units/19753/point",
    "`subject` is not of its form": "1 to 64 of A-Z a-z 0-9 . _ -, as H57.19753-260701-0001",
    "`sequence` is not of its form": "1 to 19 digits, as a string",
    "`incarnation` is not of its form": "a UUID",
    "`type` is none of this contract's": f"{TYPE_PREFIX}…{TYPE_SUFFIX}, where … is {', '.join(FACTS)}",
}


class _Named(Struct):
    id: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


def judge(raw: bytes | Raw, key: Key, house: House, now: int) -> Event | Refusal:
    """The verdict on one item; `now` in microseconds bounds its `time` from above.

    The order answers the more useful question first: is it an event at all (`read_structured`)? Is its sender a unit that
    exists (unit codes are public law, so saying so gives nothing away)? May this key speak for that unit? Only who may
    speak learns more, about the other codes that the event names.
    """
    if len(memoryview(raw)) > house.event_bytes_max:
        return Refusal(readable_id(raw), "too_large", f"an event has at most {house.event_bytes_max} bytes")
    try:
        event = read_structured(raw, now)
    except RefusedError as error:
        return Refusal(readable_id(raw), error.code, _explained(error.detail))
    if event.code not in house.codes:
        return Refusal(event.id, "unknown_unit", "the code in `source` is not known to the reference data")
    if not key.speaks_for(event.code):
        return Refusal(event.id, "unit_not_allowed", "this key does not speak for the code in `source`")
    if not house.codes.issuperset(codes_named(event)):
        return Refusal(event.id, "unknown_unit", "the code in `competent` is not known to the reference data")
    return event


def _explained(detail: str) -> str:
    form = _FORMS.get(detail)
    return detail if form is None else f"{detail}: {form}"


def readable_id(raw: bytes | Raw) -> str | None:
    """The `id` of an item that need not be an event; None when there is none that an answer could repeat."""
    try:
        named = _NAMED.decode(raw)
    except (ValueError, RecursionError):
        return None
    return named.id if named.id is not None and len(named.id) <= ID_CHARS_MAX else None
