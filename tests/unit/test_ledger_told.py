"""What the ledger tells, worked out by hand: segments, what moved a due, who was late, the law, and plain sentences."""

import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from contracts import instants
from contracts.data import TimeLimit
from contracts.lifecycle import Timeliness
from contracts.reference import Procedure
from lab.load import ledger
from services.processing.domain.dossier import Dossier
from services.processing.domain.ledger import deadline_view, dossier_view
from services.processing.domain.rules import Rules
from services.processing.domain.sources import SOURCES, cited
from tests.unit.fold_world import Desk, event
from tests.unit.ledger_world import BIRTH, REASON, told
from tests.unit.legal_clock_world import CLOCK_BODY, RULES
from tests.unit.oracle_minutes import local


def rows(view: dict[str, Any], *members: str) -> list[tuple[Any, ...]]:
    shown = [
        {**row, "from": row["from"][5:16].replace("T", " "), "to": row["to"][5:16].replace("T", " ")}
        for row in view["segments"]
    ]
    return [tuple(row[name] for name in members) for row in shown]


def test_segments_over_a_holiday_worked_out_by_hand() -> None:
    """Received on the Friday before National Day in the lunch break, paused on the Wednesday, past its due by an hour."""
    view = told(
        "7 working_hours",
        ("received", "2025-08-29 12:00", {}),
        ("payment_requested", "2025-09-03 08:00", {}),
        ("payment_made", "2025-09-03 10:00", {}),
        now="2025-09-03 17:30",
    )
    assert rows(view, "from", "to", "kind", "working_minutes", "began_by", "ended_by", "reason", "reason_name") == [
        ("08-29 12:00", "08-29 13:30", "closed", 0, "received", "break_ends", "lunch_break", None),
        ("08-29 13:30", "08-29 17:00", "running", 210, "break_ends", "closing", "working_day", None),
        ("08-29 17:00", "08-30 00:00", "closed", 0, "closing", "day_begins", "after_closing", None),
        ("08-30 00:00", "09-01 00:00", "closed", 0, "day_begins", "day_begins", "weekend", None),
        ("09-01 00:00", "09-03 00:00", "closed", 0, "day_begins", "day_begins", "holiday", "Quốc khánh"),
        ("09-03 00:00", "09-03 07:00", "closed", 0, "day_begins", "opening", "before_opening", None),
        ("09-03 07:00", "09-03 08:00", "running", 60, "opening", "payment_requested", "working_day", None),
        ("09-03 08:00", "09-03 10:00", "paused", 120, "payment_requested", "payment_made", None, None),
        ("09-03 10:00", "09-03 11:30", "running", 90, "payment_made", "break_begins", "working_day", None),
        ("09-03 11:30", "09-03 13:30", "closed", 0, "break_begins", "break_ends", "lunch_break", None),
        ("09-03 13:30", "09-03 14:30", "running", 60, "break_ends", "limit_reached", "working_day", None),
        ("09-03 14:30", "09-03 17:00", "running", 150, "limit_reached", "closing", "working_day", None),
        ("09-03 17:00", "09-03 17:30", "closed", 0, "closing", "now", "after_closing", None),
    ]
    assert [row["beyond_limit"] for row in view["segments"]] == [False] * 11 + [True] * 2
    assert view["due_current"] == "2025-09-03T14:30:00+07:00"
    assert view["balance"] == {
        "clock": 1, "phase": "processing", "limit_minutes": 420, "running_minutes": 570, "paused_minutes": 120,
        "remaining_minutes": 0, "beyond_limit_minutes": 150, "base_date": None,
    }  # fmt: skip
    assert (view["verdict"]["code"], view["verdict"]["late_minutes"]) == ("overdue", 150)


def test_a_make_up_day_is_worked_and_says_for_which_day_off() -> None:
    view = told("9 working_hours", ("received", "2025-04-25 16:00", {}), now="2025-04-26 08:00")
    assert rows(view, "from", "kind", "reason", "reason_name", "rule")[-1] == (
        "04-26 07:00", "running", "make_up_day", "Làm bù cho ngày nghỉ 02/05/2025", "calendar_body"
    )  # fmt: skip
    assert view["moves"][0]["special_days"] == [
        {"date": "2025-04-26", "code": "make_up_day", "name": "Làm bù cho ngày nghỉ 02/05/2025"}
    ]


