"""`make bench`: one that takes too long ends what it has started, no generation of the shell reaches it, all leave rows."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import against, deadlines, lifecycle_codec, processing, table
from benchmarks.processing import Took
from deploy.local.stack import Stack
from deploy.operators import acts
from deploy.operators.settings import OperatorSettings
from services.processing.domain.generation import GEN

pytestmark = pytest.mark.slow

BEGUN_WITHIN_SECONDS = 60.0
SLOW = """
import os, pathlib, time
try:
    pathlib.Path("began").write_text(" ".join(sorted(os.environ)))
    time.sleep(60)
finally:
    pathlib.Path("ended").touch()
"""


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a benchmark that takes a minute, while none is to take more than a second once it has begun."""

    class Begun(subprocess.Popen[bytes]):
        """Its time runs from when it has come to its work: a busy machine may take long to start it."""

        def wait(self, timeout: float | None = None) -> int:
            given_up_at = time.monotonic() + BEGUN_WITHIN_SECONDS
            while not (tmp_path / "began").exists() and self.poll() is None and time.monotonic() < given_up_at:
                time.sleep(0.02)
            return super().wait(timeout)

    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    (tmp_path / "benchmarks" / "slow.py").write_text(SLOW)
    monkeypatch.setattr(bench, "REPOSITORY", tmp_path)
    monkeypatch.setattr(bench, "WITHIN_SECONDS", 1.0)
    monkeypatch.setattr(subprocess, "Popen", Begun)
    return tmp_path


