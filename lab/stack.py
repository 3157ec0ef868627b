"""A local stack of the lab's own, driven by the same command that everybody uses."""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from contracts import direct
from deploy.local import statedir
from deploy.local.errors import StackError
from lab.errors import ForeignStateError, LabError, UnreachableError

REPOSITORY = Path(__file__).resolve().parents[1]
OWN_DIRECTORY = Path(".local-demo")
MARK = "fortnight-demo"
UP_WITHIN_SECONDS = 600.0  # the first time Kafka's jars are fetched
DOWN_WITHIN_SECONDS = 120.0
READY_SECONDS = 10.0
END_SECONDS = 10.0
PORT_BASE_MOST = 65_400  # as deploy/local/settings.py has it
# Each would make the demo's stack another one, or have a tool look at another: other servers, keys that are not the lab's,
# units that the facts do not know, a generation that a fresh archive does not have.
NOT_FOR_THE_DEMO = frozenset({
    "MOTCUA_KEYS_FILE", "MOTCUA_KAFKA", "MOTCUA_REDIS", "MOTCUA_HOST", "MOTCUA_REFERENCE_DIR", "MOTCUA_METRICS_URL",
    "MOTCUA_PROCESSING_URL", "MOTCUA_INTAKE_URL", "MOTCUA_GEN", "MOTCUA_LIVE_GEN", "MOTCUA_OPERATOR_KEY",
    "MOTCUA_OPERATOR_KEY_FILE", "MOTCUA_EVENTS_KEY", "MOTCUA_EVENTS_KEY_FILE", "MOTCUA_AUDIT_KEY", "MOTCUA_AUDIT_KEY_FILE",
    "MOTCUA_EDGE_INTAKE_KEY_FILE",
})  # fmt: skip


def port_base(text: str) -> int:
    """argparse says the sentence, whether it was an option or the environment's."""
    if not text.isdecimal() or not 1 <= (base := int(text)) <= PORT_BASE_MOST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no port base (MOTCUA_PORT_BASE): a number from 1 to {PORT_BASE_MOST}, please"
        )
    return base


