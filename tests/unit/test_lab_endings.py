"""Whatever the lab starts is its own and is ended: asked to end, interrupted while it waits, or with its port taken."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab.endings import interruptible
from lab.errors import LinksError
from lab.links import server as servers
from lab.links.server import Server
from lab.links.toxiproxy import Toxiproxy

REPOSITORY = Path(__file__).resolve().parents[2]
# Two interpreters start one after the other, which has taken most of a minute on a machine with five times too much to do.
LONG_SECONDS = 150
WAITING = """
import time
from pathlib import Path
import pytest

@pytest.fixture
def server():
    yield
    time.sleep(0.5)
    Path({ended!r}).touch()

def test_waiting(server):
    Path({begun!r}).touch()
    time.sleep(60)
"""


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"version":"somebody else"}')

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def somebody() -> Iterator[int]:
    """The port of a server that answers everything."""
    with HTTPServer(("127.0.0.1", 0), _Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(5)


def _program(directory: Path, text: str) -> Path:
    file = directory / "toxiproxy-server"
    # By a shell: the path of this Python may have a blank in it, which ends a first line's.
    file.write_text(f"#!/bin/sh\nexec {shlex.join((sys.executable, '-c', text))}\n")
    file.chmod(0o755)
    return file


def test_a_port_that_somebody_has_is_named(tmp_path: Path, somebody: int) -> None:
    """His answers are not taken for the new server's."""
    program = _program(tmp_path, "raise SystemExit(1)")
    with pytest.raises(LinksError, match=f"port {somebody}"):
        Server(program, somebody, tmp_path / "log")


def test_who_takes_the_port_meanwhile_is_not_taken_for_the_server(
    tmp_path: Path, somebody: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked free, then the program could not have it and ended: by its end it is known, not by the answers there."""
    monkeypatch.setattr(servers, "is_free", lambda host, port: True)
    server = Server(_program(tmp_path, "raise SystemExit(1)"), somebody, tmp_path / "log", is_awaited=False)
    server._process.wait(10)
    with pytest.raises(LinksError, match=f":{somebody}"):
        server.wait()


def test_a_server_is_ended_while_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port_base: int) -> None:
    """By whoever holds it, and by an interruption of the waiting."""
    program = _program(tmp_path, "import time; time.sleep(60)")
    proxy = Toxiproxy(program, port_base, tmp_path / "log", is_awaited=False)
    proxy.close()
    with pytest.raises(ProcessLookupError):
        os.kill(proxy.pid, 0)

    def interrupt(_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "_answers", interrupt)
    server = Server(program, port_base, tmp_path / "log", is_awaited=False)
    with pytest.raises(KeyboardInterrupt):
        server.wait()
    assert server._process.returncode is not None


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_asked_to_end_cleans_up(asked: signal.Signals) -> None:
    """As after Ctrl-C; what was before comes back."""
    around = signal.signal(asked, signal.SIG_DFL)  # these tests may run under `nohup` themselves
    cleaned: list[bool] = []

    def work() -> None:
        with interruptible():
            try:
                signal.raise_signal(asked)
            finally:
                cleaned.append(True)

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert signal.getsignal(asked) == signal.SIG_DFL
    finally:
        signal.signal(asked, around)
    assert cleaned


def test_what_is_ignored_stays_ignored() -> None:
    """A run under `nohup` outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.timeout(3 * LONG_SECONDS)
@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_test_run_that_is_asked_to_end_ends_what_it_started(tmp_path: Path, processes: str) -> None:
    """Alone, and where a test process of its own holds it, which xdist would end by force."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    (tmp_path / "test_waiting.py").write_text(WAITING.format(begun=str(begun), ended=str(ended)))
    options = f"-p no:schemathesis -p tests.endings -n {processes}".split()
    command = (sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", str(tmp_path))
    log = tmp_path / "log"
    with log.open("wb") as told:
        run = subprocess.Popen(command, cwd=REPOSITORY, stdout=told, stderr=told, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + LONG_SECONDS
        while not begun.exists():
            assert run.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        run.terminate()
        assert run.wait(LONG_SECONDS) == pytest.ExitCode.INTERRUPTED, log.read_text()
    finally:
        run.kill()
        run.wait()
    assert ended.exists(), log.read_text()
