"""Worklists on a real stack: whatever happens to dossiers, worker and Redis, each list is what the dossiers say."""

import msgspec
import pytest
import requests

from contracts.reference import Reference
from deploy.operators import acts
from services.processing.api.doors import partition_of
from tests.integration.intake_calls import REQUEST_SECONDS, wait_until
from tests.integration.processing_world import event
from tests.integration.worklist_world import (
    PAGE_ROWS,
    UNITS,
    Town,
    assert_lists,
    lives,
    started,
)
from tests.province import Province
from tests.unit.worklist_oracle import LISTS, ROLES

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

STOCKS = {
    "open": "open",
    "overdue": "overdue_open",
    "due_soon": "due_in_72h",
    "waiting_supplement": "open_waiting_supplement",
    "waiting_payment": "open_waiting_payment",
}


@pytest.fixture(scope="module")
def town(module_province: Province) -> Town:
    """With a dossier of each fate at one unit that decides itself, and of each that hands it to another."""
    town = started(module_province)
    town.report(*lives("own", "19753", "19753"), *lives("away", "19753", "19774"), *lives("there", "19789", "19774"))
    return town


def test_before_the_first_tick_nothing_is_overdue_or_due_soon(town: Town) -> None:
    lengths = assert_lists(town)
    assert (lengths["overdue"], lengths["due_soon"]) == (0, 0)
    assert min(lengths[name] for name in LISTS if name not in ("overdue", "due_soon")) > 0


def test_as_time_passes_dossiers_come_to_be_due_soon_and_overdue(town: Town) -> None:
    """At an instant that is the due of some, at the last before, at the first after; and days later."""
    seen = []
    for at in ("07-02T07:00", "07-02T09:00", "07-02T09:01", "07-05T09:00", "07-08T09:00"):
        town.tick(at)
        seen.append(assert_lists(town))
    assert all(max(lengths[name] for lengths in seen) > 0 for name in LISTS), "each list was compared"
    assert seen[0]["overdue"] < seen[2]["overdue"] < seen[4]["overdue"]


def test_as_many_stand_on_each_list_as_metrics_counts_in_its_stock(town: Town) -> None:
    """The same stocks by another path: from lifecycle records, by the service that counts."""
    services = [town.province.start(name, ready=False) for name in ("metrics", "metrics-api")]
    for each in services:
        each.wait_ready()
    at = town.page("19753", "open", "receiver")["as_of"]["partitions"]
    for role in ROLES:

        def counted(role: str = role) -> dict[str, dict[str, int]]:
            answer = requests.get(f"{services[1].base_url}/v1/units?role={role}", timeout=REQUEST_SECONDS)
            told = answer.json()
            if answer.status_code != 200 or told["as_of"]["partitions"] != at:
                return {}
            return {each["unit"]: each["counters"] for each in told["units"]}

        wait_until(lambda: bool(counted()))
        stocks = counted()
        for unit in UNITS:
            lengths = {name: town.page(unit, name, role)["total"] for name in STOCKS}
            assert lengths == {name: stocks[unit][stock] for name, stock in STOCKS.items()}
            late = [row for row in town.worklist(unit, "acceptance_due", role) if row["acceptance_overdue"]]
            assert len(late) == stocks[unit]["acceptance_overdue"]
    for each in services:
        each.stop()


def test_each_list_is_shown_to_its_unit_and_to_the_operator(town: Town) -> None:
    path = "/v1/units/19753/worklist?list=open"
    assert town.told(path, "dev-19753")["total"] == town.told(path)["total"] > 0
    for asked, key, status, code in (
        (path, "dev-19774", 403, "unit_not_allowed"),
        (path, "dev-00000", 401, "no_valid_key"),
        ("/v1/units/nowhere/worklist?list=open", "dev-19753", 404, "unknown_unit"),
        ("/v1/units/nowhere/worklist?list=open", "dev-operator", 404, "unknown_unit"),
    ):
        answer = town.get(asked, key)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_stays_in_place_is_on_exactly_one_page_while_others_come_and_go(town: Town) -> None:
    """Between any two pages one that was shown ends, one that was not ends, and one comes in before all others."""
    before = [row["code"] for row in town.worklist("19753", "open", "receiver")]
    assert len(before) > 3 * PAGE_ROWS
    shown: list[str] = []
    cursor, gone, new = None, set[str](), 0
    while True:
        page = town.page("19753", "open", "receiver", cursor)
        shown += [row["code"] for row in page["dossiers"]]
        if (cursor := page["next"]) is None:
            break
        left = [code for code in before if code not in shown and code not in gone]
        for code in (shown[-1], left[-1]):
            gone.add(code)
            town.report(event("withdrawn", code, "07-08T09:00", unit="19753"))
        new += 1
        limit = {"amount": 0, "unit": "working_days"}
        birth = {"procedure": "none-such", "channel": "direct", "receiver": "19753", "competent": "19753"}
        town.report(event("received", f"new-{new}", "07-01T08:00", unit="19753", time_limit=limit, **birth))
    assert len(shown) == len(set(shown))
    assert set(before) - gone <= set(shown)
    assert [code for code in shown if code in before] == [code for code in before if code in shown], "in their order"
    assert not any(code.startswith("new-") for code in shown), "their place was passed before they came"
    assert_lists(town, ["19753"])


