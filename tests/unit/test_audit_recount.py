"""Audit's own counting: which counters a piece moves, and what differs when somebody altered a figure."""

import msgspec
import pytest

from contracts.lifecycle import Counted, Stand, Step
from services.audit.domain.comparison import Series, compare, compare_answer, compare_series, compare_split
from services.audit.domain.findings import Check, Findings
from services.audit.domain.pieces import Pieces
from services.audit.domain.recount import ROLES, Recount, Tally

STAND = Stand(procedure="1.1", field="civil", channel="online", receiver="A", competent="D", state=4, due_in_72h=True)
DAY = "2025-07-01"


def encoded(piece: Stand | Counted) -> bytes:
    return msgspec.json.encode(piece)


def tally_of(*entries: Counted, stand: Stand = STAND) -> Tally:
    pieces = Pieces()
    recount = Recount(pieces)
    now = pieces.stand(encoded(stand))
    for entry in entries:
        recount.entry(pieces.entry(encoded(entry)), now, 1)
    recount.move(0, now)
    return recount.figures()


def step(fact: str, **more: object) -> Counted:
    return Counted(standing="applied", source="A", day=DAY, step=Step(fact=fact, competent="D", **more))  # type: ignore[arg-type]


STEPS: list[tuple[Counted, set[str]]] = [
    (step("submitted", birth="case"), {"submitted", "cases"}),
    (step("submitted", birth="leg"), {"submitted", "legs"}),
    (step("received", birth="case", digitised=True), {"received", "received_online", "cases", "digitised"}),
    (step("received"), {"received", "received_online"}),
    (step("refused"), {"refused"}),
    (step("supplement_lapsed"), {"refused"}),
    (step("processing_started"), set()),
    (step("supplement_requested"), set()),
    (step("supplement_provided"), set()),
    (step("payment_requested"), set()),
    (step("payment_made"), set()),
    (step("payment_made", paid_online=True), {"paid_online"}),
    (step("suspended"), set()),
    (step("resumed"), set()),
    (step("withdrawn"), {"withdrawn"}),
    (step("halted"), {"halted"}),
    (step("recalled"), {"recalled"}),
    (step("handed_over"), {"handed_over"}),
    (step("rescheduled"), {"rescheduled"}),
    (step("completed"), set()),
    (step("completed", timeliness="late"), {"completed", "completed_late"}),
    (step("completed", timeliness="without_due"), {"completed", "completed_without_due"}),
    (step("completed", timeliness="on_time", late="by_link"), {"completed", "completed_on_time", "late_by_link"}),
    (
        step("completed", timeliness="early", late="entry", electronic_result=True),
        {"completed", "completed_early", "late_entry", "electronic_result"},
    ),
    (step("returned"), {"returned"}),
    (step("returned", timeliness="early"), {"returned", "completed", "completed_early"}),
]


@pytest.mark.parametrize(("entry", "flows"), STEPS)
def test_a_step_counts_for_the_receiver_and_for_the_body_competent_then(entry: Counted, flows: set[str]) -> None:
    tally = tally_of(entry)
    expected = {f"{role}|{unit}|{flow}": 1 for role, unit in (("receiver", "A"), ("competent", "D")) for flow in flows}
    assert tally.day.get(DAY, {}) == expected
    assert {name: number for name, number in tally.total.items() if name.split("|")[2] in flows} == expected
    assert set(tally.daysplit.get(DAY, {})) == {
        f"{role}|{unit}|{mark}|{flow}"
        for role, unit in (("receiver", "A"), ("competent", "D"))
        for flow in flows
        for mark in ("f:civil", "c:online")
    }


STOCKS: list[tuple[Stand, set[str]]] = [
    (Stand(receiver="A", competent="D", state=1, acceptance_overdue=True), {"open", "acceptance_overdue"}),
    (Stand(receiver="A", competent="D", state=2, overdue=True), {"open", "open_in_processing", "overdue_open"}),
    (
        Stand(receiver="A", competent="D", state=4, due_in_24h=True, due_in_72h=True),
        {"open", "open_in_processing", "due_in_24h", "due_in_72h"},
    ),
    (Stand(receiver="A", competent="D", state=5), {"open", "open_waiting_supplement"}),
    (Stand(receiver="A", competent="D", state=6), {"open", "open_waiting_payment"}),
    (Stand(receiver="A", competent="D", state=8, state_detail="suspended"), {"open", "open_suspended"}),
    (Stand(receiver="A", competent="D", state=8, state_detail="terminal"), set()),
    (Stand(receiver="A", competent="D", state=3), set()),
    (Stand(receiver="A", competent="D", state=7), set()),
    (Stand(receiver="A", competent="D", state=9), set()),
    (Stand(receiver="A", competent="D", state=10), set()),
]


