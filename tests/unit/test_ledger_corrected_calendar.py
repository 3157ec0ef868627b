"""A corrected calendar promises to restate what it changes, of open and closed dossiers, on the days they count for."""

import random
from collections import Counter
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from contracts import instants
from contracts.lifecycle import Entry
from contracts.reference import Reference
from services.processing.domain.dossier import Dossier
from services.processing.domain.effects import Effect, Moment
from services.processing.domain.fold import activate, look
from services.processing.domain.ledger import deadline_view
from services.processing.domain.rules import Rules
from tests.unit.fold_world import BIRTH, BODY, RULES, Desk, at, event
from tests.unit.legal_clock_world import ALL_PROFILES, CALENDAR, CLOCK_BODY, Life, any_life
from tests.unit.legal_clock_world import RULES as CLOCK_RULES
from tests.unit.oracle_minutes import Office, Paper
from tests.unit.vietnam_2025_2026 import DAYS_OFF, MADE_UP

STORM = "2025-07-07"  # a Monday on which every office stayed shut, as was announced afterwards
CORRECTED = Rules.compile(
    "d2",
    msgspec.structs.replace(
        BODY, calendar=msgspec.structs.replace(BODY.calendar, days_off={**BODY.calendar.days_off, STORM: "Nghỉ bão"})
    ),
)
HOLIDAYS, LIVES_EACH = 8, 60


def one_day(*events: tuple[str, str], clock: str, **more: Any) -> tuple[Desk, Moment]:
    """Received on Friday 4 July at 08:00 with one working day: due on the Monday, after the storm on the Tuesday."""
    desk = Desk()
    limit = {"amount": 1, "unit": "working_days"}
    desk.report(event("received", "07-04 08:00", **BIRTH, time_limit=limit))
    desk.tick(at(clock))
    for fact, when in events:
        desk.report(event(fact, when, **more))
    return desk, desk.moment()


def corrected(desk: Desk, moment: Moment, before: Rules = RULES, after: Rules = CORRECTED) -> Effect | None:
    assert isinstance(desk.dossier, Dossier)
    return activate(desk.dossier, moment, before, after)


def counted(entries: tuple[Entry, ...]) -> list[tuple[int, str | None, str | None, str | None]]:
    """Offset, day, timeliness, how it was late, of entries that are steps."""
    return [(e.offset, e.day, e.step.timeliness, e.step.late) for e in entries if e.step is not None]


def test_a_closed_dossier_that_was_late_is_in_time_on_the_day_of_its_completion() -> None:
    desk, moment = one_day(("completed", "07-07 10:00"), clock="07-04 09:00")
    effect = corrected(desk, moment)
    assert effect is not None
    assert counted(effect.undone) == [(moment.offset - 1, STORM, "late", None)]
    assert counted(effect.done) == [(moment.offset - 1, STORM, "on_time", None)]
    assert effect.was == effect.now


def test_a_report_that_came_late_is_told_apart_once_the_calendar_says_that_the_work_did_not() -> None:
    """Whether by the link or by entry."""
    for entered, late in ((at("07-07 10:05"), "by_link"), (at("07-09 08:00"), "entry"), (None, "entry")):
        effect = corrected(*one_day(("completed", "07-07 10:00"), clock="07-09 09:00", entered=entered))
        assert effect is not None
        assert [row[1:] for row in counted(effect.undone)] == [(STORM, "late", None)]
        assert [row[1:] for row in counted(effect.done)] == [(STORM, "on_time", late)]


def test_an_open_dossier_that_was_overdue_no_longer_is_and_no_step_of_it_is_restated() -> None:
    effect = corrected(*one_day(clock="07-07 12:00"))
    assert effect is not None
    assert effect.was is not None
    assert effect.now is not None
    assert (effect.undone, effect.done) == ((), ())
    assert (effect.was.overdue, effect.now.overdue) == (True, False)
    assert effect.now.due_in_24h
    assert effect.due_at == at("07-08 08:00") + 1


def test_taking_the_day_off_back_makes_it_overdue_again_and_late_again() -> None:
    desk, moment = one_day(clock="07-07 12:00")
    first = corrected(desk, moment)
    assert first is not None
    assert isinstance(first.dossier, Dossier)
    back = activate(first.dossier, moment, CORRECTED, RULES)
    assert back is not None
    assert (back.was, back.now) == (first.now, first.was)
    desk, moment = one_day(("completed", "07-07 10:00"), clock="07-04 09:00")
    first = corrected(desk, moment)
    assert first is not None
    assert isinstance(first.dossier, Dossier)
    back = activate(first.dossier, moment, CORRECTED, RULES)
    assert back is not None
    assert (back.undone, back.done) == (first.done, first.undone)


