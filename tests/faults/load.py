"""What the centres hand in during a round: whole lives of one working week, in batches, the same for the same seed."""

import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random

from msgspec import Struct

from lab.demo import ticks
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.fortnight.facts import Assumed, Fact, Facts
from lab.fortnight.writing import Reported
from tests.unit import plain_recount as plain

REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"
# These have an edge each; the others, and departments, report to intake themselves.
EDGE_UNITS = ("19804", "19942", "20044")
DIRECT_UNITS = ("19753", "20056")
DOSSIERS_PER_UNIT = 50
BATCH_EVENTS_MAX = 25
FIRST_MONDAY, LAST_MONDAY = date(2025, 7, 7), date(2026, 10, 5)
WORKING_DAYS_MIN = 4


class Batch(Struct, frozen=True):
    """What one body hands in at once, in the portion of the week between two ticks."""

    portion: int
    code: str
    events: tuple[Reported, ...]


class Load(Struct, frozen=True):
    """A round's week: `ticks` (microseconds since 1970), the first before everything; batches of `portion` n lie before
    tick n + 1."""

    ticks: tuple[int, ...]
    batches: tuple[Batch, ...]

    @property
    def events(self) -> int:
        """How many events there are in all."""
        return sum(len(batch.events) for batch in self.batches)


def load(seed: int, number: int, dossiers_per_unit: int = DOSSIERS_PER_UNIT) -> Load:
    """The load of a round; its week is the n-th that has enough working days."""
    weeks = working_weeks()
    monday = weeks[number % len(weeks)]
    facts = _facts(monday, dossiers_per_unit)
    events = writing.fortnight(facts, REFERENCE, seed * 10_000 + number)
    told, start, batches = ticks(facts), 0, list[Batch]()
    for portion, tick in enumerate(told[1:]):
        end = start
        while end < len(events) and events[end].entered_at < tick:
            end += 1
        batches += _batches(portion, events[start:end])
        start = end
    assert start == len(events)
    return Load(tuple(told), tuple(batches))


@cache
def working_weeks() -> tuple[date, ...]:
    """Mondays of the weeks that have enough working days, in order."""
    weeks = [FIRST_MONDAY + timedelta(weeks=n) for n in range((LAST_MONDAY - FIRST_MONDAY).days // 7 + 1)]
    return tuple(each for each in weeks if _days(each) >= WORKING_DAYS_MIN)


def with_new_id(raw: bytes, chance: Random) -> bytes:
    """The same event as if somebody had entered it a second time."""
    event = json.loads(raw)
    return json.dumps({**event, "id": f"again-{chance.getrandbits(64):016x}"}).encode()


def without_recordedtime(raw: bytes) -> bytes:
    """The same event as software hands it in that leaves it to the edge to say when it was entered."""
    event = json.loads(raw)
    del event["recordedtime"]
    return json.dumps(event, ensure_ascii=False).encode()


def _days(monday: date) -> int:
    return sum(plain.works(monday + timedelta(days=n)) for n in range(5))


def _facts(monday: date, per_unit: int) -> Facts:
    units = (*EDGE_UNITS, *DIRECT_UNITS)
    assumed = published.read(published.HUE_2025_07).assumed
    received = [Fact(what="received", unit=unit, count=per_unit) for unit in units]
    return Facts(
        title=f"the week of {monday}", first=monday, last=monday + timedelta(days=4),
        facts=[Fact(what="received", count=per_unit * len(units)), *received],
        assumed=Assumed(
            completed_share=assumed.completed_share, on_time_share=assumed.on_time_share, agency_id=assumed.agency_id,
            online_share=0.6, fields=assumed.fields, departments=assumed.departments,
        ),
    )  # fmt: skip


def _batches(portion: int, events: list[Reported]) -> list[Batch]:
    """In the order of their first events; a dossier's events keep their order as far as one body reports them."""
    by_code: dict[str, list[Reported]] = {}
    for each in events:
        by_code.setdefault(each.code, []).append(each)
    return [
        Batch(portion, code, tuple(own[start : start + BATCH_EVENTS_MAX]))
        for code, own in by_code.items()
        for start in range(0, len(own), BATCH_EVENTS_MAX)
    ]
