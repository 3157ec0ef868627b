"""The plan: the same whoever makes it, due within the period, and what it expects is what a plain recount of it finds."""

import json
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from contracts import instants, reference_files
from lab.errors import ScenarioError
from lab.links import wires
from lab.load import knee
from lab.load import plan as planning
from lab.load import scenario as scenarios
from lab.load.gathering import summed
from lab.load.plan import Due, Plan
from lab.load.sampling import Sample, Sampled, drawn
from tests.unit import plain_recount as plain

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"
SMOKE = str(Path(__file__).resolve().parents[1] / "load_scenarios" / "smoke.toml")


def _plan(name: str, seed: int = 1, process: int = 0, processes: int = 1) -> Plan:
    return planning.plan(scenarios.read(name), REFERENCE, seed, "a", process, processes)


def _events(plan: Plan) -> list[Due]:
    return [event for centre in plan.centres for event in centre.events]


def test_several_processes_plan_what_one_would() -> None:
    """Each centre is the same in whichever process it lives, byte for byte."""
    one = {centre.number: centre for centre in _plan(SMOKE).centres}
    several = [centre for process in range(3) for centre in _plan(SMOKE, 1, process, 3).centres]
    assert {centre.number: centre for centre in several} == one
    assert _plan(SMOKE, 2).centres != list(one.values())


def test_events_are_due_in_order_within_the_period() -> None:
    """And none of them before its dossier's birth."""
    plan = _plan("mountain-link")
    for centre in plan.centres:
        moments = [event.at for event in centre.events]
        assert moments == sorted(moments)
        assert all(0 <= at <= plan.warp.real_seconds for at in moments)
        born = set()
        for event in centre.events:
            assert event.birth == (event.subject not in born)
            born.add(event.subject)


def test_what_is_expected_is_what_a_plain_recount_finds() -> None:
    """Dues, pauses and lateness by the letter of the law, without a line of the lab's code."""
    for name in ("mountain-link", "day-long-cut"):
        plan = _plan(name)
        limits = plain.catalogue()
        found: dict[str, Counter[str]] = {}
        for events in plain.dossiers(event.body for event in _events(plan)).values():
            facts = [plain.fact_of(event) for event in events]
            counted = found.setdefault(events[0]["data"]["receiver"], Counter())
            counted.update(fact for fact in facts if fact in ("submitted", "received", "returned", "withdrawn", "refused"))
            if "received" in facts:
                counted[f"received_{events[0]['data']['channel']}"] += 1
            in_time = plain.in_time(events, limits)
            counted["completed"] += in_time is not None
            counted["completed_late"] += in_time is False
        for unit, expected in plan.expected.items():
            for counter, count in found[unit].items():
                assert expected[counter] == count, (name, unit, counter)
        assert sum(counted["completed_late"] for counted in found.values()) > 5


@pytest.mark.parametrize(("name", "has_lunch"), [("mountain-link", False), ("month-end", True)])
def test_who_is_late_by_a_clock_that_never_stops_is_what_a_recount_finds(name: str, has_lunch: bool) -> None:
    """All of whom the law calls late, and more where offices shut meanwhile; the same in however many processes."""
    plan = _plan(name)
    ends, clock = datetime.fromisoformat(instants.show(plan.warp.ends)), 0
    for events in plain.dossiers(event.body for event in _events(plan)).values():
        at = {plain.fact_of(event): plain.time_of(event) for event in events}
        if "received" in at and not at.keys() & {"withdrawn", "refused"}:
            end = at.get("completed", at.get("returned", ends))
            clock += end - at["received"] >= timedelta(hours=events[0]["data"]["time_limit"]["amount"])
    law = sum(expected["completed_late"] + expected["overdue_open"] for expected in plan.expected.values())
    assert plan.late_by == {"law": law, "clock": clock}
    assert law > 5
    assert clock > 2 * law if has_lunch else clock == law
    assert summed(_plan(name, 1, process, 3).late_by for process in range(3)) == plan.late_by


def test_of_published_figures_nobody_knows_who_is_late_by_another_clock() -> None:
    """They are replayed without dues of the lab's own."""
    assert _plan("hue-fortnight").late_by == {}