def test_a_due_by_dates_says_from_which_date_it_moved_and_over_which_days() -> None:
    view = told(
        "10 calendar_days",
        ("received", "2025-08-20 18:00", {}),
        ("supplement_requested", "2025-08-25 09:00", REASON),
        ("supplement_provided", "2025-08-26 15:00", {}),
        now="2025-08-27 08:00",
    )
    begun, paused = view["moves"]
    assert begun["clock_start"] == "2025-08-21T07:00:00+07:00"
    assert begun["rules"] == [
        "clock_starts_when_received", "limit_of_procedure", "first_day_not_counted", "moved_off_days_off"
    ]  # fmt: skip
    assert begun["dates"] == {
        "base_date": "2025-08-31",
        "due_date": "2025-09-03",
        "passed_over": [
            {"date": "2025-08-31", "code": "weekend", "name": None},
            {"date": "2025-09-01", "code": "holiday", "name": "Quốc khánh"},
            {"date": "2025-09-02", "code": "holiday", "name": "Quốc khánh"},
        ],
    }
    assert paused["pause"] == {
        "fact": "supplement_requested", "reported_reason": "incomplete", "from": "2025-08-25T09:00:00+07:00",
        "to": "2025-08-26T15:00:00+07:00", "working_minutes": 720, "added_working_minutes": None, "added_days": 1,
    }  # fmt: skip
    assert paused["dates"]["base_date"] == "2025-09-01"
    assert (paused["due_before"], paused["due_current"]) == ("2025-09-03T17:00:00+07:00",) * 2


def test_a_month_without_the_day_and_the_same_day_name_their_rules() -> None:
    assert "month_without_the_day" in told("1 months", ("received", "2025-10-31 08:00", {}), now="2025-11-01 08:00")["rules"]
    assert (
        "month_without_the_day"
        not in told("1 months", ("received", "2025-10-30 08:00", {}), now="2025-11-01 08:00")["rules"]
    )
    by_hours = told("8 working_hours", ("received", "2025-07-07 08:00", {}), now="2025-07-07 16:00")
    assert by_hours["moves"][0]["rules"] == ["clock_starts_when_received", "limit_of_procedure"]
    by_days = told("2 working_days", ("received", "2025-07-07 08:00", {}), now="2025-07-07 16:00")
    assert by_days["moves"][0]["rules"][2:] == ["working_day_of_8_hours"]
    by_dates = told("4 calendar_days", ("received", "2025-07-07 08:00", {}), now="2025-07-07 16:00")
    assert by_dates["moves"][0]["rules"][2:] == ["first_day_not_counted"], "a Friday is moved nowhere"
    assert "same_day" in told("0 working_days", ("received", "2025-07-07 15:00", {}), now="2025-07-07 16:00")["rules"]


def test_a_letter_a_hand_over_and_a_restart_are_told_with_both_dues() -> None:
    view = told(
        "2 working_days",
        ("received", "2025-07-07 08:00", {}),
        ("handed_over", "2025-07-07 09:00", {"competent": "odd"}),
        ("rescheduled", "2025-07-07 10:00", {"due": "2025-07-14T16:00:00+07:00"}),
        ("supplement_requested", "2025-07-08 08:00", REASON),
        ("supplement_provided", "2025-07-08 10:00", {"restart": True}),
        now="2025-07-08 11:00",
    )
    assert [
        (move["code"], move["due_original"][5:16], move["due_current"][5:16], move["competent"]) for move in view["moves"]
    ] == [
        ("set", "07-09T08:00", "07-09T08:00", None),
        ("handed_over", "07-09T08:00", "07-09T08:00", "odd"),
        ("apology_letter", "07-09T08:00", "07-14T16:00", None),
        ("restarted", "07-10T10:00", "07-10T10:00", None),
    ]
    assert [move["rules"][0] for move in view["moves"]] == [
        "clock_starts_when_received", "hand_over_keeps_due", "apology_letter_once", "restart_after_supplement"
    ]  # fmt: skip
    assert [leg["clock"] for leg in view["stretches"]] == [1, 1, 2]


def test_a_pause_that_ended_before_it_began_is_told_as_none() -> None:
    """The payment's clock was 40 minutes behind: reported before midnight, asked for after it."""
    desk = Desk(RULES)
    limit = {"amount": 5, "unit": "calendar_days"}
    desk.report(event("received", local("2025-07-07 08:00"), source="/units/default", **BIRTH, time_limit=limit))
    desk.report(event("payment_made", local("2025-07-07 23:50"), source="/units/default"))
    desk.report(event("payment_requested", local("2025-07-08 00:30"), source="/units/default"))
    assert isinstance(desk.dossier, Dossier)
    view = deadline_view(desk.dossier, local("2025-07-08 08:00"), RULES)
    pause = view["moves"][-1]["pause"]
    assert (pause["from"], pause["to"]) == ("2025-07-08T00:30:00+07:00",) * 2
    assert (pause["working_minutes"], pause["added_days"]) == (0, 0)
    assert [(leg["kind"], leg["ended_by"]) for leg in view["stretches"]] == [
        ("running", "payment_requested"),
        ("running", "now"),
    ]


def test_a_hand_over_within_a_pause_neither_ends_it_nor_begins_another() -> None:
    view = told(
        "2 working_days",
        ("received", "2025-07-07 08:00", {}),
        ("supplement_requested", "2025-07-07 09:00", REASON),
        ("handed_over", "2025-07-07 10:00", {"competent": "odd"}),
        ("supplement_provided", "2025-07-07 11:00", {}),
        now="2025-07-08 08:00",
    )
    assert [move["code"] for move in view["moves"]] == ["set", "handed_over", "paused"]
    pause = view["moves"][-1]["pause"]
    assert (pause["fact"], pause["reported_reason"]) == ("supplement_requested", "incomplete")
    assert (pause["from"][11:16], pause["to"][11:16], pause["working_minutes"]) == ("09:00", "11:00", 120)
    assert [(leg["kind"], leg["reported_reason"]) for leg in view["stretches"]] == [
        ("running", None), ("paused", "incomplete"), ("running", None)
    ]  # fmt: skip
    assert [row["reason"] for row in view["segments"] if row["kind"] == "paused"] == ["incomplete"]