def test_an_acceptance_that_was_overdue_is_not_after_the_correction() -> None:
    desk = Desk()
    desk.report(event("submitted", "07-04 16:00", **BIRTH))
    desk.tick(at("07-07 16:30"))
    effect = corrected(desk, desk.moment())
    assert effect is not None
    assert effect.was is not None
    assert effect.now is not None
    assert (effect.was.acceptance_overdue, effect.now.acceptance_overdue) == (True, False)


@pytest.mark.parametrize("completed", ["07-04 09:00", "07-04 16:00"])
def test_what_the_day_does_not_touch_leaves_no_record(completed: str) -> None:
    """In time before and after; what was early stays early."""
    assert corrected(*one_day(("completed", completed), clock="07-04 08:30")) is None


def test_the_ledger_names_the_day_of_the_correction() -> None:
    desk, moment = one_day(("completed", "07-07 10:00"), clock="07-04 09:00")
    effect = corrected(desk, moment)
    assert effect is not None
    assert isinstance(effect.dossier, Dossier)
    before, after = (deadline_view(effect.dossier, desk.clock, rules) for rules in (RULES, CORRECTED))
    assert (before["verdict"]["code"], after["verdict"]["code"]) == ("late", "on_time")
    assert (before["calendar_digest"], after["calendar_digest"]) == ("d1", "d2")
    assert "Không tính ngày nghỉ: Nghỉ bão (07/07/2025)." in after["sentence"]["vi"]


@pytest.mark.slow
def test_of_any_life_the_correction_restates_what_the_paper_says_and_nothing_else() -> None:
    """Dues and timeliness under the corrected calendar are the oracle's, the difference stands on the completion's day."""
    chance = random.Random("corrections")
    restated = 0
    for _ in range(HOLIDAYS):
        monday = date(2025, 1, 6) + timedelta(weeks=chance.randrange(80))
        holiday = (monday + timedelta(days=chance.choice([0, 2, 3, 4]))).isoformat()
        rules, offices = _with_holiday(holiday)
        for _ in range(LIVES_EACH):
            life = _life_around(chance, holiday)
            restated += _compare(life, rules, offices, f"{holiday} in {life}")
    assert restated > 10


def _compare(life: Life, rules: Rules, offices: dict[str, Office], told: str) -> int:
    desk = Desk(CLOCK_RULES)
    for each in life.told:
        desk.report(event(each.fact, each.at, source=f"/units/{life.receiver}", **each.data))
    assert isinstance(desk.dossier, Dossier)
    effect = activate(desk.dossier, desk.moment(), CLOCK_RULES, rules)
    paper = _retold(life, offices)
    walk, _ = look(desk.dossier, None, rules)
    assert (None if walk.due_current is None else walk.due_current.at) == paper.due_current, told
    timeliness = None if life.timeliness is None else paper.timeliness(life.told[-1].at)
    if timeliness == life.timeliness:
        assert effect is None or (effect.undone, effect.done) == ((), ()), told
        return 0
    assert effect is not None, told
    net = Counter((e.day, e.step.timeliness) for e in effect.done if e.step is not None)
    net.subtract(Counter((e.day, e.step.timeliness) for e in effect.undone if e.step is not None))
    day = instants.day_of(life.told[-1].at)
    assert {key: count for key, count in net.items() if count} == {(day, life.timeliness): -1, (day, timeliness): 1}, told
    return 1


def _life_around(chance: random.Random, holiday: str) -> Life:
    """One that the holiday can touch, and without a letter: its place before the due would be another question."""
    number = instants.day_from_text(holiday)
    while True:
        life = any_life(chance, begin=number - chance.randrange(8))
        if not any(each.fact == "rescheduled" for each in life.told) and "CHANGES" not in (life.receiver, life.competent):
            return life


def _with_holiday(holiday: str) -> tuple[Rules, dict[str, Office]]:
    calendar = msgspec.structs.replace(
        CALENDAR,
        days_off={**CALENDAR.days_off, holiday: "Nghỉ bão"},
        make_up_days={day: why for day, why in CALENDAR.make_up_days.items() if day != holiday},
    )
    body: Reference = msgspec.structs.replace(CLOCK_BODY, calendar=calendar)
    off, made_up = DAYS_OFF | {holiday}, MADE_UP - {holiday}
    return Rules.compile(holiday, body), {
        name: Office(week, off, made_up, "2024-12-01", 1_100) for name, week in ALL_PROFILES.items()
    }


def _retold(life: Life, offices: dict[str, Office]) -> Paper:
    paper = Paper(offices[life.receiver], offices[life.competent], life.unit, life.amount)
    for each in life.told:
        if each.fact == "submitted":
            paper.submitted(each.at)
        elif each.fact == "received" or each.data.get("restart"):
            paper.received(each.at)
        elif each.fact in ("supplement_requested", "payment_requested", "suspended"):
            paper.paused(each.at)
        elif each.fact in ("supplement_provided", "payment_made", "resumed"):
            paper.resumed(each.at)
    return paper
