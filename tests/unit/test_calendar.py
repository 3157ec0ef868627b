"""Working time promises: it agrees with a minute-by-minute walk, over any hours that can be written down."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import instants
from contracts.reference import WEEKDAYS, Calendar
from services.processing.domain.calendar import BeyondHorizonError, WorkingTime
from tests.effort import examples
from tests.unit.legal_clock_world import FIRST, HOURS, LAST, OFFICES, SHIPPED, any_instant
from tests.unit.oracle_minutes import MINUTE, Office, local
from tests.unit.vietnam_2025_2026 import PROFILES

FIRST_OF_WEEKS = "2025-03-03"  # a Monday


@pytest.mark.parametrize("profile", PROFILES)
def test_working_days_and_closings_are_those_of_the_official_announcements(profile: str) -> None:
    hours, office = HOURS[profile], OFFICES[profile]
    for number in range(700):
        day = date(2025, 1, 1) + timedelta(days=number)
        n = instants.day_from_text(day.isoformat())
        assert hours.is_working_day(n) == office.is_working_day(day), day
        assert hours.closing(hours.next_working_day(n)) == office.moved(day), day


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_worked_advance_and_clock_start_agree_with_the_walk(profile: str) -> None:
    """Seeded, with seconds, microseconds, and instants on the very edges of windows."""
    chance = random.Random(f"working time of {profile}")
    hours, office = HOURS[profile], OFFICES[profile]
    for _ in range(600):
        start, end = sorted(any_instant(chance) for _ in range(2))
        end = min(end, start + chance.randrange(20 * 1440 * MINUTE))
        amount = chance.choice(
            [1, 59 * MINUTE, chance.randrange(1, 80 * 60 * MINUTE), chance.randrange(1, 10) * 480 * MINUTE]
        )
        assert hours.worked(start, end) == office.worked(start, end)
        assert hours.advance(start, amount) == office.advance(start, amount)
        assert hours.clock_start(start) == office.clock_start(start)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Any hours over six weeks of 2025, with days off and make-up days anywhere."""
    week = {}
    for day in WEEKDAYS:
        edges = draw(st.lists(st.integers(0, 1439), unique=True, max_size=6).map(sorted))
        texts = [f"{edge // 60:02}:{edge % 60:02}" for edge in edges]
        week[day] = list(zip(texts[::2], texts[1::2], strict=False))
    week["mon"] = week["mon"] or [("08:00", "12:00")]
    days = st.integers(0, 41).map(lambda n: (date.fromisoformat(FIRST_OF_WEEKS) + timedelta(days=n)).isoformat())
    off, made_up = draw(st.sets(days, max_size=12)), draw(st.sets(days, max_size=3))
    return Calendar(
        profiles={"any": week},
        days_off=dict.fromkeys(off, "off"),
        make_up_days=dict.fromkeys(made_up, "worked"),
        make_up_as=draw(st.sampled_from(WEEKDAYS)),
    )


@pytest.mark.slow
@settings(max_examples=examples(60, 300), deadline=None)
@given(calendars(), st.integers(0, 10 * 1440 * MINUTE), st.integers(0, 20 * 1440 * MINUTE), st.integers(1, 300 * MINUTE))
def test_any_hours_agree_with_the_walk(calendar: Calendar, into: int, span: int, amount: int) -> None:
    hours = WorkingTime.compile(calendar, "any")
    windows = {str(day): week for day, week in calendar.profiles["any"].items()}
    off, made_up = calendar.days_off.keys(), calendar.make_up_days.keys()
    office = Office(windows, off, made_up, FIRST_OF_WEEKS, 120, calendar.make_up_as)
    start = local(f"{FIRST_OF_WEEKS} 00:00") + into
    assert hours.worked(start, start + span) == office.worked(start, start + span)
    assert hours.advance(start, amount) == office.advance(start, amount)
    assert hours.clock_start(start) == office.clock_start(start)