def test_dossiers_that_are_asked_for_are_drawn_by_lot_from_each_kind() -> None:
    """From the whole period, trouble and all, whichever process they live in; how each stands is a plain recount's."""
    plan, limits = _plan("mountain-link"), plain.catalogue()
    lives = plain.dossiers(event.body for event in _events(plan))
    asked = drawn(plan.sampled)
    stands = {each.subject: each.stands for each in asked}
    born = {event.subject: event.at for event in _events(plan) if event.birth}
    moments = sorted(born[subject] for subject in stands)
    assert 30 < len(moments) <= 100
    assert len([at for at in moments if at > plan.warp.real_seconds / 2]) > len(moments) / 5
    facts = Counter(plain.fact_of(event) for subject in stands for event in lives[subject])
    assert min(facts[fact] for fact in ("supplement_requested", "payment_requested", "handed_over", "withdrawn")) >= 3
    assert {*stands.values()} == {"late", "overdue", "in time"}
    for subject, stand in stands.items():
        in_time = plain.in_time(lives[subject], limits)
        assert (in_time is False) == (stand == "late"), subject
        assert stand != "overdue" or in_time is None
    for processes in (2, 3):
        told = (_plan("mountain-link", 1, process, processes).sampled for process in range(processes))
        assert drawn(each for kept in told for each in kept) == asked
    assert {each.subject for each in drawn(_plan("mountain-link", 2).sampled)} != {*stands}


def test_of_many_kinds_each_is_asked_for_before_a_second_one_of_any() -> None:
    """A hundred at most, the lowest lots first."""
    kept = [Sampled(f"{lot:02d}", f"D-{kind}-{lot}", str(kind), 1, "in time") for kind in range(40) for lot in range(5)]
    asked = drawn(reversed(kept))
    assert len(asked) == 100
    assert Counter(each.lot for each in asked) == {"00": 40, "01": 40, "02": 20}
    assert len(drawn(kept[:5])) == 4
    sample = Sample(1)
    for number in range(10):
        sample.offer(("received", "completed"), f"D-{number}", 1, Counter())
    assert len(sample.kept()) == 4, "no process keeps more of a kind than may be asked for"


def test_numbers_of_a_source_have_no_hole() -> None:
    """As a real edge's, so that audit can tell that none is missing; real edges number by themselves."""
    for name in (SMOKE, "hue-fortnight"):
        for centre in _plan(name).centres:
            numbers: dict[str, int] = {}
            for event in centre.events:
                members = json.loads(event.body)
                if centre.is_edge:
                    assert "sequence" not in members
                    continue
                numbers[members["source"]] = numbers.get(members["source"], 0) + 1
                assert members["sequence"] == str(numbers[members["source"]])
                assert members["incarnation"] == centre.incarnation


def test_one_ward_can_have_a_tenth_of_a_city() -> None:
    """Shares are shares of dossiers."""
    plan = _plan("monday-morning")
    by_centre = Counter({centre.number: len({event.subject for event in centre.events}) for centre in plan.centres})
    (ward, dossiers), *_ = by_centre.most_common()
    assert plan.centres[ward].unit == "19789"
    assert 0.08 < dossiers / sum(by_centre.values()) < 0.12


def test_time_is_warped_there_and_back() -> None:
    """Nights pass more quickly, and every instant has its second."""
    warp = _plan("day-long-cut").warp
    assert warp.real(warp.starts) == 0
    assert warp.real(warp.ends) == warp.real_seconds
    for part in range(101):
        real = warp.real_seconds * part / 100
        assert abs(warp.real(warp.simulated(real)) - real) < 0.001
    hour = 3600 * 1_000_000
    working = warp.real(warp.starts + hour) - warp.real(warp.starts)
    night = warp.real(warp.starts + 16 * hour) - warp.real(warp.starts + 15 * hour)
    assert working == 10.0
    assert night < working / 10


def test_each_step_towards_the_knee_has_people_who_come() -> None:
    """All steps of all repeats, on days of their own, none of them a weekend or a holiday."""
    shipped = scenarios.read("find-the-knee")
    days = []
    for day in range(24):
        step = knee.at_rate(shipped, 60, 8, day)
        assert planning.plan(step, REFERENCE, 1, "a").events > 0
        days.append(step.time.starts)
    assert days == sorted(set(days))
    assert days[:5] == [datetime(2025, 7, day, 7, 30) for day in (1, 2, 3, 4, 7)]
    assert not {each.weekday() for each in days} & {5, 6}
    # Independence Day and the day before it, as the year's calendar has it.
    later = [knee.at_rate(shipped, 60, 8, day).time.starts.date() for day in range(40, 48)]
    assert date(2025, 9, 2) not in later
    assert date(2025, 9, 3) in later


def test_a_step_has_as_many_events_a_second_as_are_asked_for() -> None:
    shipped = scenarios.read("find-the-knee")
    step = knee.at_rate(shipped, 60, knee._events_per_dossier(shipped, REFERENCE, 1), 0)
    events = planning.plan(step, REFERENCE, 1, "a").events
    seconds = knee.knee_of(shipped).step_seconds
    assert events / seconds == pytest.approx(60, rel=0.25)
    quick = knee.at_rate(msgspec.structs.replace(shipped, time=msgspec.structs.replace(shipped.time, speed=3.0)), 60, 8, 0)
    assert quick.time.ends - quick.time.starts == timedelta(seconds=3 * seconds)


