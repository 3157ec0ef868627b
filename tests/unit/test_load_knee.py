"""The knee: judged in its steady part, narrowed down, told as an interval, blamed on what shows it, invalid when it is."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lab.errors import ScenarioError
from lab.load import judging, knee, rates, steps
from lab.load import plan as planning
from lab.load import scenario as scenarios
from lab.load import verdict as drawing
from lab.load.flow import Flow
from lab.load.knee import Found
from lab.load.measures import Book
from lab.load.outcome import Outcome
from lab.load.rehearsal import rehearse
from lab.load.steps import Step
from lab.load.watch import CORES, Sample
from lab.load.whole import whole
from lab.load.yardstick import Yardstick
from tests.unit import load_world as world

pytestmark = pytest.mark.slow

KNEE = knee.knee_of(scenarios.read("find-the-knee"))


def _judged(**changed: Any) -> Step:
    return steps.judged(world.outcome(**{"book": world.book(100, 100), **changed}), 0, 100, KNEE)


def _late(stored_ms: float = 50.0) -> Book:
    """Most of it is counted too late; stored after so long."""
    made = Book(3.0)
    for number in range(300):
        made.record("fresh fibre", number / 10, 9_000)
        made.record("stored fibre", number / 10, stored_ms)
    return made


def _waiting(cores: dict[str, float] | None = None, **waits: float) -> list[Sample]:
    """Nobody else takes any of the machine, and some of it is left."""
    changed: dict[str, Any] = {"waits": waits, **({} if cores is None else {"cores": cores})}
    told = [replace(each, **changed) for each in world.samples()]
    return [replace(each, machine_cores=min(0.7 * CORES, sum(each.cores.values()))) for each in told]


def _overloaded(share: float) -> Book:
    """So much more than can be sustained is asked for 16 s: after T seconds events wait T(1 - 1/(1 + share)) longer."""
    made = Book(1.0)
    for number in range(16 * 60):
        at = number / 60
        for name in ("fresh fibre", "stored fibre"):
            late = at * (1 - 1 / (1 + share)) * 1000 if name == "fresh fibre" else 0.0
            made.record(name, at, 150 + late)
    return made


def test_a_late_generator_blames_itself() -> None:
    """And nothing of the system."""
    assert _judged().kept
    own = _judged(book=_late(), late=world.punctual(900))
    assert (own.kept, own.valid, own.stage) == (False, False, steps.OUTSIDE)


@pytest.mark.parametrize(
    ("book", "samples", "stage", "said"),
    [
        (_late(), _waiting(lag_processing=3, lag_metrics=1), "processing", "3 records waited to be folded, 1 to be counted"),
        (_late(), _waiting(lag_processing=3, lag_metrics=40), "metrics", "40 to be counted"),
        (_late(), _waiting({"redis": 0.97, "processing": 0.4}, lag_processing=900), "redis", "redis took 0.97 of its one"),
        (_late(), _waiting({"redis": 0.97, "processing": 0.98}, lag_processing=900), "processing", "900 records waited"),
        (_late(), _waiting(lag_processing=0, lag_metrics=0), steps.UNKNOWN, "0 records waited"),
        (_late(), [], steps.UNKNOWN, "nobody could look"),
        (_late(), _waiting(), steps.UNKNOWN, "nobody could look"),
        (_late(4_000), _waiting(intake_in_flight=64, intake_queue=10), "intake", "64 requests and 10 events within intake"),
        (_late(4_000), _waiting({"intake": 0.98}, intake_queue=900), "intake", "900 events within intake"),
        (_late(4_000), _waiting(intake_in_flight=64, intake_queue=900), "kafka", "waiting for Kafka"),
        (_late(4_000), _waiting(intake_in_flight=0, intake_queue=0), "links", "0 requests and 0 events within intake"),
    ],
)  # fmt: skip
def test_the_stage_where_events_wait_is_blamed(book: Book, samples: list[Sample], stage: str, said: str) -> None:
    """With what shows it; where nothing shows it, nobody is."""
    step = _judged(book=book, samples=samples)
    assert (step.kept, step.stage) == (False, stage)
    assert said in step.evidence


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"book": Book(3.0)}, "nothing was measured"),
        ({"counts": Counter(due=300, stored=299)}, "299 of 300 stored"),
        ({"counts": Counter(due=250, stored=250)}, "250 of 300 stored"),
        ({"refused": Counter(unit_not_allowed=2)}, "2 refused"),
        ({"all_counted": False}, "did not come to the end of the log"),
        ({"left": 1}, "1 still waiting"),
        ({"counts": Counter(due=300, stored=290)}, "10 nowhere"),
        ({"unseen": 1}, "1 never seen counted"),
        ({"silent_edges": 1}, "1 edges silent"),
    ],
)
def test_a_rate_is_kept_only_when_all_of_it_came_through(changed: dict[str, Any], said: str) -> None:
    """However quick those were who did."""
    step = _judged(**changed)
    assert not step.kept
    assert said in step.evidence


@pytest.mark.parametrize(("share", "kept"), [(0.0, True), (0.03, True), (0.09, False), (0.12, False)])
def test_a_rate_that_falls_behind_is_not_kept(share: float, kept: bool) -> None:
    """Though all of it is counted within the promise: the step was over before the queue was too long."""
    counts = Counter(due=960, stored=960)
    told = _judged(book=_overloaded(share), planned=960, counts=counts, real_seconds=16.0,
                   samples=_waiting(lag_processing=900))  # fmt: skip
    assert told.fresh_p99_ms < KNEE.freshness_p99_ms
    assert told.kept is kept
    if not kept:
        assert told.stage == "processing"
        assert "it fell behind: half of the events took" in told.evidence


def test_shipped_steps_are_long_enough_to_see_a_queue_grow() -> None:
    """A rate a twelfth above what is sustained makes the middle event of the last third half a second later."""
    seconds = KNEE.step_seconds
    assert seconds == 16
    assert steps._thirds(world.outcome(book=_overloaded(1 / 12), real_seconds=seconds), 4.0) == pytest.approx(
        (150 + 5.5 / 13 * 1000, 150 + 12.5 / 13 * 1000), rel=0.02
    )


def test_where_no_core_is_left_the_machine_is_named_first() -> None:
    """The queue stood at processing, which took a quarter of a core; what the lab took of the machine is said."""
    took = {"processing": 0.26, "kafka": 0.98 * CORES - 0.71, "generator 0": 0.3, "toxiproxy": 0.15}
    full = [replace(each, machine_cores=0.99 * CORES) for each in _waiting(took, lag_processing=900)]
    step = _judged(book=_late(), samples=full)
    assert step.stage == "the machine, with the queue at processing"
    assert "of which the lab itself 0.45" in step.evidence
    assert _judged(book=_late(), samples=_waiting(took, lag_processing=900)).stage == "processing"


def test_one_look_at_a_long_queue_is_not_where_events_wait() -> None:
    """The middle look of each lag, as of what is within intake."""
    looks = _waiting(lag_processing=3, lag_metrics=40)
    looks[20] = replace(looks[20], waits={"lag_processing": 9_000.0, "lag_metrics": 40.0})
    assert _judged(book=_late(), samples=looks).stage == "metrics"


def test_a_rate_is_judged_where_it_is_steady() -> None:
    """A step that begins at a third of its rate, slow at first and quick later, and the other way round."""
    quick, slow = (Book(1.0) for _ in range(2))
    for second in range(12):
        for number in range(20 if second < 3 else 60):
            for name in ("fresh fibre", "stored fibre"):
                quick.record(name, second + number / 60, 9_000 if second < 3 else 100)
                slow.record(name, second + number / 60, 100 if second < 9 else 9_000)
    counts = Counter(due=600, stored=600)
    told = _judged(book=quick, planned=600, counts=counts, real_seconds=12.0, flows=_flows(12.0))
    assert (told.kept, told.reported, told.steady_from_seconds) == (True, 60.0, 3.0)
    assert told.fresh_p99_ms == pytest.approx(100, rel=0.02)
    assert not _judged(book=slow, planned=600, counts=counts, real_seconds=12.0).kept


def _flows(seconds: float, stored: float = 1.0) -> dict[str, Flow]:
    """Sixty due a second from a quarter on, a third of that before; of which such a part was stored."""
    due = [20 if second < seconds / 4 else 60 for second in range(round(seconds))]
    return {"fibre": Flow(due, [round(count * stored) for count in due])}


def test_rates_that_broke_and_rates_that_were_kept_are_the_same_measure() -> None:
    """What was due in the steady part: a step of which much was never stored is put beside one that kept it."""
    kept, short = (
        _judged(planned=800, counts=Counter(due=800, stored=stored), real_seconds=16.0, flows=_flows(16.0, stored / 800))
        for stored in (800, 240)
    )
    assert (kept.kept, short.kept) == (True, False)
    assert (kept.reported, short.reported) == (60.0, 60.0)


def _step(repeat: int, rate: float, kept: bool, valid: bool = True) -> Step:
    stage = "" if kept else "processing" if valid else steps.OUTSIDE
    return Step(
        repeat=repeat, asked=rate, reported=rate, fresh_p50_ms=100, fresh_p99_ms=1_000 if kept else 3_000, stored_p99_ms=50,
        lag_processing=0, lag_metrics=0, cores={}, machine_cores=1.0, valid=valid, kept=kept, stage=stage,
    )  # fmt: skip


def _found(*told: Step, repeats: int = 3) -> Found:
    return knee.found(list(told), replace(KNEE, repeats=repeats))


def test_the_knee_is_between_what_was_kept_and_what_broke() -> None:
    """Of all repeats: where they lie apart from one another, the interval has both."""
    told = _found(
        _step(0, 393, True), _step(0, 629, True), _step(0, 1006, False), _step(0, 795, False),
        _step(1, 629, True), _step(1, 1006, False), _step(1, 795, True), repeats=2,
    )  # fmt: skip
    assert told.kept_up_to == [629, 795]
    assert told.broke_at == [795, 1006]
    assert told.interval == (629, 1006)
    assert "between 629 and 1,006 events/s; no two of 2 repeats agree" in told.sentence
    assert "629 to 795, 795 to 1,006" in told.sentence
    assert "processing (2 of 2)" in told.sentence
    assert knee.verdict(told).word == "shown"


def test_repeats_whose_rates_came_in_another_order_are_told_all_the_same() -> None:
    """Two plans a seventh apart may come out the other way round: the search is not lost by it."""
    for least, most in ((2050, 2100), (2100, 2100)):
        told = _found(
            *(replace(each, reported=rate) for repeat in range(2) for each, rate in (
                (_step(repeat, 1811, True), most), (_step(repeat, 2037, False), least),
            )), repeats=2,
        )  # fmt: skip
        assert told.interval == (least, most)
        assert f"between {least:,} and {most:,} events/s" in told.sentence
        assert knee.verdict(told).word == "shown"


def test_the_knee_says_how_many_repeats_agree() -> None:
    """As in the first report of a quiet hour: one lay apart from the two others."""
    apart = (_step(0, 2846, True), _step(0, 3208, False))
    near = (_step(1, 2020, True), _step(1, 2245, False), _step(2, 2028, True), _step(2, 2252, False))
    said = _found(*apart, *near).sentence
    assert "between 2,020 and 3,208 events/s; 2 of 3 repeats agree: 2,028 to 2,245 events/s" in said
    assert "whichever" not in said
    assert "all 2 repeats agree" in _found(*(replace(each, repeat=each.repeat - 1) for each in near), repeats=2).sentence
    assert "by one repeat, which nobody has confirmed" in _found(*apart, repeats=1).sentence


def test_a_repeat_that_broke_at_once_is_not_left_out() -> None:
    """Two broke at the first rate, one kept it: nobody can say that this rate is kept."""
    told = _found(_step(0, 10, False), _step(1, 10, False), _step(2, 10, True), _step(2, 16, False))
    assert told.kept_up_to == [0, 0, 10]
    assert told.interval == (0, 16)
    assert "in 2 of 3 repeats not even the first rate was kept" in told.sentence
    assert "keep p99" not in told.sentence


def test_a_knee_that_was_not_reached_is_not_found() -> None:
    """Nothing broke, in one repeat of two: there is no upper end."""
    told = _found(_step(0, 60, True), _step(0, 96, True), _step(1, 60, True), _step(1, 96, False), repeats=2)
    assert told.interval == (60, None)
    assert told.sentence.startswith("above 60 events/s: 1 of 2 repeats broke, by 96 events/s")


def test_a_repeat_that_somebody_else_ended_says_nothing() -> None:
    """Neither where the knee is nor who broke it; the run is invalid by it, whatever the other repeats say."""
    told = _found(_step(0, 60, True), _step(0, 96, False, valid=False), _step(1, 60, True), _step(1, 96, False), repeats=2)
    assert told.interval == (60, 96)
    assert told.stages == {"processing": 1}
    assert told.spoiled_repeats == 1
    assert "in 1 of 2 repeats the generator was late" in told.sentence
    assert knee.verdict(told).word == "invalid"
    alone = _found(_step(0, 60, False, valid=False), repeats=1)
    assert alone.interval is None
    assert alone.sentence.startswith("nothing can be said")


def test_a_machine_that_became_another_one_has_no_knee() -> None:
    """Though each step for itself was left alone: two repeats' rates are those of two machines."""
    told = _found(_step(0, 60, True), _step(0, 96, False), repeats=1)
    changed, same = (judging.verdicts(world.outcome(yardstick=Yardstick(2_000, after))) for after in (1_000, 1_900))
    assert (knee.verdict(told, changed).word, knee.verdict(told, same).word) == ("invalid", "shown")
    assert "at fault in the search as a whole" in knee.verdict(told, changed).measured


