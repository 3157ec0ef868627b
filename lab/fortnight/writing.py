"""Lives written down: dossier codes, ids, when each fact was entered, CloudEvents as a centre's software would send them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from uuid import UUID

import msgspec
from msgspec import Struct

from contracts import instants, reference_files
from contracts.events import TYPE_PREFIX, TYPE_SUFFIX, code_of
from lab.fortnight.courses import World
from lab.fortnight.facts import Facts
from lab.fortnight.hours import Hours
from lab.fortnight.lives import Life, lives_of
from lab.fortnight.solver import solve

OUTAGE_SHARE = 0.3
# Online submissions come over the city's portal: a unit's broken link does not hold them up.
BY_PORTAL = frozenset({"submitted"})


class Reported(Struct, frozen=True):
    """One event ready to be sent: when it was entered, by which body, of which dossier, as structured JSON."""

    entered_at: int
    code: str
    subject: str
    event: bytes


class Outage(Struct, frozen=True):
    """A unit without a link: what happens meanwhile is on paper and is entered afterwards."""

    since: int
    until: int


def fortnight(facts: Facts, reference_directory: Path, seed: int) -> list[Reported]:
    """All events of the period in the order in which they were entered; equal for equal arguments, byte for byte."""
    reference = reference_files.read(reference_directory)
    first, last = facts.first.isoformat(), facts.last.isoformat()
    units = tuple(
        unit.code
        for unit in reference.units
        if unit.valid_from <= first and (unit.valid_to is None or unit.valid_to >= last)
    )
    hours = Hours(facts)
    world = World(hours, facts.assumed, tuple(reference.procedures), units)
    plans = solve(facts, units, hours.days, Random(f"{seed} plans"))
    outages = {unit: _outage(hours, Random(f"{seed} outage {unit}")) for unit in units}
    written: list[Reported] = []
    for plan in plans:
        chance = Random(f"{seed} lives {plan.code}")
        lives = sorted(lives_of(plan, world, chance), key=lambda life: life[0].at)
        written += _written(plan.code, lives, facts, outages, chance)
    return sorted(written, key=lambda each: (each.entered_at, each.subject))


def _written(
    unit: str, lives: Sequence[Life], facts: Facts, outages: Mapping[str, Outage | None], chance: Random
) -> list[Reported]:
    agency = facts.assumed.agency_id.replace("{code}", unit)
    minted: dict[str, int] = {}
    told = []
    for life in lives:
        day = instants.day_of(life[0].at)[2:].replace("-", "")
        minted[day] = minted.get(day, 0) + 1
        subject = f"{agency}-{day}-{minted[day]:04d}"
        before = 0
        for happening in life:
            before = max(
                _entered(happening.at, happening.fact, outages.get(code_of(happening.source)), chance),
                before + instants.SECOND,
            )
            event = {
                "specversion": "1.0",
                "id": _uuid7(before, chance),
                "source": happening.source,
                "type": f"{TYPE_PREFIX}{happening.fact}{TYPE_SUFFIX}",
                "subject": subject,
                "time": instants.show(happening.at),
                "recordedtime": instants.show(before),
                "datacontenttype": "application/json",
                "data": happening.data,
            }
            told.append(Reported(before, code_of(happening.source), subject, msgspec.json.encode(event)))
    return told


def _entered(at: int, fact: str, outage: Outage | None, chance: Random) -> int:
    """Seconds after it happened, or once the link is back."""
    soon = chance.randrange(2 * instants.SECOND, 90 * instants.SECOND, 1000)
    if outage is None or fact in BY_PORTAL or not outage.since <= at < outage.until:
        return at + soon
    return outage.until + soon * 20


def _outage(hours: Hours, chance: Random) -> Outage | None:
    """For some units one, of half an hour to a working day, that is over an hour before the period ends."""
    if chance.random() >= OUTAGE_SHARE:
        return None
    length = chance.randrange(1800, hours.per_day)
    since = chance.randrange(0, hours.total - length - 3600)
    return Outage(hours.instant(since), hours.instant(since + length))


def _uuid7(at: int, chance: Random) -> str:
    milliseconds = at // 1000
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0x2 << 62 | chance.getrandbits(62)))
