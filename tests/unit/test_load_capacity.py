"""The capacity sheet: a line through measured rates, that adds up by hand."""

from typing import Any

import pytest

from lab.errors import LabError
from lab.load import capacity, scenario
from lab.load.knee import knee_of
from lab.load.report.document import document
from lab.load.yardstick import Yardstick
from tests.unit import load_world as world

FIXED, KAFKA, PER_EVENT = 0.5, 0.25, 0.002


def _step(rate: float, cores: float, machine_cores: float = 1.0, kept: bool = True) -> dict[str, Any]:
    took = {"intake": cores, "kafka": KAFKA, "generator 0": 0.9, "toxiproxy": 0.3}
    return {"asked": rate, "reported": rate, "cores": took, "machine_cores": machine_cores, "kept": kept, "valid": True}


def _knee(*steps: dict[str, Any]) -> dict[str, Any]:
    """Half a core whatever the rate, two milliseconds an event; the first step is one in which all is still cold."""
    made = document(world.outcome(kept_bytes=210_000), "2026-11-26T09:00:00+07:00", 1.5)
    made["machine"] = {**made["machine"], "cores": 2}
    kept = [_step(rate, FIXED + PER_EVENT * rate) for rate in (60, 100, 150)]
    return {**made, "knee": {"steps": [_step(60, 1.8), *kept, *steps]}}


def test_the_sheet_adds_up_by_hand() -> None:
    """173,000 × 8 a day in 8 hours, four times that at the peak, half busy; three Kafkas; 700 bytes an event kept."""
    told = _knee(_step(400, 1.0, machine_cores=2.0), _step(120, 1.9, kept=False))
    needs = {each.place.name: each for each in capacity.needs(told)}
    nation, ward = needs["the nation in one archive"], needs["a ward"]
    fixed, peak = FIXED + 3 * KAFKA, 173_000 * 8 / 28_800 * 4
    assert nation.mean == pytest.approx(173_000 * 8 / 28_800)
    assert nation.cores_peak == pytest.approx((fixed + PER_EVENT * peak) / 0.5)
    assert nation.cores_catching_up == pytest.approx((fixed + PER_EVENT * (peak + 173_000 * 8 / 3600)) / 0.8)
    assert nation.machines == 3
    assert nation.archive_gib_a_year == pytest.approx(173_000 * 8 * 250 * 700 * 3 / 2**30)
    # A ward reports an event in eighteen seconds, and its servers are there all the same.
    assert ward.cores_peak == pytest.approx(fixed / 0.5, rel=0.01)
    sheet = capacity.sheet(told)
    assert all(place.source in sheet for place in capacity.PLACES)
    assert all(text in sheet for text in capacity.ASSUMED)
    assert "1.25 cores whatever the rate and 2,000 µs an event" in sheet
    assert "3 steps between 60 and 150 events/s" in sheet


def test_the_hour_is_said_with_its_yardstick() -> None:
    """So many times the cost in another hour: one report says so plainly, two say from where to where."""
    quiet, slow = _knee(), _knee()
    quiet["machine"]["yardstick"] = {
        "before": 2_300.0, "after": 2_200.0, "processor_before": 2_400.0, "processor_after": 2_380.0,
    }  # fmt: skip
    for each in slow["knee"]["steps"]:
        each["cores"] = {name: 6 * took for name, took in each["cores"].items()}
    alone = capacity.sheet(quiet)
    assert "yardstick 2,400 units a second of processor time before and 2,380 after, by the wall 2,300 and 2,200" in alone
    assert "measured at up to 6.6 times the cost" in alone
    both = capacity.sheet(quiet, slow)
    assert "yardstick not known" in both
    rows = [line for line in both.splitlines() if line.startswith("| a ward |")]
    low, high = (needed[0].cores_peak for needed in (capacity.needs(quiet), capacity.needs(slow)))
    assert f"| {low:,.1f}–{high:,.1f} |" in rows[0]
    assert capacity.sheet(slow, quiet).splitlines()[-20:] == both.splitlines()[-20:]


def test_one_rate_is_no_cost() -> None:
    """A run at one rate says nothing of others, and neither does a knee whose machine was always full."""
    with pytest.raises(LabError, match="wants a report of find-the-knee"):
        capacity.needs(document(world.outcome(), "2026-11-26T09:00:00+07:00", 1.5))
    full = _knee()
    for each in full["knee"]["steps"]:
        each["machine_cores"] = 1.99
    with pytest.raises(LabError, match="too few"):
        capacity.needs(full)


def test_the_shipped_search_has_rates_for_a_slow_hour() -> None:
    """As in one in which an event cost six times as much: at 60 and 96 events/s, 1.67 and 1.81 of two cores were taken."""
    search = knee_of(scenario.read("find-the-knee"))
    rates = [search.first_events_per_second * search.growth**number for number in range(4)] * search.repeats
    told = _knee()
    told["knee"]["steps"] = [_step(rate, 0.01 * rate, min(2.0, 1.44 + 0.0039 * rate)) for rate in rates]
    assert (capacity.cost(told).steps, round(capacity.cost(told).cores_per_rate, 3)) == (5, 0.01)


def test_what_somebody_else_spoilt_is_no_cost() -> None:
    """A step in which others had the machine is left out, and a report of a machine that became another one is refused."""
    others = [{**_step(rate, 90.0), "valid": False} for rate in (130, 140)]
    assert capacity.cost(_knee(*others)) == capacity.cost(_knee())
    became = _knee()
    spoilt = document(world.outcome(yardstick=Yardstick(2_000, 900)), "2026-11-26T09:00:00+07:00", 1.5)
    became["verdicts"] = spoilt["verdicts"]
    with pytest.raises(LabError, match="the machine was at fault in this mountain-link"):
        capacity.needs(became)


def test_noise_makes_no_event_free() -> None:
    """Where more events happened to take fewer cores, the line is level; it never falls."""
    told = _knee(_step(160, 0.1), _step(170, 0.1))
    assert capacity.cost(told).cores_per_rate == 0


def test_noise_makes_no_city_take_less_than_nothing() -> None:
    """A line that would begin below zero begins at it."""
    told = _knee()
    told["knee"]["steps"][1:] = [_step(rate, cores) for rate, cores in ((100, 0.0), (200, 1.0), (300, 2.0))]
    for each in told["knee"]["steps"]:
        each["cores"]["kafka"] = 0.0
    cost = capacity.cost(told)
    assert cost.fixed_cores == 0
    assert cost.cores_per_rate == pytest.approx((200 * 1.0 + 300 * 2.0) / (100**2 + 200**2 + 300**2))


def test_an_earlier_report_knows_one_topic_of_three() -> None:
    """Then what is kept is what GOING_LIVE.md says, and the sheet says so."""
    told = _knee()
    del told["cost"]["kept_bytes_per_event"]
    assert capacity.kept_bytes(told) == capacity.KEPT_BYTES_PER_EVENT
    assert "by [GOING_LIVE.md]" in capacity.sheet(told)
