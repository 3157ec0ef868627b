"""`/metrics/dossiers` read back by Prometheus' own parser: names, labels, budget, escapes, what is left out when."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from contracts.reference import Calendar, Reference, Unit
from services.metrics.api.beats import SOURCES_MAX
from services.metrics.api.exposition import Exposition, Page
from services.metrics.api.snapshots import Figures, Place, Snapshot
from services.metrics.api.units import Units
from services.metrics.domain.delivery import Delivery
from services.metrics.domain.silence import Silence

CLOCK = 1_751_346_000_000_000
DAY = "2025-07-01"
NATION = 3321
GEN = 7
# The labels of each gauge beside `unit`, as docs/COUNTERS.md shows them; the other counters have `role` alone.
LABELLED = {
    "received": {"role", "channel"}, "completed": {"role", "timeliness"}, "open": {"role", "state"}, "overdue": {"role"},
    "due": {"role", "within"}, "today": {"role", "counter"},
}  # fmt: skip


def words(text: str) -> set[str]:
    """Its words."""
    return set(text.split())


OTHERS = words(
    """submitted cases legs refused returned withdrawn halted recalled handed_over rescheduled late_by_link late_entry
    digitised electronic_result paid_online duplicates rejected skewed backdated annulled acceptance_overdue parked_now
    open_in_processing open_waiting_supplement open_waiting_payment open_suspended"""
)
OF_SOURCE = words("duplicates rejected skewed backdated annulled parked_now")
IN_PARTS = words(
    """received received_direct received_online received_post completed completed_early completed_on_time completed_late
    completed_without_due open overdue_open due_in_24h due_in_72h"""
)
EVERY = sorted(OTHERS | IN_PARTS)


def body(codes: list[str], departments: list[str], name: str = "Phường") -> Reference:
    """Reference data of these codes."""
    rows = [
        Unit(code=code, name=f"{name} {code}", kind="ward" if code in codes else "department", hours="default",
             valid_from="2025-07-01")
        for code in (*codes, *departments)
    ]  # fmt: skip
    return Reference(
        units=rows[: len(codes)],
        departments=rows[len(codes) :],
        procedures=[],
        calendar=Calendar(profiles={}, days_off={}, make_up_days={}),
    )


def units(codes: list[str], departments: list[str], name: str = "Phường") -> Units:
    """What is shown by these reference data."""
    return Units(body(codes, departments, name))


def edges(*codes: str) -> dict[str, Delivery]:
    """Units with edges that hold something."""
    return dict.fromkeys(codes, Delivery("up", CLOCK, 1, CLOCK, CLOCK, True))


def held(total: Figures, more: dict[str, Figures] | None = None, **place: Any) -> Snapshot:
    """What a scrape reads, at the end of every log."""
    whole = {"next": 4, "target": 4, "closed": 3, "recorded_at": CLOCK, "log_clock": CLOCK, "stopped": None, **place}
    hashes = {"total": total, "states": {}, "outcomes": {}, "seen": {}, "today": {}, **(more or {})}
    found = tuple((hashes[name],) for name in ("total", "states", "outcomes", "seen", "today"))
    return Snapshot((Place(**whole),) * 12, found, False)


def samples(page: Page) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series as Prometheus reads it; none may be there twice, each family has help and type."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(page.text().decode()):
        assert family.documentation, family.name
        assert family.type in ("gauge", "counter"), family.name
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    assert page.series == len(found)
    return found


def at(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """A key of `samples`."""
    return name, frozenset(labels.items())


def test_each_counter_is_where_the_interfaces_put_it() -> None:
    """Every value under its name and labels; the competent role without what belongs to sources."""
    numbers = {name: number for number, name in enumerate(EVERY, start=1)}
    total = {f"{role}|100|{name}": number for role in ("receiver", "competent") for name, number in numbers.items()}
    states = {f"receiver|100|{state}": 50 + int(state) for state in "124568"}
    today = {f"receiver|100|{name}": 7 for name in ("received", "completed", "returned", "refused", "submitted")}
    page = Exposition(units(["100"], []), GEN).page(held(total, {"states": states, "today": today}), DAY, {}, {})
    found = samples(page)
    for role in ("receiver", "competent"):
        for name in OTHERS:
            series = at(f"motcua_dossiers_{name}", unit="100", role=role)
            assert found.get(series) == (None if name in OF_SOURCE and role == "competent" else numbers[name])
        for label, gauge, start, values in (
            ("channel", "received", "received_", ("direct", "online", "post")),
            ("timeliness", "completed", "completed_", ("early", "on_time", "late", "without_due")),
            ("within", "due", "due_in_", ("24h", "72h")),
        ):
            for value in values:
                series = at(f"motcua_dossiers_{gauge}", unit="100", role=role, **{label: value})
                assert found[series] == numbers[f"{start}{value}"]
        assert found[at("motcua_dossiers_overdue", unit="100", role=role)] == numbers["overdue_open"]
        for state in "124568":
            expected = 50 + int(state) if role == "receiver" else 0
            assert found[at("motcua_dossiers_open", unit="100", role=role, state=state)] == expected
    for name in ("received", "completed", "returned", "refused"):
        assert found[at("motcua_dossiers_today", unit="100", role="receiver", counter=name)] == 7
    assert {name for name, _ in found if name.startswith("motcua_dossiers_")} == {
        f"motcua_dossiers_{name}" for name in (*OTHERS, *LABELLED)
    }
    for name, labels in found:
        if (gauge := name.removeprefix("motcua_dossiers_")) != name:
            assert {label for label, _ in labels} == {"unit", *LABELLED.get(gauge, {"role"})}


@pytest.mark.slow
def test_a_nation_keeps_within_the_budget() -> None:
    """3,321 units with every counter in both roles: at most 100 series a unit, 350,000 in all."""
    codes = [f"{number:05d}" for number in range(NATION)]
    every = {f"{role}|{code}|{name}": 1 for role in ("receiver", "competent") for code in codes for name in EVERY}
    outcomes = {
        f"unit|{code}|{outcome}": 1
        for code in codes
        for outcome in ("applied", "parked", "duplicate", "rejected", "annulled")
    }
    more = {"seen": dict.fromkeys(codes, CLOCK), "outcomes": outcomes}
    page = Exposition(units(codes, []), GEN).page(
        held(every, more), DAY, edges(*codes), dict.fromkeys(codes, Silence("silent"))
    )
    assert page.series <= 350_000
    of_unit = Counter(line.split('unit="')[1][:5] for line in page.text().decode().splitlines() if 'unit="' in line)
    assert len(of_unit) == NATION
    assert max(of_unit.values()) <= 100


def test_a_unit_without_events_is_there_with_zeros() -> None:
    """Under the receiver's role; as competent body only once it was one, whatever it reported."""
    total = {"competent|H57.01|handed_over": 0, "competent|200|rejected": 1, "receiver|200|rejected": 1}
    exposition = Exposition(units(["100", "200"], ["H57.01"]), GEN)
    found = samples(exposition.page(held(total), DAY, {}, {}))
    assert found[at("motcua_dossiers_received", unit="100", role="receiver", channel="online")] == 0
    assert found[at("motcua_dossiers_rejected", unit="200", role="receiver")] == 1
    competent = {dict(labels)["unit"] for _, labels in found if dict(labels).get("role") == "competent"}
    assert competent == {"H57.01"}
    info = {dict(labels)["unit"]: dict(labels) for name, labels in found if name == "motcua_unit_info"}
    assert info.keys() == {"100", "200", "H57.01"}
    assert info["H57.01"] == {"unit": "H57.01", "name": "Phường H57.01", "kind": "department"}


