"""The published figures of a period, beside what is assumed where nothing was published, read from a TOML file."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

HUE_2025_07 = Path(__file__).resolve().parents[1] / "facts" / "hue-2025-07.toml"
What = Literal["received", "online", "on_time"]


class FactsError(ValueError):
    """The facts file needs a correction; says which and where."""


class Fact(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published figure, with at least a count or a percentage."""

    what: What
    unit: str | None = None
    day: date | None = None
    count: int | None = None
    of: int | None = None
    percent: str | None = None
    rank: Literal["most", "best"] | None = None


class Assumed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What nobody published and a whole fortnight needs all the same."""

    completed_share: float
    on_time_share: tuple[float, float]
    office_hours: list[tuple[str, str]]
    days_off: list[date]
    agency_id: str
    received: dict[str, int] = {}
    weights: dict[str, float] = {}
    fields: dict[str, float] = {}
    departments: dict[str, str] = {}


class Facts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A period, both days included, with its figures."""

    title: str
    first: date
    last: date
    facts: list[Fact]
    assumed: Assumed

    def about(self, what: What, unit: str | None = None, day: date | None = None) -> Fact | None:
        """The fact about exactly this, if it was published."""
        for fact in self.facts:
            if (fact.what, fact.unit, fact.day) == (what, unit, day):
                return fact
        return None

    def received(self, unit: str | None = None, day: date | None = None) -> int | None:
        """How many were received, said directly or as what an online share was taken of."""
        fact = self.about("received", unit, day)
        if fact is not None and fact.count is not None:
            return fact.count
        share = self.about("online", unit, day)
        return None if share is None else share.of

    def leader(self, what: What, rank: Literal["most", "best"]) -> Fact | None:
        """The unit that no other equals over the whole period."""
        for fact in self.facts:
            if fact.what == what and fact.rank == rank and fact.day is None:
                return fact
        return None


def read(path: Path) -> Facts:
    """The facts of a file; FactsError when it is not as it should be."""
    try:
        facts = msgspec.toml.decode(path.read_bytes(), type=Facts)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FactsError(f"{path}: {error}") from error
    for fact in facts.facts:
        if fact.count is None and fact.percent is None:
            raise FactsError(f"{path}: a fact about {fact.what} has neither count nor percent")
        if fact.day is not None and not facts.first <= fact.day <= facts.last:
            raise FactsError(f"{path}: {fact.day} lies outside {facts.first} to {facts.last}")
    return facts


def percent_of(part: int, whole: int, printed: str) -> str:
    """A share in percent, rounded half up to as many decimals as a printed figure has."""
    return str((Decimal(part) * 100 / Decimal(whole)).quantize(Decimal(printed), ROUND_HALF_UP))


def count_for(percent: str, whole: int) -> int:
    """The whole number nearest to a printed share; FactsError when none of them rounds to what was printed."""
    nearest = int((Decimal(percent) * whole / 100).quantize(Decimal(1), ROUND_HALF_UP))
    if percent_of(nearest, whole, percent) != percent:
        raise FactsError(f"no whole number of {whole} is {percent} %")
    return nearest