@pytest.mark.parametrize(("truth", "steps_taken"), [(700.0, 8), (30.0, 1), (1e9, 8)])
def test_what_lies_between_is_halved(truth: float, steps_taken: int) -> None:
    """A system that breaks at a rate known to the test: the interval has it, and is a quarter of a step wide."""
    taken: list[Step] = []

    async def take(number: int, asked: float) -> Step:
        taken.append(_step(0, asked, kept=asked <= truth))
        return taken[-1]

    asyncio.run(knee._repeat(KNEE, take))
    told = _found(*taken, repeats=1)
    assert len(taken) == steps_taken
    assert told.interval is not None
    low, high = told.interval
    assert low <= truth < (high or 1e12)
    if truth == 700.0:
        assert high is not None
        assert high / low == pytest.approx(KNEE.growth ** (1 / 4))


def test_all_steps_together_are_bounded_before_the_first() -> None:
    """Each for itself is allowed: six hundred thousand events and ten minutes are those of the search."""
    shipped = scenarios.read("find-the-knee")
    rehearse(shipped, 1)
    most = knee.bounds(KNEE)
    assert (most.steps, most.seconds) == (30, 30 * 19.0)
    assert most.events <= knee.EVENTS_MAX
    for changed, said in (
        ({"first_events_per_second": 240}, "events together, more than 600,000"),
        ({"repeats": 5}, "50 steps may take 950 s, more than 600"),
        ({"step_seconds": 8}, "a step of 8 s cannot show whether it falls behind"),
    ):
        with pytest.raises(ScenarioError, match=said):
            rehearse(replace(shipped, knee=replace(KNEE, **changed)), 1)


