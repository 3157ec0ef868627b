"""Silence and delivery: windows against an office walked minute by minute, lines and outboxes against what edges said."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from contracts import instants
from contracts.heartbeats import Heartbeat, Refused
from contracts.reference import WEEKDAYS, Calendar, Reference, Unit
from services.edge.domain.incarnations import new_incarnation
from services.metrics.api.beats import Beats
from services.metrics.api.centres import Centres, Heard
from services.metrics.api.doors import Doors
from services.metrics.api.snapshots import Place, Snapshot
from services.metrics.api.units import Units
from services.metrics.api.watch import Watch
from services.metrics.domain import delivery, silence
from services.metrics.domain.delivery import Beat, Delivery
from services.metrics.domain.hours import Hours
from services.metrics.settings import Settings
from tests.unit.oracle_minutes import Office, local
from tests.unit.vietnam_2025_2026 import DAYS_OFF, DEFAULT, MADE_UP, PROFILES, SATURDAY_MORNING

MINUTE, SECOND = instants.MINUTE, instants.SECOND
CALENDAR = Calendar(
    profiles={name: {day: list(windows) for day, windows in week.items()} for name, week in PROFILES.items()},  # type: ignore[misc]
    days_off=dict.fromkeys(DAYS_OFF, "a day off"),
    make_up_days=dict.fromkeys(MADE_UP, "made up"),
)
OFFICES = {
    name: Office(week, DAYS_OFF, MADE_UP, "2025-01-01", 720)
    for name, week in (("default", DEFAULT), ("saturday_morning", SATURDAY_MORNING))
}
TWO_HOURS = 120 * MINUTE
instants_of_two_years = st.integers(local("2025-01-02 00:00"), local("2026-10-01 00:00"))


def hours(profile: str = "default", **more: Any) -> Hours:
    """A unit that keeps these hours since 2020."""
    row = {"code": "19753", "name": "A", "kind": "ward", "hours": profile, "valid_from": "2020-01-01", **more}
    return Hours(CALENDAR, [Unit(**row)])


@given(at=instants_of_two_years, amount=st.integers(1, 5 * 480 * MINUTE), profile=st.sampled_from(sorted(PROFILES)))
def test_working_time_passes_as_in_the_office(at: int, amount: int, profile: str) -> None:
    """Lunch breaks, weekends, Tết, days made up: the instant is the one that a walk through the minutes finds."""
    office = OFFICES[profile]
    assert hours(profile).is_open(at) == office.is_open(at)
    assert hours(profile).advance(at, amount) == office.advance(at, amount)


@given(last=instants_of_two_years, waited=st.integers(0, 20 * instants.DAY), patience=st.integers(1, 960))
def test_silent_is_who_let_its_own_working_time_pass(last: int, waited: int, patience: int) -> None:
    """Silent exactly if the office worked so long since the last event; else at rest or at work."""
    office, now = OFFICES["default"], last + waited
    found = silence.judge(last, now, hours(), patience * MINUTE)
    if office.worked(last, now) >= patience * MINUTE:
        assert found.state == "silent"
    else:
        assert found.state == ("heard" if office.is_open(now) else "resting")
    assert found.expected_by is not None
    assert office.worked(last, found.expected_by) == patience * MINUTE


FRIDAY_CLOSING = "2025-07-04 16:55"
RHYTHM = [
    ("2025-07-04 16:59", "heard"),
    ("2025-07-06 10:00", "resting"),  # Sunday
    ("2025-07-07 06:59", "resting"),
    ("2025-07-07 08:54", "heard"),
    ("2025-07-07 08:55", "silent"),  # Monday: five minutes of Friday and 115 of this morning
    ("2025-07-07 12:00", "silent"),  # lunch does not excuse a morning
    ("2025-07-07 23:00", "silent"),
]


@pytest.mark.parametrize(("now", "state"), RHYTHM)
def test_a_working_morning_differs_from_a_sunday(now: str, state: str) -> None:
    """The same silence after a last event on Friday at 16:55."""
    assert silence.judge(local(FRIDAY_CLOSING), local(now), hours(), TWO_HOURS).state == state


def test_a_unit_with_a_rhythm_of_its_own_is_silent_by_that_and_keeps_its_hours() -> None:
    """Since Friday at 16:55 each has worked for two hours; half a day and an hour are what two of them are given."""
    settings = Settings(metrics_silence_units="20050=240,19753=60")
    own = {unit: minutes * MINUTE for unit, minutes in settings.silence_minutes_of.items()}
    units = cast(Units, SimpleNamespace(hours=lambda unit: hours()))
    centres = Centres(units, cast(Watch, None), lambda: local("2025-07-07 08:55"), 0, TWO_HOURS, own)
    found = centres.silences(dict.fromkeys(("20050", "19753", "19774"), local(FRIDAY_CLOSING)))
    assert {unit: each.state for unit, each in found.items()} == {"20050": "heard", "19753": "silent", "19774": "silent"}
    assert found["20050"].expected_by == local("2025-07-07 10:55")
    assert Settings().silence_minutes_of == {}


@pytest.mark.parametrize("wrong", ["20050", "20050=0", "20050=-1", "=60", "20050=60,", "20050=60 19753=60", "20050=99999"])
def test_a_rhythm_that_cannot_be_read_keeps_the_api_from_starting(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(metrics_silence_units=wrong)


def test_who_has_no_hours_or_no_event_is_not_called_silent() -> None:
    """Not a single event yet; a code that reference data does not know; a unit that has gone out of force."""
    now = local("2025-07-07 12:00")
    assert silence.judge(None, now, hours(), TWO_HOURS) == silence.Silence("never")
    assert silence.judge(last := local(FRIDAY_CLOSING), now, None, TWO_HOURS) == silence.Silence("unknown", last)
    assert silence.judge(local(FRIDAY_CLOSING), now, hours(valid_to="2025-06-30"), TWO_HOURS).state == "unknown"


@given(last=st.integers(local("2025-03-03 07:00"), local("2025-06-30 17:00")), waited=st.integers(0, 400 * instants.DAY))
def test_a_unit_that_closes_for_good_is_not_at_work_for_ever(last: int, waited: int) -> None:
    """Whether its patience had run out before or never will: until its last day it keeps its hours, then it has none."""
    office, now = OFFICES["default"], last + waited
    found = silence.judge(last, now, hours(valid_to="2025-06-30"), TWO_HOURS)
    is_there = now < local("2025-07-01 00:00")
    assert found.is_at_work == (silence.judge(now, now, hours(), TWO_HOURS).is_at_work if is_there else None)
    # So does its edge, which alone is known of while figures are rebuilt.
    stand = delivery.judge([Beat(last, "up", 3, None, last)], now, hours(valid_to="2025-06-30"), TWO_HOURS)
    assert stand.is_at_work is found.is_at_work
    if is_there and office.is_open(now):
        assert found.is_at_work
    assert silence.judge(last, now, None, TWO_HOURS).is_at_work, "nobody knows its hours"


def test_hours_change_on_their_day() -> None:
    """A unit that opens on Saturdays from a date on."""
    rows = [
        Unit(code="1", name="A", kind="ward", hours="saturday_morning", valid_from="2025-07-12"),
        Unit(code="1", name="A", kind="ward", hours="default", valid_from="2020-01-01", valid_to="2025-07-11"),
    ]
    both = Hours(CALENDAR, rows)
    assert [both.is_open(local(f"2025-07-{day} 08:00")) for day in ("05", "12")] == [False, True]


def test_the_instant_of_opening_is_inside_and_that_of_closing_outside() -> None:
    assert [hours().is_open(local(f"2025-07-04 {clock}")) for clock in ("07:00", "11:30", "13:30", "17:00")] == [
        True, False, True, False,
    ]  # fmt: skip
    assert not hours().is_open(local("2025-07-04 07:00") - 1)
    # So much as is left until then has passed at closing, and not only at the next opening.
    assert hours().advance(local("2025-07-04 16:30"), 30 * MINUTE) == local("2025-07-04 17:00")


def test_a_unit_is_at_work_from_its_first_day_to_its_last_and_by_hours_that_reference_data_has() -> None:
    at = local("2025-07-04 08:00")
    for more, is_open in (
        ({"valid_from": "2025-07-04"}, True),
        ({"valid_from": "2025-07-05"}, False),
        ({"valid_to": "2025-07-04"}, True),
        ({"valid_to": "2025-07-03"}, False),
        ({"profile": "of nobody"}, False),
    ):
        assert hours(**more).is_open(at) == is_open, more


def test_whoever_is_called_in_on_a_day_that_was_off_works_on_it() -> None:
    both = Calendar(profiles=CALENDAR.profiles, days_off={"2025-07-04": "off"}, make_up_days={"2025-07-04": "and made up"})
    row = Unit(code="1", name="A", kind="ward", hours="default", valid_from="2020-01-01")
    assert Hours(both, [row]).is_open(local("2025-07-04 08:00"))


def test_a_rhythm_is_looked_for_over_sixty_days() -> None:
    """Whoever opens on the sixtieth day again is silent then; beyond that nobody knows."""
    every_day = Calendar(profiles={"default": {day: [("07:30", "17:00")] for day in WEEKDAYS}}, days_off={}, make_up_days={})
    row: dict[str, Any] = {"code": "1", "name": "A", "kind": "ward", "hours": "default"}
    for closed_days, is_found in ((59, True), (60, False)):
        again = instants.day_text(instants.day_number(local("2025-07-04 00:00")) + closed_days)
        found = Hours(every_day, [Unit(**row, valid_from=again)]).advance(local("2025-07-04 00:00"), MINUTE)
        assert found == (local(f"{again} 07:30") + MINUTE if is_found else None)


# --- delivery -------------------------------------------------------------------------------------------------------

NOON = local("2025-07-07 10:00")
OLD = 120 * SECOND


def said(**more: Any) -> Heartbeat:
    """A heartbeat of NOON from an edge with an empty outbox."""
    whole = {
        "source": "/units/19753", "incarnation": "019790aa-0000-7000-8000-000000000000", "at": instants.show(NOON),
        "spool_depth": 0, "oldest_unsent_age_seconds": 0.0, "delivered_until": instants.show(NOON), "link": "up", **more,
    }  # fmt: skip
    return Heartbeat(**whole)


def test_a_unit_without_an_edge_is_unknown_and_not_provisional() -> None:
    """Nothing is known, and nothing is owed."""
    assert delivery.judge((), NOON, hours(), OLD) == Delivery("unknown", None, None, None, None, False)


LINKS = [("up", "up"), ("slow", "degraded"), ("down", "down"), ("unknown", "unknown")]


@pytest.mark.parametrize(("link", "expected"), LINKS)
def test_a_fresh_heartbeat_says_how_the_line_is_and_an_old_one_nothing(link: str, expected: str) -> None:
    """`slow` is degraded; whatever it said, a heartbeat that is old is `unknown`."""
    beat = delivery.beat_of(said(link=link), NOON)
    assert delivery.judge([beat], NOON + OLD - 1, hours(), OLD).link == expected
    assert delivery.judge([beat], NOON + OLD, hours(), OLD).link == "unknown"


@given(
    depth=st.integers(0, 5), age=st.floats(0, 10**7), offset=st.floats(-(10**5), 10**5), until=st.integers(-(10**7), 10**5),
    heard=st.integers(-3600, 3600),
)  # fmt: skip
def test_what_is_called_complete_is_never_more_than_either_clock_allows(
    depth: int, age: float, offset: float, until: int, heard: int
) -> None:
    """Up to the earliest of: what the edge said, the same by intake's clock, when intake heard it; ages hold."""
    delivered, heard_at = NOON + until * SECOND, NOON + heard * SECOND
    beat = delivery.beat_of(
        said(
            spool_depth=depth,
            oldest_unsent_age_seconds=age,
            clock_offset_seconds=offset,
            delivered_until=instants.show(delivered),
        ),
        heard_at,
    )
    by_intake = delivered - offset * SECOND
    assert beat.complete_until <= min(delivered, heard_at)
    if beat.entered_ahead is not None:
        assert depth > 0
        assert min(delivered, by_intake) > min(NOON, heard_at)
        assert (beat.complete_until, beat.oldest_unsent_at) == (instants.EARLIEST, None)
        return
    assert abs(beat.complete_until - min(delivered, by_intake, heard_at)) <= 1
    assert (beat.oldest_unsent_at is None) == (depth == 0)
    if beat.oldest_unsent_at is not None:
        assert abs((heard_at - beat.oldest_unsent_at) - age * SECOND) <= 1


