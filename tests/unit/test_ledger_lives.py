"""Whole lives of dossiers promise the dues, the timeliness and the minutes that docs/RULES.md gives them, event by event."""

import random
from collections.abc import Iterator

import pytest

from contracts import instants
from services.processing.domain.dossier import Dossier
from services.processing.domain.effects import Moment
from services.processing.domain.fold import arrive, look
from tests.effort import examples
from tests.unit.fold_world import event
from tests.unit.legal_clock_world import FIRST, LAST, RULES, Life, any_life

LIVES_FAST = 400
LIVES_SLOW = examples(2_500, 10_000)


def test_lives_have_the_dues_of_the_paper() -> None:
    _compare(LIVES_FAST, "a few lives")


@pytest.mark.slow
def test_thousands_of_lives_have_the_dues_of_the_paper() -> None:
    """0 differ, with pauses that repeat or span holidays, restarts, letters, three profiles, one that changes on a date.

    Ten thousand where everything is tried.
    """
    seen = _compare(LIVES_SLOW, "many lives")
    assert {"restart", "letter", "pauses", "months", "same day", "early", "on_time", "late"} <= seen


def _compare(lives: int, seed: str) -> set[str]:
    chance = random.Random(seed)
    seen: set[str] = set()
    for number in range(lives):
        life = any_life(chance)
        seen.update(_seen(life))
        _tell(life, f"life {number} of {seed!r}: {life}")
    return seen


def _tell(life: Life, told: str) -> None:
    dossier: Dossier | None = None
    for offset, each in enumerate(life.told):
        reported = event(each.fact, each.at, source=f"/units/{life.receiver}", **each.data)
        moment = Moment(offset=offset, recorded_at=each.at, log_clock=None, first_clock=None)
        effect = arrive(dossier, reported, moment, RULES)
        assert effect.outcome == "applied", told
        assert isinstance(effect.dossier, Dossier)
        dossier = effect.dossier
        if each.dues is not None:
            walk, _ = look(dossier, None, RULES)
            dues = (walk.due_original, walk.due_current)
            assert tuple(None if due is None else due.at for due in dues) == each.dues, f"{each.fact} in {told}"
    assert dossier is not None
    _judge(life, dossier, told)


def _judge(life: Life, dossier: Dossier, told: str) -> None:
    """At its due, an instant after it, at its end and long after."""
    walk, view = look(dossier, None, RULES)
    if life.acceptance_due is not None:
        assert walk.acceptance_due == life.acceptance_due, told
    assert (None if walk.due_current is None else walk.due_current.at) == life.due, told
    stood = [entry.step.timeliness for entry in view.content.values() if entry.step is not None and entry.step.timeliness]
    assert stood == ([] if life.timeliness is None else [life.timeliness]), told
    is_running = life.timeliness is None and not life.is_paused
    for clock in [life.told[-1].at, LAST, *([] if life.due is None else [life.due, life.due + 1])]:
        stand = look(dossier, clock, RULES)[1].stand
        assert stand.overdue == (is_running and life.due is not None and clock > life.due), told


def _seen(life: Life) -> Iterator[str]:
    facts = [each.fact for each in life.told]
    if any(each.data.get("restart") for each in life.told):
        yield "restart"
    if "rescheduled" in facts:
        yield "letter"
    if len([fact for fact in facts if fact in ("supplement_provided", "payment_made", "resumed")]) > 1:
        yield "pauses"
    if life.unit == "months":
        yield "months"
    if (life.unit, life.amount) == ("working_days", 0):
        yield "same day"
    if life.timeliness is not None:
        yield life.timeliness


def test_the_lives_are_spread_over_both_years() -> None:
    """Or the holidays in them prove nothing."""
    chance = random.Random("spread")
    months = {instants.day_of(any_life(chance).started)[:7] for _ in range(600)}
    assert {f"2025-{month:02}" for month in range(1, 13)} <= months
    assert FIRST < LAST
