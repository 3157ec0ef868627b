"""The rules of a dossier's history, one promise each, with outcomes read from docs/RULES.md, not from the fold."""

from typing import Any

import msgspec
import pytest

from contracts import instants
from contracts.data import FACTS
from contracts.events import Event, RefusedError, from_record, to_record
from contracts.reference import Calendar, Reference, Unit
from services.processing.domain import arrows, facts
from services.processing.domain.dossier import Dossier, Retired, decode, encode
from services.processing.domain.effects import Effect
from services.processing.domain.fold import MACHINES_FAULTS, activate, dated, due_again, look, pass_time
from services.processing.domain.ledger import deadline_view, dossier_view, standing_of, units_concerned
from services.processing.domain.rules import Rules
from services.processing.domain.worklists import place_now
from tests.unit.fold_world import BIRTH, BODY, CALENDAR, LIMIT, RULES, Desk, at, event, unit
from tests.unit.legal_clock_world import RULES as CLOCKS_ALONE

REASON: dict[str, Any] = {"reason": "incomplete"}

# A gives way, but only in five years.
MOVES_LATE = Rules.compile(
    "d3",
    msgspec.structs.replace(
        BODY, units=[unit("A", valid_to="2029-12-31", successor="B"), *(each for each in BODY.units if each.code != "A")]
    ),
)


def received(when: str = "07-01 08:00", **more: object) -> Desk:
    desk = Desk()
    effect = desk.report(event("received", when, **{**BIRTH, "time_limit": LIMIT, **more}))
    assert effect.outcome == "applied"
    return desk


def due(desk: Desk) -> str | None:
    assert isinstance(desk.dossier, Dossier)
    shown = dossier_view(desk.dossier, desk.clock, desk.rules)["due_current"]
    return None if shown is None else shown[5:16].replace("T", " ")


def test_every_fact_has_its_arrows_annulments_aside() -> None:
    assert set(arrows.ARROWS) == set(FACTS) - {"annulled"}


# state, fact, state after (None: misfit), written from the arrows of docs/EVENTS.md
PATHS = {
    1: [("submitted", BIRTH)],
    2: [("submitted", BIRTH), ("received", {})],
    3: [("submitted", BIRTH), ("refused", REASON)],
    4: [("submitted", BIRTH), ("received", {}), ("processing_started", {})],
    5: [("submitted", BIRTH), ("received", {}), ("supplement_requested", REASON)],
    6: [("submitted", BIRTH), ("received", {}), ("payment_requested", {})],
    7: [("submitted", BIRTH), ("withdrawn", {})],
    8: [("submitted", BIRTH), ("received", {}), ("processing_started", {}), ("suspended", REASON)],
    9: [("submitted", BIRTH), ("received", {}), ("completed", {})],
    10: [("submitted", BIRTH), ("received", {}), ("processing_started", {}), ("returned", {})],
}
LEADS = {
    1: {"received": 2, "refused": 3, "supplement_requested": 5, "withdrawn": 7, "handed_over": 1},
    2: {
        "processing_started": 4, "supplement_requested": 5, "payment_requested": 6, "halted": 8, "withdrawn": 7,
        "completed": 9, "returned": 10, "handed_over": 2, "rescheduled": 2,
    },
    3: {},
    4: {
        "supplement_requested": 5, "payment_requested": 6, "suspended": 8, "halted": 8, "withdrawn": 7, "completed": 9,
        "returned": 10, "handed_over": 4, "rescheduled": 4,
    },
    5: {"supplement_provided": 2, "supplement_lapsed": 3, "halted": 8, "withdrawn": 7, "handed_over": 5},
    6: {"payment_made": 2, "halted": 8, "withdrawn": 7, "handed_over": 6},
    7: {},
    8: {"resumed": 4, "halted": 8, "handed_over": 8},
    9: {"returned": 10, "recalled": 4},
    10: {},
}  # fmt: skip
DATA = {
    "submitted": BIRTH, "refused": REASON, "supplement_requested": REASON, "suspended": REASON, "halted": REASON,
    "recalled": REASON, "handed_over": {"competent": "D"}, "rescheduled": {"due": "2025-08-29T17:00:00+07:00"},
}  # fmt: skip


@pytest.mark.parametrize("state", sorted(PATHS))
@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact != "annulled"])
def test_each_state_and_fact_lead_where_the_table_says(state: int, fact: str) -> None:
    """All 180 pairs: an arrow is taken, a second click is a duplicate, anything else waits."""
    desk = Desk()
    for hour, (step, data) in enumerate(PATHS[state]):
        limit: dict[str, Any] = {"time_limit": LIMIT} if step == "submitted" else {}
        desk.report(event(step, at("07-01 08:00") + hour * instants.HOUR, **data, **limit))
    assert desk.state == state
    effect = desk.report(event(fact, "07-01 15:00", id="new", **DATA.get(fact, {})))
    last = PATHS[state][-1][0]
    if fact == last or (state == 10 and fact == "completed"):
        assert (effect.outcome, desk.state) == ("duplicate", state)
    elif fact in LEADS[state]:
        assert (effect.outcome, desk.state) == ("applied", LEADS[state][fact])
    else:
        assert (effect.outcome, desk.state) == ("parked", state)


def test_a_completion_after_a_return_is_a_second_click_only_where_the_return_implied_it() -> None:
    for ends, outcome in ((("returned",), "duplicate"), (("completed", "returned"), "parked")):
        desk = received()
        for hour, fact in enumerate(ends):
            desk.report(event(fact, at("07-01 09:00") + hour * instants.HOUR))
        assert desk.report(event("completed", "07-01 15:00", id="again")).outcome == outcome