@pytest.mark.parametrize("ahead_hours", [20, 500])
def test_an_event_that_was_entered_while_the_clock_ran_ahead_holds_back_what_is_complete_until_it_is_sent(
    ahead_hours: int,
) -> None:
    """Also after the instant that the clock had shown has passed; without what was said before nobody knows anything."""
    beats, before = Beats(lambda: NOON + 600 * 60 * MINUTE), NOON - 3 * 60 * MINUTE
    entered, day = before + ahead_hours * 60 * MINUTE, instants.DAY - MINUTE
    beats.take(b"", packed(at=instants.show(before), delivered_until=instants.show(before)), before)
    for hour in (0, 1, 16, 17, 18, 400, 480, 498, 599):
        at = NOON + hour * 60 * MINUTE
        # As the edge tells it: as far ahead as intake takes.
        until = instants.show(min(entered, at + day))
        waits = packed(
            at=instants.show(at), delivered_until=until, spool_depth=1001,
            oldest_unsent_age_seconds=max(0, at - entered) / SECOND,
        )  # fmt: skip
        beats.take(b"", waits, at)
        beats.publish()
        [beat] = beats.of["19753"]
        assert (beat.complete_until, beat.oldest_unsent_at, beat.spool_events) == (before, before, 1001)
        if hour == 0:
            alone = delivery.beat_of(msgspec.json.decode(waits, type=Heartbeat), NOON)
            assert (alone.complete_until, alone.oldest_unsent_at) == (instants.EARLIEST, None)
    at = NOON + 600 * 60 * MINUTE
    beats.take(b"", packed(at=instants.show(at), delivered_until=instants.show(at)), at)
    beats.publish()
    assert beats.of["19753"] == (Beat(at, "up", 0, None, at),)