def test_lines_that_are_kept_follow_what_is_shown() -> None:
    """A number changes, a unit appears: the next scrape says so."""
    exposition = Exposition(units(["100"], []), GEN)
    series = at("motcua_dossiers_submitted", unit="100", role="receiver")
    assert samples(exposition.page(held({"receiver|100|submitted": 1}), DAY, {}, {}))[series] == 1
    assert samples(exposition.page(held({"receiver|100|submitted": 2}), DAY, {}, {}))[series] == 2
    more = {"receiver|100|submitted": 2, "competent|100|submitted": 2, "receiver|300|submitted": 5}
    found = samples(exposition.page(held(more), DAY, {}, {}))
    assert found[at("motcua_dossiers_submitted", unit="300", role="receiver")] == 5
    assert found[at("motcua_dossiers_submitted", unit="100", role="competent")] == 2
    assert found[at("motcua_unit_info", unit="300", name="300", kind="unknown")] == 1


def test_a_unit_that_is_put_in_force_is_there_with_the_next_scrape() -> None:
    """An activation changes no figure: the new unit has its zeros before it has reported anything."""
    known = units(["100"], [])
    exposition = Exposition(known, GEN)
    series, total = at("motcua_dossiers_submitted", unit="200", role="receiver"), {"receiver|100|submitted": 1}
    assert series not in samples(exposition.page(held(total), DAY, {}, {}))
    known.take(body(["100", "200"], []), "the next")
    assert samples(exposition.page(held(total), DAY, {}, {}))[series] == 0