@pytest.mark.parametrize(("first", "second"), [(None, 0), (0, 1), (9, 10)])
@pytest.mark.parametrize("turned", [False, True])
def test_of_one_instant_and_source_the_sequence_says_the_order(first: int | None, second: int, turned: bool) -> None:
    """Without one comes first; whatever the ids are, and whichever was reported first."""
    one = msgspec.structs.replace(event("processing_started", "07-01 09:00", id="z"), sequence=first)
    other = msgspec.structs.replace(event("completed", "07-01 09:00", id="a"), sequence=second)
    desk = received()
    for each in (other, one) if turned else (one, other):
        desk.report(each)
    assert isinstance(desk.dossier, Dossier)
    facts = [taken.event.fact for taken in look(desk.dossier, None, RULES)[0].steps]
    assert facts == ["received", "processing_started", "completed"]


def test_what_waits_may_turn_out_to_be_a_second_click() -> None:
    """Another unit's word of what its predecessor said itself: once it is responsible there is nothing left to say."""
    desk = received()
    assert desk.report(event("processing_started", "07-01 09:00", source="/units/D")).outcome == "parked"
    assert desk.report(event("processing_started", "07-01 09:05")).outcome == "applied"
    assert desk.report(event("supplement_requested", "07-01 09:07", source="/units/D", **REASON)).outcome == "parked"
    effect = desk.report(event("handed_over", "07-01 09:10", competent="D"))
    assert [(entry.offset, entry.standing) for entry in effect.done] == [(1, "duplicate"), (3, "applied"), (4, "applied")]
    assert desk.state == 5


def test_another_birth_undoes_the_steps_that_are_counted_by_it_and_nothing_else() -> None:
    """Those too that are what they were but for the channel; not a second click."""
    desk = received("07-01 08:00")
    assert desk.report(event("received", "07-01 08:30", id="twice", **BIRTH)).outcome == "duplicate"
    desk.report(event("processing_started", "07-01 09:00"))
    effect = desk.report(event("submitted", "06-30 08:00", **{**BIRTH, "channel": "direct"}))
    assert [entry.offset for entry in effect.undone] == [0, 2]
    assert [entry.offset for entry in effect.done] == [0, 2, 3]


def test_a_unit_answers_for_itself_until_its_successor_begins() -> None:
    units = [unit("A"), unit("GAP", valid_to="2025-07-09", successor="LATER"),
             Unit(code="LATER", name="L", kind="ward", hours="default", valid_from="2025-07-20")]  # fmt: skip
    rules = Rules.compile("gap", msgspec.structs.replace(BODY, units=units))
    days = ("2025-07-09", "2025-07-10", "2025-07-19", "2025-07-20")
    assert [rules.resolve("GAP", instants.day_from_text(day)) for day in days] == ["GAP", "GAP", "GAP", "LATER"]


def test_a_chain_of_sixteen_successors_is_followed_to_its_end() -> None:
    days = [instants.day_text(instants.day_from_text("2025-01-01") + number) for number in range(30)]
    units = [
        Unit(code=f"U{number}", name="U", kind="ward", hours="default", valid_from=days[number], valid_to=days[number],
             successor=f"U{number + 1}")
        for number in range(29)
    ]  # fmt: skip
    last = Unit(code="U29", name="U", kind="ward", hours="default", valid_from=days[29])
    rules = Rules.compile("chain", msgspec.structs.replace(BODY, units=[*units, last]))
    day = instants.day_from_text("2025-07-01")
    assert (rules.resolve("U14", day), rules.resolve("U13", day)) == ("U29", "U29")


def test_who_succeeds_to_a_later_row_of_a_code_does_not_speak_for_it_before_that_ends() -> None:
    rows = [unit("PAUSED", valid_to="2025-07-09"),
            Unit(code="PAUSED", name="P", kind="ward", hours="default", valid_from="2025-08-01", valid_to="2025-08-31",
                 successor="A")]  # fmt: skip
    rules = Rules.compile("later", msgspec.structs.replace(BODY, units=[*BODY.units, *rows]))
    days = ("2025-07-20", "2025-08-01", "2025-08-31", "2025-09-01")
    assert [rules.resolve("PAUSED", instants.day_from_text(day)) for day in days] == ["PAUSED", "PAUSED", "PAUSED", "A"]


def test_what_is_due_next_is_later_than_the_clock() -> None:
    desk, due_at = received(), at("07-04 08:00")
    assert isinstance(desk.dossier, Dossier)
    soon, sooner, over = due_at - 72 * instants.HOUR, due_at - 24 * instants.HOUR, due_at + 1
    for clock, then in ((soon - 1, soon), (soon, sooner), (sooner, over), (due_at, over), (over, None)):
        assert due_again(desk.dossier, clock, at("07-01 07:00"), RULES) == then


