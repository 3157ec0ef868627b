"""The published figures of a period, beside what is assumed where nothing was published, read from a TOML file."""

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from pathlib import Path
from random import Random
from typing import Final, Literal

import msgspec
from msgspec import Struct

from lab.errors import FactsError

HUE_2025_07 = Path(__file__).resolve().parents[1] / "facts" / "hue-2025-07.toml"
PERIOD_DAYS_MAX = 366
FACTS_MAX = 2_000
# Of so many wholes in a row at least one has a part that is printed as a given share with two decimals.
PRINTABLE_WITHIN = 20_000
UPPER_END_SHARE = 0.5
What = Literal["received", "online", "on_time", "completed", "carried_over"]
Rank = Literal["most", "best"]
WORDS: Final[dict[What, str]] = {
    "received": "received", "online": "received online", "on_time": "completed in time", "completed": "completed",
    "carried_over": "carried over from before",
}  # fmt: skip
COUNTS: Final[frozenset[What]] = frozenset({"received", "completed", "carried_over"})
_RANK_WORDS = {"most": ", the most", "best": ", the best share"}
# As tables print it: shares are compared as texts.
_PERCENT: Final = re.compile(r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?")
# What a dossier's code may be, of which the day and a number are the end.
_AGENCY: Final = re.compile(r"[A-Za-z0-9._-]{1,48}")
_ANY_UNIT: Final = "00000"


class Fact(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published figure, with at least a count or a percentage."""

    what: What
    unit: str | None = None
    day: date | None = None
    count: int | None = None
    of: int | None = None
    percent: str | None = None
    rank: Rank | None = None

    @property
    def said(self) -> str:
        """The fact in a few words, as errors name it."""
        who = "all units" if self.unit is None else f"unit {self.unit}"
        when = "" if self.day is None else f" on {self.day}"
        figures = [] if self.count is None else [f"{self.count}" + ("" if self.of is None else f" of {self.of}")]
        if self.count is None and self.of is not None:
            figures.append(f"of {self.of}")
        figures += [] if self.percent is None else [f"{self.percent} %"]
        return f"{WORDS[self.what]}, {who}{when}: {' = '.join(figures)}{_RANK_WORDS.get(self.rank or '', '')}"


class Assumed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What nobody published and a whole fortnight needs all the same."""

    completed_share: float
    on_time_share: tuple[float, float]
    agency_id: str
    online_share: float = 0.5
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

    def leader(self, what: What) -> Fact | None:
        """The unit that no other equals over the whole period."""
        for fact in self.facts:
            if fact.what == what and fact.rank is not None:
                return fact
        return None


def read(path: Path) -> Facts:
    """The facts of a file; FactsError when it is not as it should be."""
    try:
        facts = msgspec.toml.decode(path.read_bytes(), type=Facts)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FactsError(f"{path}: {error}") from error
    for problem in _problems(facts):
        raise FactsError(f"{path}: {problem}")
    return facts


def percent_of(part: int, whole: int, printed: str) -> str:
    """A share in percent, rounded half up to as many decimals as a printed figure has."""
    return str((Decimal(part) * 100 / Decimal(whole)).quantize(Decimal(printed), ROUND_HALF_UP))


def counts_for(percent: str, whole: int) -> tuple[int, int]:
    """The fewest and the most of `whole` that are printed as this share; the first above the second when none is."""
    if whole == 0:
        return 1, 0
    printed = Decimal(percent)
    scale = 10 ** -int(printed.as_tuple().exponent)  # of 0.01: 100
    middle = int(printed * scale)
    # Half up: middle - 1/2 <= 100 * scale * count / whole < middle + 1/2, in whole numbers.
    lowest = -(-(2 * middle - 1) * whole // (200 * scale))
    highest = -(-(2 * middle + 1) * whole // (200 * scale)) - 1
    return max(0, lowest), min(whole, highest)


def count_for(percent: str, whole: int) -> int:
    """The whole number nearest to a printed share; FactsError when none of them rounds to what was printed."""
    low, high = counts_for(percent, whole)
    if low > high:
        raise FactsError(f"no whole number of {whole} is {percent} %")
    nearest = int((Decimal(percent) * whole / 100).quantize(Decimal(1), ROUND_HALF_UP))
    return min(max(nearest, low), high)


def a_count_for(percent: str, whole: int, chance: Random) -> int | None:
    """Any number that is printed as this share, often the highest: below it others have most room. None: there is none."""
    low, high = counts_for(percent, whole)
    if low > high:
        return None
    return high if chance.random() < UPPER_END_SHARE else chance.randint(low, high)


def _problems(facts: Facts) -> list[str]:
    if facts.first > facts.last:
        return [f"the period ends on {facts.last}, before it begins on {facts.first}"]
    if (facts.last - facts.first).days >= PERIOD_DAYS_MAX:
        return [f"the period has more than {PERIOD_DAYS_MAX} days"]
    if len(facts.facts) > FACTS_MAX:
        return [f"there are more than {FACTS_MAX} facts"]
    assumed = facts.assumed
    shares = (assumed.completed_share, *assumed.on_time_share, assumed.online_share)
    if not all(0 <= share <= 1 for share in shares) or assumed.on_time_share[0] > assumed.on_time_share[1]:
        return ["a share in [assumed] does not lie between 0 and 1, or its two ends are the wrong way round"]
    if not all(isfinite(weight) and weight >= 0 for weight in (*assumed.weights.values(), *assumed.fields.values())):
        return ["a weight in [assumed.weights] or [assumed.fields] is no number of 0 or more"]
    if any(count < 0 for count in assumed.received.values()):
        return ["less than none in [assumed.received]"]
    if "{code}" not in assumed.agency_id or _AGENCY.fullmatch(assumed.agency_id.replace("{code}", _ANY_UNIT)) is None:
        return [f"agency_id {assumed.agency_id!r} is no start of a dossier's code as H57.{{code}} is, with its unit's"]
    told = [problem for fact in facts.facts for problem in _problems_of(fact, facts)]
    seen: dict[tuple[str, str | None, date | None], Fact] = {}
    ranked: dict[str, Fact] = {}
    for fact in facts.facts:
        former = seen.setdefault((fact.what, fact.unit, fact.day), fact)
        if former is not fact:
            told.append(f"two facts are about the same: {former.said}; {fact.said}")
        if fact.rank is not None and (former := ranked.setdefault(fact.what, fact)) is not fact:
            told.append(f"two facts say who leads: {former.said}; {fact.said}")
    return told


def _problems_of(fact: Fact, facts: Facts) -> list[str]:
    """What one fact says that cannot be, whatever the others say."""
    if fact.count is None and fact.percent is None:
        return [f"a fact about {fact.what} has neither count nor percent"]
    if fact.percent is not None and not _is_percent(fact.percent):
        return [f"{fact.percent!r} is no share in percent as 75.78 is: {fact.what}"]
    if fact.day is not None and not facts.first <= fact.day <= facts.last:
        return [f"{fact.day} lies outside {facts.first} to {facts.last}: {fact.said}"]
    if any(number is not None and number < 0 for number in (fact.count, fact.of)):
        return [f"less than none: {fact.said}"]
    if fact.what in COUNTS and (fact.of is not None or fact.percent is not None):
        return [f"what was {WORDS[fact.what]} is a count, not a share: {fact.said}"]
    if fact.what in ("on_time", "completed") and fact.day is not None:
        return [f"completions are planned for the period as a whole, not for a day: {fact.said}"]
    if fact.what == "carried_over" and fact.day is not None:
        return [f"what is carried over is there when the period begins, not on a day of it: {fact.said}"]
    if fact.rank is not None and fact.what in ("completed", "carried_over"):
        return [f"who leads is said of what was received, or of a share: {fact.said}"]
    if fact.rank is not None and (fact.unit is None or fact.day is not None):
        return [f"a rank is that of a unit over the whole period: {fact.said}"]
    if fact.rank is not None and (fact.rank == "most") != (fact.what == "received"):
        return [f'"most" ranks what was received, "best" ranks shares: {fact.said}']
    if fact.count is not None and fact.of is not None and fact.count > fact.of:
        return [f"more than all: {fact.said}"]
    if fact.of is not None and fact.percent is not None:
        low, high = counts_for(fact.percent, fact.of)
        if low > high:
            return [f"no whole number of {fact.of} is {fact.percent} %: {fact.said}"]
        if fact.count is not None and not low <= fact.count <= high:
            return [f"{fact.count} of {fact.of} is not {fact.percent} %: {fact.said}"]
    return []


def _is_percent(text: str) -> bool:
    return _PERCENT.fullmatch(text) is not None and Decimal(text) <= 100