def test_a_hand_over_before_the_reception_keeps_the_acceptance_due_that_stands_until_then() -> None:
    view = told(
        "2 working_days",
        ("submitted", "2025-07-07 08:00", {}),
        ("handed_over", "2025-07-07 09:00", {"competent": "odd"}),
        ("received", "2025-07-07 10:00", {}),
        ("handed_over", "2025-07-07 11:00", {"competent": "default"}),
        now="2025-07-07 12:00",
    )
    shown = [(move["code"], move["acceptance_due"]) for move in view["moves"]]
    due = "2025-07-08T08:00:00+07:00"
    assert shown == [("acceptance_set", due), ("handed_over", due), ("set", None), ("handed_over", None)]


def test_a_due_at_a_closing_parts_the_minutes_there_and_leaves_no_piece_without_time() -> None:
    view = told("0 working_days", ("received", "2025-07-07 13:30", {}), now="2025-07-08 08:00")
    assert rows(view, "from", "to", "kind", "ended_by", "beyond_limit") == [
        ("07-07 13:30", "07-07 17:00", "running", "closing", False),
        ("07-07 17:00", "07-08 00:00", "closed", "day_begins", True),
        ("07-08 00:00", "07-08 07:00", "closed", "opening", True),
        ("07-08 07:00", "07-08 08:00", "running", "now", True),
    ]


@pytest.mark.parametrize(("fact", "data", "code"), [("withdrawn", {}, "withdrawn"), ("halted", REASON, "halted")])
def test_what_ended_without_a_result_is_told_up_to_its_end(fact: str, data: dict[str, Any], code: str) -> None:
    """However long ago that is."""
    view = told(
        "2 working_days",
        ("received", "2025-07-07 08:00", {}),
        ("processing_started", "2025-07-07 09:00", {}),
        (fact, "2025-07-07 10:00", data),
        now="2025-09-01 08:00",
    )
    assert view["segments"][-1]["to"] == view["verdict"]["at"] == "2025-07-07T10:00:00+07:00"
    assert (view["segments"][-1]["ended_by"], view["verdict"]["code"]) == (fact, code)


def test_what_was_completed_is_told_up_to_its_completion_whenever_its_result_is_handed_out() -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 08:00", {}), ("completed", "2025-07-07 10:00", {}), ("returned", "2025-07-09 10:00", {})
    ]  # fmt: skip
    for count in (2, 3):
        view = told("2 working_days", *events[:count], now="2025-07-10 08:00")
        assert [(leg["to"], leg["ended_by"]) for leg in view["stretches"]] == [("2025-07-07T10:00:00+07:00", "completed")]


def test_a_pause_is_one_piece_over_night_and_moves_a_due_by_its_working_minutes() -> None:
    view = told(
        "2 working_days",
        ("received", "2025-07-07 07:00", {}),
        ("payment_requested", "2025-07-07 16:00", {}),
        ("payment_made", "2025-07-08 08:00", {}),
        now="2025-07-08 09:00",
    )
    assert [(row["kind"], row["why"], row["working_minutes"]) for row in view["segments"]] == [
        ("running", "received", 270), ("closed", "outside_hours", 0), ("running", "received", 150),
        ("paused", "payment_requested", 120), ("running", "payment_made", 60),
    ]  # fmt: skip
    pause = view["moves"][-1]["pause"]
    assert (pause["working_minutes"], pause["added_working_minutes"], pause["added_days"]) == (120, 120, None)


def test_minutes_beyond_a_limit_that_began_anew_are_not_those_of_the_one_before() -> None:
    view = told(
        "1 working_hours",
        ("received", "2025-07-07 07:00", {}),
        ("supplement_requested", "2025-07-07 09:00", REASON),
        ("supplement_provided", "2025-07-07 10:00", {"restart": True}),
        now="2025-07-07 10:30",
    )
    assert sum(row["working_minutes"] for row in view["segments"] if row["beyond_limit"]) == 60
    assert {name: view["balance"][f"{name}_minutes"] for name in ("running", "remaining", "beyond_limit")} == {
        "running": 30, "remaining": 30, "beyond_limit": 0
    }  # fmt: skip


def test_after_a_letter_a_completion_is_judged_by_the_appointment() -> None:
    letter: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 08:00", {}), ("rescheduled", "2025-07-07 10:00", {"due": "2025-07-14T16:00:00+07:00"})
    ]  # fmt: skip
    for ended, told_of in (("15:00", ("on_time", 60, 0)), ("16:30", ("late", 0, 30))):
        view = told("2 working_days", *letter, ("completed", f"2025-07-14 {ended}", {}), now="2025-07-15 08:00")
        verdict = view["verdict"]
        assert (verdict["code"], verdict["early_minutes"], verdict["late_minutes"]) == told_of