def test_what_intake_refused_of_a_unit_is_known_by_its_heartbeats() -> None:
    """Of all its edges; the link may be up, the outbox empty and nothing provisional."""
    ward = delivery.beat_of(said(quarantined_sequences=[4, 7, 8]), NOON)
    point = delivery.beat_of(said(source="/units/19753/p", quarantined_sequences=[1]), NOON)
    found = delivery.judge([ward, point], NOON, hours(), OLD)
    assert (found.quarantined_events, found.link, found.is_provisional) == (4, "up", False)
    assert delivery.judge([delivery.beat_of(said(), NOON)], NOON, hours(), OLD).quarantined_events == 0
    # By the thousand, or in a store that was put back since; what was thrown away lies nowhere.
    former = Refused(incarnation="019790aa-0000-7000-7000-000000000000", quarantined=[(4, 5)], discarded=[(7, 9)])
    many = Refused(incarnation="01980000-0000-7000-8000-0000000000aa", quarantined=[(1, 1500), (1502, 1502)])
    assert delivery.beat_of(said(quarantined_sequences=[3], refused=[former, many]), NOON).quarantined_events == 1504
    absurd = Refused(incarnation=former.incarnation, quarantined=[(0, 2**53)] * 2)
    assert delivery.beat_of(said(refused=[absurd]), NOON).quarantined_events == 2**53


