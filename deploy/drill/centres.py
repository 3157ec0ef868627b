"""The centres of a drill: some with a real edge at a line that can be cut, the others played by heartbeats."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from contracts import direct
from deploy.drill.line import Line
from deploy.drill.pace import Pace
from deploy.local.processes import end
from deploy.local.readiness import http_reason
from deploy.local.settings import REPOSITORY

ASK_SECONDS: Final = 5.0
READY_SECONDS: Final = 90.0
STOP_SECONDS: Final = 15.0
HANOI: Final = timezone(timedelta(hours=7))


class Centre:
    """An edge process of a unit, its outbox in a directory of its own."""

    def __init__(
        self, unit: str, port: int, line: Line, environment: Mapping[str, str], directory: Path, pace: Pace
    ) -> None:  # fmt: skip
        self.unit = unit
        self.line = line
        self._port = port
        self._directory = directory
        self._environment = {
            **environment, "MOTCUA_STATE_DIR": str(directory), "MOTCUA_EDGE_UNIT": unit, "MOTCUA_EDGE_PORT": str(port),
            "MOTCUA_EDGE_INTAKE_URL": f"http://127.0.0.1:{line.port}", "MOTCUA_EDGE_HEARTBEAT_SECONDS": str(pace.heartbeat),
            "MOTCUA_EDGE_BACK_OFF_MOST_SECONDS": str(pace.back_off_most), "MOTCUA_EDGE_RESERVE_KIB": "64",
        }  # fmt: skip
        self.at_work = True
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Waits until it takes events."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.edge.main"], cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, env={**os.environ, **self._environment},
            )  # fmt: skip
        deadline = time.monotonic() + READY_SECONDS
        while (reason := http_reason(f"http://127.0.0.1:{self._port}")) is not None:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"the edge of {self.unit} {reason}: see {self._directory / 'log'}")
            time.sleep(0.2)

    def stop(self) -> None:
        """The centre is dark."""
        if self._process is not None:
            end(self._process.pid, STOP_SECONDS)
            self._process.wait(STOP_SECONDS)
            self._process = None

    @property
    def is_open(self) -> bool:
        """Whether somebody enters there what is received."""
        return self.at_work and self._process is not None

    def report(self) -> bool:
        """A dossier is received at the counter; whether the outbox has taken it."""
        return post(f"http://127.0.0.1:{self._port}/v1/events", self._event(), self.unit, "application/cloudevents+json")

    def hand_in(self, intake: str, count: int) -> bool:
        """As many at once, past the outbox, as somebody does who enters a day's paper; whether all are stored."""
        events = [self._event() for _ in range(count)]
        return post(f"{intake}/v1/events", events, self.unit, "application/cloudevents-batch+json")

    def _event(self) -> dict[str, Any]:
        return {
            "specversion": "1.0", "id": f"drill-{uuid.uuid4()}", "source": f"/units/{self.unit}",
            "type": "vn.motcua.dossier.received.v1", "datacontenttype": "application/json",
            "subject": f"H57.{self.unit}-drill-{next(self._numbers)}", "time": _now(),
            "data": {"procedure": "1.004873", "channel": "direct", "receiver": self.unit, "competent": self.unit},
        }  # fmt: skip

    def depth(self) -> int:
        """Events that wait for delivery."""
        with direct.OPENER.open(f"http://127.0.0.1:{self._port}/v1/outbox", timeout=ASK_SECONDS) as answer:
            return int(json.load(answer)["depth"])


class Beats:
    """Centres that are played: one thread says to intake, as often as they, what their edges would, while it may."""

    def __init__(self, intake: str, units: Sequence[str], pace: Pace) -> None:
        self.speaks = True
        self._intake, self._units, self._every = intake, units, pace.heartbeat
        self._incarnation = str(uuid.uuid4())
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._ends.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._ends.wait(self._every):
            for unit in self._units if self.speaks else ():
                beat = {
                    "source": f"/units/{unit}", "incarnation": self._incarnation, "at": _now(), "spool_depth": 0,
                    "oldest_unsent_age_seconds": 0.0, "link": "up",
                }  # fmt: skip
                post(f"{self._intake}/v1/heartbeats", beat, unit, "application/json")


def post(url: str, body: Any, unit: str, kind: str) -> bool:
    """Whether it was taken."""
    asked = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Authorization": f"Bearer dev-{unit}", "Content-Type": kind}
    )
    try:
        with direct.OPENER.open(asked, timeout=ASK_SECONDS) as answer:
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def _now() -> str:
    return datetime.now(HANOI).isoformat(timespec="milliseconds")