@pytest.mark.parametrize("limit", ["2 working_days", "10 calendar_days"])
def test_when_an_event_was_recorded_says_nothing_of_the_legal_clock(limit: str) -> None:
    """Minutes, moves and verdict are those of `time`, however long the line was."""
    amount, unit = limit.split(" ")
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("submitted", "07 08:00", {**BIRTH, "time_limit": {"amount": int(amount), "unit": unit}}),
        ("supplement_requested", "07 09:00", REASON), ("supplement_provided", "07 10:00", {}),
        ("received", "07 11:00", {}), ("handed_over", "07 14:00", {"competent": "odd"}),
        ("payment_requested", "08 08:00", {}), ("payment_made", "08 09:00", {}),
        ("rescheduled", "08 10:00", {"due": "2025-07-18T16:00:00+07:00"}),
        ("supplement_requested", "09 08:00", REASON), ("supplement_provided", "09 10:00", {"restart": True}),
        ("completed", "09 14:00", {}), ("recalled", "09 15:00", REASON),
    ]  # fmt: skip
    views = []
    for line in (0, 9 * instants.HOUR, 3 * instants.DAY):
        desk = Desk(RULES)
        for fact, when, data in events:
            when_at = local(f"2025-07-{when}")
            assert desk.report(event(fact, when_at, source="/units/default", **data), when_at + line).outcome == "applied"
        assert isinstance(desk.dossier, Dossier)
        views.append(deadline_view(desk.dossier, local("2025-07-20 08:00"), RULES))
    assert views[0] == views[1] == views[2]
    assert views[0]["moves"][0]["at"] == views[0]["moves"][0]["clock_start"] == "2025-07-07T08:00:00+07:00"


def test_half_minutes_of_two_stretches_are_a_whole_one() -> None:
    view = told(
        "1 working_hours",
        ("received", "2025-07-07 08:00", {}),
        ("payment_requested", "2025-07-07 08:00:30", {}),
        ("payment_made", "2025-07-07 08:10:30", {}),
        now="2025-07-07 08:11",
    )
    assert [row["working_minutes"] for row in view["segments"]] == [0, 10, 1]
    assert (view["balance"]["running_minutes"], view["balance"]["paused_minutes"]) == (1, 10)


def test_a_recall_is_told_with_the_due_that_it_leaves() -> None:
    view = told(
        "2 working_days",
        ("received", "2025-07-07 08:00", {}),
        ("completed", "2025-07-07 10:00", {}),
        ("recalled", "2025-07-08 08:00", REASON),
        now="2025-07-08 09:00",
    )
    assert [(move["code"], move["due_current"][5:16]) for move in view["moves"]] == [
        ("set", "07-09T08:00"), ("recalled", "07-09T08:00")
    ]  # fmt: skip
    assert view["moves"][-1]["rules"] == ["recall_runs_on"]
    assert (view["verdict"]["code"], view["verdict"]["rules"], view["verdict"]["entered_at"]) == ("running", [], None)


def test_what_ends_in_a_pause_moves_no_due() -> None:
    """Of the acceptance, and of the limit; the minutes until the reception are those of whoever receives."""
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("supplement_requested", "2025-07-07 09:00", REASON), ("withdrawn", "2025-07-07 10:00", {})
    ]  # fmt: skip
    view = told("2 working_days", ("submitted", "2025-07-07 08:00", {}), *asked, now="2025-07-08 08:00")
    assert [move["code"] for move in view["moves"]] == ["acceptance_set"]
    assert [row["rule"] for row in view["segments"]] == ["office_hours_of_receiver", "pause_moves_due"]
    view = told("2 working_days", ("received", "2025-07-07 08:00", {}), *asked, now="2025-07-08 08:00")
    assert [move["code"] for move in view["moves"]] == ["set"]
    assert [row["rule"] for row in view["segments"]] == ["office_hours", "pause_moves_due"]


@pytest.mark.parametrize(
    ("limit", "minutes", "remaining", "base_date"),
    [
        ("8 working_hours", 480, 420, None),
        ("2 working_days", 960, 900, None),
        ("0 working_days", None, None, None),
        ("5 calendar_days", None, None, "2025-07-12"),
    ],
)
def test_what_remains_is_told_of_working_time_and_a_date_of_days(
    limit: str, minutes: int | None, remaining: int | None, base_date: str | None
) -> None:
    balance = told(limit, ("received", "2025-07-07 08:00", {}), now="2025-07-07 09:00")["balance"]
    assert balance == {
        "clock": 1, "phase": "processing", "limit_minutes": minutes, "running_minutes": 60, "paused_minutes": 0,
        "remaining_minutes": remaining, "beyond_limit_minutes": None if minutes is None else 0, "base_date": base_date,
    }  # fmt: skip


