"""Bodies over a period: since when each exists, the hours that it keeps by date, and the world as one unit sees it."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec.structs import replace

from contracts.reference import Reference, Unit
from lab.errors import UnsolvableError
from lab.fortnight.courses import Demand, World
from lab.fortnight.facts import Facts
from lab.fortnight.hours import Hours

JOINT_FIELD = "lien_thong"
# What is carried over was received at most so long before the period: some thirty working days.
CARRIED_DAYS_MAX = 45


class Places:
    """The units that exist all through the period, their hours, what people ask them for."""

    def __init__(self, facts: Facts, reference: Reference) -> None:
        self._facts = facts
        self._reference = reference
        self._cache: dict[tuple[date, tuple[tuple[date, str], ...]], Hours] = {}
        rows: dict[str, list[Unit]] = {}
        for body in reference.bodies():
            rows.setdefault(body.code, []).append(body)
        known = {code: _since(own, facts.last) for code, own in rows.items()}
        self._since = {code: since for code, since in known.items() if since is not None and since <= facts.first}
        self._rows = {code: sorted(rows[code], key=lambda row: row.valid_from) for code in self._since}
        self.units = tuple(dict.fromkeys(unit.code for unit in reference.units if unit.code in self._since))
        if not self.units:
            raise UnsolvableError(f"no unit exists from {facts.first} to {facts.last}")
        for code in facts.assumed.departments.values():
            if code not in self._since:
                raise UnsolvableError(
                    f"no body has the code {code} from {facts.first} to {facts.last}: it stands in [assumed.departments]"
                )
        self.days = sorted({day for unit in self.units for day in self.hours(unit).days})
        # Days on which others work and this unit does not, by their numbers.
        self.shut = frozenset(
            (row, column)
            for row, unit in enumerate(self.units)
            for column, day in enumerate(self.days)
            if day not in self.hours(unit).worked_days
        )
        self.new = tuple(unit for unit in self.units if not self._before(unit))

    def hours(self, code: str, first: date | None = None) -> Hours:
        """Those that a body keeps in the period, or from an earlier day on."""
        first = first or self._facts.first
        kept: list[tuple[date, str]] = []
        for row in self._rows[code]:
            since = max(first, date.fromisoformat(row.valid_from))
            touches = (row.valid_to is None or date.fromisoformat(row.valid_to) >= first) and since <= self._facts.last
            if touches and (not kept or kept[-1][1] != row.hours):
                kept.append((since, row.hours))
        key = (first, tuple(kept))
        if key not in self._cache:
            period = replace(self._facts, first=first)
            profile = kept[0][1] if len(kept) == 1 else lambda day: [name for since, name in kept if since <= day][-1]
            self._cache[key] = Hours(period, self._reference.calendar, profile)
        return self._cache[key]

    def world(self, unit: str) -> World:
        """What surrounds a unit in the period."""
        return self._world(unit, self._facts.first)

    def earlier_world(self, unit: str) -> World:
        """The same with the days before, of which it may have carried dossiers over; bodies that are new have none."""
        first = self._first_before(unit)
        world = self._world(unit, first)
        return replace(world, opens=world.hours.worked(self.hours(unit).first_midnight))

    def _world(self, unit: str, first: date) -> World:
        assumed = self._facts.assumed
        units = tuple(code for code in self.units if self._since[code] <= first)
        departments = {field: code for field, code in assumed.departments.items() if self._since[code] <= first}
        hours = self.hours(unit, first)
        others = {code: other for code in (*units, *departments.values()) if (other := self.hours(code, first)) is not hours}
        joint = [each for each in self._reference.procedures if each.field == JOINT_FIELD]
        single = [each for each in self._reference.procedures if each.field != JOINT_FIELD]
        return World(
            hours=hours, others=others, assumed=replace(assumed, departments=departments), units=units,
            single=Demand.of(single, assumed), joint=Demand.of(joint or single, assumed),
        )  # fmt: skip

    def _first_before(self, unit: str) -> date:
        return max(self._since[unit], self._facts.first - timedelta(days=CARRIED_DAYS_MAX))

    def _before(self, unit: str) -> bool:
        """Whether a unit worked before the period."""
        first = self._first_before(unit)
        return first < self._facts.first and self.hours(unit, first).days[0] < self._facts.first


def _since(rows: Sequence[Unit], last: date) -> date | None:
    """From which day on a body has a row for every day until the last one."""
    since = None
    until = last
    for row in sorted(rows, key=lambda row: row.valid_from, reverse=True):
        first = date.fromisoformat(row.valid_from)
        if first <= until and (row.valid_to is None or date.fromisoformat(row.valid_to) >= until):
            since, until = first, first - timedelta(days=1)
    return since
