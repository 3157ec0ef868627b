"""Dead letters as processing's answers tell of them: rows that are selected, groups by code, unit and week, one whole."""

import builtins
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from contracts import instants
from contracts.events import code_of, is_source

Place = tuple[int, int]
"""A partition and an offset."""

UNREADABLE = "–"
_WEEK = re.compile(r"[0-9]{4}-W[0-5][0-9]")
_PLACE = re.compile(r"([0-9]{1,4}):([0-9]{1,18})")
_T = TypeVar("_T")


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
        return instants.week_of(instants.parse(self.recorded_at))

    @property
    def place(self) -> Place:
        """Its place in dossier.rejected."""
        return self.position.partition, self.position.offset or 0


class Header(Struct, frozen=True):
    """One header of the reported record: as text, where it is some."""

    name: str
    value: str | None = None
    bytes: builtins.bytes | None = None


class Whole(Row, frozen=True, kw_only=True):
    """One dead letter, as `GET /v1/rejected/{place}` tells it."""

    heals: str
    headers: tuple[Header, ...]
    key: bytes | None
    value: bytes | None


class Group(Struct, frozen=True):
    """Dead letters of one code, unit and week in a piece of their topic, as `GET /v1/rejected/groups` tells of them."""

    code: str
    letters: int
    rejected_now: int
    unit: str | None = None
    week: str | None = None


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


def read(told: Iterable[Any], form: type[_T]) -> list[_T]:
    """Rows or groups of an answer; ValueError when it is not as processing describes it."""
    return [msgspec.convert(each, form) for each in told]


def added(groups: Iterable[Group]) -> list[tuple[str, str, str, int, int]]:
    """(code, unit, week, how many, how many of them stand rejected now) of all pieces, in that order."""
    every: Counter[tuple[str, str, str]] = Counter()
    standing: Counter[tuple[str, str, str]] = Counter()
    for group in groups:
        name = group.code, group.unit or UNREADABLE, group.week or UNREADABLE
        every[name] += group.letters
        standing[name] += group.rejected_now
    return [(*name, number, standing[name]) for name, number in sorted(every.items())]


def in_original_order(rows: Iterable[Row]) -> Sequence[Row]:
    """As they were reported: what belongs to one dossier lies in one partition."""
    return sorted(rows, key=lambda row: (row.reported.partition, row.reported.offset or 0))


def week(text: str) -> str:
    """A week as people type it; ValueError when it is none."""
    if _WEEK.fullmatch(text) is None:
        raise ValueError("a week is written 2025-W27")
    return text


def unit(text: str) -> str:
    """The code of a unit or department; ValueError when it can be none. Of what cannot be read the unit is a dash."""
    if text not in ("", UNREADABLE) and not is_source(f"/units/{text}"):
        raise ValueError("a unit is named by its code, as 19753")
    return text


def place(text: str) -> Place:
    """A place as `list` prints it; ValueError when it is none."""
    if (found := _PLACE.fullmatch(text)) is None:
        raise ValueError("a place in dossier.rejected is written 3:17, partition and offset")
    return int(found[1]), int(found[2])