def test_in_which_order_reference_data_name_the_rows_of_a_code_says_nothing() -> None:
    again = unit("OLD", successor="NEW", valid_to="2025-07-09")
    later = Unit(code="OLD", name="OLD", kind="ward", hours="late", valid_from="2025-08-01")
    calendar = Calendar(profiles={**CALENDAR.profiles, "late": {"mon": [("13:00", "17:00")]}}, days_off={}, make_up_days={})
    days = [instants.day_from_text(f"2025-{day}") for day in ("07-09", "07-10", "07-31", "08-01")]
    for rows in ([again, later], [later, again]):
        units = [*rows, *(each for each in BODY.units if each.code != "OLD")]
        rules = Rules.compile("order", msgspec.structs.replace(BODY, calendar=calendar, units=units))
        assert [rules.resolve("OLD", day) for day in days] == ["OLD", "NEW", "NEW", "OLD"]
        assert [rules.hours("OLD", day) is rules.hours("A", day) for day in days] == [True, True, True, False]
        assert [rules.next_move("OLD", day) for day in days] == [days[1], days[3], days[3], None]
        assert rules.next_move("A", days[0]) is None
        assert (rules.has_successions, CLOCKS_ALONE.has_successions) == (True, False)
        assert (CLOCKS_ALONE.resolve("default", days[0]), CLOCKS_ALONE.next_move("default", 0)) == ("default", None)
        told = [rules.resolving_to(code, days[1]) for code in ("OLD", "NEW", "A", "GHOST")]
        assert told == [(), ("OLD", "NEW"), ("A",), ("GHOST",)]


def test_a_history_says_the_due_after_each_step_and_how_the_last_one_counts() -> None:
    desk = received()
    desk.report(event("payment_requested", "07-02 08:00"))
    desk.report(event("payment_made", "07-02 09:00"))
    desk.tick(at("07-07 08:00"))
    desk.report(event("completed", "07-04 08:30"), at("07-07 09:00"))
    assert isinstance(desk.dossier, Dossier)
    told = dossier_view(desk.dossier, desk.clock, RULES)["history"]
    assert [step["due_current"][5:16] for step in told] == ["07-04T08:00", "07-04T08:00", "07-04T09:00", "07-04T09:00"]
    assert [(step["timeliness"], step["late"]) for step in told] == [(None, None)] * 3 + [("on_time", "entry")]
    assert (told[-1]["state"], told[-1]["offset"], told[-1]["recorded_at"][5:16]) == (9, 5, "07-07T09:00")


def test_a_late_birth_lets_the_waiting_events_step() -> None:
    """10 came before 9 and both before the birth; the set is what counts."""
    desk = Desk()
    assert desk.report(event("returned", "07-02 10:00")).outcome == "parked"
    assert desk.report(event("completed", "07-02 09:00")).outcome == "parked"
    effect = desk.report(event("received", "07-01 08:00", **BIRTH, time_limit=LIMIT))
    assert effect.outcome == "applied"
    assert desk.state == 10
    assert len(effect.done) == 3


def test_clocks_that_differ_by_less_than_twelve_hours_are_repaired() -> None:
    """A completion stamped before its reception is tried again when the reception was taken, within 12 hours."""
    near, far = Desk(), Desk()
    near.report(event("completed", "07-01 08:00"))
    near.report(event("received", "07-01 20:00", **BIRTH))
    assert near.state == 9
    far.report(event("completed", "07-01 08:00"))
    far.report(event("received", "07-01 20:01", **BIRTH))
    assert far.state == 2


def test_identity_the_same_again_is_a_duplicate_other_content_a_dead_letter() -> None:
    desk = received()
    first = event("processing_started", "07-01 09:00", id="same")
    assert desk.report(first, at("07-01 09:10")).outcome == "applied"
    assert desk.report(first).outcome == "duplicate"
    effect = desk.report(event("completed", "07-01 10:00", id="same"))
    assert (effect.outcome, effect.letters[0].code) == ("rejected", "id_reused")
    assert desk.state == 4


FIRST_SAID = event("halted", "07-01 09:00", id="same", **REASON)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (event("suspended", "07-01 09:00", id="same", **REASON), "id_reused"),
        (event("halted", "07-01 09:01", id="same", **REASON), "id_reused"),
        (event("halted", "07-01 09:00", id="same", reason="typing_error"), "id_reused"),
        (event("halted", "07-01 09:05", id="same", source="/units/A/agent", **REASON), None),
        (event("halted", "07-01 09:00", id="other", **REASON), None),
    ],
    ids=["fact", "time", "data", "source", "id"],
)
def test_an_id_is_one_sources_and_stands_for_one_fact_at_one_time_with_one_content(other: Event, code: str | None) -> None:
    desk = received()
    assert desk.report(FIRST_SAID).outcome == "applied"
    effect = desk.report(other)
    assert [letter.code for letter in effect.letters] == ([] if code is None else [code])
    assert (effect.outcome == "rejected") == (code is not None)


@pytest.mark.parametrize("missing", ["procedure", "channel", "receiver", "competent"])
def test_no_dossier_begins_with_a_reception_that_does_not_say_what_is_asked_of_whom(missing: str) -> None:
    desk = Desk()
    told = {name: value for name, value in BIRTH.items() if name != missing}
    assert desk.report(event("received", "07-01 08:00", **told)).outcome == "parked"
    assert desk.report(event("received", "07-01 08:30", **BIRTH)).outcome == "applied"


def test_no_dossier_begins_with_a_reception_that_another_unit_reports() -> None:
    assert Desk().report(event("received", "07-01 08:00", source="/units/B", **BIRTH)).outcome == "parked"