def test_a_client_that_was_told_its_place_sees_when_its_event_is_counted_in(town: Town) -> None:
    """`as_of` names the list's own position: once it has reached the event, the list shows it."""
    code = "own-runs"
    dossiers = {row["code"] for row in town.worklist("19753", "waiting_payment", "receiver")}
    assert code not in dossiers
    before = town.page("19753", "waiting_payment", "receiver")["as_of"]["partitions"][str(partition_of(code))]
    town.report(event("payment_requested", code, "07-08T10:00", unit="19753"), is_awaited=False)

    def counted_in() -> bool:
        page = town.page("19753", "waiting_payment", "receiver")
        is_shown = code in {row["code"] for row in page["dossiers"]}
        assert is_shown == (page["as_of"]["partitions"][str(partition_of(code))] > before)
        return is_shown

    wait_until(counted_in)


def test_a_late_event_and_an_annulment_move_a_dossier_from_list_to_list(town: Town) -> None:
    """A supplement that was asked for before it was paid for, entered late; a completion that was a typing error."""
    town.report(event("supplement_requested", "own-same-day", "07-01T12:00", unit="19753", reason="paper", id="late"))
    [row] = [row for row in town.worklist("19753", "waiting_supplement", "competent") if row["code"] == "own-same-day"]
    assert (row["state"], row["waiting_since"], row["due_current"]) == (
        5, "2025-07-01T12:00:00+07:00", "2025-07-01T17:00:00+07:00"
    )  # fmt: skip
    assert (row["minutes_left"], row["minutes_over"], row["overdue"]) == (210, None, False), "13:30 to 17:00 were left"
    assert_lists(town)
    town.report(event("annulled", "own-same-day", "07-08T11:00", unit="19753", event="late", reason="typo"))
    town.report(event("annulled", "own-done", "07-08T11:00", unit="19753", event="own-done-completed-07-02T09:00",
                      reason="typo"))  # fmt: skip
    [again] = [row for row in town.worklist("19753", "due_soon", "competent") if row["code"] == "own-done"]
    assert (again["state"], again["minutes_left"], again["minutes_over"]) == (4, 0, None), "its due is this very moment"
    [late] = [row for row in town.worklist("19753", "overdue", "competent") if row["code"] == "own-same-day"]
    # From Tuesday's closing to 09:00 a week later: four days of work and two hours.
    assert (late["minutes_left"], late["minutes_over"]) == (None, 4 * 480 + 120)
    assert_lists(town)


def test_a_corrected_calendar_and_a_successor_move_what_they_must(town: Town) -> None:
    """A day off moves dues that no lifecycle record tells of; the competent body's stocks go over at the tick of its day,
    the receiver's stay; the successor's key reads on."""
    body = town.province.reference
    holiday = msgspec.structs.replace(body.calendar, days_off={**body.calendar.days_off, "2025-07-04": "storm"})
    units = [
        msgspec.structs.replace(unit, valid_to="2025-07-09", successor="19804") if unit.code == "19774" else unit
        for unit in body.units
    ]
    changed = Reference(units=units, departments=body.departments, procedures=body.procedures, calendar=holiday)
    acts.activate(town.province.operators, changed)
    wait_until(lambda: town.told("/v1/dossiers/own-runs")["due_current"] == "2025-07-09T09:00:00+07:00")
    town.tick("07-09T12:00")
    assert assert_lists(town, ["19774"])["open"] > 0
    assert town.get("/v1/units/19774/worklist?list=open", "dev-19804").status_code == 403
    moving = [row["code"] for row in town.worklist("19774", "open", "competent")]
    town.tick("07-10T00:00")
    assert town.page("19774", "open", "competent")["total"] == 0
    assert {row["competent"] for row in town.worklist("19804", "open", "competent")} == {"19804"}
    assert set(moving) <= {row["code"] for row in town.worklist("19804", "open", "competent")}
    assert town.told("/v1/units/19774/worklist?list=open", "dev-19804")["unit"] == "19774"
    assert_lists(town)


def test_more_than_a_year_later_what_ended_has_left_and_what_is_open_is_overdue(town: Town) -> None:
    """Retired dossiers are on no list, and whatever runs still stands there."""
    before = {row["code"] for unit in UNITS for row in town.worklist(unit, "open", "receiver")}
    town.tick("2026-08-20T08:00")
    assert town.get("/v1/dossiers/own-returned").json()["code"] == "retired"
    lengths = assert_lists(town)
    assert before == {row["code"] for unit in UNITS for row in town.worklist(unit, "open", "receiver")}
    assert lengths["due_soon"] == 0
    assert lengths["overdue"] > 0
