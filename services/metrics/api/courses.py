"""Courses: one counter of every unit, day by day, as charts beside a list of units want it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.face.problems import ProblemError
from services.metrics.api import answers
from services.metrics.api.queries import Query
from services.metrics.api.snapshots import Snapshot, Snapshots, Some
from services.metrics.api.units import Units

COURSE_DAYS_DEFAULT: Final = 14
COURSE_DAYS_MAX: Final = 62
# Lua hands over so many fields at once, and not many more.
FIELDS_PER_READ: Final = 4_000
# Everybody's board asks the same again and again while nothing is counted.
KEPT_MAX: Final = 16


@dataclass(frozen=True)
class Course:
    """A number for each day; `units` has those that a list of the role shows over these days, `total` is their sum."""

    days: tuple[str, ...]
    units: dict[str, list[int]]
    total: list[int]


def check(counter: str, query: Query) -> None:
    """ProblemError for what has no course: a stock has no days."""
    if counter not in answers.FLOW_NAMES:
        raise ProblemError(422, "invalid_counter", "`counter` is one of the flows that /v1/counters names")
    if len(query.days) > COURSE_DAYS_MAX:
        raise ProblemError(422, "invalid_range", f"a course has at most {COURSE_DAYS_MAX} days")


class Courses:
    """Reads courses, and keeps the newest until counting has moved."""

    def __init__(self, snapshots: Snapshots, units: Units) -> None:
        self._snapshots = snapshots
        self._units = units
        self._kept: dict[tuple[str, Query], tuple[Snapshot, Course]] = {}

    async def of(self, counter: str, query: Query, now: Snapshot, codes: Sequence[str]) -> tuple[Snapshot, Course]:
        """The course, and the snapshot that it was read in: `now` where nothing was counted since the kept one was read."""
        kept = self._kept.pop((counter, query), None)
        if kept is not None and kept[0].places == now.places:
            self._kept[counter, query] = kept
            return now, kept[1]
        snapshot = await self._snapshots.read(*_wanted(counter, query, codes))
        course = self._course(counter, query, snapshot, codes)
        self._kept[counter, query] = snapshot, course
        while len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        return snapshot, course

    def _course(self, counter: str, query: Query, snapshot: Snapshot, codes: Sequence[str]) -> Course:
        days = range(len(query.days))
        by_day = [{name: number for found in snapshot.found for name, number in found[at].items()} for at in days]
        numbers = {code: [each.get(_field(counter, query, code), 0) for each in by_day] for code in codes}
        with_figures = [code for code, course in numbers.items() if any(course)]
        shown = self._units.shown(query.role, query.days[0], query.days[-1], with_figures)
        units = {code: numbers.get(code, [0] * len(days)) for code in shown}
        return Course(query.days, units, [sum(course[at] for course in units.values()) for at in days])


def _wanted(counter: str, query: Query, codes: Sequence[str]) -> list[Some]:
    names = tuple(f"day:{day}" for day in query.days)
    fields = [_field(counter, query, code) for code in codes]
    return [Some(names, tuple(fields[start : start + FIELDS_PER_READ])) for start in range(0, len(fields), FIELDS_PER_READ)]


def _field(counter: str, query: Query, code: str) -> str:
    return f"{query.role}|{code}|{counter}"