def test_no_step_begins_when_time_is_over() -> None:
    """What was found by then is told, and that it is not all; nobody says that the last repeat never broke."""
    said: list[str] = []
    rates: list[int] = []
    clock = iter(range(0, 1_000, 100))

    async def run(one: scenarios.Scenario, _: int, __: str) -> Outcome:
        rates.append(one.arrivals.dossiers)
        return world.outcome(book=world.book(100, 9_000 if len(rates) % 4 == 3 else 100))

    told, outcomes = asyncio.run(
        knee.find(scenarios.read("find-the-knee"), knee.REFERENCE, 1, run, said.append, lambda: next(clock))
    )
    assert said[0].startswith(
        "at most 30 steps of 16 s, about 10 minutes and 534,457 events; none begins that would end after"
    )
    assert len(outcomes) == len(told.steps) == 6
    assert told.unfinished_repeats == 2
    assert told.interval == (told.kept_up_to[0], told.broke_at[0])
    assert "2 of 3 repeats did not come to their end in time" in told.sentence
    assert knee.verdict(told).word == "invalid"


def test_all_steps_together_hide_nothing_of_any() -> None:
    """What was refused or never counted in one of them stays so; times and samples are filed where they were."""
    first = world.outcome(refused=Counter(bad=2), all_counted=False, unseen=3, left=1, silent_edges=1)
    last = world.outcome(refused=Counter(bad=1), started_at=first.started_at + 60)
    told = whole(scenarios.read("find-the-knee"), 1, [first, last], None)
    assert told.refused == Counter(bad=3)
    assert not told.all_counted
    assert (told.unseen, told.left, told.silent_edges, told.planned) == (3, 1, 1, 600)
    assert (told.started_at, told.real_seconds) == (first.started_at, 90.0)
    assert told.book.whole["fresh fibre"].count == 600
    assert set(told.book.bins["fresh fibre"]) == {*range(10), *range(20, 30)}
    assert [each.at for each in told.samples] == [*range(31), *range(60, 91)]
    assert [each.due for each in told.samples] == [*range(0, 310, 10), *range(300, 610, 10)]
    assert [(each.since, each.until) for each in told.stretches] == [(10, 15), (70, 75)]
    assert told.counters[world.UNIT]["received"] == 200
    # What a step has seen stays its own.
    assert first.book.whole["fresh fibre"].count == first.planned == 300


