"""The golden logs guard the generation: who changes what the fold says raises `gen`, and keeps these logs as they were."""

import json
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from contracts import instants
from contracts.data import FACTS
from services.processing.domain import deadline
from services.processing.domain.deadline import Due
from services.processing.domain.dossier import KeptEvent
from services.processing.domain.fold import DETAILS
from services.processing.domain.generation import GEN
from services.processing.domain.history import Walk
from services.processing.domain.rules import Rules
from tests.unit.golden.fold import fold_log, load, told
from tests.unit.memory_line import MemoryLine

FOLDER = Path(__file__).parent / "golden" / f"gen{GEN}"
LOGS = {"lives in any order": FOLDER, "limits to the instant": FOLDER / "limits"}
LIMITS = load(LOGS["limits to the instant"])
DOMAIN = "services.processing.domain"


@pytest.mark.parametrize("forget", [False, True], ids=["with memory", "every state through its bytes"])
@pytest.mark.parametrize("folder", LOGS.values(), ids=LOGS)
def test_a_golden_log_folds_to_the_digest_of_this_generation(folder: Path, forget: bool) -> None:
    """Another digest without a new `gen` would leave two truths in one topic."""
    assert fold_log(folder, forget) == _expected(folder), "the fold says something else: a new gen is owed, not a new digest"


def test_the_golden_logs_meet_every_fact_and_every_dead_letter() -> None:
    lives, limits = (_expected(folder) for folder in LOGS.values())
    assert set(lives["steps"]) == set(FACTS) - {"annulled"}
    assert {*DETAILS, "invalid_envelope"} <= {*lives["letters"], *limits["letters"]}
    assert set(lives["outcomes"]) == {"applied", "parked", "duplicate", "rejected", "annulled", "tick", "control"}
    assert limits["letters"]["too_many"] == 2, "one of events, one of misfits"


# --- the guard's own guard: a fold that differs by an instant, by one event or in a rule is noticed ------------------------

SPANS = (
    "deadline.WORKING_DAY", "deadline.ACCEPTANCE", "deadline.SAME_DAY_UNTIL", "history.RETRY_WITHIN",
    "history.SKEWED_AHEAD", "history.BACKDATED_AFTER", "facts.PARKED_FOR", "facts.RETIRED_AFTER_FINAL",
    "facts.RETIRED_AFTER_UNBORN", "facts.DAY_AHEAD", "facts.THREE_DAYS_AHEAD", "fold.KEPT_MAX", "fold.MISFITS_MAX",
)  # fmt: skip
UNITS = ("working_hours", "working_days", "calendar_days", "months")


def _first_dues_late(unit: str) -> Callable[..., Due]:
    """As `first_due`, of one unit an instant later."""

    def first_due(limit: Any, *rest: Any, real: Callable[..., Due] = deadline.first_due) -> Due:
        due = real(limit, *rest)
        return Due(due.at + 1, due.base_day) if limit.unit == unit else due

    return first_due


def _pauses_forgotten(unit: str) -> Callable[..., Due]:
    """As `after_pause`, of one unit without any effect."""

    def after_pause(due: Due, limit: Any, *rest: Any, real: Callable[..., Due] = deadline.after_pause) -> Due:
        return due if limit.unit == unit else real(due, limit, *rest)

    return after_pause


def _months_by_30_days(day: int, months: int) -> int:
    return day + 30 * months


def _newest_hours(rules: Rules, code: str, _: int, real: Callable[..., Any] = Rules.hours) -> Any:
    return real(rules, code, instants.day_from_text("2050-01-01"))


def _oldest_hours(rules: Rules, code: str, _: int, real: Callable[..., Any] = Rules.hours) -> Any:
    return real(rules, code, 0)


def _links_not_told_apart(walk: Walk, end: KeptEvent, real: Callable[..., Any] = Walk._timeliness) -> Any:
    timeliness, late = real(walk, end)
    return timeliness, late and "entry"


def _no_catalogue(*_: Any) -> None:
    return None


def _never(*_: Any) -> bool:
    return False


CHANGED: dict[str, tuple[str, Any]] = {
    **{f"{unit} an instant later": ("deadline.first_due", _first_dues_late(unit)) for unit in UNITS},
    **{f"{unit} without pauses": ("deadline.after_pause", _pauses_forgotten(unit)) for unit in UNITS},
    "months paused by working time": ("deadline.CALENDAR_UNITS", frozenset({"calendar_days"})),
    "months of 30 days": ("deadline._months_later", _months_by_30_days),
    "hours of the newest row": ("rules.Rules.hours", _newest_hours),
    "hours of the oldest row": ("rules.Rules.hours", _oldest_hours),
    "no catalogue": ("rules.Rules.procedure", _no_catalogue),
    "the link's fault the unit's": ("history.Walk._timeliness", _links_not_told_apart),
    "nothing early": ("deadline.is_early", _never),
}


@pytest.mark.parametrize("change", CHANGED)
def test_another_rule_of_the_legal_clock_is_noticed(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    where, other = CHANGED[change]
    monkeypatch.setattr(f"{DOMAIN}.{where}", other)
    assert _is_noticed()


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("span", SPANS)
def test_a_span_or_bound_that_differs_by_one_is_noticed(monkeypatch: pytest.MonkeyPatch, span: str, by: int) -> None:
    module, name = span.split(".")
    was = getattr(__import__(f"{DOMAIN}.{module}", fromlist=[name]), name)
    monkeypatch.setattr(f"{DOMAIN}.{span}", was + by)
    assert _is_noticed()


def test_the_fold_as_it_is_differs_nowhere() -> None:
    assert not _is_noticed()


def _is_noticed() -> bool:
    """Whether the fold as it is now leaves another chain anywhere; the first place ends the look."""
    line = MemoryLine(LIMITS[1])
    now = (line.position.chain for _ in told(LIMITS, line))
    return any(one != other for one, other in zip_longest(now, CHAINS))


def _chains() -> list[bytes]:
    line = MemoryLine(LIMITS[1])
    return [line.position.chain for _ in told(LIMITS, line)]


def _expected(folder: Path) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return expected


CHAINS = _chains()
