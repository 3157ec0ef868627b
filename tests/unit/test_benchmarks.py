"""`make bench`: a benchmark that takes too long ends what it has started, and no generation of the shell reaches it."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import processing
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