def test_what_lies_aside_holds_back_nothing_for_good_and_what_is_tried_again_does_as_long_as_it_waits() -> None:
    """One event that nobody can ever mend must not: its number is told instead. Released, it is as old as it was."""
    aside = delivery.beat_of(said(quarantined_sequences=[7]), NOON)
    again = said(spool_depth=1, oldest_unsent_age_seconds=3600.0, delivered_until=instants.show(NOON - 60 * MINUTE))
    for beat, expected in ((aside, (NOON, False, 1)), (delivery.beat_of(again, NOON), (NOON - 60 * MINUTE, True, 0))):
        found = delivery.judge([beat], NOON, hours(), OLD)
        assert (found.complete_until, found.is_provisional, found.quarantined_events) == expected


@pytest.mark.parametrize("number", [1e308, -1e308, 1e12])
def test_numbers_that_measure_nothing_do_no_harm(number: float) -> None:
    """Whatever a heartbeat claims, instants stay where they can be shown."""
    beat = delivery.beat_of(said(spool_depth=1, oldest_unsent_age_seconds=abs(number), clock_offset_seconds=number), NOON)
    assert beat.oldest_unsent_at is not None
    for instant in (beat.oldest_unsent_at, beat.complete_until):
        assert instants.EARLIEST <= instant <= NOON


