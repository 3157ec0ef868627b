"""A ledger that adds up is taken for explained, and one in which a minute is missing is not."""

from typing import Any

import pytest

from contracts import instants
from lab.load import ledger
from tests.unit.ledger_world import REASON, told

RESTART: dict[str, Any] = {"restart": True}


def at(local: str) -> int:
    return instants.parse(f"{local.replace(' ', 'T')}:00+07:00")


def _paused() -> dict[str, Any]:
    """Over a weekend and a holiday, paused for two hours, beyond its limit."""
    return told(
        "7 working_hours",
        ("received", "2025-08-29 12:00", {}),
        ("payment_requested", "2025-09-03 08:00", {}),
        ("payment_made", "2025-09-03 10:00", {}),
        now="2025-09-03 17:30",
    )


@pytest.mark.parametrize(
    "view",
    [
        _paused(),
        told("2 working_days", ("submitted", "2025-07-01 08:00", {}), now="2025-07-01 10:00"),
        told("3 working_days", ("submitted", "2025-07-01 08:00", {}), ("received", "2025-07-01 09:17", {}),
             ("processing_started", "2025-07-01 10:00", {}), ("completed", "2025-07-02 09:31", {"electronic_result": True}),
             now="2025-07-08 08:00"),
        told("4 working_hours", ("received", "2025-07-01 08:00", {}), ("processing_started", "2025-07-01 08:10", {}),
             ("supplement_requested", "2025-07-01 09:00", REASON), ("supplement_provided", "2025-07-02 08:30", RESTART),
             now="2025-07-03 08:00"),
    ],
)  # fmt: skip
def test_what_the_city_tells_adds_up(view: dict[str, Any]) -> None:
    """Accepted or not, paused, restarted, late, ended."""
    assert view["segments"]
    assert ledger.problem(view) is None


def _without_a_segment(view: dict[str, Any]) -> None:
    del view["segments"][3]


def _an_hour_longer(view: dict[str, Any]) -> None:
    view["segments"][1]["working_minutes"] += 60


def _another_balance(view: dict[str, Any]) -> None:
    view["balance"]["running_minutes"] -= 30
    view["balance"]["remaining_minutes"] += 30


def _another_due(view: dict[str, Any]) -> None:
    view["due_current"] = "2025-09-03T16:30:00+07:00"


def _nobody_says_why(view: dict[str, Any]) -> None:
    view["segments"][7]["why"] = ""


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_a_segment, "nothing is told"),
        (_an_hour_longer, "330 minutes of segments in a stretch of 270"),
        (_another_balance, "minutes running in segments"),
        (_another_due, "the last move ends at"),
        (_nobody_says_why, "nobody says why"),
    ],
)
def test_a_ledger_that_does_not_add_up_is_given_away(spoil: Any, said: str) -> None:
    """By the first thing that is wrong in it."""
    view = _paused()
    spoil(view)
    assert said in str(ledger.problem(view))


def test_a_dossier_that_the_city_does_not_know_is_not_explained() -> None:
    """Whatever the reason."""
    assert ledger.problem(None) == ledger.NOBODY_KNOWS
    assert ledger.stands(None, 0) is None


def test_a_dossier_stands_as_the_city_says() -> None:
    """Late when it ended so, overdue while it is open, in time in every other case."""
    births: list[tuple[str, str, dict[str, Any]]] = [
        ("submitted", "2025-07-01 08:00", {}),
        ("received", "2025-07-01 09:00", {}),
    ]
    ends = ("completed", "2025-07-02 09:31", {"electronic_result": True})
    assert ledger.stands(told("1 working_days", *births, now="2025-07-01 10:00"), at("2025-07-01 10:00")) == "in time"
    assert ledger.stands(told("1 working_days", *births, now="2025-07-04 10:00"), at("2025-07-04 10:00")) == "overdue"
    assert ledger.stands(told("1 working_days", *births, now="2025-07-04 10:00"), at("2025-07-02 08:00")) == "in time"
    for limit, stands in (("2 working_hours", "late"), ("5 working_days", "in time")):
        started: tuple[str, str, dict[str, Any]] = ("processing_started", "2025-07-01 09:30", {})
        assert ledger.stands(told(limit, *births, started, ends, now="2025-07-08 08:00"), at("2025-07-08 08:00")) == stands
