"""What a run refuses before it touches anything, and whose times may be taken for the city's after it."""

import time
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec import structs

from lab.errors import LabError, ScenarioError
from lab.load import health, scenario, session, yardstick
from lab.load.outcome import Outcome
from lab.load.report import leaving
from lab.load.session import Chosen, run
from lab.load.verdict import Verdict
from lab.load.watch import CORES
from lab.load.yardstick import Speed, Yardstick
from tests.unit import load_world as world

pytestmark = pytest.mark.slow


def _asked(tmp_path: Path, name: str = "monday-morning", out: str = "reports") -> Chosen:
    nowhere = "http://127.0.0.1:9"
    return Chosen(
        scenario=scenario.read(name), seed=1, manner="outbox", beside=False, keep=False, port_base=1,
        state_dir=tmp_path, out=tmp_path / out, given=(nowhere, nowhere, nowhere),
    )  # fmt: skip


def test_a_running_city_suffers_no_faults(tmp_path: Path) -> None:
    """A scenario that kills a service is refused before the first request, where somebody has named a city of their own."""
    with pytest.raises(ScenarioError, match="faults"):
        run(_asked(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_could_not_be_left_is_refused_before_the_run(tmp_path: Path) -> None:
    """Instead of after it, when all that was measured would be lost."""
    (tmp_path / "taken").touch()
    with pytest.raises(LabError, match="no report can be left"):
        run(_asked(tmp_path, "nation", "taken/reports"))
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def _machine(others: list[float], **changed: object) -> Verdict:
    """Samples in which others took these cores; the city took half a core."""
    base = world.samples()[0]
    looks = [
        structs.replace(base, at=float(at), cores={"intake": 0.5}, machine_cores=0.5 + took)
        for at, took in enumerate(others)
    ]
    [told] = health.machine(world.outcome(samples=looks, **changed))
    return told


@pytest.mark.parametrize(("busy", "word"), [(9, "broken"), (6, "broken"), (2, "kept"), (0, "kept")])
def test_a_machine_that_others_had_for_less_than_half_of_the_time_was_not_left_to_the_run(busy: int, word: str) -> None:
    """All that there is besides: for 45 % and 30 % of twenty looks, which the middle one does not show, and for 10 %."""
    told = _machine([CORES - 0.5 if number < busy else 0.0 for number in range(20)])
    assert told.word == word
    assert "in the worst third" in told.measured


def test_a_machine_that_was_another_one_after_the_run_spoils_it() -> None:
    """By more than a third, whichever way; without looks at the cores, too."""
    for before, after, word in ((2_000, 1_600, "kept"), (2_000, 1_400, "broken"), (1_400, 2_000, "broken")):
        told = _machine([0.0] * 9, yardstick=Yardstick(before, after))
        assert told.word == word
        assert f"{before:,} units/s of processor time before, {after:,} after" in told.measured
    [alone] = health.machine(world.outcome(own_city=False, yardstick=Yardstick(2_000, 1_400)))
    assert (alone.word, alone.figure) == ("broken", None)
    assert health.machine(world.outcome(own_city=False)) == []


@pytest.mark.parametrize(
    ("wall", "word"), [((2_300, 2_200), "kept"), ((2_300, 600), "kept"), ((600, 2_300), "kept"), ((600, 1_400), "broken")]
)
def test_a_neighbours_moment_is_no_other_machine(wall: tuple[float, float], word: str) -> None:
    """Its processor does as much as before; others that take a core at one end alone are not those of the whole run."""
    told = _machine([0.0] * 9, yardstick=Yardstick(*wall, 2_400, 2_350))
    assert told.word == word
    assert f"by the wall {wall[0]:,} and {wall[1]:,}" in told.measured


def test_one_sample_among_others_moves_no_yardstick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of five in which others had the core: the middle one is what is told."""
    samples = iter([(2_300.0, 2_400.0), (600.0, 2_380.0), (2_310.0, 2_410.0), (700.0, 2_390.0), (2_290.0, 2_405.0)])
    monkeypatch.setattr(yardstick, "_sample", lambda: next(samples))
    assert yardstick.measured() == Speed(2_290.0, 2_400.0)


def test_a_slower_machine_is_known_by_its_processor() -> None:
    """At the worse end of the run, whatever others took; by the wall where a report knows no more."""
    assert yardstick.times_slower(Yardstick(600, 700, 2_400, 1_200), 2_400) == 2
    assert yardstick.times_slower(Yardstick(600, 1_200), 2_400) == 4
    assert yardstick.times_slower(Yardstick(3_000, 3_000, 3_000, 3_000), 2_400) == 1


def test_the_yardstick_is_asked_before_anything_runs_and_when_all_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in the report, and the run's verdict knows it."""
    happened: list[str] = []
    speeds = iter([Speed(1_900.0, 2_000.0), Speed(950.0, 1_000.0)])

    def measured() -> Speed:
        happened.append("measured")
        return next(speeds)

    async def city(*_: object) -> tuple[Outcome, None]:
        happened.append("ran")
        return world.outcome(), None

    monkeypatch.setattr(session, "commit", lambda: happened.append("commit"))
    monkeypatch.setattr(yardstick, "measured", measured)
    monkeypatch.setattr(session, "_city", city)
    told = run(_asked(tmp_path, "nation"))
    assert happened == ["commit", "measured", "ran", "measured"]
    assert (told.broken, told.invalid) == (False, True)
    assert leaving.read(told.files[1])["machine"]["yardstick"] == {
        "before": 1_900.0, "after": 950.0, "processor_before": 2_000.0, "processor_after": 1_000.0,
    }  # fmt: skip


@pytest.mark.parametrize("late", [True, False])
def test_nine_events_of_a_thousand_that_are_ten_seconds_late_are_not_punctual(late: bool) -> None:
    """A p99 leaves them out, and freshness is told to p99.9; a loop that stood still likewise."""
    kept = world.punctual(2)
    for _ in range(900):
        kept.record(2)
    for _ in range(9):
        kept.record(10_000)
    assert kept.at(99) < health.LATE_P99_MS_MAX
    told = health.generator(world.outcome(**{"late" if late else "loop": kept}))
    assert told.word == "broken"
    assert "(p99.9)" in told.measured.rpartition(":")[2]


def test_a_sample_is_so_many_units_by_what_they_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them, in four seconds by the wall and half of that of the processor."""
    walls, processors = chain((10.0, 11.0, 12.0), repeat(14.0)), chain((5.0,), repeat(7.0))
    clocks = SimpleNamespace(perf_counter=lambda: next(walls), process_time=lambda: next(processors))
    monkeypatch.setattr(yardstick, "time", clocks)
    monkeypatch.setattr(yardstick, "UNITS", 3)
    monkeypatch.setattr(yardstick, "SAMPLE_SECONDS_MAX", 5.0)
    assert yardstick._sample() == (3 / 4, 3 / 2)


def test_the_yardstick_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine on which it would take too long, what was done by then is told."""
    monkeypatch.setattr(yardstick, "SAMPLE_SECONDS_MAX", 1e-9)
    monkeypatch.setattr(yardstick, "_unit", lambda _: time.sleep(0.01))
    assert 0 < yardstick.measured().wall <= 100