@settings(max_examples=examples(200, 1000), deadline=None)
@given(st.integers(FIRST, LAST), st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(sorted(PROFILES)))
def test_advance_is_the_earliest_instant_and_adds_up(start: int, one: int, two: int, profile: str) -> None:
    hours = HOURS[profile]
    at = hours.advance(start, one)
    assert hours.worked(start, at) == one
    assert at == start or hours.worked(start, at - 1) < one
    assert hours.advance(at, two) == hours.advance(start, one + two)


@settings(max_examples=examples(100, 500), deadline=None)
@given(st.integers(FIRST, LAST), st.integers(0, 12 * 1440 * MINUTE), st.sampled_from(sorted(PROFILES)))
def test_segments_cover_a_stretch_once_and_each_is_open_or_closed_throughout(start: int, span: int, profile: str) -> None:
    end, at, total = start + span, start, 0
    before: bool | None = None
    for begin, stop, is_open in HOURS[profile].segments(start, end):
        assert begin == at < stop
        assert is_open != before
        assert OFFICES[profile].worked(begin, stop) == (stop - begin if is_open else 0)
        at, before = stop, is_open
        total += stop - begin if is_open else 0
    assert at == end
    assert total == OFFICES[profile].worked(start, end)


def test_a_stretch_from_closing_to_opening_is_one_closed_piece() -> None:
    night = local("2025-07-07 17:00"), local("2025-07-08 07:00")
    assert list(HOURS["default"].segments(*night)) == [(*night, False)]
    morning = local("2025-07-07 07:00"), local("2025-07-07 11:30")
    assert list(HOURS["default"].segments(*morning)) == [(*morning, True)]
    lunch = local("2025-07-07 11:30"), local("2025-07-07 13:30")
    assert list(HOURS["default"].segments(*lunch)) == [(*lunch, False)]


def test_a_stretch_that_ends_before_it_begins_holds_no_working_time() -> None:
    assert HOURS["default"].worked(local("2025-07-08 10:00"), local("2025-07-07 10:00")) == 0
    assert list(HOURS["default"].segments(LAST, FIRST)) == []


def test_outside_the_compiled_years_an_error_says_so_rather_than_a_wrong_figure() -> None:
    hours = HOURS["default"]
    after, before = local("2051-01-02 08:00"), local("1999-12-01 08:00")
    asks: tuple[Callable[[], int], ...] = (
        lambda: hours.advance(local("2050-12-30 08:00"), 9999 * MINUTE),
        lambda: hours.worked(FIRST, after),
        lambda: hours.worked(FIRST, local("2051-01-01 00:00")),
        lambda: hours.worked(before, FIRST),
        lambda: hours.clock_start(after),
        lambda: hours.clock_start(before),
        lambda: hours.next_working_day(instants.day_number(after)),
        lambda: hours.next_working_day(instants.day_number(before)),
    )
    for ask in asks:
        with pytest.raises(BeyondHorizonError):
            ask()


def test_a_profile_that_opens_at_weekends_alone_counts_from_the_first_instant_an_event_may_have() -> None:
    calendar = Calendar(profiles={"sundays": {"sun": [("08:00", "12:00")]}}, days_off={}, make_up_days={})
    hours = WorkingTime.compile(calendar, "sundays")
    assert hours.advance(instants.EARLIEST, MINUTE) == local("2000-01-02 08:01")
    assert hours.worked(instants.EARLIEST, local("2000-01-02 08:01")) == MINUTE
    told = [piece.code for piece in hours.pieces(instants.EARLIEST, local("2000-01-02 09:00"))]
    assert told == ["weekend", "before_opening", "working_day"]


def test_the_last_closing_is_that_of_the_last_working_day_before_the_horizon() -> None:
    """A Friday; where Saturday mornings are worked, the day after."""
    assert HOURS["default"].last_closing() == local("2050-12-30 17:00")
    assert HOURS["saturday_morning"].last_closing() == local("2050-12-31 11:30")


@pytest.mark.parametrize(
    ("closes", "opens", "code"),
    [
        ("12:00", "12:01", "lunch_break"),
        ("11:59", "12:00", "break"),
        ("12:01", "13:00", "break"),
        ("10:00", "12:01", "lunch_break"),
    ],
)
def test_a_break_over_noon_is_for_lunch(closes: str, opens: str, code: str) -> None:
    calendar = Calendar(profiles={"p": {"mon": [("08:00", closes), (opens, "17:00")]}}, days_off={}, make_up_days={})
    told = WorkingTime.compile(calendar, "p").pieces(local("2025-07-07 09:00"), local("2025-07-07 16:00"))
    assert [piece.code for piece in told] == ["working_day", code, "working_day"]


