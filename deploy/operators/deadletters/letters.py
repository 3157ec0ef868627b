"""Dead letters as rows: read from processing's answer, selected, counted by code, unit and week."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from contracts import instants
from contracts.events import code_of

Place = tuple[int, int]
"""A partition and an offset."""

UNREADABLE = "–"
_WEEK = re.compile(r"[0-9]{4}-W[0-5][0-9]")
_PLACE = re.compile(r"([0-9]{1,4}):([0-9]{1,18})")


class At(Struct, frozen=True):
    """Where a record lies; `offset` is null for an event whose history has been retired."""

    partition: int
    offset: int | None = None


class Row(Struct, frozen=True):
    """One dead letter, as `GET /v1/rejected` tells it; `standing` is that of now."""

    code: str
    detail: str
    position: At
    reported: At
    standing: str | None = None
    dossier: str | None = None
    source: str | None = None
    id: str | None = None
    fact: str | None = None
    occurred_at: str | None = None
    recorded_at: str | None = None

    @property
    def unit(self) -> str:
        """The code in `source`."""
        return UNREADABLE if self.source is None else code_of(self.source)

    @property
    def week(self) -> str:
        """The ISO week (in Vietnam) in which it was recorded, as `2025-W27`."""
        if self.recorded_at is None:
            return UNREADABLE
        year, week, _ = date.fromisoformat(instants.day_of(instants.parse(self.recorded_at))).isocalendar()
        return f"{year}-W{week:02}"

    @property
    def place(self) -> Place:
        """Its place in dossier.rejected."""
        return self.position.partition, self.position.offset or 0


class Selection(Struct, frozen=True):
    """Which dead letters are meant; what is empty leaves all in."""

    code: str = ""
    unit: str = ""
    week: str = ""
    places: tuple[Place, ...] = ()

    def takes(self, row: Row) -> bool:
        """Whether a row is meant."""
        return (
            self.code in ("", row.code)
            and self.unit in ("", row.unit)
            and self.week in ("", row.week)
            and (not self.places or row.place in self.places)
        )


def read(told: Iterable[Any]) -> list[Row]:
    """The rows of an answer; ValueError when it is not as processing describes it."""
    return [msgspec.convert(each, Row) for each in told]


def groups(rows: Iterable[Row]) -> list[tuple[str, str, str, int, int]]:
    """(code, unit, week, how many, how many of them stand rejected now), in that order."""
    every: Counter[tuple[str, str, str]] = Counter()
    standing: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        every[row.code, row.unit, row.week] += 1
        standing[row.code, row.unit, row.week] += row.standing == "rejected"
    return [(*group, number, standing[group]) for group, number in sorted(every.items())]


def in_original_order(rows: Iterable[Row]) -> Sequence[Row]:
    """As they were reported: what belongs to one dossier lies in one partition."""
    return sorted(rows, key=lambda row: (row.reported.partition, row.reported.offset or 0))


def week(text: str) -> str:
    """A week as people type it; ValueError when it is none."""
    if _WEEK.fullmatch(text) is None:
        raise ValueError("a week is written 2025-W27")
    return text


def place(text: str) -> Place:
    """A place as `list` prints it; ValueError when it is none."""
    if (found := _PLACE.fullmatch(text)) is None:
        raise ValueError("a place in dossier.rejected is written 3:17, partition and offset")
    return int(found[1]), int(found[2])