def test_a_step_for_which_no_day_is_left_is_said() -> None:
    """In a sentence."""
    with pytest.raises(ScenarioError, match="find-the-knee: step 151 has no day"):
        knee.at_rate(scenarios.read("find-the-knee"), 60, 8, knee.DAYS_AHEAD_MAX)
    with pytest.raises(ScenarioError, match=r"nation has no \[knee\]"):
        knee.knee_of(scenarios.read("nation"))


def test_a_period_in_which_nobody_comes_is_no_plan() -> None:
    """A weekend, and hours without a weight."""
    shipped = scenarios.read("find-the-knee")
    weekend = msgspec.structs.replace(shipped.time, starts=datetime(2025, 7, 5, 7, 30), ends=datetime(2025, 7, 5, 9, 30))
    nobody = msgspec.structs.replace(shipped.arrivals, hours={"23": 1.0})
    for changed in ({"time": weekend}, {"arrivals": nobody}):
        with pytest.raises(ScenarioError, match="nobody comes"):
            planning.plan(msgspec.structs.replace(shipped, **changed), REFERENCE, 1, "a")


def test_the_last_day_of_a_month_has_two_and_a_half_times_as_many() -> None:
    """By the day on which a dossier was born."""
    told = planning.plan(scenarios.read("month-end"), REFERENCE, 1, "a")
    born = Counter(json.loads(each.body)["time"][:10] for each in _events(told) if each.birth)
    assert set(born) == {"2025-07-30", "2025-07-31"}
    assert 2.2 < born["2025-07-31"] / born["2025-07-30"] < 2.8


def test_weekdays_have_weights() -> None:
    """From a Sunday to a Tuesday: nobody comes on the first, and on Monday three times as many as on Tuesday."""
    shipped = scenarios.read("month-end")
    starts, ends = datetime(2025, 7, 6), datetime(2025, 7, 9)
    time = msgspec.structs.replace(shipped.time, starts=starts, ends=ends)
    arrivals = msgspec.structs.replace(shipped.arrivals, dossiers=2_000, weekdays={"0": 3.0}, dates={})
    # Who brings a dozen at once is no more than one of chance's throws.
    mix = msgspec.structs.replace(shipped.mix, batch_share=0.0, batch_dossiers=1)
    changed = msgspec.structs.replace(shipped, time=time, arrivals=arrivals, mix=mix, course=[], faults=[])
    told = planning.plan(changed, REFERENCE, 1, "a")
    born = Counter(json.loads(each.body)["time"][:10] for each in _events(told) if each.birth)
    assert set(born) == {"2025-07-07", "2025-07-08"}
    assert 2.6 < born["2025-07-07"] / born["2025-07-08"] < 3.4


def test_procedures_have_weights_and_some_people_bring_a_pile() -> None:
    """Three in four are the first one; where a half of all who come bring eight, eight dossiers come at once."""
    shipped = scenarios.read("mountain-link")
    births, marriages = "1.001193", "1.000894"
    mix = msgspec.structs.replace(
        shipped.mix, procedures={births: 3.0, marriages: 1.0}, batch_share=0.5, batch_dossiers=8, online_share=0.0,
        late_paper_share=0.0,
    )  # fmt: skip
    told = planning.plan(msgspec.structs.replace(shipped, mix=mix), REFERENCE, 1, "a")
    born = [
        (centre.number, event.at, json.loads(event.body)["data"])
        for centre in told.centres for event in centre.events if event.birth
    ]  # fmt: skip
    procedures = Counter(data["procedure"] for _, _, data in born)
    assert set(procedures) == {births, marriages}
    assert 0.7 < procedures[births] / len(born) < 0.8
    at_once = Counter((number, at) for number, at, _ in born)
    assert max(at_once.values()) >= 8
    # A half of those who come bring eight ninths of all dossiers; the few refused ones were submitted at their own moments.
    assert 0.8 < sum(count for count in at_once.values() if count > 1) / len(born) < 0.95


def test_a_part_of_published_figures_is_that_part_of_the_units() -> None:
    """0.7 of forty are twenty-eight, spread over all of them; a part that is none is refused."""
    shipped = scenarios.read("hue-fortnight")
    codes = [f"{number:02}" for number in range(40)]
    for scale, units in ((1.0, 40), (0.7, 28), (0.6, 24), (0.5, 20), (0.1, 4)):
        part = planning.part_of(codes, scenarios.scaled(shipped, scale))
        assert len(set(part)) == units
        assert part[0] == "00"
        assert int(part[-1]) >= 40 - 40 / units - 1
    with pytest.raises(ScenarioError, match=r"hue-fortnight has 40 units, and 0\.01 of them is none"):
        planning.part_of(codes, scenarios.scaled(shipped, 0.01))