def test_a_late_generator_of_one_step_is_one_of_the_whole() -> None:
    """Twenty steps with a loop that stands still and a core that is full, and a good one at the end."""
    bad = [world.outcome(generator_cores=[0.99], loop=world.punctual(3_000), late=world.punctual(400)) for _ in range(20)]
    told = judging.verdicts(whole(scenarios.read("find-the-knee"), 1, [*bad, world.outcome()], None))
    own = next(each for each in told if each.name == "generator")
    assert own.word == "broken"
    assert "99% of a core at most" in own.measured
    assert "its loop stood still for 3002 ms" in own.measured
    assert drawing.spoiled(told)


MOUNTAIN = scenarios.read("knee-mountain")


def test_centres_are_stepped_on_one_line_each_with_its_own_rate() -> None:
    """Whole ones, more of them each time; the rate of all grows with them."""
    wanted = knee.knee_of(MOUNTAIN)
    assert [wanted.asked(number) for number in range(4)] == [8, 14, 23, 39]
    per_dossier = knee._events_per_dossier(MOUNTAIN, knee.REFERENCE, 1)
    for asked in (8.0, 39.0):
        step = knee.at_rate(MOUNTAIN, asked, per_dossier, 0)
        told = planning.plan(step, knee.REFERENCE, 1, "a")
        assert len(told.centres) == asked
        assert {rates.line_of(each, step, False) for each in told.centres} == {0}
        assert told.events / wanted.step_seconds == pytest.approx(2 * asked, rel=0.25)
    assert rates.rates_of(MOUNTAIN.profiles["mountain"], MOUNTAIN, False) == pytest.approx((251.7, 251.7), rel=0.01)
    apart = replace(MOUNTAIN, knee=replace(wanted, one_line=False))
    assert len({rates.line_of(each, apart, False) for each in told.centres}) == 39
    rehearse(MOUNTAIN, 1)


