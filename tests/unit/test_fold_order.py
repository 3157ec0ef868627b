"""State, dues, timeliness and stocks are a function of the set: no order of arrival and no tick in between changes them."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import instants
from contracts.events import Event
from contracts.lifecycle import Entry
from services.processing.domain.dossier import Dossier
from services.processing.domain.effects import Effect
from services.processing.domain.fold import look
from tests.effort import examples
from tests.unit.fold_world import BIRTH, LIMIT, Desk, at, event

START = at("07-01 06:00")
END = at("08-30 12:00")
REASON = {"reason": "incomplete"}
SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("submitted", {**BIRTH, "time_limit": LIMIT}),
    ("received", {}),
    ("received", {**BIRTH, "channel": "direct", "time_limit": {"amount": 5, "unit": "calendar_days"}, "digitised": True}),
    ("refused", REASON),
    ("processing_started", {}),
    ("supplement_requested", REASON),
    ("supplement_provided", {}),
    ("supplement_provided", {"restart": True}),
    ("supplement_lapsed", {}),
    ("payment_requested", {"amount_vnd": 5000}),
    ("payment_made", {"online": True}),
    ("suspended", REASON),
    ("resumed", {}),
    ("halted", REASON),
    ("withdrawn", {}),
    ("completed", {"electronic_result": True}),
    ("returned", {}),
    ("recalled", REASON),
    ("handed_over", {"competent": "D"}),
    ("handed_over", {"competent": "OLD"}),
    ("rescheduled", {"due": "2025-07-20T17:00:00+07:00"}),
    ("annulled", {"event": "e0", "reason": "mistake"}),
    ("annulled", {"event": "e2", "reason": "mistake"}),
]
SOURCES = ["/units/A", "/units/A", "/units/A", "/units/A/agent", "/units/D", "/units/OLD", "/units/NEW", "/units/GHOST"]


@st.composite
def lives(draw: st.DrawFn, at_most: int) -> list[Event]:
    """Sets of events, with a birth more often than not, over some days, entered out of order, from several sources."""
    count = draw(st.integers(1, at_most))
    events = []
    for number in range(count):
        fact, data = (
            SHAPES[draw(st.integers(0, 1))] if number == 0 and draw(st.booleans()) else draw(st.sampled_from(SHAPES))
        )
        hours = draw(st.integers(0, 24 * 14))
        events.append(
            event(fact, START + hours * instants.HOUR, source=draw(st.sampled_from(SOURCES)), id=f"e{number}", **data)
        )
    return events


def outcome(desk: Desk) -> tuple[Any, ...]:
    """All that must not depend on the order of arrival."""
    assert isinstance(desk.dossier, Dossier)
    walk, view = look(desk.dossier, desk.clock, desk.rules)
    entries = {**view.content, **view.misfits}
    by_id = {kept.offset: kept.id for kept in desk.dossier.kept}
    timeliness = {by_id[offset]: entry.step.timeliness for offset, entry in entries.items() if entry.step is not None}
    # Of two annulments of one target the first in the log is applied: which one, the order of arrival may say.
    annulments = {kept.offset for kept in desk.dossier.kept if kept.fact == "annulled"}
    standings = {by_id[offset]: entry.standing for offset, entry in entries.items() if offset not in annulments}
    return view.stand, walk.due_original, walk.due_current, walk.acceptance_due, timeliness, standings


def arrive_in(order: tuple[Event, ...], recorded_at: dict[str, int], ticks: dict[int, int]) -> Desk:
    desk = Desk()
    for place, reported in enumerate(order):
        desk.report(reported, recorded_at[reported.id])
        if place in ticks:
            desk.tick(ticks[place])
    desk.tick(END)
    return desk


@pytest.mark.slow
@settings(max_examples=examples(120, 600), deadline=None)
@given(lives(at_most=5), st.dictionaries(st.integers(0, 4), st.integers(START, END), max_size=2))
def test_every_order_of_arrival_gives_the_same_dossier(events: list[Event], ticks: dict[int, int]) -> None:
    """All permutations of a small set, with and without ticks in between, end in one outcome."""
    recorded_at = {reported.id: reported.time for reported in events}
    expected = outcome(arrive_in(tuple(events), recorded_at, {}))
    for order in permutations(events):
        assert outcome(arrive_in(order, recorded_at, ticks)) == expected


@pytest.mark.slow
@settings(max_examples=examples(300, 1500), deadline=None)
@given(lives(at_most=10), st.dictionaries(st.integers(0, 9), st.integers(START, END), max_size=4))
def test_what_was_sent_adds_up_to_what_stands(events: list[Event], ticks: dict[int, int]) -> None:
    """A reader without memory holds the truth: undone takes back what was done, `was` is the former `is`."""
    desk = arrive_in(tuple(events), {reported.id: reported.time for reported in events}, ticks)
    counted: dict[int, Entry] = {}
    stand = None
    for effect in desk.effects:
        if stand is not None:
            assert effect.was == stand
        stand = effect.now
        for entry in effect.undone:
            assert counted.pop(entry.offset) == entry
        for entry in effect.done:
            assert entry.offset not in counted
            counted[entry.offset] = entry
    assert isinstance(desk.dossier, Dossier)
    _, view = look(desk.dossier, desk.clock, desk.rules)
    assert view.stand == stand
    assert counted == {**view.content, **view.misfits}


@pytest.mark.slow
@settings(max_examples=examples(200, 1000), deadline=None)
@given(lives(at_most=8), st.lists(st.integers(START, END), min_size=1, max_size=6))
def test_many_ticks_say_what_one_tick_says(events: list[Event], clocks: list[int]) -> None:
    """The due index misses no instant: stepping through time ends where a single step ends, dead letters included."""
    recorded_at = {reported.id: reported.time for reported in events}
    single = arrive_in(tuple(events), recorded_at, {})
    stepped = Desk()
    for reported in events:
        stepped.report(reported, recorded_at[reported.id])
    for clock in sorted(clocks):
        stepped.tick(clock)
        assert isinstance(stepped.dossier, Dossier)
        _, view = look(Dossier("X", stepped.dossier.kept, stepped.dossier.lettered), stepped.clock, stepped.rules)
        # What was last said is what a fresh look sees, although only due dossiers were looked at.
        assert [effect.now for effect in stepped.effects][-1] == view.stand
    stepped.tick(END)
    assert outcome(stepped) == outcome(single)
    letters = sorted((letter.offset, letter.code) for effect in stepped.effects for letter in effect.letters)
    assert letters == sorted((letter.offset, letter.code) for effect in single.effects for letter in effect.letters)


@settings(max_examples=examples(150, 750), deadline=None)
@given(lives(at_most=8), st.dictionaries(st.integers(0, 7), st.integers(START, END), max_size=6))
def test_what_the_fold_remembers_says_what_working_it_out_anew_says(events: list[Event], clocks: dict[int, int]) -> None:
    """A desk that forgets before each record, and one that never does, leave the same effects, whatever the clock says."""
    remembering, forgetful = Desk(), Desk()
    for place, reported in enumerate(events):
        for desk in (remembering, forgetful):
            if desk is forgetful and isinstance(desk.dossier, Dossier):
                desk.dossier = Dossier(desk.dossier.code, desk.dossier.kept, desk.dossier.lettered)
            desk.report(reported, reported.time)
            if place in clocks:
                # Nobody looks at the dossier when the clock moves: what is remembered has to know when it is out of date.
                desk.clock = max(clocks[place], desk.clock or 0)
    assert [_said(effect) for effect in remembering.effects] == [_said(effect) for effect in forgetful.effects]


def _said(effect: Effect) -> tuple[Any, ...]:
    return effect.outcome, effect.was, effect.now, effect.undone, effect.done, effect.letters, effect.due_at
