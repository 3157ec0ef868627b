"""Each verdict can fail, by its own cause and alone."""

from collections import Counter

import pytest
from msgspec.structs import replace

from lab.load import judging
from lab.load import verdict as drawing
from lab.load.archived import Standing
from lab.load.asking import Told
from lab.load.course import Stretch
from lab.load.fair import fairness
from lab.load.flow import Backlog, Flow, Gap
from lab.load.fresh import gaps
from lab.load.measures import Book
from lab.load.scenario import Scenario
from lab.load.verdict import Verdict
from lab.load.watch import CORES
from lab.load.yardstick import Yardstick
from tests.unit import load_world as world
from tests.unit.load_world import EXPECTED, UNIT

pytestmark = pytest.mark.slow

DRAINED = "drained, mountain cut at 10 s"


def _by_name(**changed: object) -> dict[str, Verdict]:
    return {each.name: each for each in judging.verdicts(world.outcome(**changed))}


def _broken(**changed: object) -> list[str]:
    return [name for name, each in _by_name(**changed).items() if each.word == "broken"]


def _counted(**more: int) -> dict[str, object]:
    found = {**EXPECTED}
    for name, by in more.items():
        found[name] += by
    return {"counters": {UNIT: found}}


def _archived(**counts: int) -> dict[str, object]:
    """What audit found otherwise."""
    return {"audit": {"exit": 0, "failed": [], "counts": {**world.ARCHIVED, **counts}, "why": None}}


def test_a_run_that_kept_everything_has_nothing_broken() -> None:
    """And no word is missing."""
    told = _by_name()
    assert _broken() == []
    wanted = {
        "lost", "double", "wrongly overdue", "open and late", "refused wrongly", "deadlines", "deadlines explained", "audit",
        "generator", "machine",
    }  # fmt: skip
    assert wanted <= set(told)
    assert "invalid" not in {each.word for each in told.values()}


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        (_counted(received=-1, received_online=-1), "lost"),
        (_counted(returned=-2), "lost"),
        ({"left": 3}, "lost"),
        ({"all_counted": False}, "lost"),
        ({"counts": Counter(due=300, stored=298, given_up=2)}, "lost"),
        (_archived(sequence_numbers=299), "lost"),
        (_counted(received=1, received_direct=1), "double"),
        (_counted(completed=2), "double"),
        ({"counters": {UNIT: EXPECTED, "19753": {"received": 50, "received_direct": 50}}}, "double"),
        (_archived(standing_applied=300), "double"),
        (_counted(completed_late=1), "wrongly overdue"),
        (_counted(overdue_open=1), "wrongly overdue"),
        (_counted(completed_late=-5, overdue_open=-2), "open and late"),
        (_counted(open=-17), "open and late"),
        (_counted(open=1), "open and late"),
        ({"refused": Counter(unit_not_allowed=1)}, "refused wrongly"),
        ({"total": {**EXPECTED, "rejected": 1}}, "refused wrongly"),
        ({"dues_told": {"D-1": "2025-07-02T07:00:26+07:00"}}, "deadlines"),
        ({"dues_told": {"D-1": None}}, "deadlines"),
        ({"ledgers": {"D-1": None, "D-2": "30 minutes running in segments, 60 in the balance"}}, "deadlines explained"),
        ({"stands_told": {"D-1": "late"}}, "judged one by one"),
        ({"stands": {"D-1": "late"}}, "judged one by one"),
        ({"stands_told": {"D-1": None}}, "judged one by one"),
        ({"audit": {"exit": 1, "failed": ["sequences.once"], "counts": {}, "why": None}}, "audit"),
        ({"book": world.book(fibre_ms=5_000)}, "freshness, fibre"),
        ({"late": world.punctual(400)}, "generator"),
        ({"loop": world.punctual(400)}, "generator"),
        ({"generator_cores": [0.2, 0.97]}, "generator"),
        ({"samples": world.samples(machine_cores=1.9)}, "machine"),
    ],
)  # fmt: skip
def test_each_verdict_fails_by_its_cause_alone(changed: dict[str, object], broken: str) -> None:
    """What was counted is nobody's fault but the system's; what took time may be."""
    assert _broken(**changed) == [broken]


