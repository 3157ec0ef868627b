"""Worklists decided: a dossier stands where a plain filter over its own answer puts it, at any clock; changes move it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import instants
from contracts.events import Event
from services.processing.api.views import dossier_answer
from services.processing.domain import listed, worklists
from services.processing.domain.dossier import Dossier
from services.processing.domain.fold import look
from services.processing.domain.rules import Rules
from services.processing.domain.worklists import Place
from tests.effort import examples
from tests.unit.fold_world import BIRTH, BODY, LIMIT, RULES, WINDOWS, Desk, at, event
from tests.unit.oracle_minutes import Office
from tests.unit.test_fold_order import END, START, lives
from tests.unit.test_fold_rules import PATHS
from tests.unit.worklist_oracle import LISTS, ROLES, assert_listed, stored_list

Sets = dict[str, dict[str, int]]
CLOCKS = st.integers(START - instants.DAY, END)
OFFICE = Office(dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), WINDOWS), {"2025-09-02"}, set(), "2025-06-01", 140)


def dossier_of(events: Sequence[Event], code: str = "X") -> Dossier:
    """A dossier to which all this was reported before any tick."""
    desk = Desk()
    for each in events:
        desk.report(each)
    assert isinstance(desk.dossier, Dossier)
    return Dossier(code, desk.dossier.kept)


def put(sets: Sets, code: str, was: Place | None, now: Place | None) -> None:
    """Changes applied as Redis does it, where a set without members is none."""
    for name, score in worklists.changes(was, now):
        members = sets.setdefault(name, {})
        assert members.pop(code, None) != score, "nothing is written that is there already"
        if score is not None:
            members[code] = score
        if not members:
            del sets[name]


@pytest.mark.slow
@settings(max_examples=examples(150, 750), deadline=None)
@given(st.lists(lives(7), min_size=1, max_size=5), CLOCKS)
def test_each_list_holds_whom_the_filter_finds_in_its_order_at_any_clock(found: list[list[Event]], clock: int) -> None:
    """The sets are worked out once, before any tick; time passing writes nothing to them."""
    dossiers = {f"X{number}": dossier_of(events, f"X{number}") for number, events in enumerate(found)}
    sets: Sets = {}
    for code, dossier in dossiers.items():
        put(sets, code, None, worklists.place_now(dossier, None, RULES))
    assert_listed(sets, dossiers, None, RULES)
    assert_listed(sets, dossiers, clock, RULES)


@settings(max_examples=examples(150, 750), deadline=None)
@given(lives(9), CLOCKS)
def test_one_event_after_the_other_leads_to_the_same_sets_as_all_at_once(events: list[Event], clock: int) -> None:
    """Whatever comes early, late, annulled or handed over: nothing of a former place is left behind."""
    desk, sets, was = Desk(), dict[str, dict[str, int]](), None
    for number, each in enumerate(events):
        desk.report(each)
        if number == len(events) // 2:
            desk.tick(clock)
        now = worklists.place_now(desk.dossier, desk.clock, RULES)
        put(sets, "X", was, now)
        was = now
    assert isinstance(desk.dossier, Dossier)
    assert_listed(sets, {"X": desk.dossier}, desk.clock, RULES)
    fresh: Sets = {}
    put(fresh, "X", None, worklists.place_now(Dossier("X", desk.dossier.kept), None, RULES))
    assert sets == fresh


@settings(max_examples=examples(150, 750), deadline=None)
@given(lives(8), CLOCKS)
def test_an_open_dossier_is_in_one_set_of_the_open_ones_and_in_at_most_one_other(events: list[Event], clock: int) -> None:
    dossier = dossier_of(events)
    place = worklists.place_now(dossier, clock, RULES)
    stays = is_open(dossier, clock)
    assert (place is not None) == stays
    if place is not None:
        kinds = [kind for kind, _ in place.scores]
        assert len(set(kinds) & {"running", "standing"}) == 1
        assert len(kinds) == len(set(kinds)) <= 2


def is_open(dossier: Dossier, clock: int) -> bool:
    """Whether a dossier is open by its own answer."""
    told = dossier_answer((dossier, clock, RULES))
    return (told["state"], told["state_detail"]) in {(1, None), (2, None), (4, None), (5, None), (6, None), (8, "suspended")}


def test_a_hand_over_takes_each_set_of_the_former_body_along_and_leaves_the_receivers_alone() -> None:
    was, now = (Place("A", body, (("standing", 5), ("payment", 3))) for body in ("A", "D"))
    assert worklists.changes(was, now) == [
        ("competent:A:standing", None), ("competent:A:payment", None),
        ("competent:D:standing", 5), ("competent:D:payment", 3),
    ]  # fmt: skip
    resumed = Place("A", "D", (("running", 5),))
    assert worklists.changes(now, resumed) == [
        (f"{role}:{kind}", score)
        for role in ("receiver:A", "competent:D")
        for kind, score in (("standing", None), ("payment", None), ("running", 5))
    ]


KINDS = {
    1: ["standing", "acceptance"], 2: ["running"], 3: [], 4: ["running"], 5: ["standing", "supplement"],
    6: ["standing", "payment"], 7: [], 8: ["standing"], 9: [], 10: [],
}  # fmt: skip


@pytest.mark.parametrize("state", PATHS)
def test_each_state_has_its_sets_and_a_paused_dossier_keeps_its_due(state: int) -> None:
    first: dict[str, Any] = {"time_limit": LIMIT}
    events = [
        event(fact, at("07-01 08:00") + hour * instants.HOUR, **data, **({} if hour else first))
        for hour, (fact, data) in enumerate(PATHS[state])
    ]
    place = worklists.place_now(dossier_of(events), None, RULES)
    scores = {} if place is None else dict(place.scores)
    assert list(scores) == KINDS[state]
    due = worklists.NO_DUE if state == 1 else at("07-04 09:00")
    told = {"standing": due, "running": due, "acceptance": at("07-02 08:00")}
    told |= dict.fromkeys(("supplement", "payment"), events[-1].time)
    assert scores == {kind: told[kind] for kind in scores}


RECEIVED = [event("received", "07-01 09:00", time_limit=LIMIT, **BIRTH)]
# Three working days from Tuesday at 09:00.
DUE = at("07-04 09:00")


@pytest.mark.parametrize(
    ("clock", "overdue", "due_soon"),
    [
        (None, False, False),
        (DUE - 72 * instants.HOUR - 1, False, False),
        (DUE - 72 * instants.HOUR, False, True),
        (DUE - 24 * instants.HOUR, False, True),
        (DUE, False, True),
        (DUE + 1, True, False),
    ],
)
def test_to_the_microsecond_a_dossier_becomes_due_soon_and_overdue(clock: int | None, overdue: bool, due_soon: bool) -> None:
    sets: Sets = {}
    put(sets, "X", None, worklists.place_now(dossier_of(RECEIVED), clock, RULES))
    found = {name for name in LISTS if stored_list(sets, name, "receiver", "A", clock, RULES)}
    assert found == {"open"} | ({"overdue"} if overdue else set()) | ({"due_soon"} if due_soon else set())


def test_without_a_due_a_dossier_comes_last_and_a_due_beyond_all_numbers_just_before() -> None:
    """An appointment may name any year; scores are whole numbers only up to the year 2255."""
    far = [*RECEIVED, event("rescheduled", "07-02 09:00", due="9999-12-30T17:00:00+07:00")]
    plain = [event("received", "07-01 09:00", **BIRTH)]
    sets: Sets = {}
    for code, events in (("A-none", plain), ("B-far", far), ("C-near", RECEIVED)):
        put(sets, code, None, worklists.place_now(dossier_of(events, code), None, RULES))
    assert stored_list(sets, "open", "receiver", "A", None, RULES) == ["C-near", "B-far", "A-none"]
    assert sets["receiver:A:running"].keys() == {"B-far", "C-near"}, "no clock runs towards no due"
    assert all(score == float(score) for members in sets.values() for score in members.values()), "doubles hold them"


def test_what_gives_way_stands_with_its_successor_from_its_day_on_as_competent_and_stays_as_receiver() -> None:
    events = [event("received", "07-01 09:00", source="/units/OLD", time_limit=LIMIT,
                    **{**BIRTH, "receiver": "OLD", "competent": "OLD"})]  # fmt: skip
    sets: Sets = {}
    put(sets, "X", None, worklists.place_now(dossier_of(events), None, RULES))
    for clock, holder in ((at("07-09 23:59"), "OLD"), (at("07-10 00:00"), "NEW")):
        found = {(role, unit) for role in ROLES for unit in ("OLD", "NEW")
                 if stored_list(sets, "open", role, unit, clock, RULES)}  # fmt: skip
        assert found == {("receiver", "OLD"), ("competent", holder)}


def test_a_place_is_that_under_the_rules_asked_for_whatever_rules_it_was_last_looked_at_under() -> None:
    dossier = dossier_of(RECEIVED)
    closed = msgspec.structs.replace(BODY.calendar, days_off={"2025-07-03": "storm"})
    stormy = Rules.compile("d2", msgspec.structs.replace(BODY, calendar=closed))
    for rules, due in ((RULES, DUE), (stormy, at("07-07 09:00")), (RULES, DUE)):
        look(dossier, None, RULES)
        assert worklists.place_now(dossier, None, rules) == Place("A", "A", (("running", due),))


def test_a_dossier_that_cannot_be_folded_has_no_place() -> None:
    """It is told by a dead letter; the line goes on."""
    far = event("received", "07-01 09:00", time_limit=LIMIT, **BIRTH)
    kept = dossier_of([far]).kept
    broken = Dossier("X", kept)
    assert worklists.place_now(broken, None, None) is None  # type: ignore[arg-type]  # rules that no fold can use


# --- rows -------------------------------------------------------------------------------------------------------------


@settings(max_examples=examples(150, 750), deadline=None)
@given(lives(8), CLOCKS)
def test_a_row_says_what_the_dossiers_own_answer_says_and_its_minutes_are_those_walked_one_by_one(
    events: list[Event], clock: int
) -> None:
    dossier = dossier_of(events)
    if not is_open(dossier, clock):
        return
    row, own = listed.row(dossier, clock, RULES), dossier_answer((dossier, clock, RULES))
    shared = row.keys() & own.keys()
    assert len(shared) >= 15
    assert {name: row[name] for name in shared} == {name: own[name] for name in shared}
    assert (row["minutes_left"], row["minutes_over"]) == minutes(own, clock)
    walk, _ = look(dossier, clock, RULES)
    assert (row["waiting_since"] is not None) == (own["state"] in (5, 6, 8))
    assert row["waiting_since"] is None or instants.parse(row["waiting_since"]) == walk.pause_begin


def minutes(own: dict[str, Any], clock: int) -> tuple[int | None, int | None]:
    """Left and over by the minute walk, from what the dossier's answer says."""
    was_received = any(step["fact"] == "received" for step in own["history"])
    due_text = own["due_current"] if was_received else own["acceptance_due"]
    if due_text is None:
        return None, None
    due, instant = instants.parse(due_text), clock
    if own["state"] in (5, 6, 8):
        begins = {5: "supplement_requested", 6: "payment_requested", 8: "suspended"}[own["state"]]
        instant = instants.parse([step["occurred_at"] for step in own["history"] if step["fact"] == begins][-1])
    if instant > due:
        return None, OFFICE.worked(due, instant) // instants.MINUTE
    return OFFICE.worked(instant, due) // instants.MINUTE, None