def test_whoever_has_a_series_has_a_name() -> None:
    """Also a body that gave up all it had before it went out of force, a centre that only sends heartbeats, and a source of
    which only that it was heard is known."""
    total = held({"competent|400|handed_over": 1}, {"seen": {"600": CLOCK}})
    found = samples(Exposition(units(["100"], []), GEN).page(total, DAY, edges("500"), {}))
    named = {dict(labels)["unit"] for name, labels in found if name == "motcua_unit_info"}
    assert named == {dict(labels)["unit"] for _, labels in found if "unit" in dict(labels)} == {"100", "400", "500", "600"}


def test_a_unit_that_is_not_in_force_is_a_receiver_with_what_it_reported_alone() -> None:
    found = samples(Exposition(units(["100"], []), GEN).page(held({"receiver|999|rejected": 4}), DAY, {}, {}))
    assert found[at("motcua_dossiers_rejected", unit="999", role="receiver")] == 4
    assert found[at("motcua_dossiers_submitted", unit="999", role="receiver")] == 0


def test_another_day_shows_who_is_in_force_then_and_the_clock_is_that_of_the_slowest_partition() -> None:
    known = body(["100", "200"], [])
    known = structs.replace(known, units=[known.units[0], structs.replace(known.units[1], valid_from="2025-07-02")])
    exposition = Exposition(Units(known), GEN)
    both, [slowest] = held({}), held({}, log_clock=CLOCK - 60_000_000).places[:1]
    places = (slowest, *both.places[1:])
    for day, shown in ((DAY, {"100"}), ("2025-07-02", {"100", "200"})):
        found = samples(exposition.page(replace(both, places=places), day, {}, {}))
        assert {dict(labels)["unit"] for name, labels in found if name == "motcua_dossiers_submitted"} == shown
        assert found[at("motcua_metrics_log_clock_timestamp_seconds")] == CLOCK / 1_000_000 - 60


def test_names_are_escaped() -> None:
    """Quotes, backslashes and line ends in a name do not break the page."""
    name = 'Xã "A\\nB"\nC'
    found = samples(Exposition(units(["100"], [], name), GEN).page(held({}), DAY, {}, {}))
    assert at("motcua_unit_info", unit="100", name=f"{name} 100", kind="ward") in found