def test_two_holidays_of_different_names_are_parted_by_the_day() -> None:
    view = told("1 working_hours", ("received", "2025-04-29 16:30", {}), now="2025-05-02 08:00")
    parted = [row for row in rows(view, "from", "began_by", "ended_by", "reason") if row[-1] == "holiday"]
    assert parted == [
        ("04-30 00:00", "day_begins", "day_begins", "holiday"), ("05-01 00:00", "day_begins", "day_begins", "holiday"),
        ("05-02 00:00", "day_begins", "now", "holiday"),
    ]  # fmt: skip


def test_who_gave_the_limit_is_said() -> None:
    """The reception before the submission, the catalogue where neither did."""
    by_catalogue = Procedure(code="p", name="p", field="civil", time_limit=TimeLimit(amount=1, unit="working_days"))
    ruled = msgspec.structs.replace(CLOCK_BODY, procedures=[by_catalogue])
    limit: dict[str, Any] = {"time_limit": {"amount": 2, "unit": "working_days"}}
    for by_submission, by_reception, told_by in (
        ({}, {}, "catalogue"), (limit, {}, "submitted"), ({}, limit, "received"), (limit, limit, "received")
    ):  # fmt: skip
        desk = Desk(Rules.compile("limits", ruled))
        desk.report(event("submitted", local("2025-07-07 08:00"), source="/units/default", **BIRTH, **by_submission))
        desk.report(event("received", local("2025-07-07 09:00"), source="/units/default", **by_reception))
        assert isinstance(desk.dossier, Dossier)
        view = deadline_view(desk.dossier, None, desk.rules)
        amount = 1 if told_by == "catalogue" else 2
        assert (view["limit"], view["limit_from"]) == ({"amount": amount, "unit": "working_days"}, told_by)
        said = view["rules"]["limit_of_procedure"]["stands_on"]
        of = ("Theo danh mục thủ tục ", "As the catalogue ") if told_by == "catalogue" else (
            "Theo dữ liệu cơ quan gửi kèm hồ sơ; ", "As the unit sent it with the dossier; "
        )  # fmt: skip
        assert (said["vi"].startswith(of[0]), said["en"].startswith(of[1])) == (True, True)


def test_what_was_never_submitted_has_no_acceptance_due() -> None:
    for fact, due in (("received", None), ("submitted", "2025-07-08T08:00:00+07:00")):
        desk = Desk(RULES)
        desk.report(event(fact, local("2025-07-07 08:00"), source="/units/default", **BIRTH))
        assert isinstance(desk.dossier, Dossier)
        for view in (deadline_view, dossier_view):
            assert view(desk.dossier, None, RULES)["acceptance_due"] == due
        verdict = deadline_view(desk.dossier, local("2025-07-07 09:00"), RULES)["verdict"]
        assert verdict["at"] == "2025-07-07T09:00:00+07:00"
    overdue = told(None, ("submitted", "2025-07-07 08:00", {}), now="2025-07-08 09:00")["verdict"]
    assert (overdue["code"], overdue["late_minutes"]) == ("acceptance_overdue", 60)
    assert (overdue["at"], overdue["late_minutes_by_clock"]) == ("2025-07-08T09:00:00+07:00", 60)


# what is entered and when the log's clock has come to: log clock at arrival, recordedtime, code, the three flags
ENDS: list[tuple[str, str, str | None, str, tuple[bool, bool, bool]]] = [
    ("2025-07-08 07:30", "2025-07-08 07:00", None, "on_time", (False, False, False)),
    ("2025-07-09 09:00", "2025-07-08 07:00", "2025-07-08 07:05", "on_time", (False, True, False)),
    ("2025-07-09 09:00", "2025-07-08 07:00", "2025-07-09 08:55", "on_time", (False, False, True)),
    ("2025-07-09 09:00", "2025-07-08 07:00", None, "on_time", (False, False, True)),
    ("2025-07-09 09:00", "2025-07-08 08:01", "2025-07-08 08:02", "late", (True, False, False)),
    ("2025-07-09 09:00", "2025-07-07 08:00", "2025-07-07 08:01", "early", (False, True, False)),
]


@pytest.mark.parametrize(("arrived", "ended", "entered", "code", "flags"), ENDS)
def test_late_by_the_unit_by_the_link_and_late_entry_are_told_apart(
    arrived: str, ended: str, entered: str | None, code: Timeliness, flags: tuple[bool, bool, bool]
) -> None:
    """Due on 8 July at 08:00."""
    desk = Desk(RULES)
    limit = {"amount": 1, "unit": "working_days"}
    desk.report(event("received", local("2025-07-07 08:00"), source="/units/default", **BIRTH, time_limit=limit))
    desk.tick(local(arrived))
    recordedtime = None if entered is None else local(entered)
    desk.report(event("completed", local(ended), source="/units/default", entered=recordedtime))
    assert isinstance(desk.dossier, Dossier)
    view = deadline_view(desk.dossier, desk.clock, RULES)
    verdict = view["verdict"]
    assert verdict["code"] == code
    assert (verdict["late_by_unit"], verdict["late_by_link"], verdict["late_entry"]) == flags
    assert verdict["late_minutes"] == (1 if code == "late" else 0)
    shown = None if entered is None else instants.show(local(entered))
    assert (verdict["entered_at"], verdict["log_clock_at_arrival"]) == (shown, instants.show(local(arrived)))
    assert set(verdict["rules"]) == {"on_time_by_instant", "late_told_apart"} <= view["rules"].keys()
    assert view["calendar_digest"] == RULES.digest == "clock"