def test_what_was_entered_ahead_is_judged_by_the_earlier_clock_and_never_calls_more_complete() -> None:
    """The edge's own, and the city's; what an empty outbox says of its oldest event is nothing."""
    empty = said(delivered_until=None, oldest_unsent_age_seconds=100.0)
    assert delivery.beat_of(empty, NOON).complete_until == NOON
    for at, heard_at, until, is_ahead in (
        (NOON, NOON, NOON + MINUTE, False),
        (NOON, NOON, NOON + MINUTE + 1, True),
        (NOON + 60 * MINUTE, NOON, NOON + 2 * MINUTE, True),
        (NOON, NOON + 60 * MINUTE, NOON + 2 * MINUTE, True),
    ):
        beat = said(at=instants.show(at), delivered_until=instants.show(until), spool_depth=1)
        assert (delivery.beat_of(beat, heard_at).entered_ahead is not None) == is_ahead
    waits = said(delivered_until=instants.show(NOON + 2 * MINUTE), spool_depth=1)
    for known, complete in ((NOON - MINUTE, NOON - MINUTE), (NOON + 9 * MINUTE, NOON)):
        assert delivery.beat_of(waits, NOON, Beat(NOON, "up", 1, None, known)).complete_until == complete


def test_the_edges_of_a_unit_stand_as_the_worst_of_them_and_one_without_working_time_is_never_missed() -> None:
    both = Beat(NOON, "up", 1, NOON - 2 * MINUTE, NOON - 2 * MINUTE), Beat(NOON, "up", 1, NOON - MINUTE, NOON - MINUTE)
    assert delivery.judge(both, NOON, hours(), OLD).oldest_unsent_at == NOON - 2 * MINUTE
    empty = Beat(NOON - 90 * instants.DAY, "up", 0, None, NOON)
    assert not delivery.judge([empty], NOON, hours("of nobody"), OLD).is_provisional


def test_an_outbox_that_holds_something_makes_provisional() -> None:
    """Also while its heartbeats are fresh; the worst edge speaks for the unit, the first that owes for its completeness."""
    ward = delivery.beat_of(
        said(spool_depth=3, oldest_unsent_age_seconds=60, delivered_until=instants.show(NOON - 60 * SECOND)), NOON
    )
    point = delivery.beat_of(said(source="/units/19753/p", link="slow"), NOON - 1)
    found = delivery.judge([ward, point], NOON, hours(), OLD)
    assert found == Delivery("degraded", NOON, 3, NOON - 60 * SECOND, NOON - 60 * SECOND, True)
    assert not delivery.judge([point], NOON, hours(), OLD).is_provisional
    other = delivery.judge([delivery.beat_of(said(), NOON)], NOON, hours(), OLD)
    assert delivery.together([found, other, Delivery()]) == (NOON - 60 * SECOND, True)
    assert delivery.together([other, Delivery()]) == (NOON, False)
    assert delivery.together([Delivery()]) == (None, False)


OVERNIGHT = [
    ("2025-07-04 16:59", "2025-07-04 22:00", False),  # switched off at closing
    ("2025-07-04 16:59", "2025-07-06 10:00", False),
    ("2025-07-04 16:59", "2025-07-07 07:00", False),
    ("2025-07-04 16:59", "2025-07-07 07:01", True),  # at work for a minute, after one of Friday
    ("2025-07-04 15:00", "2025-07-04 15:02", True),
    ("2025-07-04 15:00", "2025-07-06 10:00", True),  # cut off on Friday afternoon: owed over the weekend
]


@pytest.mark.parametrize(("heard", "now", "provisional"), OVERNIGHT)
def test_an_edge_not_heard_of_in_working_hours_makes_provisional(heard: str, now: str, provisional: bool) -> None:
    """With an empty outbox: nobody knows what has been entered since; a centre that was closed has entered nothing."""
    beat = delivery.beat_of(said(), local(heard))
    assert delivery.judge([beat], local(now), hours(), OLD).is_provisional == provisional
    assert delivery.judge([beat], local(now), None, OLD).is_provisional == (local(now) - local(heard) >= OLD)