@pytest.mark.parametrize(("truth", "asked"), [(20.0, [8, 14, 23, 18, 20]), (8.0, [8, 14, 11, 9]), (1e9, [8, 14, 23, 39])])
def test_between_centres_there_is_no_half_one(truth: float, asked: list[float]) -> None:
    """Halved until there is nobody between, or twice."""
    taken: list[Step] = []
    wanted = replace(knee.knee_of(MOUNTAIN), repeats=1, steps_max=4)

    async def take(number: int, centres: float) -> Step:
        taken.append(replace(_step(0, centres * 2.1, centres <= truth), asked=centres, centres=int(centres)))
        return taken[-1]

    asyncio.run(knee._repeat(wanted, take))
    assert [each.asked for each in taken] == asked
    told = knee.found(taken, wanted)
    assert told.unit == "centres on one line"
    if truth == 20.0:
        assert told.interval == (20, 23)
        assert "the knee lies between 20 and 23 centres on one line" in told.sentence


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("first_centres = 8\n", "", "say something together only"),
        ('step = "centres"\n', "", "say something together only"),
        ("first_centres = 8\n", "first_centres = 900\n", "12,779 centres, more than 5000"),
        ("count = 4\nshare = 1\n", "count = 4\nshare = 1\n[[centres]]\nlink = 'fibre'\ncount = 1\nshare = 1\n", "one group"),
    ],
)
def test_what_a_search_for_centres_cannot_be_is_said(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    """Before anything is started."""
    text = (scenarios.DIRECTORY / "knee-mountain.toml").read_text("utf-8")
    assert was in text
    (tmp_path / "mine.toml").write_text(text.replace(was, becomes), "utf-8")
    with pytest.raises(ScenarioError, match=said):
        scenarios.read(str(tmp_path / "mine.toml"))