def test_a_benchmark_that_takes_too_long_cleans_up(
    at: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What its `finally` ends is ended; the shell's generation did not get there."""
    monkeypatch.setenv("MOTCUA_LIVE_GEN", "7")
    assert bench._measure("slow", {"MOTCUA_GEN": "7", "MOTCUA_CLOCK": "log"}) == 1
    assert (at / "ended").exists()
    told = (at / "began").read_text().split()
    assert "MOTCUA_CLOCK" in told
    assert not {"MOTCUA_GEN", "MOTCUA_LIVE_GEN"} & set(told)
    assert "slow took more than 1 s" in capfd.readouterr().err


def test_one_that_does_not_end_is_killed(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time for that is over, too."""
    (at / "benchmarks" / "slow.py").write_text(
        "import os, pathlib, signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "pathlib.Path('began').write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(bench, "END_WITHIN_SECONDS", 0.2)
    assert bench._measure("slow", {}) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int((at / "began").read_text()), 0)


def test_the_run_of_two_workers_is_processing_with_arguments(at: Path) -> None:
    """Two workers and four fortnights."""
    (at / "benchmarks" / "processing.py").write_text(
        "import pathlib, sys\npathlib.Path('began').write_text(' '.join(sys.argv[1:]))\n"
    )
    assert bench._measure("two_workers", {}) == 0
    assert (at / "began").read_text() == "--workers 2 --fortnights 4"
    assert bench.COMMANDS.keys() < bench.BENCHMARKS.keys()


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where benchmarks leave the rows of the closing table."""
    monkeypatch.setenv(table.FILE, str(tmp_path / "rows"))
    return tmp_path / "rows"


@pytest.mark.parametrize(
    ("count", "rate", "judged"),
    [
        (2, 19_999.0, "19,999 events/s folded and stored (target 20,000 events/s: MISSED); "),
        (2, 20_000.0, "20,000 events/s folded and stored (target 20,000 events/s: met); "),
        (1, 19_999.0, "19,999 events/s folded and stored; "),
    ],
)
def test_the_rate_of_two_workers_is_judged(
    count: int, rate: float, judged: str, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, on the screen and in the table; it ends nothing."""
    processing._tell(8000, 2000, count, Took(10_000, 8000 / rate, 0.8), Took(10_000, 0.25, 0.25))
    told = rows.read_text().split(" | ")
    assert told[0] == f"| processing, {count} of its workers, 8,000 events (`processing`)"
    assert told[1] == judged + "100 µs of CPU"
    assert ("(target" in capsys.readouterr().out) == (count == 2)


def test_dues_are_judged(rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A due and the same moved by a pause, against the target."""
    monkeypatch.setattr(sys, "argv", ["deadlines", "--cases", "20", "--walked", "2", "--rounds", "1"])
    for target, word in ((1, "met"), (10**12, "MISSED")):
        monkeypatch.setattr(deadlines, "TARGET", target)
        deadlines.main()
        assert f"dues/s (target {target:,} dues/s: {word})" in capsys.readouterr().out
        assert f"dues/s (target {target:,} dues/s: {word}) |" in rows.read_text()


def test_the_wire_form_leaves_a_row(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rate beside the same read in full and beside the densest form, with both ratios."""
    monkeypatch.setattr(sys, "argv", ["lifecycle_codec", "--dossiers", "20", "--rounds", "1"])
    lifecycle_codec.main()
    what, measured, beside, ratio, _ = rows.read_text().split(" | ")
    assert what == "| lifecycle records, JSON members, memoised pieces (`lifecycle_codec`)"
    ours = _number(measured)
    for each, said in zip(beside.split("; "), ratio.split("; "), strict=True):
        assert float(said) == pytest.approx(ours / _number(each), abs=0.01)


def _number(text: str) -> int:
    return int(re.split(r"\D", text.replace(",", ""), maxsplit=1)[0])


def test_each_alternative_leaves_a_row(rows: Path) -> None:
    """With both ratios; one that could not be measured says so."""
    ours = Took(1000, 0.5, 0.2)
    against._row("Quix Streams 3.28.1", Took(1000, 0.25, 0.05), ours)
    against._row("Bytewax 0.21.1", None, ours)
    first, second = rows.read_text().splitlines()
    assert first.startswith(
        "| processing beside Quix Streams 3.28.1 (`against`) | 2,000 records/s; 200 µs of CPU each "
        "| 4,000/s; 50 µs | 0.50; 4.00 by CPU | "
    )
    assert second.startswith(
        "| processing beside Bytewax 0.21.1 (`against`) | 2,000 records/s; 200 µs of CPU each | not measured |  | "
    )


def test_the_archive_of_a_benchmark_is_of_this_folds_generation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever generation of another stack the shell means."""
    monkeypatch.setenv("MOTCUA_LIVE_GEN", "7")
    monkeypatch.setenv("MOTCUA_REFERENCE_DIR", "/elsewhere")
    seen: list[OperatorSettings] = []

    class EnoughError(Exception):
        """No Kafka is needed to see what is asked of it."""

    def make_topics(settings: OperatorSettings) -> None:
        seen.append(settings)
        raise EnoughError

    monkeypatch.setattr(acts, "make_topics", make_topics)
    with pytest.raises(EnoughError):
        processing.fill(Stack(tmp_path, 26000, "log", say=lambda line: None), 1)
    assert (seen[0].live_gen, seen[0].reference_dir) == (GEN, processing.REFERENCE)


def test_its_workers_are_of_it_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that they read the topics which were filled."""
    monkeypatch.setenv("MOTCUA_GEN", "7")
    monkeypatch.setenv("MOTCUA_LIVE_GEN", "7")
    told: list[dict[str, str]] = []

    class EnoughError(Exception):
        """No worker is needed to see what it is told."""

    def start(*_: object, env: dict[str, str], **__: object) -> None:
        told.append(env)
        raise EnoughError

    monkeypatch.setattr(processing, "ends_of", lambda stack: {0: 1})
    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(EnoughError):
        processing.workers(Stack(tmp_path, 26000, "log", say=lambda line: None), tmp_path, 1)
    assert (told[0]["MOTCUA_GEN"], told[0]["MOTCUA_LIVE_GEN"]) == (str(GEN), str(GEN))