def test_only_responsible_bodies_move_a_dossier() -> None:
    """Receiver, competent bodies so far and their successors; another unit's event waits and heals with the hand-over."""
    desk = received()
    stranger = event("processing_started", "07-01 09:00", source="/units/D")
    assert desk.report(stranger).outcome == "parked"
    assert desk.state == 2
    effect = desk.report(event("handed_over", "07-01 08:30", competent="D"))
    assert effect.outcome == "applied"
    assert desk.state == 4


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, None),
        ({"competent": "B"}, None),
        ({"receiver": "GHOST"}, "unknown_unit"),
        ({"competent": "GHOST"}, "unknown_unit"),
    ],
    ids=str,
)
def test_every_code_that_an_event_names_is_to_be_known(more: dict[str, str], code: str | None) -> None:
    desk = Desk()
    desk.report(event("submitted", "07-01 08:00", **{**BIRTH, "competent": "D"}))
    desk.report(event("received", "07-01 09:00", source="/units/D", **{**BIRTH, "competent": "D", **more}))
    assert isinstance(desk.dossier, Dossier)
    assert [misfit.code for misfit in look(desk.dossier, None, RULES)[0].misfits] == ([] if code is None else [code])


@pytest.mark.parametrize("parent", [None, "P"])
def test_a_dossier_with_a_parent_is_a_leg_of_it(parent: str | None) -> None:
    desk = Desk()
    step = desk.report(event("received", "07-01 08:00", **BIRTH, parent=parent)).done[0].step
    assert step is not None
    assert isinstance(desk.dossier, Dossier)
    told = dossier_view(desk.dossier, None, RULES)["parent"]
    assert (step.birth, told) == ("case" if parent is None else "leg", parent)


def test_a_successor_speaks_for_the_unit_it_follows() -> None:
    desk = Desk()
    old = {**BIRTH, "receiver": "OLD", "competent": "OLD"}
    desk.report(event("received", "07-01 08:00", source="/units/OLD", **old))
    assert desk.report(event("processing_started", "07-09 09:00", source="/units/NEW")).outcome == "parked"
    assert desk.report(event("completed", "07-10 09:00", source="/units/NEW")).outcome == "applied"


def test_a_unit_speaks_for_its_dossier_as_long_as_it_is_known_though_it_has_a_successor() -> None:
    """Recorded on its last day by a clock that is ahead."""
    desk = Desk()
    old = {**BIRTH, "receiver": "OLD", "competent": "OLD"}
    desk.report(event("received", "07-01 08:00", source="/units/OLD", **old))
    assert desk.report(event("completed", "07-10 00:00", source="/units/OLD"), at("07-09 23:59")).outcome == "applied"


def test_a_dossier_concerns_all_that_were_responsible_and_by_the_log_clock_those_that_succeeded_them() -> None:
    desk = Desk()
    old = {**BIRTH, "receiver": "OLD", "competent": "OLD"}
    desk.report(event("received", "07-01 08:00", source="/units/OLD", **old))
    desk.report(event("handed_over", "07-01 09:00", source="/units/OLD", competent="D"))
    assert isinstance(desk.dossier, Dossier)
    for clock, bodies in ((None, {"OLD", "D"}), (at("07-09 23:59"), {"OLD", "D"}), (at("07-10 00:00"), {"OLD", "D", "NEW"})):
        assert units_concerned(desk.dossier, clock, RULES) == bodies


def test_the_standing_of_a_kept_record_is_that_of_its_step_or_of_its_wait() -> None:
    desk = received()
    desk.report(event("received", "07-01 08:30", id="twice", **BIRTH))
    desk.report(event("resumed", "07-01 09:00"))
    assert isinstance(desk.dossier, Dossier)
    for clock, waits in ((None, "parked"), (at("07-08 08:59"), "parked"), (at("07-08 09:00"), "rejected")):
        told = [standing_of(desk.dossier, offset, clock, RULES) for offset in range(4)]
        assert told == ["applied", "duplicate", waits, None]


def test_what_the_first_tick_passes_is_dated_by_the_earliest_of_it() -> None:
    """Neither what is still to come, nor what cannot be folded."""
    desk = received()
    assert isinstance(desk.dossier, Dossier)
    soon = at("07-04 08:00") - 72 * instants.HOUR
    plain, failed = (Effect(outcome="tick", dossier=None, internal_error=failed) for failed in (False, True))
    assert [dated(desk.dossier, clock, plain, RULES) for clock in (soon - 1, soon, soon + 1)] == [None, soon, soon]
    assert dated(desk.dossier, soon, failed, RULES) is None
    endless = Desk()
    endless.report(event("received", "07-01 08:00", **BIRTH))
    assert isinstance(endless.dossier, Dossier)
    assert dated(endless.dossier, at("07-02 08:00"), plain, RULES) is None


def test_stocks_of_the_competent_role_move_to_the_successor_at_a_tick() -> None:
    desk = Desk()
    old = {**BIRTH, "receiver": "OLD", "competent": "OLD"}
    desk.report(event("received", "07-01 08:00", source="/units/OLD", **old))
    desk.tick(at("07-09 23:59"))
    effect = desk.tick(at("07-10 00:00"))
    assert effect is not None
    assert effect.was is not None
    assert effect.now is not None
    assert (effect.was.competent, effect.now.competent, effect.now.receiver) == ("OLD", "NEW", "OLD")
    assert effect.undone == effect.done == ()


@pytest.mark.parametrize("row", [{"valid_from": "2025-08-01"}, {"valid_from": "2025-07-05", "valid_to": "2025-07-31"}])
def test_a_unit_that_answers_for_itself_again_takes_its_stocks_back_on_that_day(row: dict[str, str]) -> None:
    """A later row of its code begins, or one that lay over its end is over: each is a day on which a tick looks."""
    again = Unit(code="OLD", name="OLD", kind="ward", hours="default", **row)
    desk = Desk(Rules.compile("d2", msgspec.structs.replace(BODY, units=[*BODY.units, again])))
    desk.tick(at("07-01 07:00"))
    desk.report(event("received", "07-01 08:00", **{**BIRTH, "competent": "OLD"}))
    seen = [desk.tick(at(f"{day} 00:00")) for day in ("07-10", "07-31", "08-01")]
    moved = ["NEW", None, "OLD"] if "valid_to" not in row else [None, None, "NEW"]
    assert [effect and effect.now and effect.now.competent for effect in seen] == moved


