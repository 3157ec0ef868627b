"""The drill's own city: a local stack at the drill's pace, two real centres, thirty-eight that are played, a pager."""

import csv
import json
import os
import shutil
import signal
import tempfile
import threading
import time
import tomllib
import urllib.parse
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from contracts import calendar_file, direct
from contracts.reference import WEEKDAYS
from deploy.drill import pace
from deploy.drill.centres import HANOI, Beats, Centre
from deploy.drill.line import Line
from deploy.drill.pace import DRILL, Pace
from deploy.drill.pager import Pager
from deploy.local.checks import free_port_base
from deploy.local.errors import StateDirError
from deploy.local.opening import up_and_open
from deploy.local.settings import REPOSITORY
from deploy.local.stack import Stack

REPORT_EVERY_SECONDS: Final = 4.0
ASK_SECONDS: Final = 10.0
QUIET_WITHIN_SECONDS: Final = 240.0
READ_WITHIN_SECONDS: Final = 30.0
LINKED, STOPPED = "19753", "20101"
MARK: Final = "drill"
# What the drill's own rule records (drill.yml).
MARKED: Final = "city:motcua_drill:bool"
LASTS_AT_MOST: Final = timedelta(minutes=20)


class Stand:
    """Everything that a drill breaks; `close` leaves nothing of it."""

    def __init__(self, directory: Path, say: Callable[[str], None], own_pace: Pace = DRILL) -> None:
        self.directory, self.say, self.pace = directory, say, own_pace
        self._beside = Path(tempfile.mkdtemp(prefix="motcua-drill-"))
        reference = _always_open(self._beside / "reference", datetime.now(HANOI).date())
        base = free_port_base()
        # In this process too: it opens the archive with these units and hours.
        os.environ |= {
            "MOTCUA_REFERENCE_DIR": str(reference),
            "MOTCUA_METRICS_HEARTBEAT_OLD_SECONDS": str(own_pace.heartbeat_old),
            "MOTCUA_METRICS_SILENCE_WORKING_MINUTES": str(own_pace.silence // 60),
            "MOTCUA_READY_WITHIN_SECONDS": "600",
        }
        self.stack = Stack(directory, base, "wall", say=say, watch_seconds=own_pace.scrape)
        # Only what this drill has made, or another one before it, is wiped at the end.
        self._is_mine = False
        self.pager = Pager()
        self.centres: dict[str, Centre] = {}
        self.beats: Beats | None = None
        self.reported = 0
        self._ends = threading.Event()
        self._work = threading.Thread(target=self._report, name="counters", daemon=True)

    def open(self) -> None:
        """Up, at its pace, every centre at work, no alert firing."""
        self._take()
        pace.write_rules(self.directory / "prometheus" / "rules", self.pace)
        pace.write_routes(self.directory / "alertmanager" / "alertmanager.yml", self.pager.port, self.pace)
        for name in ("prometheus", "alertmanager"):
            os.kill(self.stack.pids[name], signal.SIGHUP)
        self.wait(self._is_at_pace, READ_WITHIN_SECONDS, "Prometheus to take the drill's rules")
        environment = self.stack.environment
        for number, unit in enumerate((LINKED, STOPPED)):
            line = Line(self.stack.settings.port("intake"))
            line.open()
            port = self.stack.settings.port_base + 20 + number
            self.centres[unit] = Centre(unit, port, line, environment, self.directory / f"edge-{unit}", self.pace)
            self.centres[unit].start()
        self.beats = Beats(self.stack.address("intake"), [unit for unit in _units() if unit not in self.centres], self.pace)
        self.beats.start()
        self._work.start()
        self.wait(lambda: self.knows_all() and not self.firing(), QUIET_WITHIN_SECONDS, "the city to be at work and quiet")

    def close(self) -> None:
        """Ends all that was started and removes its state; a stack that it did not start stays as it is."""
        self._ends.set()
        if self._work.is_alive():
            self._work.join(30)
        if self.beats is not None:
            self.beats.stop()
        for centre in self.centres.values():
            centre.stop()
            centre.line.close()
        if self._is_mine:
            self.stack.wipe()
        self.pager.close()
        shutil.rmtree(self._beside, ignore_errors=True)

    def knows_all(self) -> bool:
        """Whether every centre has been heard."""
        return len(self.query("unit:motcua_cut_off:bool")) == len(_units())

    def query(self, expr: str) -> list[dict[str, Any]]:
        """What Prometheus says."""
        found: list[dict[str, Any]] = self._ask("query", query=expr)["result"]
        return found

    def firing(self) -> list[dict[str, str]]:
        """The labels of what fires now, without the watchdog."""
        return [
            each["labels"]
            for each in self._ask("alerts")["alerts"]
            if each["state"] == "firing" and each["labels"]["alertname"] != "Watchdog"
        ]

    def wait(self, holds: Callable[[], bool], within_seconds: float, what: str) -> float:
        """When it first held; TimeoutError, with what fires, when it never does."""
        deadline = time.monotonic() + within_seconds
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {within_seconds:.0f} s for {what}; now firing: {self.firing()}")
            time.sleep(0.2)
        return time.monotonic()

    def _take(self) -> None:
        """Up in a directory that is free or a former drill's; StateDirError when it is anybody else's."""
        found, mark = self.directory, self.directory / MARK
        if found.is_dir() and any(found.iterdir()) and not mark.exists():
            raise StateDirError(f"{found} holds something that no drill has made, and a drill wipes it: name another one")
        self._is_mine = True
        try:
            up_and_open(self.stack)
        except StateDirError:
            # Somebody runs a stack there now.
            self._is_mine = False
            raise
        finally:
            if self._is_mine and found.is_dir():
                mark.touch()

    def _is_at_pace(self) -> bool:
        found = {rule["name"]: rule for group in self._ask("rules")["groups"] for rule in group["rules"]}
        return MARKED in found and all(found[name]["duration"] == self.pace.wait(name) for name in pace.waits())

    def _ask(self, path: str, **query: str) -> Any:
        url = f"{self.stack.address('prometheus')}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with direct.OPENER.open(url, timeout=ASK_SECONDS) as answer:
            return json.load(answer)["data"]

    def _report(self) -> None:
        while not self._ends.wait(REPORT_EVERY_SECONDS):
            self.reported += sum(centre.report() for centre in list(self.centres.values()) if centre.is_open)


def _units() -> list[str]:
    with (REPOSITORY / "deploy" / "reference" / "units.csv").open(newline="") as opened:
        return sorted(row["code"] for row in csv.DictReader(opened))


def crosses_midnight(now: datetime) -> bool:
    """Whether a drill begun now could still go on at midnight: its offices close a minute before, as reference files know
    no 24:00, and no centre has settled within twenty minutes of that."""
    return (now + LASTS_AT_MOST).date() != now.date()


def _always_open(directory: Path, today: date) -> Path:
    """The shipped reference data with offices that are open now, at whatever hour and on whatever day a drill is held."""
    shutil.copytree(REPOSITORY / "deploy" / "reference", directory)
    file = directory / calendar_file.FILE
    week = "".join(f'{day} = [["00:00", "23:59"]]\n' for day in WEEKDAYS)
    profiles = "".join(f"[profiles.{json.dumps(name)}]\n{week}" for name in tomllib.loads(file.read_text())["profiles"])
    # No day of the shipped file stays: one that it names already would stand there twice, or be off and made up.
    worked = "".join(f'"{day}" = "Diễn tập"\n' for day in (today, today + timedelta(days=1)))
    file.write_text(f"{profiles}[days_off]\n[make_up_days]\n{worked}")
    return directory