@pytest.mark.parametrize(("stand", "stocks"), STOCKS)
def test_a_dossier_is_in_the_stocks_of_its_state_for_both_roles(stand: Stand, stocks: set[str]) -> None:
    expected = {f"{role}|{unit}|{stock}": 1 for role, unit in (("receiver", "A"), ("competent", "D")) for stock in stocks}
    assert tally_of(stand=stand).total == expected


def test_standings_belong_to_the_source_in_both_roles_and_are_not_split() -> None:
    tally = tally_of(
        Counted(standing="duplicate", source="B", day=DAY),
        Counted(standing="rejected", source="B", day=DAY, skewed=True),
        Counted(standing="annulled", source="C", day=DAY),
        Counted(standing="parked", source="C", day=DAY, backdated=True),
        Counted(standing="tick"),
        stand=Stand(parked={"C": 2}),
    )
    counted = [("B", "duplicates"), ("B", "rejected"), ("B", "skewed"), ("C", "annulled"), ("C", "backdated")]
    flows = {f"{role}|{unit}|{counter}": 1 for role in ROLES for unit, counter in counted}
    assert tally.day == {DAY: flows}
    assert tally.total == {**flows, "receiver|C|parked_now": 2, "competent|C|parked_now": 2}
    assert tally.split == {}


def test_what_is_undone_leaves_no_trace() -> None:
    pieces = Pieces()
    recount = Recount(pieces)
    stand = pieces.stand(encoded(STAND))
    entry = pieces.entry(encoded(step("received", birth="case")))
    recount.entry(entry, stand, 1)
    recount.move(0, stand)
    recount.entry(entry, stand, -1)
    recount.move(stand, 0)
    tally = recount.figures()
    assert (tally.total, tally.split, tally.day.get(DAY, {})) == ({}, {}, {})
    # Undone under another field: each field's figures have moved, and all others are as they were.
    recount.entry(entry, stand, 1)
    recount.entry(entry, pieces.stand(encoded(msgspec.structs.replace(STAND, field="land"))), -1)
    tally = recount.figures()
    assert (tally.total, tally.day) == ({}, {DAY: {}})
    assert (
        tally.split
        == tally.daysplit[DAY]
        == {
            f"{role}|{unit}|f:{field}|{counter}": number
            for role, unit in (("receiver", "A"), ("competent", "D"))
            for field, number in (("civil", 1), ("land", -1))
            for counter in ("received", "received_online", "cases")
        }
    )


def fresh() -> Check:
    return Findings()["recount.total"]


def test_an_altered_total_is_named_by_role_unit_and_counter() -> None:
    tally = tally_of(step("received", birth="case"))
    check = fresh()
    compare(check, tally.total, tally.total, "total")
    assert check.passed
    compare(check, tally.total, {**tally.total, "receiver|A|received": 2}, "total")
    assert check.first is not None
    assert (check.differences, check.first.counter) == (1, "receiver|A|received")
    assert (check.first.expected, check.first.found) == ("1", "2")


def test_a_missing_unit_a_missing_counter_and_a_strange_one_in_an_answer_are_found() -> None:
    expected = tally_of(step("received", birth="case")).total
    rows = {"A": {"received": 1, "received_online": 1, "cases": 1, "open": 1, "open_in_processing": 1, "due_in_72h": 1}}
    check = fresh()
    compare_answer(check, expected, "receiver", {**rows, "Z": {"received": 0}}, "units")
    assert check.passed
    for wrong in ({}, {"A": {**rows["A"], "cases": 0}}, {**rows, "Z": {"open": 1}}):
        check = fresh()
        compare_answer(check, expected, "receiver", wrong, "units")
        assert not check.passed


