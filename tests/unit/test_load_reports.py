"""Reports: one file that needs nothing else, a headline that says what nobody measured, and what was left is read again."""

import json
import re
import subprocess
from collections import Counter
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from deploy.local.jars import KAFKA_VERSION
from lab.errors import AddressError, LabError, UnreachableError
from lab.load import annotations, capacity, compare, index, judging
from lab.load.archived import Standing
from lab.load.report import leaving
from lab.load.report.document import commit, document
from lab.load.report.page import page
from lab.load.report.said import said
from lab.load.table import side_by_side
from lab.stack import REPOSITORY
from tests.unit import load_world as world

pytestmark = pytest.mark.slow

BEGAN = "2026-11-26T09:00:00+07:00"
SHIPPED = REPOSITORY / "docs" / "load"


def _document(**changed: object) -> dict[str, Any]:
    return document(world.outcome(**changed), BEGAN, 1.5)


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
    assert told["machine"]["packages"]["kafka"] == KAFKA_VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["machine"]["packages"]["java"])
    assert not {"kafka", "java"} & {*_document(own_city=False)["machine"]["packages"]}, "somebody else's, and not known"
    assert told["simulated"]
    assert told["cost"]["cpu_us_per_event"]["kafka"] == pytest.approx(20_000)


def test_a_commit_says_what_was_changed_beside_it(tmp_path: Path) -> None:
    """Code that was changed or is new; a report that was laid down is none."""
    somebody = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    for arguments in (("init", "-q"), (*somebody, "commit", "-q", "--allow-empty", "-m", "a")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "nation.json").touch()
    clean = commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{7,}", clean)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "new.py").touch()
    assert commit(tmp_path) == clean, "what is changed while a run goes on has not run"
    commit.cache_clear()
    assert commit(tmp_path) == f"{clean} and changes beside it"
    (tmp_path / ".git" / "index").write_bytes(b"no index")
    commit.cache_clear()
    assert commit(tmp_path) == "unknown"


def test_what_was_left_is_read_again(tmp_path: Path) -> None:
    """And what is no report is refused."""
    files = leaving.leave(tmp_path, [_document()])
    assert [file.name for file in files] == ["mountain-link.html", "mountain-link.json"]
    assert leaving.read(files[1])["verdicts"] == json.loads(json.dumps(_document()["verdicts"]))
    with pytest.raises(LabError, match="no report"):
        leaving.read(files[0])
    for number, refused in ((1, False), (3, True)):
        files[1].write_text(json.dumps({**_document(), "format": number}))
        with pytest.raises(LabError, match="this lab reads 1, 2") if refused else nullcontext():
            assert leaving.read(files[1])["format"] == number


NO_AUDIT = {"audit": {"exit": 2, "failed": [], "counts": {}, "why": "Kafka is gone"}}


@pytest.mark.parametrize(
    ("changed", "word", "text"),
    [
        ({}, "kept", "Every promise was kept."),
        (NO_AUDIT, "invalid", "Not measured, so that nobody can say: double, audit."),
        ({"unseen": 1}, "invalid", "Every promise about counts was kept. Not measured"),
        ({"late": world.punctual(400)}, "invalid", "Times are invalid"),
        ({"counts": Counter(due=300, stored=298, given_up=2)}, "broken", "Broken: lost."),
    ],
)
def test_green_is_what_was_measured_and_kept(changed: dict[str, Any], word: str, text: str) -> None:
    """In the page's first line as in the exit status: what nobody could measure was not kept."""
    told = _document(**changed)
    assert said(told).word == word
    assert text in said(told).sentence
    assert f'"headline":{{"word":"{word}"' in page([told])


def test_the_index_says_what_nobody_measured(tmp_path: Path) -> None:
    """Counts and times apart; a run as in the paper era stands on its own page where it was alone."""
    leaving.leave(tmp_path / "a", [_document(**NO_AUDIT, unseen=1)])
    row = index.index(tmp_path / "a").splitlines()[2]
    assert "| cannot say: double, audit |" in row
    assert "cannot say: acceptance at the counter, real edges, freshness, mountain, freshness, fibre" in row
    leaving.leave(tmp_path / "b", [_document(), _document(manner="paper")])
    assert "(mountain-link.html), as in the paper era" in index.index(tmp_path / "b")
    leaving.leave(tmp_path / "b", [_document(manner="paper")])
    assert "(mountain-link.paper.html), as in the paper era" in index.index(tmp_path / "b")


def test_the_paper_era_alone_leaves_the_other_page_as_it_was(tmp_path: Path) -> None:
    """It has a name of its own; beside a run of the product it stands on that one's page."""
    shown = leaving.leave(tmp_path, [_document()])[0]
    before = shown.read_bytes()
    alone = leaving.leave(tmp_path, [_document(manner="paper")])
    assert [file.name for file in alone] == ["mountain-link.paper.html", "mountain-link.paper.json"]
    assert shown.read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "0 "),
        ({"left": 5_000}, "cannot say (0: 300 events planned, 300 stored, 5,000 still waiting"),
        ({"counts": Counter(due=300, stored=200)}, "cannot say (0: 300 events planned, 200 stored, 100 of which"),
        ({"counts": Counter(due=300, stored=298, given_up=2)}, "2 "),
    ],
)
def test_side_by_side_a_run_that_did_not_end_has_lost_no_0(changed: dict[str, Any], said: str) -> None:
    """What still waits is no success of the outbox."""
    now, paper = (judging.verdicts(world.outcome(**each)) for each in (changed, {}))
    row = next(line for line in side_by_side(now, paper, {}).splitlines() if line.startswith("lost"))
    assert row.removeprefix("lost").lstrip().startswith(said)


def test_side_by_side_stands_who_is_late_by_the_law_and_by_a_clock_that_never_stops() -> None:
    """Of the plan, and so in both documents; nothing where published figures do not tell it."""
    late_by = Counter(law=7, clock=1_042)
    told = _document(late_by=late_by, manner="paper", standing=Standing(0, 0))
    assert told["late_by"] == late_by
    assert any("worked out from the plan alone" in each for each in told["assumed"])
    drawn = judging.verdicts(world.outcome())
    [row] = [line for line in side_by_side(drawn, drawn, late_by).splitlines() if line.startswith("late, by the plan")]
    assert re.split(" {2,}", row) == ["late, by the plan", "7 by the law", "1,042 by a clock that never stops"]
    assert "by the plan" not in side_by_side(drawn, drawn, {})


def test_where_no_report_can_be_left_is_known_before_a_run(tmp_path: Path) -> None:
    """A file where a directory should be, and a scenario whose name leads elsewhere."""
    (tmp_path / "file").touch()
    for directory, name in ((tmp_path / "file", "nation"), (tmp_path, "a/b"), (tmp_path, "..")):
        with pytest.raises(LabError):
            leaving.check(directory, name)
    leaving.check(tmp_path / "new", "nation")
    assert list((tmp_path / "new").iterdir()) == []


def test_shipped_reports_are_still_read() -> None:
    """Whatever they did not yet say: by page, index and comparison, and the knee's by the sheet."""
    files = sorted(SHIPPED.glob("*.json"))
    assert len(files) >= 8
    assert len(index.index(SHIPPED).splitlines()) == len(files) + 2
    for file in files:
        told = leaving.read(file)
        assert told["title"] in page([told])
        assert compare.worse(compare.compare([told], [told])) == []
    assert capacity.sheet(leaving.read(SHIPPED / "find-the-knee.json")) == (SHIPPED / "CAPACITY.md").read_text("utf-8")


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
