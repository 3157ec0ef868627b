"""Due dates promise to agree with a walk through every minute, and with a table worked out by hand."""

import random
from datetime import date

import pytest

from contracts import instants
from contracts.data import TimeLimit
from contracts.reference import Calendar
from services.processing.domain import deadline
from services.processing.domain.calendar import WorkingTime
from services.processing.domain.deadline import Due
from tests.effort import examples
from tests.unit.legal_clock_world import FIRST, HOURS, OFFICES, any_instant
from tests.unit.oracle_minutes import MINUTE, local
from tests.unit.vietnam_2025_2026 import PROFILES

CASES = examples(3_800, 6_000)  # of each profile; README.md sums them with the lives of test_ledger_lives.py
LATEST_RECEPTION = local("2026-08-31 00:00")
LIMITS = {
    "working_hours": (1, 2, 4, 8, 16, 40),
    "working_days": (0, 0, 1, 2, 3, 5, 7, 10),
    "calendar_days": (1, 2, 5, 10, 15, 30, 45),
    "months": (1, 2),
}

# Worked out by hand with the calendar on the table: limit, received, due.
FIRST_DUES = [
    ("8 working_hours", "2025-07-07 07:00", "2025-07-07 17:00"),  # a full Monday, not Tuesday's opening
    ("8 working_hours", "2025-07-07 09:00", "2025-07-08 09:00"),
    ("4 working_hours", "2025-07-07 05:12", "2025-07-07 11:00"),  # before opening: from 07:00
    ("1 working_hours", "2025-07-07 12:00", "2025-07-07 14:30"),  # in the lunch break: from 13:30
    ("1 working_hours", "2025-07-04 17:00", "2025-07-07 08:00"),  # at closing on a Friday: from Monday
    ("8 working_hours", "2025-07-05 10:00", "2025-07-07 17:00"),  # a Saturday
    ("4 working_hours", "2025-07-07 07:30:00.500000", "2025-07-07 13:30:00.500000"),  # half a second over lunch
    ("1 working_hours", "2025-07-07 08:00:00.000001", "2025-07-07 09:00:00.000001"),
    ("1 working_days", "2025-07-07 16:00", "2025-07-08 16:00"),
    ("3 working_days", "2025-07-03 13:30", "2025-07-08 11:30"),  # over a weekend, to the closing before lunch
    ("2 working_hours", "2025-01-24 16:00", "2025-02-03 08:00"),  # over Tết
    ("1 working_hours", "2025-04-25 16:30", "2025-04-26 07:30"),  # a Saturday that is worked
    ("1 working_hours", "2025-04-29 16:30", "2025-05-05 07:30"),  # 2 May is off in exchange
    ("5 working_days", "2025-04-24 07:00", "2025-04-29 17:00"),
    ("1 working_days", "2025-04-04 17:00", "2025-04-08 17:00"),  # Hùng Kings on a Monday
    ("3 working_hours", "2025-08-29 15:30", "2025-09-03 08:30"),  # National Day, two days
    ("1 working_hours", "2025-12-31 16:30", "2026-01-05 07:30"),  # 2 January off in exchange for 10 January
    ("6 working_days", "2026-01-05 07:00", "2026-01-10 17:00"),
    ("0 working_days", "2025-07-07 06:00", "2025-07-07 17:00"),
    ("0 working_days", "2025-07-07 14:59:59.999999", "2025-07-07 17:00"),
    ("0 working_days", "2025-07-07 15:00", "2025-07-08 17:00"),
    ("0 working_days", "2025-07-07 17:30", "2025-07-08 17:00"),
    ("0 working_days", "2025-07-04 15:00", "2025-07-07 17:00"),
    ("0 working_days", "2025-07-05 16:00", "2025-07-07 17:00"),  # on a Saturday afternoon: Monday, not Tuesday
    ("0 working_days", "2025-04-29 16:00", "2025-05-05 17:00"),
    ("30 calendar_days", "2025-07-01 08:00", "2025-07-31 17:00"),
    ("10 calendar_days", "2025-07-02 08:00", "2025-07-14 17:00"),  # the 12th is a Saturday
    ("1 calendar_days", "2025-07-04 18:00", "2025-07-08 17:00"),  # the clock starts on Monday
    ("20 calendar_days", "2025-01-09 08:00", "2025-02-03 17:00"),  # falls on Tết
    ("31 calendar_days", "2025-08-01 08:00", "2025-09-03 17:00"),  # falls on 1 September
    ("1 months", "2025-10-31 08:00", "2025-12-01 17:00"),  # 30 November, a Sunday
    ("3 months", "2025-11-28 08:00", "2026-03-02 17:00"),
    ("2 months", "2025-12-31 08:00", "2026-03-02 17:00"),  # clamped to 28 February, a Saturday
    ("12 months", "2024-02-29 08:00", "2025-02-28 17:00"),
]