def test_a_city_that_counted_nothing_has_lost_all_of_it() -> None:
    """What happened, and with it what is open or late."""
    assert _broken(counters={}) == ["lost", "open and late"]


def test_what_is_lost_and_what_is_double_do_not_cancel() -> None:
    """One of each in the same unit and counter: the archive has a number too few, and audit a track too many."""
    told = _by_name(**_archived(sequence_numbers=299))
    assert told["lost"].word == "broken"
    assert "1 called stored and not in the archive" in told["lost"].measured
    assert _broken(manner="paper", standing=Standing(0, 0), **_archived(sequence_numbers=0)) == []


def test_whoever_sends_under_new_ids_is_asked_what_stands_twice() -> None:
    """Counters net: what a birth's second code adds, what was given up takes away. Unasked, nobody says 0."""
    paper = {"manner": "paper", "counts": Counter(due=300, stored=290, given_up=10)}
    told = _by_name(**paper, standing=Standing(double=7, absent=8))
    assert (told["double"].word, told["double"].figure) == ("broken", 7)
    assert "7 records of the archive that say what another one says" in told["double"].measured
    assert "10 given up, of which 2 stand in the archive all the same" in told["lost"].measured
    assert told["lost"].figure == 8
    unasked = _by_name(**paper)["double"]
    assert unasked.word == "invalid"
    assert "nobody has looked" in unasked.measured
    assert _by_name(**paper, **_counted(completed=2))["double"].word == "broken"


@pytest.mark.parametrize(
    "changed",
    [
        {"audit": None},
        {"audit": {"exit": 2, "failed": [], "counts": {**world.ARCHIVED}, "why": "Kafka is gone"}},
        {"audit": {"exit": 0, "failed": [], "counts": {"standing_applied": 300, "sequence_numbers": 300}, "why": None}},
        {"left": 1},
        {"all_counted": False},
        {"counts": Counter(due=300, stored=299)},
    ],
)
def test_nothing_is_double_where_somebody_has_looked(changed: dict[str, object]) -> None:
    """Not where audit was not asked or could not run, repeats were not told apart, or events are still under way."""
    assert _by_name(**changed)["double"].word == "invalid"
    assert _by_name(**changed, **_counted(completed=2))["double"].word == "broken"


def test_an_audit_that_broke_off_has_lost_nothing() -> None:
    """What it had counted until then is told by nobody."""
    broken_off = {"exit": 2, "failed": [], "counts": {"sequence_numbers": 90, "standing_applied": 88}, "why": "no answer"}
    told = _by_name(audit=broken_off)
    assert _broken(audit=broken_off) == []
    assert told["audit"].word == "invalid"
    assert told["lost"].word == "kept"
    assert _by_name(audit={**broken_off, "counts": {}})["audit"].measured == "could not run: no answer"


def test_an_event_of_which_no_sender_speaks_is_not_kept() -> None:
    """100 of 300 are neither stored nor refused nor held: all are counted, and still nobody can say how fast they were."""
    told = _by_name(counts=Counter(due=300, stored=200), scenario=_promising(slowest_link_share=0.5))
    assert told["lost"].word == "invalid"
    assert "100 of which no sender says where they are" in told["lost"].measured
    for name in ("acceptance at the counter, real edges", "freshness, fibre", "fairness"):
        assert told[name].word == "invalid", name
    assert _by_name(counts=Counter(due=300, stored=298), refused=Counter(bad=2))["lost"].word == "kept"


