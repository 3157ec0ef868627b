"""What a killed lab has left is ended by the next one, and nobody else's process is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.load import leftovers
from lab.load.city import LoadStack
from lab.stack import DemoStack

pytestmark = pytest.mark.slow

WAITS = "import time; time.sleep(300)"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """A proxy and an edge of a lab in this directory, and a stranger whose number stands in a pid file of it."""
    homes = {
        "proxy": tmp_path / "lab",
        "edge": tmp_path / "lab" / "a" / "edge-3",
        "stranger": tmp_path / "lab" / "a" / "edge-4",
    }
    told = {"proxy": homes["proxy"], "edge": homes["edge"], "stranger": tmp_path / "elsewhere"}
    files = {"proxy": "toxiproxy.pid", "edge": "edge.pid", "stranger": "edge.pid"}
    started = {}
    for name, home in homes.items():
        home.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "MOTCUA_STATE_DIR": str(told[name])}
        started[name] = subprocess.Popen([sys.executable, "-c", WAITS], env=environment)
        (home / files[name]).write_text(str(started[name].pid))
    yield started
    for each in started.values():
        each.kill()
        each.wait()


def test_what_a_killed_lab_left_is_ended_and_strangers_are_not(
    tmp_path: Path, running: dict[str, "subprocess.Popen[bytes]"]
) -> None:
    """By its environment, since a number alone may be anybody's; the files are gone then."""
    assert sorted(leftovers.end(tmp_path / "lab")) == sorted([running["proxy"].pid, running["edge"].pid])
    assert running["proxy"].wait(10) != 0
    assert running["edge"].wait(10) != 0
    assert running["stranger"].poll() is None
    assert not list(tmp_path.rglob("*.pid"))
    assert leftovers.end(tmp_path / "lab") == []


def test_they_are_ended_before_their_files_are_wiped(
    tmp_path: Path, running: dict[str, "subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wipe takes the pid files with it, and nobody would know any more whose they are."""
    lives: list[bool] = []
    monkeypatch.setattr(DemoStack, "_run", lambda *_, **__: lives.append(running["edge"].poll() is None))
    (tmp_path / LoadStack.mark).touch()
    LoadStack(tmp_path, 26000).remove()
    assert lives == [False]


def test_a_lab_that_lives_keeps_its_directory(tmp_path: Path) -> None:
    """Its proxy is no leftover: without it a second run would cut all links of the first, which would blame the city."""
    with (
        leftovers.hold(tmp_path / "lab"),
        pytest.raises(LabError, match=r"another load run has .*: wait for its end"),
    ):
        leftovers.hold(tmp_path / "lab")
    leftovers.hold(tmp_path / "lab").close()