# Limit, received, pauses, due after them.
PAUSED_DUES = [
    ("8 working_hours", "2025-07-07 07:00", [("2025-07-07 10:00", "2025-07-07 14:00")], "2025-07-08 09:00"),
    ("8 working_hours", "2025-07-04 07:00", [("2025-07-04 16:30", "2025-07-07 07:30")], "2025-07-07 08:00"),
    ("8 working_hours", "2025-07-07 09:00", [("2025-07-07 18:00", "2025-07-08 06:00")], "2025-07-08 09:00"),
    (
        "2 working_days", "2025-07-07 07:00",
        [("2025-07-07 08:00", "2025-07-07 09:00"), ("2025-07-08 10:00", "2025-07-08 14:00")], "2025-07-09 10:00",
    ),
    ("1 working_days", "2025-01-23 07:00", [("2025-01-23 16:00", "2025-02-03 08:00")], "2025-02-03 09:00"),  # 10 h over Tết
    # Days off are handled once, at the end: 12 July is a Saturday, two days later is a Monday.
    ("10 calendar_days", "2025-07-02 08:00", [("2025-07-08 09:00", "2025-07-10 16:00")], "2025-07-14 17:00"),
    ("10 calendar_days", "2025-07-02 08:00", [("2025-07-08 09:00", "2025-07-08 16:00")], "2025-07-14 17:00"),
    (
        "10 calendar_days", "2025-07-02 08:00",
        [("2025-07-03 08:00", "2025-07-04 08:00"), ("2025-07-08 08:00", "2025-07-10 08:00")], "2025-07-15 17:00",
    ),
]  # fmt: skip

# Of a centre that opens on Saturday mornings.
SATURDAY_DUES = [
    ("2 working_hours", "2025-07-04 16:00", "2025-07-05 08:00"),
    ("0 working_days", "2025-07-05 10:00", "2025-07-05 11:30"),
    ("8 working_hours", "2025-04-26 07:00", "2025-04-26 17:00"),  # a make-up Saturday is a whole working day
    ("10 calendar_days", "2025-07-02 08:00", "2025-07-12 11:30"),
]


@pytest.mark.parametrize(("limit", "received", "due"), FIRST_DUES)
def test_first_dues_are_those_worked_out_by_hand(limit: str, received: str, due: str) -> None:
    assert _shown(deadline.first_due(_limit(limit), local(received), HOURS["default"])) == _shown_text(due)


@pytest.mark.parametrize(("limit", "received", "pauses", "due"), PAUSED_DUES)
def test_pauses_move_a_due_as_worked_out_by_hand(limit: str, received: str, pauses: list[tuple[str, str]], due: str) -> None:
    at = deadline.first_due(_limit(limit), local(received), HOURS["default"])
    for begin, end in pauses:
        at = deadline.after_pause(at, _limit(limit), local(begin), local(end), HOURS["default"])
    assert _shown(at) == _shown_text(due)


@pytest.mark.parametrize(("limit", "received", "due"), SATURDAY_DUES)
def test_a_centre_open_on_saturday_mornings_has_its_own_dues(limit: str, received: str, due: str) -> None:
    assert _shown(deadline.first_due(_limit(limit), local(received), HOURS["saturday_morning"])) == _shown_text(due)


def test_same_day_asks_when_it_was_received_not_when_the_office_opened() -> None:
    """A desk that opens in the evening alone still closes the same day's dossiers on that day."""
    windows = [("15:30", "19:30")]
    evenings = Calendar(profiles={"evenings": {"mon": windows, "tue": windows}}, days_off={}, make_up_days={})
    hours, limit = WorkingTime.compile(evenings, "evenings"), _limit("0 working_days")
    assert _shown(deadline.first_due(limit, local("2025-07-07 10:00"), hours)) == _shown_text("2025-07-07 19:30")
    assert _shown(deadline.first_due(limit, local("2025-07-07 15:00"), hours)) == _shown_text("2025-07-08 19:30")


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_dues_of_any_limit_and_any_pauses_agree_with_the_walk(profile: str) -> None:
    chance = random.Random(f"dues of {profile}")
    hours, office = HOURS[profile], OFFICES[profile]
    for case in range(CASES):
        unit = chance.choice(sorted(LIMITS))
        limit = TimeLimit(amount=chance.choice(LIMITS[unit]), unit=unit)  # type: ignore[arg-type]
        received = any_instant(chance) % (LATEST_RECEPTION - FIRST) + FIRST
        pauses = _pauses(chance, received)
        due = deadline.first_due(limit, received, hours)
        told = f"case {case}: {limit}, received {instants.show(received)}, pauses {pauses}"
        expected, base = office.first_due(unit, limit.amount, received)
        assert (due.at, _date(due)) == (expected, base), told
        for begin, end in pauses:
            due = deadline.after_pause(due, limit, begin, end, hours)
        assert (due.at, _date(due)) == office.after_pauses(unit, expected, base, pauses), told
        acceptance = deadline.acceptance_due(received, hours)
        assert acceptance == office.advance(received, 480 * MINUTE), told
        end = received + chance.randrange(10 * 1440 * MINUTE)
        assert deadline.is_early(end, due.at, hours) == (office.worked(end, due.at) >= 480 * MINUTE), told


