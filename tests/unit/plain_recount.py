"""A plain recount of raw events: days, arrows, dues by the letter of the domain paper, without code of lab or services."""

import bisect
import csv
import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

Event = dict[str, Any]
REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"

# Domain: "Arrows", with the births of interfaces, section 1; 80 is 8-suspended, 88 is 8-terminal, 0 unborn.
ARROWS: dict[str, dict[int, int | str]] = {
    "submitted": {0: 1},
    "received": {0: 2, 1: 2},
    "refused": {1: 3},
    "processing_started": {2: 4},
    "supplement_requested": {1: 5, 2: 5, 4: 5},
    "supplement_provided": {5: "before"},
    "supplement_lapsed": {5: 3},
    "payment_requested": {2: 6, 4: 6},
    "payment_made": {6: "before"},
    "suspended": {4: 80},
    "resumed": {80: "before"},
    "halted": {2: 88, 4: 88, 5: 88, 6: 88, 80: 88},
    "withdrawn": {1: 7, 2: 7, 4: 7, 5: 7, 6: 7},
    "completed": {2: 9, 4: 9},
    "returned": {9: 10, 2: 10, 4: 10},
    "recalled": {9: 4},
    "handed_over": {1: 1, 2: 2, 4: 4, 5: 5, 6: 6, 80: 80},
    "rescheduled": {2: 2, 4: 4},
}
PAUSED = {5, 6, 80}
LAST_DAY = date(2025, 12, 31)


def _open_windows() -> list[tuple[datetime, datetime]]:
    # Monday to Friday; public holidays do not matter, the first after these weeks is in September.
    zone = datetime.fromisoformat("2025-07-01T00:00:00+07:00").tzinfo
    told = []
    day = date(2025, 7, 1)
    while day <= LAST_DAY:
        if day.weekday() < 5:
            at = datetime(day.year, day.month, day.day, tzinfo=zone)
            told += [
                (at + timedelta(hours=7), at + timedelta(hours=11, minutes=30)),
                (at + timedelta(hours=13, minutes=30), at + timedelta(hours=17)),
            ]
        day += timedelta(days=1)
    return told


WINDOWS = _open_windows()
_CLOSES = [closes for _, closes in WINDOWS]


def fact_of(event: Event) -> str:
    return str(event["type"]).removeprefix("vn.motcua.dossier.").removesuffix(".v1")


def time_of(event: Event) -> datetime:
    return datetime.fromisoformat(event["time"])


def catalogue() -> dict[str, tuple[int, str] | None]:
    with (REFERENCE / "procedures.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    return {row["code"]: (int(row["time_limit"].split()[0]), row["time_limit"].split()[1]) if row["time_limit"] else None
            for row in rows}  # fmt: skip


def dossiers(raws: Iterable[bytes]) -> dict[str, list[Event]]:
    """The events of each dossier in order of `time`."""
    by_subject: dict[str, list[Event]] = {}
    for raw in raws:
        event = json.loads(raw)
        by_subject.setdefault(event["subject"], []).append(event)
    for events in by_subject.values():
        events.sort(key=time_of)
    return by_subject


def advance(start: datetime, length: timedelta) -> datetime:
    """The earliest instant at which the working time since `start` reaches `length`."""
    for opens, closes in WINDOWS[bisect.bisect_right(_CLOSES, start) :]:
        since = max(opens, start)
        if length <= closes - since:
            return since + length
        length -= closes - since
    raise AssertionError("beyond the windows of this test")


def worked(start: datetime, end: datetime) -> timedelta:
    total = timedelta()
    for opens, closes in WINDOWS[bisect.bisect_right(_CLOSES, start) :]:
        if opens >= end:
            break
        total += max(timedelta(), min(closes, end) - max(opens, start))
    return total


def closing_on_or_after(day: date) -> datetime:
    return next(closes for opens, closes in WINDOWS if closes.hour == 17 and opens.date() >= day)


def first_due(limit: tuple[int, str], received: datetime) -> datetime:
    amount, unit = limit
    match unit:
        case "working_hours":
            return advance(received, timedelta(hours=amount))
        case "working_days" if amount:
            return advance(received, timedelta(hours=8 * amount))
        case "working_days":
            return closing_on_or_after(received.date() + timedelta(days=received.hour >= 15))
        case "calendar_days":
            return closing_on_or_after(received.date() + timedelta(days=amount))
        case _:
            month = received.month + amount
            return closing_on_or_after(received.date().replace(month=month))


def in_time(events: list[Event], limits: dict[str, tuple[int, str] | None]) -> bool | None:
    """Whether a dossier was completed at or before its due; None when it was not completed. Every one of these has a due."""
    birth, due, limit = events[0]["data"], None, None
    pause = ended = None
    for event in events:
        fact, at, said = fact_of(event), time_of(event), event["data"]
        if fact == "received":
            given = said.get("time_limit") or birth.get("time_limit")
            limit = (given["amount"], given["unit"]) if given else limits[birth["procedure"]]
            assert limit is not None
            due = first_due(limit, at)
        elif fact in ("supplement_requested", "payment_requested", "suspended"):
            pause = at
        elif fact in ("supplement_provided", "payment_made", "resumed"):
            assert pause is not None
            assert due is not None
            assert limit is not None
            # A calendar limit moves by dates; those of this fortnight end after it, moved or not.
            due = advance(due, worked(pause, at)) if limit[1].startswith("working") else due
        elif fact == "rescheduled":
            assert due is not None
            assert at < due < datetime.fromisoformat(said["due"])
            due = datetime.fromisoformat(said["due"])
        elif fact == "recalled":
            ended = None
        elif fact == "completed" or (fact == "returned" and ended is None):
            ended = at
    if ended is None:
        return None
    assert due is not None
    return ended <= due