# --- which heartbeat holds --------------------------------------------------------------------------------------------


def packed(**more: Any) -> bytes:
    """A heartbeat's bytes."""
    return msgspec.json.encode(said(**more))


def test_the_newest_by_incarnation_and_time_holds_and_the_last_to_arrive_shows_the_line() -> None:
    """An older one changes nothing but when the edge was heard, one of a former store not even that; no heartbeat changes
    nothing; none retires."""
    beats = Beats(lambda: NOON)
    older, newer = instants.show(NOON - SECOND), instants.show(NOON)
    beats.take(b"/units/19753", packed(at=newer, spool_depth=5), NOON)
    beats.take(b"/units/19753", packed(at=older, spool_depth=9), NOON + SECOND)
    former = "019790aa-0000-7000-7000-000000000000"
    beats.take(b"/units/19753", packed(at=newer, spool_depth=8, incarnation=former), NOON + 2 * SECOND)
    beats.take(b"x", b"no heartbeat", NOON)
    beats.take(b"x", packed(source="/units/19753/p", at="2025-02-30T00:00:00Z"), NOON)
    assert beats.of == {}
    beats.publish()
    [beat] = beats.of["19753"]
    assert (beat.spool_events, beat.heard_at) == (5, NOON + SECOND)
    beats.take(b"/units/19753/p", packed(source="/units/19753/p"), NOON)
    beats.take(b"/units/19753", None, NOON)
    beats.publish()
    assert beats.of == {"19753": (Beat(NOON, "up", 0, None, NOON),)}
    beats.take(b"/units/19753/p", packed(source="/units/19753/p")[:-1] + b',"retired":true}', NOON)
    beats.publish()
    assert beats.of == {}


def test_what_nobody_can_read_in_the_topic_of_heartbeats_is_passed_over() -> None:
    beats = Beats(lambda: NOON)
    beats.take(b"/units/19753", packed(spool_depth=5), NOON)
    for key in (None, b"\xff"):
        beats.take(key, None, NOON)
    beats.take(b"/units/19753", packed(delivered_until="2025-02-30T00:00:00Z", spool_depth=6), NOON)
    beats.publish()
    assert [beat.spool_events for beat in beats.of["19753"]] == [5]