FEW = """
title = "few, and departments that complete some of them"
first = 2025-07-01
last = 2025-07-14
[[facts]]
what = "received"
count = 600
[assumed]
completed_share = 0.6
on_time_share = [0.7, 0.95]
agency_id = "H57.{code}"
[assumed.departments]
dat_dai = "so-nong-nghiep-moi-truong"
ho_tich = "so-tu-phap"
"""


def test_a_part_of_the_units_has_all_that_is_reported_of_their_dossiers(tmp_path: Path) -> None:
    """By whomever; nothing of other units' dossiers, and what is expected is what a recount of the events finds."""
    (tmp_path / "few.toml").write_text(FEW)
    shipped = scenarios.read("hue-fortnight")
    arrivals = msgspec.structs.replace(shipped.arrivals, facts=str(tmp_path / "few.toml"))
    half = msgspec.structs.replace(shipped, arrivals=arrivals, scale=0.5)
    parts = [planning.plan(half, REFERENCE, 1, "a", process, 2) for process in range(2)]
    limits = plain.catalogue()
    found: dict[str, Counter[str]] = {}
    for events in plain.dossiers(event.body for part in parts for event in _events(part)).values():
        assert plain.fact_of(events[0]) in ("submitted", "received"), "a dossier that was never born"
        counted = found.setdefault(events[0]["data"]["receiver"], Counter())
        counted["received"] += any(plain.fact_of(event) == "received" for event in events)
        counted["completed"] += plain.in_time(events, limits) is not None
    expected = {unit: counters for part in parts for unit, counters in part.expected.items()}
    assert len(expected) == 20
    assert {unit: (each["received"], each["completed"]) for unit, each in expected.items()} == {
        unit: (each["received"], each["completed"]) for unit, each in found.items()
    }
    assert {"so-tu-phap"} < {centre.unit for part in parts for centre in part.centres}


def test_facts_with_dossiers_from_before_a_run_are_refused() -> None:
    """A run begins with its period: what was received before would be counted as received in it."""
    invented = str(Path(__file__).with_name("facts") / "invented-2025-09.toml")
    shipped = scenarios.read("hue-fortnight")
    arrivals = msgspec.structs.replace(shipped.arrivals, facts=invented)
    with pytest.raises(ScenarioError, match="hue-fortnight has facts that carry dossiers over, but nothing is before a run"):
        planning.plan(msgspec.structs.replace(shipped, arrivals=arrivals), REFERENCE, 1, "a")


def test_a_period_within_five_minutes_has_its_dossiers() -> None:
    """From one to five past eight; each of them is born in it."""
    shipped = scenarios.read("mountain-link")
    starts, ends = datetime(2025, 7, 1, 8, 1), datetime(2025, 7, 1, 8, 5)
    time = msgspec.structs.replace(shipped.time, starts=starts, ends=ends, speed=1.0)
    mix = msgspec.structs.replace(shipped.mix, online_share=0.0, late_paper_share=0.0, lives={"open": 1.0})
    told = planning.plan(msgspec.structs.replace(shipped, time=time, mix=mix, course=[]), REFERENCE, 1, "a")
    assert sum(event.birth for event in _events(told)) == shipped.arrivals.dossiers
    assert all(0 <= event.at < 240 for event in _events(told))


def test_no_plan_has_more_events_than_a_run_may_have() -> None:
    """Counted, and not guessed from the dossiers."""
    shipped = scenarios.read("mountain-link")
    planning.check_bound(shipped, scenarios.EVENTS_PLANNED_MAX)
    with pytest.raises(ScenarioError, match="mountain-link plans 400,001 events, more than 400,000"):
        planning.check_bound(shipped, scenarios.EVENTS_PLANNED_MAX + 1)


def test_centres_of_a_shared_line_are_on_it_together_whoever_plans_them() -> None:
    """So many beside each other, in whichever process they live; a line more for each that has one of its own."""
    scenario = scenarios.read("july-1")
    told = planning.lines(scenario, reference_files.read(REFERENCE))
    on: dict[str, Counter[int]] = {link: Counter() for link in scenario.links}
    for process in range(2):
        for centre in _plan("july-1", process=process, processes=2).centres:
            on[centre.link][centre.line] += 1
    assert {link: set(lines) for link, lines in on.items()} == {link: set(range(told[link])) for link in told}
    assert any(profile.shared_by > 1 for profile in scenario.profiles.values())
    for link, profile in scenario.profiles.items():
        assert set([*on[link].values()][:-1]) <= {profile.shared_by}, link


def test_published_figures_have_a_line_for_every_body_that_may_report() -> None:
    """Also for one that reports nothing in the end."""
    scenario = scenarios.read("hue-fortnight")
    told = planning.lines(scenario, reference_files.read(REFERENCE))
    for centre in _plan("hue-fortnight").centres:
        assert centre.line < told[centre.link]
    assert sum(told.values()) <= wires.LINES_MAX