def test_unknown_units_wait_for_an_activation() -> None:
    desk = Desk()
    born = {**BIRTH, "receiver": "LATE", "competent": "LATE"}
    assert desk.report(event("received", "07-01 08:00", source="/units/LATE", **born)).outcome == "parked"
    body = Reference(
        units=[*BODY.units, unit("LATE")], departments=BODY.departments, procedures=BODY.procedures, calendar=BODY.calendar
    )
    assert isinstance(desk.dossier, Dossier)
    effect = activate(desk.dossier, desk.moment(), RULES, Rules.compile("d2", body))
    assert effect is not None
    assert effect.now is not None
    assert effect.now.state == 2
    assert [entry.standing for entry in effect.undone] == ["parked"]
    assert [entry.standing for entry in effect.done] == ["applied"]


@pytest.mark.parametrize(
    ("source", "when", "recorded", "code"),
    [
        ("OLD", "07-09 23:59", "07-12 08:00", "not_responsible"),
        ("OLD", "07-10 00:00", "07-12 08:00", "unknown_unit"),
        ("OLD", "07-10 00:00", "07-09 23:59", "not_responsible"),
        ("NEW", "07-09 23:59", "07-09 23:59", "unknown_unit"),
        ("NEW", "07-10 00:00", "07-09 23:59", "not_responsible"),
        ("NEW", "07-09 23:59", "07-10 00:00", "not_responsible"),
        ("GHOST", "07-10 00:00", "07-10 00:00", "unknown_unit"),
    ],
)
def test_a_unit_is_known_from_its_first_day_to_its_last_by_either_clock(
    source: str, when: str, recorded: str, code: str
) -> None:
    """The day of the event or that of its recording."""
    desk = received()
    desk.report(event("processing_started", when, source=f"/units/{source}"), at(recorded))
    assert isinstance(desk.dossier, Dossier)
    assert [misfit.code for misfit in look(desk.dossier, None, RULES)[0].misfits] == [code]


@pytest.mark.parametrize("first", ["target", "annulment"])
def test_an_annulment_takes_its_event_out_whichever_comes_first(first: str) -> None:
    desk = received()
    target = event("completed", "07-01 10:00", id="wrong")
    annulment = event("annulled", "07-01 11:00", event="wrong", reason="typing_error")
    order = [target, annulment] if first == "target" else [annulment, target]
    outcomes = [desk.report(reported).outcome for reported in order]
    assert outcomes == (["applied", "applied"] if first == "target" else ["applied", "annulled"])
    assert desk.state == 2
    assert desk.report(event("annulled", "07-01 12:00", event="wrong", reason="again")).outcome == "duplicate"
    assert desk.report(target).outcome == "duplicate"


def test_an_annulment_cannot_be_annulled() -> None:
    desk = received()
    desk.report(event("annulled", "07-01 10:00", id="a1", event="nothing", reason="typing_error"))
    assert desk.report(event("annulled", "07-01 11:00", event="a1", reason="regret")).outcome == "parked"


def test_a_recall_takes_the_completion_back_from_its_day() -> None:
    desk = received()
    done = desk.report(event("completed", "07-02 09:00", electronic_result=True)).done[0]
    assert done.step is not None
    assert done.step.timeliness == "early"
    effect = desk.report(event("recalled", "07-02 10:00", **REASON))
    assert [entry.offset for entry in effect.undone] == [done.offset]
    plain = effect.done[0].step
    assert plain is not None
    assert (plain.timeliness, plain.electronic_result) == (None, False)
    assert desk.state == 4


def test_a_return_alone_implies_the_completion() -> None:
    desk = received()
    step = desk.report(event("returned", "07-02 09:00")).done[0].step
    assert step is not None
    assert (step.fact, step.timeliness) == ("returned", "early")


def test_dues_by_the_clock_of_the_law() -> None:
    """3 working days from Tuesday 08:00 is Friday 08:00; two pauses and a weekend add up; a restart begins anew."""
    desk = received()
    assert due(desk) == "07-04 08:00"
    desk.report(event("supplement_requested", "07-02 16:00", **REASON))
    desk.report(event("supplement_provided", "07-03 08:00"))
    assert due(desk) == "07-04 10:00"
    desk.report(event("payment_requested", "07-04 09:30"))
    desk.report(event("payment_made", "07-07 07:15"))
    assert due(desk) == "07-07 07:45"
    desk.report(event("supplement_requested", "07-07 07:30", **REASON))
    desk.report(event("supplement_provided", "07-08 07:00", restart=True))
    assert due(desk) == "07-10 17:00"


def test_without_a_limit_there_is_no_due_for_a_pause_a_restart_or_a_letter_to_move() -> None:
    desk = Desk()
    desk.report(event("received", "07-01 08:00", **BIRTH))
    for reported in (
        event("payment_requested", "07-01 09:00"),
        event("payment_made", "07-01 10:00"),
        event("supplement_requested", "07-01 11:00", **REASON),
        event("supplement_provided", "07-01 12:00", restart=True),
    ):
        assert desk.report(reported).outcome == "applied"
        assert due(desk) is None
    assert desk.report(event("rescheduled", "07-01 13:00", due="2025-07-08T17:00:00+07:00")).outcome == "parked"