def test_what_units_and_arrivals_say() -> None:
    """Last events in seconds, outboxes and lines only by heartbeat, arrivals as counters, offsets by partition."""
    more = {
        "seen": {"100": CLOCK + 123_456},
        "outcomes": {"unit|100|applied": 8, "unit|100|duplicate": 1, "fact|received|applied": 8},
    }
    stand = Delivery("degraded", CLOCK, 17, CLOCK - 60_000_000, CLOCK - 61_500_000, True, False, 12)
    quiet = {"100": Silence("silent", CLOCK, CLOCK), "200": Silence("resting", CLOCK, CLOCK, False)}
    page = Exposition(units(["100", "200"], []), GEN).page(held({}, more), DAY, {"200": stand}, quiet)
    found = samples(page)
    assert found[at("motcua_unit_last_event_timestamp_seconds", unit="100")] == 1751346000.123456
    assert {dict(labels)["unit"] for name, labels in found if name == "motcua_unit_spool_events"} == {"200"}
    assert found[at("motcua_unit_spool_events", unit="200")] == 17
    assert {labels for name, labels in found if name == "motcua_unit_link"} == {at("", unit="200", state="degraded")[1]}
    assert found[at("motcua_unit_provisional", unit="200")] == 1
    assert found[at("motcua_unit_quarantined_events", unit="200")] == 12
    assert found[at("motcua_metrics_generation")] == GEN
    again = Exposition(units(["100"], []), GEN).page(replace(held({}), build="b" * 32), DAY, {}, {})
    assert samples(again)[at("motcua_metrics_build")] != found[at("motcua_metrics_build")]
    assert found[at("motcua_unit_oldest_unsent_timestamp_seconds", unit="200")] == 1751345940
    assert found[at("motcua_unit_complete_until_timestamp_seconds", unit="200")] == 1751345938.5
    assert [found[at("motcua_unit_silent", unit=unit)] for unit in ("100", "200")] == [1, 0]
    assert [found[at("motcua_unit_at_work", unit=unit)] for unit in ("100", "200")] == [1, 0]
    assert found[at("motcua_lifecycle_by_unit_total", unit="100", outcome="applied")] == 8
    assert found[at("motcua_lifecycle_by_fact_total", fact="received", outcome="applied")] == 8
    assert found[at("motcua_metrics_reported_offset", partition="11")] == 3
    assert found[at("motcua_metrics_log_clock_timestamp_seconds")] == 1751346000
    assert "# TYPE motcua_lifecycle_by_unit_total counter" in page.text().decode()


def test_of_a_unit_that_has_closed_for_good_no_working_hours_are_told() -> None:
    """Nor where its machine still speaks: what its dossiers wait for is told in the hours of the others."""
    gone = {code: Silence("unknown", CLOCK, is_at_work=None) for code in ("100", "200")}
    closed = Delivery("up", CLOCK, 0, None, CLOCK, is_at_work=False)
    quiet = {**gone, "300": Silence("resting", CLOCK, CLOCK, False)}
    stands = {"200": structs.replace(closed, is_at_work=None), "400": closed}
    for snapshot, expected in ((held({}), {"300": 0, "400": 0}), (held({}, next=3), {"400": 0})):
        found = samples(Exposition(units(["100"], []), GEN).page(snapshot, DAY, stands, quiet))
        told = {dict(labels)["unit"]: value for (name, labels), value in found.items() if name == "motcua_unit_at_work"}
        assert told == expected


@pytest.mark.parametrize(("stands", "read"), [(None, 0), ({}, 1)])
def test_whether_lines_are_known_is_told_beside_them(stands: dict[str, Delivery] | None, read: int) -> None:
    """In the same scrape: by a flag of another one a line would be told as well until that comes."""
    page = Exposition(units(["100"], []), GEN).page(held({"receiver|100|submitted": 1}), DAY, stands, {})
    assert samples(page)[at("motcua_metrics_heartbeats_read")] == read


