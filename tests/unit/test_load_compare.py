"""Comparisons: what is noise, what is perhaps a change, what is one for certain, and what nobody can say."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lab.errors import LabError
from lab.load import compare as comparing
from lab.load import main, noise
from lab.load.compare import Change
from lab.load.report import leaving
from lab.load.report.document import document
from lab.load.yardstick import Yardstick
from tests.unit import load_world as world

pytestmark = pytest.mark.slow

BEGAN = "2026-11-26T09:00:00+07:00"
KNEE = {"kept_up_to": [624.0, None], "broke_at": [1006.0, 1019.0]}


def _document(**changed: object) -> dict[str, Any]:
    return document(world.outcome(**{"yardstick": _stick(2_000), **changed}), BEGAN, 1.5)


def _stick(speed: float) -> Yardstick:
    """The same before and after, with nobody else on the machine."""
    return Yardstick(speed, speed, speed, speed)


def _compared(before: dict[str, Any] | list[dict[str, Any]], after: dict[str, Any] | list[dict[str, Any]]) -> list[Change]:
    """One run a side, or several."""
    return comparing.compare(*(side if isinstance(side, list) else [side] for side in (before, after)))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the shuffles: enough where a difference is plain."""
    monkeypatch.setattr(noise, "SHUFFLES", noise.SHUFFLES // 10)


def test_a_comparison_knows_noise_from_a_change() -> None:
    """The same again, a little slower within the noise, three times as slow, and a promise that broke."""
    before = _document()
    assert not any(each.more_than_noise for each in _compared(before, _document()))
    slightly = _compared(before, _document(book=world.book(fibre_ms=world.FIBRE_MS * 1.05)))
    assert not any(each.more_than_noise for each in slightly)
    slower = {each.name: each for each in _compared(before, _document(book=world.book(fibre_ms=world.FIBRE_MS * 3)))}
    assert slower["fresh fibre p99"].more_than_noise
    assert slower["fresh fibre p99"].better is False
    assert not slower["fresh mountain p99"].more_than_noise
    assert comparing.worse(list(slower.values())) == [], "bins of one run say nothing about the next one"
    broken = _compared(before, _document(left=4))
    assert [each.name for each in broken if each.more_than_noise] == ["lost"]


@pytest.mark.usefixtures("quick")
def test_a_spoiled_run_is_no_worse_system() -> None:
    """The generator was late, its times are invalid: nothing can be said of them; what was counted can."""
    spoiled = _document(late=world.punctual(400), book=world.book(fibre_ms=5_000), cpu_seconds={"intake": 40.0})
    for changes in (_compared(_document(), spoiled), _compared(spoiled, _document())):
        assert comparing.worse(changes) == []
        told = {each.name: each for each in changes}
        assert told["freshness, fibre"].more_than_noise is None
        assert told["fresh fibre p99"].more_than_noise is None
        assert told["processor of intake"].more_than_noise is None
        assert not {"generator", "machine"} & set(told)
    lost = _document(late=world.punctual(400), counts=Counter(due=300, stored=299, given_up=1))
    assert [each.name for each in comparing.worse(_compared(_document(), lost))] == ["lost"]


@pytest.mark.usefixtures("quick")
def test_what_differs_is_what_is_better_or_worse() -> None:
    """130 to 300 ms in every bin is slower, though one slow bin of few events made the first run's own p99 400 ms."""
    before, after = _document(), _document()
    for run, ms, whole in ((before, 130.0, 400.0), (after, 300.0, 300.0)):
        run["bins"]["fresh fibre"] = [[number, 30, ms, ms, ms] for number in range(10)]
        run["latencies"]["fresh fibre"]["p99"] = whole
    told = {each.name: each for each in _compared(before, after)}
    assert told["fresh fibre p99"].more_than_noise
    assert told["fresh fibre p99"].better is False
    assert "400.0 ms (bins 130.0)" in comparing.table(_compared(before, after))


@pytest.mark.usefixtures("quick")
def test_a_cost_alone_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twice the processor time in one run against one: shown, and exit status 0; a broken promise makes it 1."""
    dearer = _document(cpu_seconds={"intake": 8.0, "kafka": 6.0, "generator 0": 3.0})
    files = [leaving.leave(tmp_path / name, [each])[1] for name, each in (("a", _document()), ("b", dearer))]
    assert main.main(["compare", *map(str, files)]) == 0
    assert "perhaps, worse: certain from 5 runs a side on" in capsys.readouterr().out
    broken = leaving.leave(tmp_path / "c", [_document(counts=Counter(due=300, stored=299, given_up=1))])[1]
    assert main.main(["compare", str(files[0]), str(broken)]) == 1


@pytest.mark.usefixtures("quick")
def test_what_one_run_lacks_is_said() -> None:
    """Instead of being left out of both."""
    fewer = _document(audit=None, cpu_seconds={"intake": 4.0})
    del fewer["latencies"]["fresh fibre"], fewer["bins"]["fresh fibre"]
    told = {each.name: each for each in _compared(_document(), fewer)}
    for name in ("audit", "fresh fibre p99", "processor of kafka"):
        assert (told[name].after, told[name].more_than_noise) == ("missing", None)
    told = {each.name: each for each in _compared(fewer, _document())}
    assert told["audit"].before == "missing"


def test_noise_is_what_shuffling_does() -> None:
    """Twice as slow in three bins of ten that are as wild before is none."""
    wild = [100.0, 900, 120, 800, 110, 850, 130, 105, 95, 990]
    assert noise.differ(wild, [*wild[3:], 300, 1500, 90]) is False
    assert noise.differ([100.0, 101, 99, 102, 98, 100], [150.0, 151, 149, 152, 148, 150]) is True
    assert noise.differ([1.0, 2, 3], [9.0, 9, 9]) is None


def test_other_settings_and_other_scenarios_are_no_noise() -> None:
    """Settings are named, scenarios refused."""
    other = _document()
    other["settings"]["mix"] = {}
    assert comparing.settings_changed([_document()], [other]) == ["mix"]
    other["scenario"] = "nation"
    with pytest.raises(LabError, match="different scenarios"):
        _compared(_document(), other)


def _lost(count: int) -> dict[str, Any]:
    return _document(counts=Counter(due=300, stored=300 - count, given_up=count))


def test_broken_before_and_after_is_no_end_of_it() -> None:
    """1 lost and then 90; 41 and 45 are the same trouble on two days."""
    worse = comparing.worse(_compared(_lost(1), _lost(90)))
    assert [each.name for each in worse] == ["lost"]
    fewer = {each.name: each for each in _compared(_lost(90), _lost(1))}["lost"]
    assert (fewer.more_than_noise, fewer.better) == (True, True)
    about = {each.name: each for each in _compared(_lost(41), _lost(45))}["lost"]
    assert about.more_than_noise is False


def _knee(**changed: Any) -> dict[str, Any]:
    """As reports said it before they had an interval, and with one."""
    return {**_document(), "knee": {**KNEE, "kept_up_to": [624.0, 631.0], **changed}}


@pytest.mark.parametrize(
    ("after", "noise", "better"),
    [
        ({"kept_up_to": [60.0, 59.0], "broke_at": [96.0, 98.0]}, True, False),
        ({"kept_up_to": [None, 60.0], "broke_at": [60.0, 98.0]}, True, False),
        ({"kept_up_to": [1100.0, 1200.0], "broke_at": [None, 1300.0]}, True, True),
        ({"kept_up_to": [400.0, 800.0], "broke_at": [700.0, 900.0]}, False, None),
        ({"interval": [60.0, 96.0]}, True, False),
        ({"interval": [700.0, 812.0]}, False, None),
        ({"interval": None}, None, None),
    ],
)
def test_another_knee_is_one_that_lies_apart(after: dict[str, Any], noise: bool | None, better: bool | None) -> None:
    """By all that its repeats kept and broke at; one that overlaps may be the same. By enough reports, for certain."""
    for reports in (1, 5):
        changes = _compared([_knee()] * reports, [_knee(**after)] * reports)
        told = next(each for each in changes if each.name == "knee")
        assert (told.more_than_noise, told.better) == (noise, better)
        assert (told in comparing.worse([told])) == (better is False and reports == 5)
        assert told.before == "624 to 1,019 events/s"


def test_repeats_of_one_session_are_no_runs() -> None:
    """Those of one shipped report, fed as two: 2,846 to 3,208 and, minutes later, 2,020 to 2,252."""
    first, later = (_knee(kept_up_to=kept, broke_at=broke) for kept, broke in (
        ([2846.0, 2846.0, 2846.0], [3208.0] * 3), ([2020.0, 2028.0, 2020.0], [2245.0, 2252.0, 2245.0]),
    ))  # fmt: skip
    [told] = [each for each in _compared(first, later) if each.name == "knee"]
    assert (told.more_than_noise, told.repeated) == (True, False)
    assert comparing.worse(_compared(first, later)) == []


def _at(speed: float, interval: tuple[float, float] = (624.0, 1019.0), **changed: object) -> dict[str, Any]:
    return {**_document(yardstick=_stick(speed), **changed), "knee": {"interval": interval}}


def test_another_hour_of_the_machine_is_no_worse_system() -> None:
    """Four times as slow on the same machine: nothing is said of times, costs and the knee, all is said of counts."""
    slow = {"book": world.book(fibre_ms=100_000), "cpu_seconds": {"intake": 16.0}, "left": 4}
    changes = _compared([_at(2_040)] * 5, [_at(510, (60.0, 96.0), **slow)] * 5)
    told = {each.name: each for each in changes}
    assert [each.name for each in comparing.worse(changes)] == ["lost"]
    for name in ("freshness, fibre", "fresh fibre p99", "processor of intake", "knee"):
        assert (told[name].more_than_noise, told[name].better) == (None, None)
    assert "cannot say: the machine of one report was 4.0 times as fast as that of another" in comparing.table(changes)


def _slower(*sticks: Yardstick | None) -> Change:
    """Three times as slow on machines like these; a machine of 2,000 units before."""
    slow = [_document(book=world.book(fibre_ms=world.FIBRE_MS * 3), yardstick=each) for each in sticks]
    return next(each for each in _compared([_at(2_000)] * 5, slow) if each.name == "fresh fibre p99")


def test_the_same_hour_is_compared_as_ever() -> None:
    """Within 15 %."""
    assert comparing.worse([_slower(*[_stick(1_800)] * 5)])


def test_the_fastest_and_the_slowest_of_all_reports_are_one_machine() -> None:
    """The mean of a side may be that of the other one, and one report may know nothing: it switches nothing off."""
    for sticks in ((3_000, 1_000, 2_000, 2_000, 2_000), (500, None, 500, 500, 500)):
        told = _slower(*(None if each is None else _stick(each) for each in sticks))
        assert (told.more_than_noise, told.better) == (None, None)
        assert "times as fast" in told.why


@pytest.mark.parametrize("unknown", [None, Yardstick(2_000, 2_000)])
def test_what_is_not_known_of_a_machine_makes_nothing_certain(unknown: Yardstick | None) -> None:
    """One report of ten that does not know it, or knows what others left of it alone: perhaps, and why."""
    told = _slower(*[_stick(2_000)] * 4, unknown)
    assert (told.more_than_noise, told.better) == (True, False)
    assert comparing.worse([told]) == []
    assert "perhaps, worse: not every report knows how fast its machine was" in comparing.table([told])


def test_what_another_format_means_by_a_name_is_not_compared() -> None:
    """Fairness, drained and the knee; all else is what it was."""
    other = {**_at(2_000, (60.0, 96.0), book=world.book(fibre_ms=world.FIBRE_MS * 3), backlogs=[]), "format": 99}
    told = {each.name: each for each in _compared([_at(2_000)] * 5, [other] * 5)}
    assert all(each.more_than_noise is None for name, each in told.items() if name.startswith(comparing.OF_ONE_FORMAT))
    assert "several formats" in told["knee"].why
    assert told["fresh fibre p99"] in comparing.worse(told.values())


def test_seed_commit_and_machine_are_settings_too() -> None:
    """Other dossiers, other code, another machine: a difference may be theirs."""
    other = _document(seed=7)
    other["machine"] = {**other["machine"], "cores": 64, "commit": "0e5c5fa"}
    here = _document()
    here["machine"] = {**here["machine"], "cores": 2, "commit": "76845eb"}
    assert comparing.settings_changed([here], [other]) == ["seed (1 → 7)", "cores (2 → 64)", "commit (76845eb → 0e5c5fa)"]


def _runs(count: int, ms: float, chance: Random) -> list[dict[str, Any]]:
    """As one system makes them: each run is a tenth slower or faster as a whole, all its bins alike."""
    return [_document(book=world.book(fibre_ms=ms * chance.gauss(1, 0.1))) for _ in range(count)]


def test_enough_runs_a_side_make_it_certain() -> None:
    """Five runs of the same system make no change; five of one that is half as slow again do; two stay perhaps."""
    chance = Random(3)
    before, again, slow = _runs(5, 120, chance), _runs(5, 120, chance), _runs(5, 180, chance)
    assert comparing.worse(_compared(before, again)) == []
    slower = {each.name for each in comparing.worse(_compared(before, slow))}
    assert {"fresh fibre p50", "fresh fibre p99"} <= slower
    assert comparing.worse(_compared(before[:2], slow[:2])) == []
    with pytest.raises(LabError, match="at most 9 reports a side"):
        _compared(before[:1] * 10, slow[:1])


def test_runs_of_the_same_system_are_rarely_worse_for_certain() -> None:
    """Two hundred comparisons of five runs with five, a tenth of noise from run to run: two in a hundred at most."""
    chance = Random(1)
    said = [
        noise.runs_differ([chance.gauss(100, 10) for _ in range(5)], [chance.gauss(100, 10) for _ in range(5)])
        for _ in range(200)
    ]
    assert said.count(True) <= 4
    assert None not in said


def test_a_directory_is_a_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs of one scenario have one name, so that each lies in a directory of its own."""
    chance = Random(3)
    for side, ms in (("a", 120), ("b", 240)):
        for number, each in enumerate(_runs(5, ms, chance)):
            leaving.leave(tmp_path / side / str(number), [each])
    assert main.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "5 runs" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabError, match="no report"):
        leaving.several(tmp_path / "empty")


