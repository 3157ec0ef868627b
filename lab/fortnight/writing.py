"""Lives written down: dossier codes, ids, when each fact was entered, CloudEvents as a centre's software would send them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contracts import instants, reference_files
from contracts.data import Annulled, Data, Received, Submitted
from contracts.events import TYPE_PREFIX, TYPE_SUFFIX, code_of
from lab.fortnight.facts import Facts
from lab.fortnight.happenings import Happening, Life, shown
from lab.fortnight.hours import Hours
from lab.fortnight.lives import carried_lives_of, lives_of
from lab.fortnight.places import Places
from lab.fortnight.solver import Frame, UnitPlan, solve

OUTAGE_SHARE = 0.3
ON_PAPER_SHARE = 0.5
# Online submissions come over the city's portal: a unit's broken link does not hold them up.
BY_PORTAL = frozenset({"submitted"})


class Reported(Struct, frozen=True, gc=False):
    """One event ready to be sent: when it reaches the city, from which body, of which dossier, as structured JSON."""

    entered_at: int
    code: str
    subject: str
    event: bytes


class Outage(Struct, frozen=True):
    """A unit without a link: what happens meanwhile waits in its software or, without power too, is on paper."""

    since: int
    until: int
    on_paper: bool


def fortnight(facts: Facts, reference_directory: Path, seed: int) -> list[Reported]:
    """All events of the period in the order in which they are sent; equal for equal arguments, byte for byte.

    What was carried over from before it comes first, with all that happened then.
    """
    places = Places(facts, reference_files.read(reference_directory))
    plans = _plans(facts, places, seed)
    outages = {unit: _outage(places.hours(unit), Random(f"{seed} outage {unit}")) for unit in places.units}
    written: list[Reported] = []
    for plan in plans:
        world, chance = places.world(plan.code), Random(f"{seed} lives {plan.code}")
        lives = lives_of(_of_own_days(plan, places), world, chance) if world.hours.days else []
        if plan.carried_over:
            world = places.earlier_world(plan.code)
            lives += carried_lives_of(plan, world, Random(f"{seed} carried over {plan.code}"))
        lives.sort(key=lambda life: life.happenings[0].at)
        written += _Registry(plan.code, facts, world.hours, outages, chance).written(lives)
    return sorted(written, key=lambda each: (each.entered_at, each.subject))


def planned(facts: Facts, reference_directory: Path, seed: int) -> list[UnitPlan]:
    """What the fortnight of these arguments adds up to, unit by unit."""
    return _plans(facts, Places(facts, reference_files.read(reference_directory)), seed)


def _plans(facts: Facts, places: Places, seed: int) -> list[UnitPlan]:
    frame = Frame(units=places.units, days=places.days, shut=places.shut, new=places.new)
    return solve(facts, frame, Random(f"{seed} plans"))


def _of_own_days(plan: UnitPlan, places: Places) -> UnitPlan:
    """The plan without the days on which this unit is shut."""
    own = [number for number, day in enumerate(places.days) if day in places.hours(plan.code).worked_days]
    return replace(plan, received=tuple(plan.received[number] for number in own),
                   online=tuple(plan.online[number] for number in own))  # fmt: skip


class _Registry:
    """One unit's register: it gives each dossier its code and each event its id."""

    def __init__(self, unit: str, facts: Facts, hours: Hours, outages: Mapping[str, Outage | None], chance: Random) -> None:
        self._agency = facts.assumed.agency_id.replace("{code}", unit)
        self._hours = hours
        self._outages = outages
        self._chance = chance

    def written(self, lives: Sequence[Life]) -> list[Reported]:
        subjects = self._subjects(lives)
        parents = {life.joint: subject for life, subject in zip(lives, subjects, strict=True) if life.leads}
        told: list[Reported] = []
        for life, subject in zip(lives, subjects, strict=True):
            parent = None if life.leads or life.joint is None else parents[life.joint]
            told += self._life(life, subject, parent)
        return told

    def _subjects(self, lives: Sequence[Life]) -> list[str]:
        """Codes count up within the day of birth."""
        minted: dict[str, int] = {}
        told = []
        for life in lives:
            day = instants.day_of(life.happenings[0].at)[2:].replace("-", "")
            minted[day] = minted.get(day, 0) + 1
            told.append(f"{self._agency}-{day}-{minted[day]:04d}")
        return told

    def _life(self, life: Life, subject: str, parent: str | None) -> list[Reported]:
        told: list[Reported] = []
        ids: list[str] = []
        recorded = sent = 0
        for happening in life.happenings:
            entered, reached = self._entered(happening)
            recorded = max(entered, recorded + instants.SECOND)
            sent = max(reached, recorded, sent + instants.SECOND)
            ids.append(_uuid7(recorded, self._chance))
            event = {
                "specversion": "1.0",
                "id": ids[-1],
                "source": happening.source,
                "type": f"{TYPE_PREFIX}{happening.fact}{TYPE_SUFFIX}",
                "subject": subject,
                "time": shown(happening.at),
                "recordedtime": shown(recorded),
                "datacontenttype": "application/json",
                "data": _completed(happening, parent, ids),
            }
            told.append(Reported(sent, code_of(happening.source), subject, msgspec.json.encode(event)))
        return told

    def _entered(self, happening: Happening) -> tuple[int, int]:
        """When it was entered and when it was sent: seconds after it happened, else the next morning or with the link."""
        at = happening.at
        soon = 2 * instants.SECOND + int(self._chance.random() * 88_000) * 1000
        told = at + soon
        if happening.on_paper and (morning := self._hours.next_opening(at)) is not None:
            told = morning + soon * 20
        outage = self._outages.get(code_of(happening.source))
        if outage is None or happening.fact in BY_PORTAL or not outage.since <= at < outage.until:
            return told, told
        sent = max(told, outage.until + soon * (20 if outage.on_paper else 1))
        return (sent if outage.on_paper else told), sent


def _completed(happening: Happening, parent: str | None, ids: Sequence[str]) -> Data:
    """The data with the codes and ids that lives do not know yet."""
    data = happening.data
    if happening.annuls is not None and isinstance(data, Annulled):
        return replace(data, event=ids[happening.annuls])
    if parent is not None and isinstance(data, Submitted | Received) and data.procedure is not None:
        return replace(data, parent=parent)
    return data


def _outage(hours: Hours, chance: Random) -> Outage | None:
    """For some units one, of half an hour to a working day, that is over an hour before the period ends."""
    if chance.random() >= OUTAGE_SHARE or not hours.days:
        return None
    length = chance.randrange(1800, hours.length(0))
    since = chance.randrange(0, max(1, hours.total - length - 3600))
    until = min(since + length, hours.total - 3600)
    return Outage(hours.instant(since), hours.instant(until), chance.random() < ON_PAPER_SHARE)


def _uuid7(at: int, chance: Random) -> str:
    told = f"{at // 1000 << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0x2 << 62 | chance.getrandbits(62):032x}"
    return f"{told[:8]}-{told[8:12]}-{told[12:16]}-{told[16:20]}-{told[20:]}"