def test_the_largest_outboxes_are_numbers_to_prometheus() -> None:
    """Those of as many edges as are known, each as deep as a heartbeat may say."""
    most = SOURCES_MAX * 2**53
    stand = Delivery("up", CLOCK, most, CLOCK, CLOCK, True, True, SOURCES_MAX * 1000)
    found = samples(Exposition(units(["100"], []), GEN).page(held({}), DAY, {"100": stand}, {}))
    assert found[at("motcua_unit_spool_events", unit="100")] == most
    assert found[at("motcua_unit_quarantined_events", unit="100")] == SOURCES_MAX * 1000


@pytest.mark.parametrize("place", [{"next": 3}, {"next": 0, "target": 1}])
def test_while_figures_are_rebuilt_nothing_that_is_counted_is_told_and_lines_are(place: dict[str, Any]) -> None:
    """A city that is cut off is cut off all the while; when a unit was last heard of is known once all is counted in."""
    snapshot = held({"receiver|100|submitted": 1}, {"seen": {"100": CLOCK}, "outcomes": {"unit|100|applied": 3}}, **place)
    exposition = Exposition(units(["100"], []), GEN)
    quiet = {"100": Silence("silent", CLOCK, CLOCK), "200": Silence("silent", CLOCK, CLOCK)}
    found = samples(exposition.page(snapshot, DAY, edges("200"), quiet))
    names = ["heartbeats_read", "rebuilding"]
    assert found.keys() == {
        *(at(f"motcua_metrics_{name}") for name in names),
        at("motcua_unit_info", unit="100", name="Phường 100", kind="ward"),
        at("motcua_unit_info", unit="200", name="200", kind="unknown"),
        at("motcua_unit_link", unit="200", state="up"),
        *(at(f"motcua_unit_{name}", unit="200") for name in
          ("spool_events", "quarantined_events", "provisional", "at_work", "oldest_unsent_timestamp_seconds",
           "complete_until_timestamp_seconds")),
    }  # fmt: skip
    assert [found[at(f"motcua_metrics_{name}")] for name in names] == [1, 1]
    blind = samples(exposition.page(snapshot, DAY, None, quiet))
    assert {name for name, _ in blind} == {"motcua_metrics_heartbeats_read", "motcua_metrics_rebuilding", "motcua_unit_info"}
    assert blind[at("motcua_metrics_heartbeats_read")] == 0


def test_a_stopped_partition_is_told_beside_the_figures() -> None:
    """With its reason; no today before the first tick."""
    snapshot = held({"receiver|100|submitted": 1}, stopped="gap", log_clock=None)
    found = samples(Exposition(units(["100"], []), GEN).page(snapshot, DAY, {}, {}))
    assert found[at("motcua_metrics_stopped", partition="7", reason="gap")] == 1
    assert found[at("motcua_metrics_rebuilding")] == 0
    assert found[at("motcua_dossiers_submitted", unit="100", role="receiver")] == 1
    assert not [name for name, _ in found if name in ("motcua_dossiers_today", "motcua_metrics_log_clock_timestamp_seconds")]


def test_arrivals_of_a_unit_begin_at_zero() -> None:
    """Else its first fifty dead letters, seen at once, would be no rise for Prometheus."""
    page = Exposition(units(["100"], []), GEN).page(held({}, {"outcomes": {"unit|100|applied": 3}}), DAY, {}, {})
    found = samples(page)
    expected = {"applied": 3, "parked": 0, "duplicate": 0, "rejected": 0, "annulled": 0}
    assert {
        outcome: found[at("motcua_lifecycle_by_unit_total", unit="100", outcome=outcome)] for outcome in expected
    } == expected


def test_arrivals_of_a_department_begin_at_zero_before_it_is_competent_for_anything() -> None:
    """It reports as a unit does, and is no receiver; a body that is no longer in force goes on as it was."""
    page = Exposition(units(["100"], ["H1", "H2"]), GEN).page(held({"competent|H1|handed_over": 5, "competent|H9|cases": 1}),
                                                              DAY, {}, {})  # fmt: skip
    found = samples(page)
    assert {found[at("motcua_lifecycle_by_unit_total", unit=unit, outcome="rejected")] for unit in ("H1", "H2", "H9")} == {0}