def test_a_promise_of_time_broken_by_a_hair_is_certain_only_by_enough_runs() -> None:
    kept, broken = _document(), _document(book=world.book(fibre_ms=100_000))
    [freshness] = [each for each in _compared(kept, broken) if each.name == "freshness, fibre"]
    assert (freshness.more_than_noise, freshness.repeated) == (True, False)
    for sides, is_certain in ((([kept] * 5, [broken] * 5), True), (([kept] * 5, [kept, *[broken] * 4]), False)):
        told = {each.name for each in comparing.worse(_compared(*sides))}
        assert ("freshness, fibre" in told) is is_certain


def test_what_the_lab_itself_took_is_no_worse_system() -> None:
    before, after = ([_document(cpu_seconds={"generator 0": took, "intake": 4.0}) for _ in range(5)] for took in (4.0, 9.0))
    changes = _compared(before, after)
    assert {each.name for each in changes if each.name.startswith("processor of")} == {"processor of intake"}
    assert comparing.worse(changes) == []


def test_one_batch_more_or_less_is_no_other_loss() -> None:
    assert not noise.counts_differ(50, 100)
    assert noise.counts_differ(1, 90)


def test_a_run_beside_its_baseline_is_compared_alone(tmp_path: Path) -> None:
    """As `--with-paper` leaves them in a directory."""
    leaving.leave(tmp_path, [_document(), _document(manner="paper", left=4)])
    assert [each["manner"] for each in leaving.several(tmp_path)] == ["outbox"]