def test_what_was_never_reported_is_the_generators_fault() -> None:
    """100 of 300 were due when the time was over: nothing of the city's is lost by that."""
    counted = {"counters": {UNIT: {name: count // 3 for name, count in EXPECTED.items()}}}
    late = _by_name(counts=Counter(due=100, stored=100), late=world.punctual(900), **counted)
    assert late["lost"].word == "invalid"
    assert late["lost"].figure == 0
    assert "200 never reported" in late["lost"].measured
    assert drawing.broken(late.values()) == []
    assert drawing.spoiled(late.values())
    assert _by_name(counts=Counter(due=100, stored=100), **counted)["lost"].word == "broken"
    given_up = _by_name(counts=Counter(due=100, stored=90, given_up=10), late=world.punctual(900), **counted)
    assert given_up["lost"].word == "broken", "who gives up is not late"
    twice = _by_name(counts=Counter(due=100, stored=100), late=world.punctual(900), **_counted(completed=2))
    assert twice["double"].word == "broken", "what is there twice is not on its way"


def test_somebody_elses_city_is_no_stranger_on_the_machine() -> None:
    """It takes half of the cores, and nobody sees by which processes: no word about others, and times stay times."""
    told = _by_name(own_city=False, samples=world.samples(machine_cores=1.9), audit=None)
    assert "machine" not in told
    assert told["freshness, fibre"].word == "kept"


def test_acceptance_and_drain_are_promises_too() -> None:
    """A clerk who waits, and a backlog that is never gone."""
    book = world.book()
    for _ in range(50):
        book.record("accepted edge", 1.0, 900)
    assert _broken(book=book) == ["acceptance at the counter, real edges"]
    assert _broken(backlogs=[Backlog("mountain", 15.0, 75, 75, 76.0)]) == ["drained, mountain cut at 10 s"]
    held = [Backlog("mountain", 15.0, 75, 40, 19.0)]
    assert set(_broken(backlogs=held, left=35)) == {"lost", "drained, mountain cut at 10 s"}


def test_where_nothing_was_measured_no_figure_is_told() -> None:
    """And where something was, it is that of the promise; of what nobody promised and nobody measured nothing is said."""
    again = "freshness, once all lines are back"
    promised = {"scenario": _promising(freshness_again_p99_ms=10_000.0)}
    for name, figure, promise in (
        ("acceptance at the counter, real edges", 13.4, "p99 ≤ 500 ms"), ("freshness, fibre", 134.4, "p99 ≤ 2,000 ms"),
        (again, 4_480.0, "p99 ≤ 10,000 ms"),
    ):  # fmt: skip
        measured, nothing = _by_name(**promised)[name], _by_name(**promised, book=Book(3.0))[name]
        assert measured.figure == pytest.approx(figure, rel=0.02)
        assert (measured.promise, nothing.figure, nothing.measured) == (promise, None, "nothing was measured")
    shown = _by_name(scenario=_promising(freshness_p99_ms={}, acceptance_p99_ms=None))
    for name in ("freshness, fibre", "acceptance at the counter, real edges"):
        assert (shown[name].word, shown[name].promise) == ("shown", "—")
    fibre = _by_name(scenario=_promising(freshness_p99_ms={"fibre": 1.0}, acceptance_p99_ms=None), book=Book(3.0))
    assert [name for name in fibre if name.startswith(("freshness", "acceptance"))] == ["freshness, fibre"]


def test_where_no_centre_is_a_real_edge_acceptance_says_so() -> None:
    """Whoever was late: it is no time. A promise that then nobody can keep was not measured; the paper era has its own."""
    name = "acceptance at the counter, real edges"
    promising, promised_nothing = _promising(), _promising(acceptance_p99_ms=None)
    without = [replace(each, edges=0) for each in promising.centres]
    shown = {"scenario": replace(promised_nothing, centres=without), "book": Book(3.0)}
    for late_ms in (2.0, 400.0):
        told = _by_name(**shown, late=world.punctual(late_ms))[name]
        assert (told.word, told.promise, told.measured, told.figure) == ("shown", "—", "no real edge in this scenario", None)
    assert _by_name(scenario=replace(promising, centres=without), book=Book(3.0))[name].word == "invalid"
    assert name not in _by_name(scenario=promised_nothing, book=Book(3.0))
    assert name not in _by_name(**shown, manner="paper", standing=Standing(0, 0))


def test_the_paper_era_has_a_counter_too() -> None:
    book = Book(3.0)
    book.record("accepted paper", 1.0, 400)
    told = _by_name(book=book, manner="paper", standing=Standing(0, 0))
    assert [name for name in told if name.startswith("acceptance")] == ["acceptance at the counter, paper era"]


def test_what_it_took_is_the_city_s_own() -> None:
    """Neither the lab's processor time nor its memory is; nothing is said where nobody has looked."""
    told = _by_name()
    assert (told["events per CPU second"].figure, told["memory of all services"].figure) == (30.0, 490.0)
    assert told["events per CPU second"].measured == f"30 (300 events, 10.0 s of {CORES} cores, most by kafka: 6.0 s)"
    assert "events per CPU second" not in _by_name(samples=[])
    assert "events per CPU second" not in _by_name(cpu_seconds={"generator 0": 3.0})


def test_counters_that_come_back_late_break_a_promise_though_all_has_drained() -> None:
    """Of what is due once the line is back at 15 s: what was due before waits as long as it was gone."""
    promised = {"scenario": _promising(freshness_again_p99_ms=10_000.0)}
    name = "freshness, once all lines are back"
    book = world.book()
    for number in range(200):
        book.record("fresh mountain", number / 20, 14_000)
    told = _by_name(**promised, book=book)
    assert told[name].word == "kept"
    assert told[name].measured.endswith("from 15 s on, 300 events")
    for number in range(20):
        book.record("fresh mountain", 16 + number / 20, 11_000)
    assert _broken(**promised, book=book) == [name]
    assert _by_name(**promised, book=book, unseen=1)[name].word == "broken"
    assert _by_name(**promised, unseen=1)[name].word == "invalid"


def test_what_a_machine_broke_that_is_too_slow_for_its_promise_nobody_can_say() -> None:
    """What it kept was kept; what was never stored, and who of those that share it was starved, is not for its speed."""
    slow, quick = Yardstick(400, 450, 400, 450), Yardstick(900, 900, 1_300, 1_300)
    late = {"book": world.book(fibre_ms=5_000)}
    told = _by_name(**late, yardstick=slow)
    fibre = told["freshness, fibre"]
    assert fibre.word == "invalid"
    assert fibre.measured.endswith("the machine was 3.0 times too slow for this promise")
    assert (told["freshness, mountain"].word, told["machine"].word) == ("kept", "kept")
    assert _broken(**late, yardstick=quick) == ["freshness, fibre"]
    starved = {"scenario": _promising(slowest_link_share=0.5), **FAIR}
    starved["flows"] = _flows(fibre=[10] * 30, mountain=STARVED)
    assert _broken(**late, **starved, yardstick=slow) == ["fairness"]
    assert set(_broken(backlogs=[Backlog("mountain", 15.0, 75, 40, 19.0)], left=35, yardstick=slow)) == {"lost", DRAINED}


def test_a_backlog_is_drained_when_its_last_event_is_stored() -> None:
    """Whatever waits meanwhile that was due after the line was back: an outbox of a busy centre is never empty."""
    full = [each if each.at < 10 else replace(each, outboxes={"mountain": 39}) for each in world.samples()]
    soon = _by_name(samples=full)[DRAINED]
    assert (soon.word, soon.figure) == ("kept", 4.0)
    assert (soon.measured, soon.promise) == ("4.0 s after it was back, 75 events due before", "≤ 40 s")
    assert _by_name(backlogs=[Backlog("mountain", 15.0)])[DRAINED].measured == "nothing was due before"
    assert _by_name(backlogs=[])[DRAINED].word == "invalid"


def test_what_was_thrown_away_has_not_drained() -> None:
    """As in the paper era: those that were stored went through quickly, and the others never."""
    thrown = {"manner": "paper", "counts": Counter(due=300, stored=290, given_up=10)}
    told = _by_name(**thrown, backlogs=[Backlog("mountain", 15.0, 75, 65, 16.9)])[DRAINED]
    assert (told.word, told.figure) == ("broken", None)
    assert told.measured.startswith(
        "not before the end: 10 of 75 events due before thrown away, or never stored; the others 1.9 s"
    )


def test_a_line_that_is_cut_and_then_passes_nothing_is_back_after_both() -> None:
    """Stretches that adjoin are one: what waits in the second is no slow drain of the first."""
    adjoining = [Stretch("cut", "mountain", 10.0, 12.0), Stretch("captive", "mountain", 12.0, 20.0)]
    apart = [*adjoining[:1], Stretch("congested", "mountain", 12.0, 20.0), Stretch("cut", "fibre", 12.0, 20.0)]
    again = [*adjoining, Stretch("cut", "mountain", 22.0, 24.0)]
    assert gaps(adjoining) == [Gap("mountain", 0.0, 20.0)]
    assert gaps(apart) == [Gap("mountain", 0.0, 12.0), Gap("fibre", 0.0, 20.0)]
    assert gaps(again) == [Gap("mountain", 0.0, 20.0), Gap("mountain", 20.0, 24.0)]
    told = _by_name(stretches=adjoining, backlogs=[Backlog("mountain", 20.0, 100, 100, 24.0)])
    assert [name for name in told if name.startswith("drained")] == ["drained, mountain cut, captive at 10 s"]
    assert told["drained, mountain cut, captive at 10 s"].figure == 4.0


def test_what_is_replayed_without_dues_says_that_they_are_not_judged() -> None:
    """Published figures know none."""
    scenario = world.outcome().scenario
    replayed = replace(scenario, arrivals=replace(scenario.arrivals, facts="hue-2025-07.toml"))
    told = _by_name(scenario=replayed, dues={}, dues_told={}, ledgers={})
    for name in ("deadlines", "deadlines explained"):
        assert told[name].word == "shown"
        assert told[name].measured.startswith("not judged: published figures")
    assert "deadlines explained" not in _by_name(dues={}, dues_told={}, ledgers={})


def test_a_late_generator_makes_times_invalid_and_no_count() -> None:
    """Invalid is not slow, and not fine either."""
    told = _by_name(late=world.punctual(400), book=world.book(fibre_ms=5_000), **_counted(received=-1))
    assert told["freshness, fibre"].word == "invalid"
    assert told["lost"].word == "broken"
    drawn = list(told.values())
    assert drawing.spoiled(drawn)
    assert [each.name for each in drawing.broken(drawn)] == ["lost"]


def test_an_audit_that_could_not_run_says_nothing() -> None:
    """Neither that it is clean nor that it is not."""
    told = _by_name(audit={"exit": 2, "failed": [], "counts": {}, "why": "Kafka is gone"})
    assert told["audit"].word == "invalid"
    assert "Kafka is gone" in told["audit"].measured


def test_the_first_to_saturate_is_named() -> None:
    """A process of one thread that takes its whole core, once all are warm; Kafka has more threads, the lab is no stage."""
    told = _by_name(samples=world.samples(intake_cores=0.97))
    assert told["first to saturate"].measured.startswith("intake (one core) at 6 s")
    assert _by_name()["first to saturate"].measured == "nothing"
    busy = [replace(each, cores={"kafka": 1.4, "generator 0": 0.97, "toxiproxy": 0.95}) for each in world.samples()]
    assert _by_name(samples=busy)["first to saturate"].measured == "nothing"
    cold = [replace(each, cores={"intake": 0.97 if each.at < 6 else 0.4}) for each in world.samples()]
    assert _by_name(samples=cold)["first to saturate"].measured == "nothing"
    full = [replace(each, machine_cores=float(CORES)) for each in busy]
    told_of = _by_name(samples=full)["first to saturate"].measured
    assert told_of.startswith(f"the machine ({CORES} cores) at 6 s")
    assert told_of.endswith("the city took 1.4 cores of it, most kafka, the lab itself 1.9")


def test_what_a_city_had_counted_before_is_nobodys_double() -> None:
    """Unit by unit and in total; a unit that was not there had nothing."""
    before = Told({UNIT: {"received": 7}}, {"received": 7})
    after = Told({UNIT: {"received": 9, "returned": 1}, "19753": {"received": 3}}, {"received": 12, "returned": 1})
    since = after.since(before)
    assert since.by_unit == {UNIT: {"received": 2, "returned": 1}, "19753": {"received": 3}}
    assert since.total == {"received": 5, "returned": 1}


@pytest.mark.parametrize(
    "changed",
    [
        {"unseen": 1},
        {"left": 1},
        {"silent_edges": 1},
        {"counts": Counter(due=300, stored=299, given_up=1)},
        {"counts": Counter(due=300, stored=299)},
        {"book": Book(3.0), "flows": {}},
        {"book": Book(3.0), "flows": {}, "left": 300},
    ],
)
def test_those_who_came_through_do_not_speak_for_the_others(changed: dict[str, object]) -> None:
    """No promise about time is kept when an event has none, and none vanishes because nothing was measured."""
    told = _by_name(**changed, scenario=_promising(slowest_link_share=0.5))
    for name in ("acceptance at the counter, real edges", "freshness, fibre", "fairness"):
        assert told[name].word in ("broken", "invalid"), name


def test_a_link_whose_events_mostly_wait_has_broken_its_promise() -> None:
    """Its few survivors were quick."""
    waiting = [*world.samples(), replace(world.samples()[-1], at=31.0, outboxes={"fibre": 100})]
    assert _by_name(left=100, samples=waiting)["freshness, fibre"].word == "broken"
    assert _by_name(left=100)["freshness, fibre"].word == "invalid"
    # A sample that is a second old is no proof when nothing was left in the end.
    assert _by_name(samples=waiting)["freshness, fibre"].word == "kept"
    assert _by_name(left=300, book=Book(3.0))["freshness, fibre"].word == "broken"


def _flows(**stored: list[int]) -> dict[str, Flow]:
    """Ten events a second come due on each link, for half a minute."""
    return {link: Flow([10] * 30, counts) for link, counts in stored.items()}


def _burst(events: int, *stored: int) -> Flow:
    """All due in the first second."""
    return Flow([events], list(stored))


STARVED = [10, 10, *[0] * 27, 280]
FAIR = {"stretches": [], "real_seconds": 60.0}


def test_a_link_that_is_starved_for_a_while_was_not_treated_fairly() -> None:
    """Though all of it is through at the end: the part that went through while it waited tells, beside another one's."""
    promised = {"scenario": _promising(slowest_link_share=0.5), **FAIR}
    starved = _by_name(**promised, flows=_flows(fibre=[10] * 30, mountain=STARVED))["fairness"]
    assert starved.word == "broken"
    assert starved.figure == pytest.approx(1 / 17)
    assert starved.measured.startswith("mountain 6% from 13 to 30 s")
    slow = _by_name(**promised, flows=_flows(fibre=[10] * 30, mountain=[0] * 4 + [10] * 26 + [40]))["fairness"]
    assert (slow.word, slow.figure) == ("kept", 1.0)
    assert _by_name(**promised, flows={})["fairness"].word == "invalid"
    nobody = {"scenario": _promising(slowest_link_share=None), **FAIR}
    shown = _by_name(**nobody, flows=_flows(fibre=[10] * 30, mountain=STARVED))["fairness"]
    assert (shown.word, shown.promise, shown.figure) == ("shown", "—", starved.figure)


def test_links_are_compared_with_each_other_however_little_any_of_them_gets() -> None:
    """Two that drain alike but for a twelfth are treated alike; one that gets nothing until the other is through is not."""
    promised = {"scenario": _promising(slowest_link_share=0.5), **FAIR}
    fibre = _burst(2_000, *[40] * 50)
    alike = _by_name(**promised, flows={"fibre": fibre, "mountain": _burst(2_000, *[37] * 54, 2)})["fairness"]
    assert alike.word == "kept"
    assert (alike.figure or 0) > 0.9
    last = _by_name(**promised, flows={"fibre": fibre, "mountain": _burst(2_000, *[0] * 45, 2_000)})["fairness"]
    assert last.word == "broken"
    assert (last.figure or 0) < 0.1


def test_what_came_due_a_moment_ago_is_on_its_way() -> None:
    """After an idle stretch twenty events come at once, and take a second: no link is unfair by how far away it is."""
    idle = Flow([0] * 29 + [20], [0] * 30 + [20])
    assert fairness(world.outcome(**FAIR, flows={"fibre": Flow([10] * 30, [10] * 30), "mountain": idle})) == {}


def test_nobody_is_unfair_where_a_line_is_gone_or_nobody_is_served() -> None:
    """A cut is the line's own, a broker that stands still is everybody's; whoever had nothing to report is no slow link."""
    steady = _flows(fibre=[10] * 30)
    cut = [Stretch("cut", "mountain", 2.0, 29.0)]
    assert fairness(world.outcome(flows=_flows(fibre=[10] * 30, mountain=STARVED), stretches=cut)) == {}
    both = fairness(world.outcome(**FAIR, flows=_flows(fibre=STARVED, mountain=STARVED)))
    assert {each.ratio for each in both.values()} == {1.0}
    assert fairness(world.outcome(**FAIR, flows={**steady, "mountain": Flow([], [])})) == {}
    never = fairness(world.outcome(**FAIR, flows={**steady, "mountain": Flow([10] * 30, [])}))["mountain"]
    assert (never.ratio, never.until) == (0, 60)
    both_cut = [Stretch("cut", link, 20.0, 29.0) for link in ("mountain", "fibre")]
    until_then = fairness(world.outcome(flows=_flows(fibre=[10] * 30, mountain=STARVED), stretches=both_cut))["mountain"]
    assert (until_then.beside, until_then.until) == ("fibre", 19), "a line that goes ends a stretch, and not the one before"
    rests = world.outcome(**FAIR, flows={**steady, "mountain": Flow([10] * 30, STARVED)})
    outbox = replace(rests.scenario.outbox, back_off_most_seconds=28.0)
    rests.scenario = replace(rests.scenario, outbox=outbox)
    assert fairness(rests) == {}


def test_whose_line_comes_back_is_compared_with_whose_line_came_back_with_it() -> None:
    """A backlog takes its time, whoever was well meanwhile; of two of them the one that is served last was starved."""
    gone = [Stretch("half_open", link, 0.0, 20.0) for link in ("mountain", "fibre")]
    mountain, fibre = Flow([10] * 20, [0] * 50 + [200]), Flow([10] * 20, [*[0] * 20, 100, 100])
    well = Flow([10] * 50, [10] * 50)
    alone = world.outcome(flows={"mountain": mountain, "city-4g": well}, stretches=gone[:1], real_seconds=60.0)
    assert fairness(alone) == {}
    both = world.outcome(flows={"mountain": mountain, "fibre": fibre}, stretches=gone, real_seconds=60.0)
    assert fairness(both)["mountain"].ratio < 0.1
    later = Flow([10] * 60, [*[0] * 5, 60, *[10] * 14, *[0] * 25, 260, *[10] * 14])
    steady = {"mountain": later, "fibre": Flow([10] * 60, [10] * 60)}
    again = world.outcome(flows=steady, stretches=[Stretch("cut", "mountain", 0.0, 5.0)], real_seconds=60.0)
    assert fairness(again)["mountain"].beside == "fibre", "it had come back, and was well"
    mountain = Flow([10] * 90, [*[0] * 25, 260, *[10] * 24, *[0] * 25, 260, *[10] * 14])
    fibre = Flow([10] * 90, [*[0] * 30, 310, *[10] * 59])
    cut = [Stretch("cut", "fibre", 0.0, 30.0)]
    second = world.outcome(flows={"mountain": mountain, "fibre": fibre}, stretches=cut, real_seconds=90.0)
    assert fairness(second)["mountain"].since > 50, "in the first stretch there was nobody beside it"
    starved = Flow([10] * 50, STARVED)
    beside = world.outcome(flows={"mountain": mountain, "city-4g": starved, "fibre": well}, stretches=gone[:1])
    assert fairness(beside)["city-4g"].beside == "fibre"


def test_an_edge_that_does_not_say_what_it_holds_leaves_a_run_unfinished() -> None:
    """Not lost, and not all there either."""
    told = _by_name(silent_edges=1, **_counted(returned=-1))
    assert told["lost"].word == "broken"
    assert told["lost"].figure == 0
    assert "1 edges did not say what they hold" in told["lost"].measured


@pytest.mark.parametrize("code", [-9, 3, 137])
def test_an_audit_that_was_killed_says_nothing_either(code: int) -> None:
    """Whatever its status."""
    told = _by_name(audit={"exit": code, "failed": [], "counts": {}, "why": None})
    assert told["audit"].word == "invalid"
    assert f"ended with {code}" in told["audit"].measured


def _promising(**promises: object) -> Scenario:
    scenario = world.outcome().scenario
    return replace(scenario, promises=replace(scenario.promises, **promises))