def test_an_apology_letter_moves_the_appointment_once_and_in_time() -> None:
    desk = received()
    assert desk.report(event("rescheduled", "07-04 08:00", due="2025-07-08T17:00:00+07:00")).outcome == "parked"
    assert desk.report(event("rescheduled", "07-03 08:00", due="2025-07-08T17:00:00+07:00")).outcome == "applied"
    assert due(desk) == "07-08 17:00"
    assert desk.report(event("rescheduled", "07-03 09:00", due="2025-07-09T17:00:00+07:00")).outcome == "parked"
    assert isinstance(desk.dossier, Dossier)
    view = deadline_view(desk.dossier, at("07-05 00:00"), desk.rules)
    assert view["due_original"] == "2025-07-04T08:00:00+07:00"


def test_acceptance_runs_for_eight_working_hours_and_stands_still_in_a_supplement() -> None:
    desk = Desk()
    desk.report(event("submitted", "07-01 08:00", **BIRTH))
    desk.report(event("supplement_requested", "07-01 09:00", **REASON))
    desk.tick(at("07-04 12:00"))
    desk.report(event("supplement_provided", "07-01 11:00"))
    now = desk.effects[-1].now
    assert now is not None
    assert now.acceptance_overdue
    desk.report(event("received", "07-02 10:00"))
    assert desk.state == 2


def test_a_pause_before_the_reception_moves_the_acceptance_and_nothing_begins_anew_by_it() -> None:
    desk = Desk()
    desk.report(event("submitted", "07-01 08:00", **BIRTH, time_limit=LIMIT))
    desk.report(event("supplement_requested", "07-01 09:00", **REASON))
    assert desk.report(event("supplement_provided", "07-01 10:00", restart=True)).outcome == "parked"
    desk.report(event("supplement_provided", "07-01 11:00"))
    assert isinstance(desk.dossier, Dossier)
    told = dossier_view(desk.dossier, None, RULES)
    assert (told["acceptance_due"][5:16], told["due_current"], desk.state) == ("07-02T10:00", None, 1)


def test_a_misfit_expires_after_seven_days_of_the_log_clock_with_one_dead_letter() -> None:
    desk = Desk()
    assert desk.report(event("completed", "07-01 08:00")).outcome == "parked"
    assert desk.tick(at("07-08 07:59")) is None
    effect = desk.tick(at("07-08 08:00"))
    assert effect is not None
    assert [letter.code for letter in effect.letters] == ["no_arrow"]
    assert effect.done[0].standing == "rejected"
    assert desk.tick(at("07-20 08:00")) is None
    healed = desk.report(event("received", "06-30 08:00", **BIRTH))
    assert healed.undone[0].standing == "rejected"
    assert desk.state == 9


def test_what_comes_when_its_seven_days_are_over_gets_its_dead_letter_at_the_next_tick() -> None:
    """Nothing else of the dossier changes by it."""
    desk = Desk()
    desk.tick(at("07-20 08:00"))
    late = desk.report(event("completed", "07-01 08:00"), at("07-20 09:00"))
    assert (late.outcome, late.letters) == ("rejected", ())
    effect = desk.tick(at("07-20 10:00"))
    assert effect is not None
    assert [(letter.offset, letter.code) for letter in effect.letters] == [(1, "no_arrow")]
    assert (effect.undone, effect.done) == ((), ())


def test_bounds_per_unit_and_dossier() -> None:
    """The 33rd misfit and the 257th event are dead letters `too_many`; the healing event still gets in."""
    desk = Desk()
    for number in range(32):
        assert desk.report(event("completed", at("07-01 08:00") + number)).outcome == "parked"
    effect = desk.report(event("completed", "07-01 09:00"))
    assert (effect.outcome, effect.letters[0].code) == ("rejected", "too_many")
    effect = desk.report(event("completed", "07-01 09:00", source="/units/B"))
    assert (effect.outcome, effect.now and effect.now.parked) == ("parked", {"A": 32, "B": 1})
    assert desk.report(event("received", "07-01 07:00", **BIRTH)).outcome == "applied"


def test_the_257th_event_of_a_unit_is_too_many() -> None:
    desk = received()
    assert desk.report(event("completed", "07-01 08:30", source="/units/B")).outcome == "parked"
    for number in range(255):
        fact = "processing_started" if number == 0 else ("supplement_requested", "supplement_provided")[(number + 1) % 2]
        desk.report(event(fact, at("07-01 09:00") + number * instants.SECOND, **DATA.get(fact, {})))
    assert isinstance(desk.dossier, Dossier)
    assert len(desk.dossier.kept) == 257
    effect = desk.report(event("completed", "07-02 09:00"))
    assert (effect.outcome, effect.letters[0].code) == ("rejected", "too_many")
    assert desk.report(event("completed", "07-02 09:00", source="/units/B")).outcome == "parked", "another unit has its own"


def test_history_retires_400_days_after_its_last_event_and_takes_no_more() -> None:
    desk = received()
    desk.report(event("completed", "07-02 09:00"))
    desk.tick(at("07-03 00:00"))
    desk.tick(at("07-03 00:00") + 400 * instants.DAY - 1)
    assert isinstance(desk.dossier, Dossier)
    effect = desk.tick(at("07-03 00:00") + 400 * instants.DAY)
    assert effect is not None
    assert isinstance(desk.dossier, Retired)
    assert effect.undone == effect.done == ()
    assert effect.due_at is None
    late = desk.report(event("returned", "07-03 09:00"))
    assert (late.outcome, late.letters[0].code) == ("rejected", "retired")
    assert decode("X", encode(desk.dossier)) == Retired()