def test_a_decree_is_the_one_in_force_on_the_day() -> None:
    """Decree 118/2025/NĐ-CP took effect on 1 July 2025; its forerunner is cited for what was before."""
    for day, act in (("2025-06-30", "61/2018/NĐ-CP, 107/2021/NĐ-CP"), ("2025-07-01", "118/2025/NĐ-CP")):
        view = told(
            "1 working_days", ("submitted", f"{day} 08:00", {}), ("received", f"{day} 09:00", {}), now=f"{day} 10:00"
        )
        assert {view["rules"][rule]["act"] for rule in ("acceptance_limit", "clock_starts_when_received")} == {act}


def test_a_rule_that_no_text_decides_does_not_claim_one() -> None:
    for code, source in SOURCES.items():
        assert source.basis in ("law", "inferred", "configured", "ours"), code
        # The calendar writes out the law's holidays, and adds its own days.
        is_free = code == "calendar_body" or (source.act is None and not source.is_one_stop)
        assert source.basis in ("law", "inferred") or is_free, code
        assert source.vi.endswith("."), code
        assert source.en.endswith("."), code


# Rules of a published text that name their act alone, and why.
ARTICLE_UNKNOWN = dict.fromkeys(
    ("acceptance_limit", "clock_starts_when_received", "apology_letter_once"),
    "nobody has entered the decrees' articles with their text before them",
)


def test_a_rule_of_law_names_its_act_and_its_article_unless_that_is_unknown() -> None:
    for code, source in SOURCES.items():
        named = cited([(code, instants.day_from_text("2025-07-11"))], "catalogue")[code]
        assert named["article"] is None or named["act"] is not None, code
        if source.basis == "law":
            assert named["act"] is not None, code
            assert (named["article"] is None) == (code in ARTICLE_UNKNOWN), code
    assert {SOURCES[code].basis for code in ARTICLE_UNKNOWN} == {"law"}
    articles = {code: source.article for code, source in SOURCES.items() if source.article is not None}
    assert articles == {
        "first_day_not_counted": "147", "month_without_the_day": "148", "moved_off_days_off": "148",
        "working_day_of_8_hours": "105", "calendar_body": "112", "same_day": "7",
    }  # fmt: skip


def test_every_rule_says_in_words_on_which_act_it_stands_or_that_none_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """In both languages; numbers of acts and articles in them are those beside them, and no others."""
    named = cited(((code, instants.day_from_text("2025-07-11")) for code in SOURCES), "catalogue")
    for code, rule in named.items():
        for language, acts, nothing in (
            (
                "vi",
                ("Nghị định số ", "Bộ luật Dân sự số ", "Bộ luật Lao động số "),
                ("chưa biết văn bản", "không ghi văn bản", "không viện dẫn"),
            ),
            (
                "en",
                ("Decree ", "Civil Code ", "Labour Code "),
                ("no act is known", "name no act", "names no act", "no act is cited"),
            ),
        ):
            said = rule["stands_on"][language]
            assert said.endswith("."), code
            assert said.startswith(tuple(f"{act}{rule['act']}" for act in acts)) == (rule["act"] is not None), code
            assert any(text in said for text in nothing) == (rule["act"] is None), code
            numbers = set(re.findall(r"\d+", f"{rule['act'] or ''} {rule['article'] or ''}"))
            hours = {"vi": "15 giờ", "en": "15:00"}[language] if code == "same_day" else "nothing"
            assert set(re.findall(r"\d+", said.replace(hours, ""))) == numbers, code
        unknown = ("chưa ghi điều" in rule["stands_on"]["vi"], "not on record" in rule["stands_on"]["en"])
        assert unknown == (code in ARTICLE_UNKNOWN,) * 2, code
    for code, source in SOURCES.items():
        is_reading = "là cách hiểu của hệ thống này" in named[code]["stands_on"]["vi"]
        assert is_reading == (source.basis == "inferred" and source.act is not None), code
        assert is_reading == ("is how this system reads it" in named[code]["stands_on"]["en"]), code
    former = cited([("acceptance_limit", instants.day_from_text("2025-06-30"))], None)["acceptance_limit"]
    assert former["stands_on"]["en"] == "Decree 61/2018/NĐ-CP, 107/2021/NĐ-CP; which article is not on record here."
    monkeypatch.setitem(SOURCES, "acceptance_limit", SOURCES["acceptance_limit"]._replace(article="7"))
    entered = cited([("acceptance_limit", instants.day_from_text("2025-07-11"))], None)["acceptance_limit"]["stands_on"]
    assert entered == {"vi": "Nghị định số 118/2025/NĐ-CP, Điều 7.", "en": "Decree 118/2025/NĐ-CP, article 7."}