class DemoStack:
    """A stack that lives by the log's clock, in a directory that may be wiped; `environment` sets its services."""

    own_directory = OWN_DIRECTORY
    mark = MARK
    # Nothing: all that `make up` starts.
    services: tuple[str, ...] = ()

    def __init__(self, directory: Path, port_base: int, environment: Mapping[str, str] | None = None) -> None:
        given = directory.expanduser()
        self.directory = given if given.is_absolute() else REPOSITORY / given
        self.port_base = port_base
        self._environment = dict(environment or {})
        # A start goes on in its thread when whoever waited for it was interrupted: it is ended before anything else is done.
        self._one = threading.RLock()
        self._going: subprocess.Popen[bytes] | None = None
        self._given_up = threading.Event()

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
        with self._one:
            self._given_up.clear()
            self._remove()
            only = ("--only", ",".join(self.services)) if self.services else ()
            try:
                self._run("up", *only, within_seconds=UP_WITHIN_SECONDS, MOTCUA_PORT_BASE=str(self.port_base))
            finally:
                if self.directory.is_dir():
                    (self.directory / self.mark).touch()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else starts, stops or wipes it within; LabError when somebody is doing that."""
        doing = f"A demo (process {os.getpid()}) is sending its events to"
        with ExitStack() as kept:
            try:
                kept.enter_context(statedir.only_one(self.directory, doing))
            except StackError as error:
                raise LabError(str(error)) from error
            yield

    def remove(self) -> None:
        """Stops it, at whichever ports it ran, and removes its directory; ForeignStateError when that is somebody else's.

        A start that is still under way in another thread is ended first: it would start what has just been stopped.
        """
        self._given_up.set()
        if (going := self._going) is not None:
            _end(going)
        with self._one:
            self._given_up.clear()
            self._remove()

    def _remove(self) -> None:
        self.check_own()
        self._run("down", "--wipe", within_seconds=DOWN_WITHIN_SECONDS)

    def check_running(self) -> None:
        """LabError when no demo of this directory runs at these ports."""
        if not (self.directory / self.mark).exists():
            raise ForeignStateError(
                f"{self.directory} holds no demo: run `make demo` first, or name its directory by --state-dir "
                f"or MOTCUA_STATE_DIR."
            )
        try:
            with direct.OPENER.open(f"{self.metrics}/readyz", timeout=READY_SECONDS):
                return
        except (OSError, ValueError) as error:
            raise UnreachableError(
                f"no demo answers at {self.metrics}: start it by `make up` with its MOTCUA_STATE_DIR and MOTCUA_CLOCK=log, "
                f"or name its ports by --port-base ({type(error).__name__})"
            ) from error

    def operate(self, *arguments: str, say: Callable[[str], None] = lambda line: None) -> str:
        """What the operators' tool answers to a command on this stack; `say` gets each line as it comes."""
        command = [sys.executable, "-m", "deploy.operators.main", *arguments]
        told = []
        with subprocess.Popen(
            command, cwd=REPOSITORY, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as running:  # fmt: skip
            assert running.stdout is not None
            assert running.stderr is not None
            # The tool bounds its own waiting; its complaint is one sentence, so it fits the pipe.
            for line in running.stdout:
                told.append(line)
                say(line.rstrip())
            complaint = running.stderr.read()
        if running.returncode != 0:
            raise LabError(f"`{' '.join(arguments)}` of the operators' tool: {complaint.strip()[-1000:]}")
        return "".join(told)

    def environment(self) -> dict[str, str]:
        """What a tool must be told to look at this stack, whatever stack the shell means."""
        decided = {"MOTCUA_STATE_DIR": str(self.directory), "MOTCUA_CLOCK": "log", "MOTCUA_PORT_BASE": str(self.port_base)}
        return {**_outside(), **self._environment, **decided}

    def check_own(self) -> None:
        """ForeignStateError when the directory holds something that no run of this kind has made."""
        if self.directory == REPOSITORY / self.own_directory or not self.directory.is_dir():
            return
        if any(self.directory.iterdir()) and not (self.directory / self.mark).exists():
            raise ForeignStateError(
                f"{self.directory} holds something that was not made here, and a run wipes its state first: "
                f"name another directory by --state-dir or MOTCUA_STATE_DIR."
            )

    def _run(self, *arguments: str, within_seconds: float, **environment: str) -> None:
        command = [sys.executable, "-m", "deploy.local.main", *arguments]
        decided = {**self._environment, "MOTCUA_STATE_DIR": str(self.directory), "MOTCUA_CLOCK": "log"}
        if self._given_up.is_set():
            raise LabError(f"the start of the stack in {self.directory} was given up")
        # In a session of its own: what a terminal sends to the lab's group is the lab's to heed.
        with tempfile.TemporaryFile() as complaint:
            self._going = subprocess.Popen(
                command, cwd=REPOSITORY, env={**_outside(), **decided, **environment}, stdin=subprocess.DEVNULL,
                stdout=sys.stderr, stderr=complaint, start_new_session=True,
            )  # fmt: skip
            try:
                status = self._going.wait(within_seconds)
            except subprocess.TimeoutExpired:
                raise LabError(f"`{' '.join(arguments)}` of the local stack took more than {within_seconds:.0f} s") from None
            finally:
                _end(self._going)
                self._going = None
            complaint.seek(0)
            told = complaint.read().decode(errors="replace").strip()
        if status != 0:
            raise LabError(told or f"the local stack could not do `{' '.join(arguments)}`, and said nothing ({status})")


def _end(going: "subprocess.Popen[bytes]") -> None:
    """Two may wait for the same one, each in a thread of its own."""
    if going.poll() is not None:
        return
    going.terminate()
    try:
        going.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        going.kill()
        going.wait()


def _outside() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in NOT_FOR_THE_DEMO and not (name.startswith("MOTCUA_") and name.endswith(("_PORT", "_PORT_BASE")))
    }
