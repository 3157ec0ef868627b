"""The demo's own local stack, driven by the same command that everybody uses."""

import os
import subprocess
import sys
from pathlib import Path

from lab.errors import ForeignStateError, LabError

REPOSITORY = Path(__file__).resolve().parents[1]
OWN_DIRECTORY = Path(".local-demo")
MARK = "fortnight-demo"
UP_WITHIN_SECONDS = 600.0  # the first time Kafka's jars are fetched
DOWN_WITHIN_SECONDS = 120.0
# Each would make the demo's stack another one: other servers, keys that are not the lab's, units that the facts do not know.
NOT_FOR_THE_DEMO = frozenset({"MOTCUA_KEYS_FILE", "MOTCUA_KAFKA", "MOTCUA_REDIS", "MOTCUA_HOST", "MOTCUA_REFERENCE_DIR"})


class DemoStack:
    """A stack that lives by the log's clock, in a directory that may be wiped."""

    def __init__(self, directory: Path, port_base: int) -> None:
        given = directory.expanduser()
        self.directory = given if given.is_absolute() else REPOSITORY / given
        self.port_base = port_base

    @property
    def intake(self) -> str:
        """Where events are reported."""
        return f"http://127.0.0.1:{self.port_base + 1}"

    @property
    def metrics(self) -> str:
        """Where counters are read."""
        return f"http://127.0.0.1:{self.port_base + 3}"

    def start_anew(self) -> None:
        """Wipes what a former demo left, starts everything, waits until it is ready."""
        self._check_own()
        self.remove()
        try:
            self._run("up", within_seconds=UP_WITHIN_SECONDS, MOTCUA_PORT_BASE=str(self.port_base))
        finally:
            if self.directory.is_dir():
                (self.directory / MARK).touch()

    def remove(self) -> None:
        """Stops it, at whichever ports it ran, and removes its directory."""
        self._run("down", "--wipe", within_seconds=DOWN_WITHIN_SECONDS)

    def _check_own(self) -> None:
        if self.directory == REPOSITORY / OWN_DIRECTORY or not self.directory.is_dir():
            return
        if any(self.directory.iterdir()) and not (self.directory / MARK).exists():
            raise ForeignStateError(
                f"{self.directory} holds something that no demo has made, and a demo wipes its state first: "
                f"name another directory by --state-dir or MOTCUA_STATE_DIR."
            )

    def _run(self, *arguments: str, within_seconds: float, **environment: str) -> None:
        outside = {
            name: value
            for name, value in os.environ.items()
            if name not in NOT_FOR_THE_DEMO and not (name.startswith("MOTCUA_") and name.endswith(("_PORT", "_PORT_BASE")))
        }
        command = [sys.executable, "-m", "deploy.local.main", *arguments]
        decided = {"MOTCUA_STATE_DIR": str(self.directory), "MOTCUA_CLOCK": "log"}
        try:
            ended = subprocess.run(
                command, cwd=REPOSITORY, env={**outside, **decided, **environment}, stdin=subprocess.DEVNULL,
                stdout=sys.stderr, timeout=within_seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise LabError(f"`{' '.join(arguments)}` of the local stack took more than {within_seconds:.0f} s") from None
        if ended.returncode != 0:
            raise LabError(f"the local stack could not do `{' '.join(arguments)}`: see above")
