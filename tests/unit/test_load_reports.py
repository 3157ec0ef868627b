"""Reports: one file that needs nothing else; comparisons that know noise; a sheet that adds up; a knee that is named."""

import asyncio
import json
import re
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, cast

import pytest

from lab.errors import AddressError, LabError, UnreachableError
from lab.load import annotations, capacity, compare, knee, main, session
from lab.load import scenario as scenarios
from lab.load.conductor import Lab
from lab.load.measures import Book
from lab.load.report import leaving
from lab.load.report.document import document
from lab.load.report.page import page
from tests.unit import load_world as world

BEGAN = "2026-11-26T09:00:00+07:00"


def _document(**changed: object) -> dict[str, Any]:
    return document(world.outcome(**changed), BEGAN, 1.5)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the shuffles: enough where a difference is plain."""
    monkeypatch.setattr(compare, "SHUFFLES", compare.SHUFFLES // 10)


def test_a_page_asks_nobody_for_anything() -> None:
    """No address but the licence's of the chart library, no second file, and no script that its data could end."""
    scenario = world.outcome().scenario
    text = page([_document(), _document(manner="paper")])
    assert scenario.title in text
    assert not re.search(r"""(?:src|href)\s*=\s*["']""", text)
    assert set(re.findall(r"https?://[^\s\"'*)]+", text)) <= {
        "https://github.com/leeoniya/uPlot",
        "http://www.w3.org/2000/svg",
    }
    assert text.count("</script>") == 3
    assert "/*DATA*/" not in text


def test_a_document_says_seed_settings_versions_and_what_is_simulated() -> None:
    """Whoever finds it in a year can run it again."""
    told = json.loads(json.dumps(_document()))
    assert told["run"]["seed"] == 1
    assert told["settings"]["centres"][0]["link"] == "mountain"
    assert told["machine"]["packages"]["hdrhistogram"]
    assert told["simulated"]
    assert told["cost"]["cpu_us_per_event"]["kafka"] == pytest.approx(20_000)


def test_what_was_left_is_read_again(tmp_path: Path) -> None:
    """And what is no report is refused."""
    files = leaving.leave(tmp_path, [_document()])
    assert [file.name for file in files] == ["mountain-link.html", "mountain-link.json"]
    assert leaving.read(files[1])["verdicts"] == json.loads(json.dumps(_document()["verdicts"]))
    with pytest.raises(LabError, match="no report"):
        leaving.read(files[0])


def test_a_comparison_knows_noise_from_a_change() -> None:
    """The same again, a little slower within the noise, three times as slow, and a promise that broke."""
    before = _document()
    assert not any(each.more_than_noise for each in compare.compare(before, _document()))
    slightly = compare.compare(before, _document(book=world.book(fibre_ms=world.FIBRE_MS * 1.05)))
    assert not any(each.more_than_noise for each in slightly)
    slower = {each.name: each for each in compare.compare(before, _document(book=world.book(fibre_ms=world.FIBRE_MS * 3)))}
    assert slower["fresh fibre p99"].more_than_noise
    assert slower["fresh fibre p99"].better is False
    assert not slower["fresh mountain p99"].more_than_noise
    broken = compare.compare(before, _document(left=4))
    assert [each.name for each in broken if each.more_than_noise] == ["lost"]


@pytest.mark.usefixtures("quick")
def test_a_spoiled_run_is_no_worse_system() -> None:
    """The generator was late, its times are invalid: nothing can be said of them; what was counted can."""
    spoiled = _document(late=world.punctual(400), book=world.book(fibre_ms=5_000), cpu_seconds={"intake": 40.0})
    for changes in (compare.compare(_document(), spoiled), compare.compare(spoiled, _document())):
        assert compare.worse(changes) == []
        told = {each.name: each for each in changes}
        assert told["freshness, fibre"].more_than_noise is None
        assert told["fresh fibre p99"].more_than_noise is None
        assert told["processor of intake"].more_than_noise is None
        assert not {"generator", "machine"} & set(told)
    lost = _document(late=world.punctual(400), counts=Counter(due=300, stored=299, given_up=1))
    assert [each.name for each in compare.worse(compare.compare(_document(), lost))] == ["lost"]


