"""A plain recount of raw events: days, arrows, dues by the letter of docs/RULES.md, without code of lab or services."""

import bisect
import csv
import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.unit.vietnam_2025_2026 import DAYS_OFF, MADE_UP

Event = dict[str, Any]
REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"

# The arrows of docs/EVENTS.md by hand; 80 is 8-suspended, 88 is 8-terminal, 0 unborn.
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
FIRST_DAY, LAST_DAY = date(2025, 1, 1), date(2026, 12, 31)


def works(day: date) -> bool:
    """Monday to Friday but for public holidays, and the Saturdays worked in exchange."""
    return day.isoformat() in MADE_UP or (day.weekday() < 5 and day.isoformat() not in DAYS_OFF)


def _open_windows() -> list[tuple[datetime, datetime]]:
    zone = datetime.fromisoformat("2025-07-01T00:00:00+07:00").tzinfo
    told = []
    day = FIRST_DAY
    while day <= LAST_DAY:
        if works(day):
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
    """The events of each dossier in order of `time`, without annulments and what they take out."""
    by_subject: dict[str, list[Event]] = {}
    for raw in raws:
        event = json.loads(raw)
        by_subject.setdefault(event["subject"], []).append(event)
    return {subject: sorted(_standing(events), key=time_of) for subject, events in by_subject.items()}


def _standing(events: list[Event]) -> list[Event]:
    out = {(event["source"], event["data"]["event"]) for event in events if fact_of(event) == "annulled"}
    return [event for event in events if fact_of(event) != "annulled" and (event["source"], event["id"]) not in out]


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
        case _:
            return closing_on_or_after(_date_due(limit, received))


def _date_due(limit: tuple[int, str], received: datetime) -> date:
    amount, unit = limit
    if unit == "calendar_days":
        return received.date() + timedelta(days=amount)
    year, month = divmod(received.year * 12 + received.month - 1 + amount, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(received.day, last))


def in_time(events: list[Event], limits: dict[str, tuple[int, str] | None]) -> bool | None:
    """Whether a dossier was completed at or before its due; None when it was not completed. Every one of these has a due."""
    birth, due, limit = events[0]["data"], None, None
    pause = ended = day = None
    for event in events:
        fact, at, said = fact_of(event), time_of(event), event["data"]
        restarted = fact == "supplement_provided" and said.get("restart") and limit is not None
        if fact == "received" or restarted:
            given = said.get("time_limit") or birth.get("time_limit")
            limit = limit if restarted else (given["amount"], given["unit"]) if given else limits[birth["procedure"]]
            assert limit is not None
            due = first_due(limit, at)
            day = None if limit[1].startswith("working") else _date_due(limit, at)
        elif fact in ("supplement_requested", "payment_requested", "suspended"):
            pause = at
        elif fact in ("supplement_provided", "payment_made", "resumed") and limit is not None:
            assert pause is not None
            assert due is not None
            if day is None:
                due = advance(due, worked(pause, at))
            elif at.date() != pause.date():
                day += at.date() - pause.date()
                due = closing_on_or_after(day)
        elif fact == "rescheduled":
            assert due is not None
            assert at < due < datetime.fromisoformat(said["due"])
            due = datetime.fromisoformat(said["due"])
            day = None if day is None else due.date()
        elif fact == "recalled":
            ended = None
        elif fact == "completed" or (fact == "returned" and ended is None):
            ended = at
    if ended is None:
        return None
    assert due is not None
    return ended <= due


def unmet(facts: list[dict[str, Any]], lives: dict[str, list[Event]]) -> list[dict[str, Any]]:
    """Of published facts, as a facts file has them, those of which the events say something else."""
    tables = _tables(lives)
    return [fact for fact in facts if not _met(fact, tables[fact["what"]])]


Place = tuple[str | None, date | None]
Table = dict[Place, list[int]]


def _tables(lives: dict[str, list[Event]]) -> dict[str, Table]:
    """Part and whole by unit and day (None: all of them) of what was received, came online, was completed in time."""
    tables: dict[str, Table] = {"received": {}, "online": {}, "on_time": {}}
    limits = catalogue()

    def count(what: str, unit: str, day: date, part: bool) -> None:
        for place in ((unit, day), (unit, None), (None, day), (None, None)):
            cell = tables[what].setdefault(place, [0, 0])
            cell[0] += part
            cell[1] += 1

    for events in lives.values():
        birth = events[0]["data"]
        for event in events:
            if fact_of(event) == "received":
                count("received", birth["receiver"], time_of(event).date(), True)
                count("online", birth["receiver"], time_of(event).date(), birth["channel"] == "online")
        if (verdict := in_time(events, limits)) is not None:
            count("on_time", birth["receiver"], time_of(events[-1]).date(), verdict)
    return tables


def _met(fact: dict[str, Any], table: Table) -> bool:
    unit, day = fact.get("unit"), fact.get("day")
    part, whole = table.get((unit, day), [0, 0])
    others = [cell for (other, when), cell in table.items() if other not in (None, unit) and when == day]
    if "count" in fact and part != fact["count"]:
        return False
    if "of" in fact and whole != fact["of"]:
        return False
    if "percent" in fact and not (whole and printed(part, whole, fact["percent"]) == fact["percent"]):
        return False
    if fact.get("rank") == "most":
        return all(other < part for other, _ in others)
    return fact.get("rank") != "best" or all(other * whole < part * of for other, of in others if of)


def printed(part: int, whole: int, like: str) -> str:
    """A share in percent with as many decimals as another one, halves rounded up, in whole numbers alone."""
    decimals = len(like.partition(".")[2])
    scaled = (2 * part * 100 * 10**decimals + whole) // (2 * whole)
    return f"{scaled // 10**decimals}.{scaled % 10**decimals:0{decimals}}" if decimals else f"{scaled}"
