"""`make demo` for tests: started, reported to, killed in, and removed whole."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from deploy.local.checks import free_port_base, give_back
from deploy.local.processes import belongs_to, read_pid

REPOSITORY = Path(__file__).resolve().parents[1]
WITHIN_SECONDS = 280
STARTED_AGAIN_WITHIN_SECONDS = 60


class Demo:
    """The demo as somebody runs it, in a state directory and at ports of its own."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "demo"
        self.base = free_port_base()
        self._running: list[subprocess.Popen[str]] = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lab.demo", "--port-base", str(self.base), "--state-dir", str(self.state)]
        running = subprocess.Popen(
            [*command, *arguments], cwd=REPOSITORY, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._running.append(running)
        return running

    def play(self, within_seconds: float) -> None:
        """Plays it to its table, and every row of it is equal."""
        running = self.start()
        told, said = running.communicate(timeout=within_seconds)
        assert running.returncode == 0, told + said

    def remove(self) -> None:
        """Ends what still runs, also after a test that failed."""
        for running in self._running:
            running.kill()
            running.communicate()
        if self.run("deploy.local.main", "wipe").returncode == 0:
            give_back(self.base)

    def run(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {"MOTCUA_STATE_DIR": str(self.state), "MOTCUA_PORT_BASE": str(self.base)}
        return subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=REPOSITORY, env={**self.environment, **own},
            capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False,
        )  # fmt: skip

    def report(self, event: dict[str, Any]) -> None:
        """What a centre of the city reports while the demo runs."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.base + 1}/v1/events", data=json.dumps(event).encode(), method="POST",
            headers={"Content-Type": "application/cloudevents+json", "Authorization": "Bearer dev-19753"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202

    def kill(self, name: str) -> None:
        """kill -9 of the process that runs under this name now."""
        deadline = time.monotonic() + STARTED_AGAIN_WITHIN_SECONDS
        while (pid := read_pid(self.state / f"{name}.pid")) is None or not belongs_to(pid, self.state):
            assert time.monotonic() < deadline, f"{name} was not started again"
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
