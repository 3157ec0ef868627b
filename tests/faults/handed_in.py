"""What some units of the fortnight hand in, slice by slice, and the figures that must come of it, from raw events alone."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

from lab.demo import ticks
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.fortnight.writing import Reported
from tests.unit import plain_recount as plain

REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"
# Every one of these steps stands for ever; completions may be taken back and are counted from whole lives.
STEPS = {"submitted", "received", "refused", "withdrawn", "returned", "halted", "recalled", "handed_over", "rescheduled"}


class Slice(Struct, frozen=True):
    """What is entered between two ticks, and the tick after it (microseconds since 1970)."""

    events: tuple[Reported, ...]
    tick: int


@cache
def slices(units: tuple[str, ...]) -> tuple[Slice, ...]:
    """The fortnight of these units, in the order in which it was entered."""
    facts = published.read(published.HUE_2025_07)
    starts = tuple(f"H57.{unit}-" for unit in units)
    events = [each for each in writing.fortnight(facts, REFERENCE, 1) if each.subject.startswith(starts)]
    told, position = [], 0
    for tick in ticks(facts):
        start = position
        while position < len(events) and events[position].entered_at < tick:
            position += 1
        told.append(Slice(tuple(events[start:position]), tick))
    assert position == len(events)
    return tuple(told)


def expected(handed_in: Sequence[Slice]) -> dict[str, Counter[str]]:
    """Counters of each receiving unit, from the bytes of the events alone."""
    limits = plain.catalogue()
    told: dict[str, Counter[str]] = {}
    for subject, events in plain.dossiers(each.event for part in handed_in for each in part.events).items():
        counted = told.setdefault(subject.split("-")[0].removeprefix("H57."), Counter())
        channel = events[0]["data"]["channel"]
        for event in events:
            fact = plain.fact_of(event)
            counted[fact] += fact in STEPS
            counted["refused"] += fact == "supplement_lapsed"
            counted[f"received_{channel}"] += fact == "received"
        in_time = plain.in_time(events, limits)
        counted["completed"] += in_time is not None
        counted["completed_late"] += in_time is False
    return {unit: +counted for unit, counted in told.items()}