def test_a_stub_says_for_ever_how_the_events_stood_that_had_a_dead_letter() -> None:
    """One that never found its step, one that was healed; what had no dead letter is forgotten."""
    desk = received("07-01 08:00")
    desk.report(event("recalled", "06-20 08:00", id="lost", **REASON))
    desk.report(event("processing_started", "06-30 23:00", id="healed", source="/units/D"))
    desk.tick(at("07-09 00:00"))
    desk.report(event("handed_over", "07-01 08:30", competent="D"))
    desk.report(event("completed", "07-01 09:00"))
    desk.tick(at("07-09 00:00") + 400 * instants.DAY)
    assert isinstance(desk.dossier, Retired)
    stub = decode("X", encode(desk.dossier))
    assert stub == desk.dossier
    told = [(fate.id, fate.offset, fate.standing) for fate in stub.lettered]
    assert told == [("lost", 1, "rejected"), ("healed", 2, "applied")]


def test_a_first_tick_that_finds_something_owed_dates_the_retirement_from_itself() -> None:
    desk = Desk()
    desk.report(event("received", "07-01 08:00", **BIRTH))
    desk.report(event("recalled", "06-20 08:00", **REASON))
    desk.report(event("completed", "07-01 10:00"))
    effect = desk.tick(at("07-02 11:00"))
    assert effect is not None
    assert [letter.code for letter in effect.letters] == ["no_arrow"]
    assert effect.due_at == at("07-02 11:00") + 400 * instants.DAY


def test_a_history_that_new_rules_find_at_its_end_long_after_its_last_event_retires_at_the_next_tick() -> None:
    desk = Desk()
    desk.tick(at("07-01 07:00"))
    desk.report(event("received", "07-01 08:00", **BIRTH))
    desk.report(event("handed_over", "07-01 09:00", competent="LATE"))
    desk.report(event("completed", "07-01 10:00", source="/units/LATE"))
    now = at("07-01 07:00") + 401 * instants.DAY
    desk.tick(now)
    assert isinstance(desk.dossier, Dossier)
    desk.activate(Rules.compile("d2", msgspec.structs.replace(BODY, units=[*BODY.units, unit("LATE")])))
    assert desk.state == arrows.COMPLETED
    desk.tick(now + 1)
    assert isinstance(desk.dossier, Retired)


def test_what_ended_before_the_first_tick_retires_400_days_after_it_whatever_else_is_to_come() -> None:
    """Its unit gives way, or a misfit expires, only after that."""
    for rules, odd in ((MOVES_LATE, False), (RULES, True)):
        desk = Desk(rules)
        desk.report(event("received", "07-01 08:00", **BIRTH))
        desk.report(event("completed", "07-01 10:00"))
        if odd:
            desk.report(event("processing_started", at("07-01 10:00") + 1000 * instants.DAY))
        desk.tick(at("07-01 11:00"))
        desk.tick(at("07-01 11:00") + 400 * instants.DAY - 1)
        assert isinstance(desk.dossier, Dossier)
        desk.tick(at("07-01 11:00") + 400 * instants.DAY)
        assert isinstance(desk.dossier, Retired)


def test_late_by_link_and_late_entry_are_told_apart() -> None:
    """Completed in time, arrived when the log clock had passed the due: `recordedtime` says whose delay it was."""
    for entered, late in (("07-03 17:00", "by_link"), ("07-07 09:00", "entry"), (None, "entry")):
        desk = received()
        desk.tick(at("07-07 08:00"))
        assert desk.effects[-1].now is not None
        assert desk.effects[-1].now.overdue
        when = None if entered is None else at(entered)
        step = desk.report(event("completed", "07-03 16:00", entered=when), at("07-07 10:00")).done[0].step
        assert step is not None
        assert (step.timeliness, step.late) == ("on_time", late)


def test_skewed_and_backdated_are_flags_not_corrections() -> None:
    desk = Desk()
    entry = desk.report(event("received", "07-01 08:00", **BIRTH), at("07-01 07:54")).done[0]
    assert (entry.skewed, entry.backdated) == (True, False)
    entry = desk.report(event("processing_started", "07-01 09:00", entered=at("07-01 10:01")), at("07-01 10:02")).done[0]
    assert (entry.skewed, entry.backdated) == (False, True)
    entry = desk.report(event("completed", "07-01 10:00", entered=at("07-01 11:00")), at("07-09 10:02")).done[0]
    assert (entry.skewed, entry.backdated) == (False, False)


def test_an_annulled_event_has_no_flags() -> None:
    for when, recorded, flags in (
        ("07-01 10:00", "07-01 09:00", (True, False)),
        ("07-01 10:00", "07-01 12:00", (False, True)),
    ):
        desk = received()
        entry = desk.report(event("completed", when, id="wrong"), at(recorded)).done[0]
        assert (entry.skewed, entry.backdated) == flags
        effect = desk.report(event("annulled", "07-01 13:00", event="wrong", reason="typing_error"))
        assert [(each.standing, each.skewed, each.backdated) for each in effect.done if each.offset == entry.offset] == [
            ("annulled", False, False)
        ]