def test_a_split_that_was_altered_is_found() -> None:
    tally = tally_of(step("withdrawn"))
    rows = {
        f"{mark}": {"withdrawn": 1, "open": 1, "open_in_processing": 1, "due_in_72h": 1} for mark in ("f:civil", "c:online")
    }
    check = fresh()
    compare_split(check, tally.split, "competent", "D", rows, "unit")
    assert check.passed
    compare_split(check, tally.split, "competent", "D", {**rows, "f:land": {"withdrawn": 1}}, "unit")
    assert check.first is not None
    assert check.first.counter == "competent|D|f:land|withdrawn"
    for kind in rows:
        check = fresh()
        compare_split(check, tally.split, "competent", "D", {kind: rows[kind]}, "unit")
        assert not check.passed, "the other kind was left out"


def test_series_that_are_missing_or_altered_are_found() -> None:
    tally = tally_of(step("received", birth="case"))
    series = [
        Series(f"motcua_dossiers_{name}", {"unit": unit, "role": role, **labels}, 1.0)
        for role, unit in (("receiver", "A"), ("competent", "D"))
        for name, labels in (
            ("received", {"channel": "online"}),
            ("cases", {}),
            ("open", {"state": "4"}),
            ("open_in_processing", {}),
            ("due", {"within": "72h"}),
            ("due", {"within": "24h"}),
        )
        if labels != {"within": "24h"}
    ]
    check = fresh()
    compare_series(
        check, tally, [*series, Series("motcua_dossiers_today", {"unit": "A", "role": "receiver", "counter": "x"}, 9.0)]
    )
    assert check.first is None
    for place in range(len(series)):
        check = fresh()
        compare_series(check, tally, series[:place] + series[place + 1 :])
        assert not check.passed, series[place]


def test_series_of_sources_are_of_receivers_alone_and_what_is_no_counter_of_a_role_and_unit_is_left_out() -> None:
    overdue = Stand(receiver="A", competent="D", state=4, overdue=True, parked={"B": 2})
    tally = tally_of(Counted(standing="rejected", source="B", day=DAY), stand=overdue)
    of_bodies = [
        Series(f"motcua_dossiers_{name}", {"unit": unit, "role": role, **labels}, 1.0)
        for role, unit in (("receiver", "A"), ("competent", "D"))
        for name, labels in (("open", {"state": "4"}), ("open_in_processing", {}), ("overdue", {}))
    ]
    of_sources = [
        Series(f"motcua_dossiers_{name}", {"unit": "B", "role": "receiver"}, number)
        for name, number in (("rejected", 1.0), ("parked_now", 2.0))
    ]
    others = [
        Series("motcua_centre_spool_events", {"unit": "A", "role": "receiver"}, 7.0),
        Series("motcua_dossiers_rejected", {"unit": "B"}, 7.0),
        Series("motcua_dossiers_rejected", {"unit": "B", "role": "another"}, 7.0),
        Series("motcua_dossiers_rejected", {"role": "receiver"}, 7.0),
    ]
    series = [*of_bodies, *of_sources, *others]
    check = fresh()
    compare_series(check, tally, series)
    assert (check.examined, check.first) == (8, None)
    for place in range(len(of_bodies) + len(of_sources)):
        check = fresh()
        compare_series(check, tally, series[:place] + series[place + 1 :])
        assert check.differences == 1, series[place]


def test_a_sum_that_is_shown_beside_its_parts_is_compared_too() -> None:
    tally = tally_of(step("withdrawn"), stand=Stand(channel="post", receiver="A", competent="D", state=7))
    plain = [
        Series(f"motcua_dossiers_{name}", {"unit": unit, "role": role}, number)
        for role, unit in (("receiver", "A"), ("competent", "D"))
        for name, number in (("withdrawn", 1.0), ("received", 3.0))
    ]
    for received, passed in ((3, True), (2, False)):
        tally.total |= {"receiver|A|received": received, "competent|D|received": 3}
        check = fresh()
        compare_series(check, tally, plain)
        assert check.passed == passed


def test_a_missing_unit_is_called_so() -> None:
    check = fresh()
    compare_answer(check, {"receiver|A|received": 1}, "receiver", {}, "units")
    assert "units: the unit is missing" in str(check.first)