@pytest.mark.usefixtures("quick")
def test_what_differs_is_what_is_better_or_worse() -> None:
    """130 to 300 ms in every bin is slower, though one slow bin of few events made the first run's own p99 400 ms."""
    before, after = _document(), _document()
    for run, ms, whole in ((before, 130.0, 400.0), (after, 300.0, 300.0)):
        run["bins"]["fresh fibre"] = [[number, 30, ms, ms, ms] for number in range(10)]
        run["latencies"]["fresh fibre"]["p99"] = whole
    told = {each.name: each for each in compare.compare(before, after)}
    assert told["fresh fibre p99"].more_than_noise
    assert told["fresh fibre p99"].better is False
    assert "400.0 ms (bins 130.0)" in compare.table(compare.compare(before, after))


@pytest.mark.usefixtures("quick")
def test_a_cost_alone_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twice the processor time in one run against one: shown, and exit status 0; a broken promise makes it 1."""
    dearer = _document(cpu_seconds={"intake": 8.0, "kafka": 6.0, "generator 0": 3.0})
    files = [leaving.leave(tmp_path / name, [each])[1] for name, each in (("a", _document()), ("b", dearer))]
    assert main.main(["compare", *map(str, files)]) == 0
    assert "perhaps, worse: one figure a run" in capsys.readouterr().out
    broken = leaving.leave(tmp_path / "c", [_document(counts=Counter(due=300, stored=299, given_up=1))])[1]
    assert main.main(["compare", str(files[0]), str(broken)]) == 1


@pytest.mark.usefixtures("quick")
def test_what_one_run_lacks_is_said() -> None:
    """Instead of being left out of both."""
    fewer = _document(audit=None, cpu_seconds={"intake": 4.0})
    del fewer["latencies"]["fresh fibre"], fewer["bins"]["fresh fibre"]
    told = {each.name: each for each in compare.compare(_document(), fewer)}
    for name in ("audit", "fresh fibre p99", "processor of kafka"):
        assert (told[name].after, told[name].more_than_noise) == ("missing", None)
    told = {each.name: each for each in compare.compare(fewer, _document())}
    assert told["audit"].before == "missing"


def test_noise_is_what_shuffling_does() -> None:
    """Twice as slow in three bins of ten that are as wild before is none."""
    wild = [100.0, 900, 120, 800, 110, 850, 130, 105, 95, 990]
    assert compare.differ(wild, [*wild[3:], 300, 1500, 90]) is False
    assert compare.differ([100.0, 101, 99, 102, 98, 100], [150.0, 151, 149, 152, 148, 150]) is True
    assert compare.differ([1.0, 2, 3], [9.0, 9, 9]) is None


def test_other_settings_and_other_scenarios_are_no_noise() -> None:
    """Settings are named, scenarios refused."""
    other = _document()
    other["settings"]["mix"] = {}
    assert compare.settings_changed(_document(), other) == ["mix"]
    other["scenario"] = "nation"
    with pytest.raises(LabError, match="different scenarios"):
        compare.compare(_document(), other)


def test_the_sheet_adds_up_by_hand() -> None:
    """10 s of the city's processors for 300 events; 173,000 × 8 a day in 8 hours, four times that at the peak, half busy."""
    needs = {each.place.name: each for each in capacity.needs(_document())}
    nation = needs["the nation in one archive"]
    assert nation.mean == pytest.approx(173_000 * 8 / 28_800)
    assert nation.cores_peak == pytest.approx(173_000 * 8 / 28_800 * 4 * (10 / 300) / 0.5)
    assert nation.machines == 4
    assert nation.archive_gib_a_year == pytest.approx(173_000 * 8 * 250 * 500 * 3 / 2**30)
    assert needs["a ward"].machines == 3
    sheet = capacity.sheet(_document())
    assert all(place.source in sheet for place in capacity.PLACES)
    assert all(text in sheet for text in capacity.ASSUMED)