def test_an_incarnation_is_the_same_in_capitals_and_another_store_knows_nothing_of_the_former_one_s_outbox() -> None:
    """What waits was entered ahead, when it was first heard: that holds for the same store alone."""
    one, another = (new_incarnation(at // 1000, bytes(10)) for at in (NOON, NOON + SECOND))
    ahead, later = instants.show(NOON + 60 * MINUTE), NOON + 120 * MINUTE
    for incarnation, is_ahead in ((one.upper(), True), (another, False)):
        beats = Beats(lambda: NOON + 180 * MINUTE)
        beats.take(b"", packed(incarnation=one, delivered_until=ahead, spool_depth=1), NOON)
        said_later = packed(incarnation=incarnation, at=instants.show(later), delivered_until=ahead, spool_depth=1)
        beats.take(b"", said_later, later)
        beats.publish()
        [beat] = beats.of["19753"]
        assert (beat.entered_ahead is not None, beat.heard_at) == (is_ahead, later)


def test_heartbeats_of_so_many_sources_are_kept_and_none_of_their_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.metrics.api.beats.SOURCES_MAX", 2)
    beats = Beats(lambda: NOON)
    for depth in (1, 2):
        for point in "abc":
            whole = packed(source=f"/units/19753/{point}", spool_depth=depth, quarantined_sequences=[4, 5])
            beats.take(b"", whole, NOON)
        assert [said.quarantined_sequences for said, _ in beats._newest.values()] == [[], []]
        beats.publish()
        assert [beat.spool_events for beat in beats.of["19753"]] == [depth, depth]


@pytest.mark.parametrize("is_read_later", [False, True])
def test_a_store_that_a_clock_running_ahead_has_made_does_not_hide_the_machine_in_its_place(is_read_later: bool) -> None:
    """Three days ahead, then the disk dies: the next machine's incarnation sorts before it, and speaks all the same; also
    where all of it is read once those days are over."""
    day = 24 * 60 * MINUTE
    dead, living = (new_incarnation(at // 1000, bytes(10)) for at in (NOON + 3 * day, NOON))
    beats = Beats(lambda: NOON + (9 * day if is_read_later else 0))
    beats.take(b"", packed(at=instants.show(NOON), incarnation=dead), NOON)
    beats.take(b"", packed(at=instants.show(NOON), incarnation=living, spool_depth=5), NOON + SECOND)
    beats.take(b"", packed(at=instants.show(NOON), incarnation=dead), NOON + 2 * SECOND)
    beats.publish()
    [beat] = beats.of["19753"]
    assert (beat.spool_events, beat.heard_at) == (5, NOON + SECOND)


def test_a_store_that_a_clock_running_ahead_has_made_is_heard_where_nobody_else_is() -> None:
    """A machine in another's place, whose clock was seven hours ahead when it was started: minutes later it speaks."""
    former, living = (new_incarnation(at // 1000, bytes(10)) for at in (NOON - instants.DAY, NOON + 7 * 60 * MINUTE))
    beats, heard = Beats(lambda: NOON + instants.DAY), []
    beats.take(b"", packed(at=instants.show(NOON), incarnation=former), NOON)
    for minute in range(1, 9):
        at = NOON + minute * MINUTE
        beats.take(b"", packed(at=instants.show(at), incarnation=living, spool_depth=minute), at)
        beats.publish()
        [beat] = beats.of["19753"]
        heard.append((beat.spool_events, (beat.heard_at - NOON) // MINUTE))
    assert heard == [(0, 0)] * 5 + [(6, 6), (7, 7), (8, 8)]


def test_of_a_unit_without_an_edge_no_number_is_told() -> None:
    centres = Centres(
        cast(Units, SimpleNamespace(hours=lambda _: None)), cast(Watch, None), lambda: NOON, OLD, TWO_HOURS, {}
    )
    for of, number in (({}, None), ({"19753": (Beat(NOON, "up", 0, None, NOON),)}, 0)):
        [row] = centres.marked([{"unit": "19753"}], {}, Heard(True, of))
        assert [row["centre"][name] for name in ("spool_events", "quarantined_events")] == [number, number]


def test_heartbeats_beside_figures_are_of_before_those_were_read() -> None:
    """What was delivered in between is called complete by the edge, and is not in the figures."""
    waits, empty = (delivery.beat_of(said(spool_depth=depth), NOON) for depth in (5, 0))
    nobody = Units(Reference(units=[unit("19753")], departments=[], procedures=[], calendar=CALENDAR))
    beats = SimpleNamespace(of={"19753": (waits,)})
    watch = SimpleNamespace(has_read_beats=True, beats=beats, look_now=lambda: asyncio.sleep(0))
    centres = Centres(nobody, cast(Watch, watch), lambda: NOON, OLD, TWO_HOURS, {})
    place = Place(next=1, target=1, closed=0, recorded_at=NOON, log_clock=NOON, stopped=None)

    class Slow:
        gen = 1

        async def read(self, *wanted: Any) -> Snapshot:
            # Without anything wanted it is read for the day alone.
            beats.of = {"19753": (empty if wanted else waits,)}
            found: dict[int, tuple[dict[str, int], ...]] = {0: (), 2: ({}, {}), 4: ({}, {}, {}, {}), 5: ({},) * 5}
            return Snapshot((place,) * 12, tuple((each,) for each in found[len(wanted)]), False)

    told = SimpleNamespace(units=nobody, centres=centres, head=lambda _: {}, day=lambda _: "2025-07-07")
    scrape = SimpleNamespace(scrape_series=SimpleNamespace(set=lambda _: None))
    doors = Doors(SimpleNamespace(told=told, snapshots=Slow(), watch=watch, instruments=scrape))  # type: ignore[arg-type]
    for door in (doors.units, doors.unit, doors.days):
        beats.of = {"19753": (waits,)}
        query = b"from=2025-07-07&to=2025-07-07"
        asked = Request({"type": "http", "query_string": query, "headers": [], "path_params": {"code": "19753"}})
        answer = msgspec.json.decode(asyncio.run(door(asked)).body)
        assert answer["provisional"] is True
        for row in answer.get("units", [answer]):
            assert (row["provisional"], row["centre"]["spool_events"]) == (True, 5)
    beats.of = {"19753": (waits,)}
    page = asyncio.run(doors.dossiers(Request({"type": "http", "query_string": b"", "headers": []})))
    assert b'motcua_unit_provisional{unit="19753"} 1' in page.body


def unit(code: str) -> Unit:
    """A ward that has been there since 2020."""
    return Unit(code=code, name="A", kind="ward", hours="default", valid_from="2020-01-01")


def test_a_heartbeat_that_says_more_than_is_known_here_is_heard() -> None:
    """Edges may be of a newer release than what reads them; the door alone is closed."""
    beats = Beats(lambda: NOON)
    beats.take(b"/units/19753", packed(spool_depth=5), NOON)
    newer = packed(at=instants.show(NOON + SECOND), spool_depth=7)[:-1] + b',"of_tomorrow":1}'
    beats.take(b"/units/19753", newer, NOON + SECOND)
    beats.publish()
    assert [beat.spool_events for beat in beats.of["19753"]] == [7]
    deep = packed(spool_depth=9)[:-1] + b',"of_tomorrow":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    beats.take(b"/units/19753", deep, NOON + 2 * SECOND)
    beats.publish()
    assert [beat.spool_events for beat in beats.of["19753"]] == [7]
    with pytest.raises(msgspec.ValidationError, match="of_tomorrow"):
        msgspec.json.decode(newer, type=Heartbeat)


@pytest.mark.parametrize("digits", [17, 401, 4300, 5000])
def test_a_depth_that_is_no_number_to_others_is_no_heartbeat(digits: int) -> None:
    """In the topic it harms neither the page of Prometheus nor an answer: what the source said before holds."""
    beats = Beats(lambda: NOON)
    beats.take(b"/units/19753", packed(spool_depth=5), NOON)
    whole = packed(at=instants.show(NOON + SECOND), spool_depth=77_777)
    for number in (b"1" + b"0" * (digits - 1), b"9" * digits):
        beats.take(b"/units/19753", whole.replace(b"77777", number), NOON + SECOND)
        beats.take(b"/units/19774", whole.replace(b"77777", number).replace(b"19753", b"19774"), NOON + SECOND)
    beats.take(b"/units/19753/p", packed(source="/units/19753/p", spool_depth=2**53), NOON)
    beats.publish()
    assert {unit: [beat.spool_events for beat in found] for unit, found in beats.of.items()} == {"19753": [5, 2**53]}


def test_what_was_said_by_a_clock_that_ran_ahead_holds_until_the_next_one_and_no_longer() -> None:
    """Intake's clock shows six hours more for a moment: centres and their outboxes are seen as soon as it is back."""
    beats = Beats(lambda: NOON)
    ahead = NOON + 360 * MINUTE
    beats.take(b"/units/19753", packed(at=instants.show(NOON - SECOND)), NOON - SECOND)
    beats.take(b"/units/19753", packed(at=instants.show(ahead), spool_depth=7), ahead)
    beats.take(b"/units/19753", packed(at=instants.show(NOON), spool_depth=5_000, link="down"), NOON)
    beats.publish()
    assert beats.of["19753"] == (delivery.beat_of(said(at=instants.show(NOON), spool_depth=5_000, link="down"), NOON),)


@given(at=instants_of_two_years, profile=st.sampled_from(sorted(PROFILES)))
def test_at_work_is_from_the_first_opening_to_the_last_closing_of_a_day_that_is_worked(at: int, profile: str) -> None:
    """Lunch belongs to it, the night and days off do not: then nobody could mend a line."""
    office, midnight = OFFICES[profile], instants.midnight(instants.day_number(at))
    open_minutes = [minute for minute in range(1440) if office.is_open(midnight + minute * MINUTE)]
    expected = bool(open_minutes) and open_minutes[0] <= (at - midnight) // MINUTE <= open_minutes[-1]
    assert hours(profile).is_at_work(at) == expected
    beat = Beat(at - TWO_HOURS, "up", 3, None, at - TWO_HOURS)
    assert delivery.judge([beat], at, hours(profile), TWO_HOURS).is_at_work == expected
    assert silence.judge(at, at, hours(profile), TWO_HOURS).is_at_work == expected
    assert delivery.judge([beat], at, None, TWO_HOURS).is_at_work