def test_a_limit_of_the_catalogue_stands_on_the_act_that_the_catalogue_names() -> None:
    """Unless it came with the dossier: of that limit the catalogue says nothing."""
    act = "Luật Hộ tịch số 60/2014/QH13, Điều 25"
    procedure = Procedure(
        code="1.1", name="A", field="x", time_limit=TimeLimit(amount=3, unit="working_days"), legal_basis=act
    )
    desk_rules = Rules.compile("acts", msgspec.structs.replace(CLOCK_BODY, procedures=[procedure]))
    for given, named in (({}, act), ({"time_limit": {"amount": 2, "unit": "working_days"}}, None)):
        desk = Desk(desk_rules)
        birth = {**BIRTH, "procedure": "1.1", **given}
        desk.report(event("received", local("2025-07-07 09:00"), source="/units/default", **birth))
        assert isinstance(desk.dossier, Dossier)
        rule = deadline_view(desk.dossier, None, desk.rules)["rules"]["limit_of_procedure"]
        assert rule["act"] == named
        assert rule["stands_on"]["vi"].startswith(f"{act}, theo danh mục" if named else "Theo dữ liệu cơ quan gửi kèm hồ sơ")
        assert rule["stands_on"]["en"].startswith(f"{act}, as the catalogue" if named else "As the unit sent it")


def test_a_restart_stands_on_the_event_that_asks_for_it() -> None:
    """No reference data have a rule for it."""
    view = told(
        "2 working_days", ("received", "2025-07-07 08:00", {}), ("supplement_requested", "2025-07-07 09:00", REASON),
        ("supplement_provided", "2025-07-08 09:00", {"restart": True}), now="2025-07-08 10:00",
    )  # fmt: skip
    assert view["rules"]["restart_after_supplement"]["stands_on"] == {
        "vi": "Theo bản tin của cơ quan về việc bổ sung giấy tờ; bản tin không ghi văn bản làm căn cứ.",
        "en": "As the unit's event of the supplement says; it names no act.",
    }
    assert "dữ liệu tham chiếu" in view["rules"]["office_hours"]["stands_on"]["vi"]


@pytest.mark.parametrize("due", ["2099-01-05T17:00:00+07:00", "2051-01-01T00:00:00+07:00", "9999-12-31T23:59:59+07:00"])
def test_an_appointment_beyond_the_compiled_years_stops_nobody(due: str) -> None:
    """A slip of the keyboard in an apology letter: the completion counts, the ledger answers."""
    limit = "2 working_days"
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 08:00", {}),
        ("rescheduled", "2025-07-07 10:00", {"due": due}),
    ]
    assert told(limit, *events, now="2025-07-09 08:00")["due_current"] == due
    view = told(limit, *events, ("completed", "2025-07-08 08:00", {}), now="2025-07-09 08:00")
    assert view["verdict"]["code"] == "early"


def test_a_due_that_is_the_year_10000_here_is_shown_as_the_last_second_before() -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 08:00", {}),
        ("rescheduled", "2025-07-07 10:00", {"due": "9999-12-31T23:59:59Z"}),
    ]
    for limit in ("2 working_days", "2 calendar_days"):
        assert told(limit, *events, now="2025-07-09 08:00")["due_current"] == "9999-12-31T23:59:59+07:00"


def test_a_log_clock_beyond_the_compiled_years_is_told_up_to_their_end() -> None:
    view = told("1 working_hours", ("received", "2050-12-29 08:00", {}), now="2052-01-01 08:00")
    assert view["segments"][-1]["to"].startswith("2050-12-31T23:59:59")


def test_a_dossier_of_years_is_told_minute_by_minute() -> None:
    view = told("1 working_days", ("received", "2025-07-07 08:00", {}), now="2028-07-07 08:00")
    assert (len(view["segments"]), view["segments_left_out"]) == (3_943, 0)
    assert view["segments"][-1]["to"].startswith("2028-07-07T08:00")


def test_a_dossier_of_a_lifetime_is_told_in_stretches_where_its_segments_are_too_many() -> None:
    view = told("1 working_days", ("received", "2025-07-07 08:00", {}), now="2050-07-07 08:00")
    assert len(view["segments"]) == 4_000
    assert view["segments_left_out"] > 28_000
    assert view["segments"][-1]["to"].startswith("2050-07-07T08:00"), "what runs now is there"
    assert [(leg["from"][:10], leg["to"][:10]) for leg in view["stretches"]] == [("2025-07-07", "2050-07-07")]


def test_a_dossier_without_a_limit_has_its_minutes_told_and_no_due() -> None:
    view = told(None, ("received", "2025-07-07 16:00", {}), now="2025-07-08 08:00")
    assert sum(row["working_minutes"] for row in view["segments"]) == 120
    assert (view["due_current"], view["limit_from"], view["verdict"]["code"]) == (None, None, "open_without_due")