def test_state_bytes_hold_everything() -> None:
    desk = received()
    desk.report(event("supplement_requested", "07-01 10:00", respond_by="2025-07-03", **REASON))
    desk.report(event("completed", "06-01 10:00"))
    desk.tick(at("07-09 10:00"))
    assert isinstance(desk.dossier, Dossier)
    again = decode("X", encode(desk.dossier))
    assert isinstance(again, Dossier)
    assert (again.kept, again.lettered) == (desk.dossier.kept, desk.dossier.lettered)
    assert look(again, desk.clock, RULES)[1].stand == look(desk.dossier, desk.clock, RULES)[1].stand


def test_an_unforeseen_failure_is_a_dead_letter_and_leaves_the_dossier(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = received()
    before = desk.dossier

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("services.processing.domain.facts.changes_touched", broken)
    effect = desk.report(event("completed", "07-01 10:00"))
    assert (effect.outcome, effect.letters[0].code, effect.internal_error) == ("rejected", "internal_error", True)
    assert effect.dossier is before
    assert isinstance(desk.dossier, Dossier)
    stand = look(desk.dossier, None, RULES)[1].stand
    assert (effect.was, effect.now, stand.state) == (stand, stand, 2)
    assert effect.due_at == facts.UNDATED, "the first tick looks at it"
    desk.tick(at("07-01 11:00"))
    assert desk.report(event("returned", "07-01 12:00")).due_at == at("07-01 11:00") + 1


@pytest.mark.parametrize(
    ("more", "field"), [({}, "civil"), ({"procedure": "9.9"}, "other"), ({"field": "land"}, "land")], ids=str
)
def test_the_field_is_the_events_own_or_the_catalogues(more: dict[str, Any], field: str) -> None:
    desk = Desk()
    now = desk.report(event("received", "07-01 08:00", **{**BIRTH, **more})).now
    assert now is not None
    assert now.field == field


@pytest.mark.parametrize("fault", MACHINES_FAULTS)
def test_a_fault_of_the_machine_is_no_dead_letter(monkeypatch: pytest.MonkeyPatch, fault: type[Exception]) -> None:
    """The event is sound: whoever folds it next has the memory for it."""
    desk = received()
    assert isinstance(desk.dossier, Dossier)
    desk.dossier.memory = None

    def failing(*_: object) -> None:
        raise fault

    monkeypatch.setattr("services.processing.domain.fold.walk", failing)
    for does in (
        lambda: desk.report(event("completed", "07-01 10:00")),
        lambda: pass_time(desk.dossier, desk.moment(), None, at("07-05 11:00"), RULES),
        lambda: desk.activate(RULES),
        lambda: place_now(desk.dossier, None, RULES),
    ):
        with pytest.raises(fault):
            does()


def test_a_fault_of_the_machine_while_a_failure_is_told_is_no_dead_letter_either(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = received()
    faults: list[type[Exception]] = [MemoryError, ZeroDivisionError]

    def failing(*_: object) -> None:
        raise faults.pop()

    assert isinstance(desk.dossier, Dossier)
    desk.dossier.memory = None
    monkeypatch.setattr("services.processing.domain.fold.walk", failing)
    with pytest.raises(MemoryError):
        desk.report(event("completed", "07-01 10:00"))


def test_a_view_is_remembered_up_to_the_instant_before_it_changes() -> None:
    for clock, is_soon in ((at("07-03 08:00") - 1, False), (at("07-03 08:00"), True)):
        desk = Desk()
        desk.tick(at("07-01 09:00"))
        desk.report(event("received", "07-01 08:00", **BIRTH, time_limit=LIMIT))
        assert isinstance(desk.dossier, Dossier)
        assert look(desk.dossier, clock, RULES)[1].stand.due_in_24h is is_soon


def test_a_stored_record_of_a_day_that_has_no_text_is_refused_before_the_fold() -> None:
    """Written past intake's door: in Vietnam it is the year 10000 already. It breaks the contract, and stops nobody."""
    _, value, headers = to_record(event("submitted", "07-01 08:00", **BIRTH))
    told = [(name, b"9999-12-31T20:00:00Z" if name == "ce_time" else text) for name, text in headers]
    with pytest.raises(RefusedError, match="time_out_of_range"):
        from_record(value, told)


def test_an_outbox_whose_clock_shows_the_year_1_spoils_no_view() -> None:
    """What it says of the time of entry is shown as near as a text can; the due and the verdict are those of `time`."""
    desk = received()
    desk.report(event("completed", "07-02 08:00", entered=instants.parse("0001-01-01T00:00:00+07:00")))
    assert isinstance(desk.dossier, Dossier)
    told = deadline_view(desk.dossier, desk.clock, desk.rules)["verdict"]
    assert (told["entered_at"][:4], told["late_by_unit"]) == ("0001", False)


def test_what_a_failed_change_says_does_not_depend_on_what_was_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """New rules that the fold cannot apply: a dossier in memory and the same one from its stored state say the same."""
    desk = received()
    desk.tick(at("07-01 11:00"))
    remembered = desk.dossier
    assert isinstance(remembered, Dossier)
    stored = decode("X", encode(remembered))
    assert isinstance(stored, Dossier)
    look(remembered, desk.clock, RULES)
    newer = Rules.compile("d2", BODY)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("services.processing.domain.fold.walk", broken)
    told = [pass_time(each, desk.moment(), desk.clock, at("07-05 11:00"), newer) for each in (remembered, stored)]
    assert all(effect is not None and effect.internal_error for effect in told)
    assert [(effect.was, effect.now, effect.letters) for effect in told if effect is not None] == [
        (None, None, told[0].letters if told[0] is not None else ())
    ] * 2