def test_the_stage_where_events_wait_is_blamed() -> None:
    """With what shows it; a late generator blames itself."""
    found = knee.knee_of(scenarios.read("find-the-knee"))
    kept = knee.judged(world.outcome(book=world.book(100, 100)), 0, 100, found)
    assert kept.kept
    late = knee.judged(world.outcome(book=world.book(9_000, 9_000)), 0, 100, found)
    assert (late.kept, late.stage) == (False, "intake")
    fresh = world.book(100, 100)
    for number in range(100):
        fresh.record("fresh fibre", number / 10, 9_000)
    folding = knee.judged(world.outcome(book=fresh), 0, 100, found)
    assert folding.stage == "processing"
    assert folding.evidence.startswith("3 records waited to be folded, 1 to be counted")
    own = knee.judged(world.outcome(book=fresh, late=world.punctual(900)), 0, 100, found)
    assert own.stage == knee.OUTSIDE
    told = knee.found([kept, folding], found)
    assert told.kept_up_to == [kept.reported, None, None]
    assert "processing (1 of 3)" in told.sentence


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"book": Book(3.0)}, "nothing was measured"),
        ({"counts": Counter(due=300, stored=299)}, "299 of 300 stored"),
        ({"counts": Counter(due=250, stored=250)}, "250 of 300 stored"),
        ({"refused": Counter(unit_not_allowed=2)}, "2 refused"),
        ({"all_counted": False}, "did not come to the end of the log"),
        ({"left": 1}, "1 still waiting"),
        ({"unseen": 1}, "1 never seen counted"),
        ({"silent_edges": 1}, "1 edges silent"),
    ],
)
def test_a_rate_is_kept_only_when_all_of_it_came_through(changed: dict[str, Any], said: str) -> None:
    """However quick those were who did."""
    found = knee.knee_of(scenarios.read("find-the-knee"))
    step = knee.judged(world.outcome(**{"book": world.book(100, 100), **changed}), 0, 100, found)
    assert not step.kept
    assert said in step.evidence


def test_all_steps_together_hide_nothing_of_the_first() -> None:
    """What was refused or never counted in one of them stays so."""

    class NoAudit:
        async def audit(self, _: str) -> None:
            return None

    first = world.outcome(refused=Counter(bad=2), all_counted=False, unseen=3, left=1, silent_edges=1)
    lab = cast(Lab, NoAudit())
    whole = asyncio.run(session._summed(lab, [first, world.outcome(refused=Counter(bad=1))]))
    assert whole.refused == Counter(bad=3)
    assert not whole.all_counted
    assert (whole.unseen, whole.left, whole.silent_edges) == (3, 1, 1)


class _Grafana(BaseHTTPRequestHandler):
    """Takes annotations with the right token."""

    taken: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        right = self.headers["Authorization"] == "Bearer right" and self.path == "/api/annotations"
        if right:
            self.taken.append(json.loads(body))
        self.send_response(200 if right else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_run_can_be_marked_in_grafana() -> None:
    """The run and each stretch that was wrong, in milliseconds; a wrong token and another machine are refused."""
    with HTTPServer(("127.0.0.1", 0), _Grafana) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert annotations.mark(_document(), address, "right") == 2
        with pytest.raises(UnreachableError, match="401"):
            annotations.mark(_document(), address, "wrong")
        server.shutdown()
    run, cut = _Grafana.taken
    assert (run["time"], run["timeEnd"]) == (1_764_126_000_000, 1_764_126_030_000)
    assert (cut["time"], cut["timeEnd"]) == (1_764_126_010_000, 1_764_126_015_000)
    assert "mountain: cut" in cut["text"]
    with pytest.raises(AddressError):
        annotations.mark(_document(), "http://grafana.example.com", "right")
