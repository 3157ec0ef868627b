"""What an answer of intake means for each event of a batch: settled, refused, again, or not an answer of intake at all."""

from collections.abc import Sequence
from typing import Literal, get_args

from msgspec import Struct

from contracts.events import ItemCode

DETAIL_CHARS_MAX = 300
# Every reason for which an event can lie in quarantine, and those that heal without anybody touching the event:
# the city comes to know a unit, allows it, or time comes round to a clock that was ahead.
CODES = frozenset({*get_args(ItemCode), "refused", "unreadable"})
HEALABLE = ("unknown_unit", "unit_not_allowed", "time_out_of_range")


class ItemReply(Struct):
    """One result as intake tells it; what else it tells does not matter here."""

    id: str | None
    status: Literal["stored", "refused", "retry"]
    code: str | None = None
    detail: str | None = None
    partition: int | None = None
    offset: int | None = None


class Reply(Struct):
    """The body of an answer: a problem, results, or both."""

    code: str | None = None
    results: list[ItemReply] | None = None


class Refused(Struct, frozen=True):
    """Which event of the batch is for quarantine, and why."""

    index: int
    code: str
    detail: str


class Meaning(Struct, frozen=True, kw_only=True):
    """By index in the batch. `broke` asks for smaller batches, `trouble` names why the line is to be rested.

    `apart`: intake has spoken of each event, so it may be these alone that cannot be taken now, and others can.
    """

    stored: tuple[int, ...] = ()
    refused: tuple[Refused, ...] = ()
    again: tuple[int, ...] = ()
    apart: bool = False
    broke: bool = False
    trouble: str | None = None


def meaning(ids: Sequence[str], status: int, reply: Reply | None) -> Meaning:
    """What an answer to a batch with these ids means.

    Results count only if they name each id that was sent, in order: a captive portal also answers 200.

    | answer                                          | meaning                                                  |
    |-------------------------------------------------|----------------------------------------------------------|
    | results of just these ids                       | each as it says; what is to come again waits by itself   |
    | the same with 429                               | all again                                                |
    | 400, 413 without results, several events        | all again, in smaller batches                            |
    | 400, 413 without results, one event             | that event is refused: it must not block those behind it |
    | 503 `body_too_slow`                             | all again, in smaller batches                            |
    | 401                                             | all again, once the key is put right (`key_refused`)     |
    | anything else                                   | all again                                                |
    """
    everything = tuple(range(len(ids)))
    code = None if reply is None else reply.code
    items = None if reply is None else reply.results
    if items is not None and [item.id for item in items] == list(ids):
        return _by_item(items, status)
    if status in (400, 413) and code is not None:
        if len(ids) == 1:
            return Meaning(refused=(Refused(0, "too_large" if status == 413 else "unreadable", "intake cannot read it"),))
        return Meaning(again=everything, broke=True, trouble=f"answer_{status}")
    if status == 401:
        return Meaning(again=everything, trouble="key_refused")
    if status == 503 and code == "body_too_slow":
        return Meaning(again=everything, broke=True, trouble="body_too_slow")
    if code is None and not 500 <= status <= 599:
        return Meaning(again=everything, trouble="not_intake")
    return Meaning(again=everything, trouble=f"answer_{status}")


def _by_item(items: Sequence[ItemReply], status: int) -> Meaning:
    stored, refused, again = [], [], []
    for index, item in enumerate(items):
        if item.status == "stored":
            stored.append(index)
        elif item.status == "refused":
            code = item.code if item.code is not None and item.code in CODES else "refused"
            refused.append(Refused(index, code, (item.detail or "")[:DETAIL_CHARS_MAX]))
        else:
            again.append(index)
    trouble = f"answer_{status}" if again else None
    # A quota is of the key, whatever is sent by it.
    apart = bool(again) and status != 429
    return Meaning(stored=tuple(stored), refused=tuple(refused), again=tuple(again), apart=apart, trouble=trouble)