def test_early_begins_at_480_working_minutes_and_not_a_microsecond_later() -> None:
    due = local("2025-07-08 17:00")
    assert deadline.is_early(local("2025-07-08 07:00"), due, HOURS["default"])
    assert deadline.is_early(local("2025-07-07 17:00"), due, HOURS["default"])
    assert not deadline.is_early(local("2025-07-08 07:00:00.000001"), due, HOURS["default"])
    assert not deadline.is_early(local("2025-07-09 07:00"), due, HOURS["default"])


def test_acceptance_of_what_came_on_friday_night_is_due_when_monday_closes() -> None:
    assert deadline.acceptance_due(local("2025-07-04 20:00"), HOURS["default"]) == local("2025-07-07 17:00")


def test_an_appointment_stands_as_given_until_a_pause_moves_it() -> None:
    """A calendar appointment moves to a closing by days, one of working time by working time."""
    hours, at = HOURS["default"], local("2025-07-18 10:00")
    days, worked = _limit("10 calendar_days"), _limit("3 working_days")
    given = deadline.appointment(at, days)
    assert (given, deadline.appointment(at, worked)) == (Due(at, instants.day_number(at)), Due(at))
    short = deadline.after_pause(given, days, local("2025-07-10 08:00"), local("2025-07-10 16:00"), hours)
    assert short == given
    long = deadline.after_pause(given, days, local("2025-07-10 08:00"), local("2025-07-12 08:00"), hours)
    assert _shown(long) == _shown_text("2025-07-21 17:00")  # the 20th is a Sunday
    moved = deadline.after_pause(
        deadline.appointment(at, worked), worked, local("2025-07-10 08:00"), local("2025-07-10 09:00"), hours
    )
    assert _shown(moved) == _shown_text("2025-07-18 11:00")


@pytest.mark.parametrize("limit", ["3 working_days", "10 calendar_days"])
def test_a_pause_that_ends_before_it_began_or_at_once_moves_nothing(limit: str) -> None:
    due = deadline.first_due(_limit(limit), local("2025-07-02 08:00"), HOURS["default"])
    begin = local("2025-07-03 10:00")
    for end in (begin, begin - 1, local("2025-07-01 10:00")):
        assert deadline.after_pause(due, _limit(limit), begin, end, HOURS["default"]) is due


@pytest.mark.parametrize("limit", ["3650 months", "3650 calendar_days", "3650 working_days", "3650 working_hours"])
def test_no_limit_of_the_contract_makes_a_due_fail(limit: str) -> None:
    """A due beyond the horizon is the last closing before it, and pauses leave it there."""
    hours = HOURS["default"]
    due = deadline.first_due(_limit(limit), local("2049-06-01 08:00"), hours)
    assert due.at <= hours.last_closing()
    due = deadline.after_pause(due, _limit(limit), local("2025-07-02 08:00"), local("2049-07-02 08:00"), hours)
    assert due.at == hours.last_closing()


def test_a_due_at_the_horizon_never_lies_before_what_it_counts_from() -> None:
    at = local("2050-12-31 18:00")
    assert deadline.acceptance_due(at, HOURS["default"]) == at


def _limit(text: str) -> TimeLimit:
    amount, unit = text.split(" ")
    return TimeLimit(amount=int(amount), unit=unit)  # type: ignore[arg-type]


def _pauses(chance: random.Random, received: int) -> list[tuple[int, int]]:
    pauses, at = [], received
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        begin = at + chance.randrange(2 * 1440 * MINUTE)
        at = begin + chance.choice([0, chance.randrange(300 * MINUTE), chance.randrange(6 * 1440 * MINUTE)])
        pauses.append((begin, at))
    return pauses


def _date(due: Due) -> date | None:
    return None if due.base_day is None else date.fromisoformat(instants.day_text(due.base_day))


def _shown(due: Due) -> str:
    return instants.show(due.at)


def _shown_text(text: str) -> str:
    return instants.show(local(text))