DIFFERING_CLOCKS: list[tuple[str, str, list[tuple[str, str, dict[str, Any]]], str, dict[str, int], str]] = [
    (
        "overlapping pauses", "8 working_hours",
        [("received", "07 07:00", {}), ("processing_started", "07 07:00", {}),
         ("supplement_requested", "07 08:00", REASON), ("payment_requested", "07 09:00", {}),
         ("supplement_provided", "07 10:00", {}), ("payment_made", "07 11:00", {})],
        "08 10:30", {"running": 510, "paused": 180, "remaining": 30, "beyond_limit": 0}, "running",
    ),
    (
        "received by a clock that is behind", "4 working_hours",
        [("submitted", "07 10:00", {}), ("received", "07 08:00", {})],
        "07 15:00", {"running": 300, "paused": 0, "remaining": 0, "beyond_limit": 60}, "overdue",
    ),
    (
        "restarted by a clock that is behind", "8 working_hours",
        [("received", "07 07:00", {}), ("supplement_requested", "07 10:00", REASON),
         ("supplement_provided", "07 09:00", {"restart": True})],
        "08 09:30", {"running": 510, "paused": 0, "remaining": 0, "beyond_limit": 30}, "overdue",
    ),
    (
        "a supplement asked for before the submission", "8 working_hours",
        [("submitted", "07 10:00", {}), ("supplement_requested", "07 08:00", REASON),
         ("supplement_provided", "07 11:00", {})],
        "08 12:00", {"running": 510, "paused": 60, "remaining": 90, "beyond_limit": 0}, "awaiting_acceptance",
    ),
    (
        "a payment asked for before the reception: more remains than the limit", "4 working_hours",
        [("submitted", "07 07:00", {}), ("received", "07 10:00", {}),
         ("payment_requested", "07 08:00", {}), ("payment_made", "07 11:00", {})],
        "07 11:00", {"running": 0, "paused": 60, "remaining": 360, "beyond_limit": 0}, "running",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "events", "now", "minutes", "code"), [case[1:] for case in DIFFERING_CLOCKS])
def test_where_clocks_differ_the_ledger_agrees_with_its_own_due(
    limit: str, events: list[tuple[str, str, dict[str, Any]]], now: str, minutes: dict[str, int], code: str
) -> None:
    desk, (amount, unit) = Desk(RULES), limit.split(" ")
    birth: dict[str, Any] = {**BIRTH, "time_limit": {"amount": int(amount), "unit": unit}}
    for place, (fact, when, data) in enumerate(events):
        desk.report(event(fact, local(f"2025-07-{when}"), source="/units/default", **(data if place else birth)))
    assert isinstance(desk.dossier, Dossier)
    view = deadline_view(desk.dossier, local(f"2025-07-{now}"), RULES)
    assert {name: view["balance"][f"{name}_minutes"] for name in minutes} == minutes
    assert sum(piece["working_minutes"] for piece in view["segments"] if piece["beyond_limit"]) == minutes["beyond_limit"]
    assert view["verdict"]["code"] == code
    assert all(one["to"] == other["from"] for one, other in pairwise(view["segments"]))
    assert ledger.problem(view) is None


def test_minutes_beyond_a_due_are_told_though_a_pause_moved_it_afterwards() -> None:
    """The same day: three hours late when the pause began, and one since; by dates as well."""
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 08:00", {}),
        ("supplement_requested", "2025-07-08 10:00", REASON),
        ("supplement_provided", "2025-07-09 10:00", {}),
    ]
    view = told("0 working_days", *events, now="2025-07-09 11:00")
    assert view["verdict"]["late_minutes"] == 240
    assert sum(piece["working_minutes"] for piece in view["segments"] if piece["beyond_limit"]) == 240
    by_dates = told("0 calendar_days", *events, now="2025-07-09 11:00")
    assert [(piece["from"][8:16], piece["working_minutes"]) for piece in by_dates["segments"] if piece["beyond_limit"]] == [
        ("07T17:00", 180), ("09T10:00", 60)
    ]  # fmt: skip


def test_a_limit_by_dates_received_on_a_day_off_is_closed_until_its_clock_starts() -> None:
    view = told("5 calendar_days", ("received", "2025-07-05 10:00", {}), now="2025-07-08 08:00")
    shown = [
        (piece["kind"], piece["from"][8:16], piece["working_minutes"], piece["reason"], piece["rule"])
        for piece in view["segments"]
    ]
    assert shown == [
        ("closed", "05T10:00", 0, "weekend", "office_hours"),
        ("closed", "07T00:00", 0, "before_opening", "office_hours"),
        ("running", "07T07:00", 540, None, "first_day_not_counted"),
    ]
    assert view["moves"][0]["clock_start"] == view["segments"][2]["from"]
    for now in ("2025-07-05 12:00", "2025-07-07 07:00"):
        early = told("5 calendar_days", ("received", "2025-07-05 10:00", {}), now=now)["segments"]
        assert early[-1]["to"] == instants.show(local(now))
        assert {(piece["kind"], piece["from"] < piece["to"]) for piece in early} == {("closed", True)}