def test_a_break_in_the_afternoon_is_not_for_lunch() -> None:
    windows = [("08:00", "11:30"), ("13:00", "15:00"), ("15:30", "17:00")]
    hours = WorkingTime.compile(Calendar(profiles={"p": {"mon": windows}}, days_off={}, make_up_days={}), "p")
    told = [piece.code for piece in hours.pieces(local("2025-07-07 09:00"), local("2025-07-07 16:00"))]
    assert told == ["working_day", "lunch_break", "working_day", "break", "working_day"]


def test_equal_calendars_share_one_compilation() -> None:
    again = msgspec.json.decode(msgspec.json.encode(SHIPPED), type=Calendar)
    assert WorkingTime.compile(again, "default") is WorkingTime.compile(SHIPPED, "default")


@pytest.mark.slow
@settings(max_examples=examples(60, 300), deadline=None)
@given(calendars(), st.integers(0, 10 * 1440 * MINUTE), st.integers(1, 20 * 1440 * MINUTE))
def test_pieces_are_the_segments_cut_by_reason_and_neighbours_differ(calendar: Calendar, into: int, span: int) -> None:
    """Over any hours: covered once, open where the segments are open, no two neighbours alike."""
    hours = WorkingTime.compile(calendar, "any")
    start = local(f"{FIRST_OF_WEEKS} 00:00") + into
    pieces = list(hours.pieces(start, start + span))
    assert (pieces[0].begin, pieces[-1].end) == (start, start + span)
    for one, other in pairwise(pieces):
        assert one.end == other.begin
        assert one[2:] != other[2:]
    for piece in pieces:
        assert hours.worked(piece.begin, piece.end) == (piece.end - piece.begin if piece.is_open else 0)


def test_a_day_says_why_it_is_worked_or_not() -> None:
    """Each reason once; a free weekday is no weekend, a day that is off and made up is worked."""
    calendar = Calendar(
        profiles={"p": {"mon": [("07:00", "10:00"), ("10:30", "12:00"), ("13:00", "17:00")], "sat": [("08:00", "11:00")]}},
        days_off={"2025-07-07": "Nghỉ bão", "2025-07-19": "Nghỉ", "2025-07-20": "a Sunday that was free anyway"},
        make_up_days={"2025-07-19": "Làm bù", "2025-07-27": "Làm bù"},
    )
    hours = WorkingTime.compile(calendar, "p")
    told = {day: hours.day(instants.day_from_text(f"2025-07-{day:02}"))[1:] for day in (7, 8, 12, 13, 14, 19)}
    assert told == {
        7: ("holiday", "Nghỉ bão"), 8: ("day_off", None), 12: ("working_day", None), 13: ("weekend", None),
        14: ("working_day", None), 19: ("make_up_day", "Làm bù"),
    }  # fmt: skip
    monday = hours.pieces(local("2025-07-14 00:00"), local("2025-07-15 00:00"))
    assert [(piece.code, piece.is_open) for piece in monday] == [
        ("before_opening", False), ("working_day", True), ("break", False), ("working_day", True), ("lunch_break", False),
        ("working_day", True), ("after_closing", False),
    ]  # fmt: skip
    first, final = (instants.day_from_text(f"2025-07-{day:02}") for day in (1, 31))
    assert [day.code for day in hours.named_days(first, final)] == ["holiday", "make_up_day", "make_up_day"]
    for day, code in ((7, "holiday"), (19, "make_up_day"), (27, "make_up_day")):
        number = instants.day_from_text(f"2025-07-{day:02}")
        assert [each.code for each in hours.named_days(number, number)] == [code], "both ends are meant"
    assert [day.code for day in hours.closed_days(first, first + 7)] == [*["day_off"] * 4, "weekend", "holiday"]
