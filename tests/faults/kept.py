"""Processes that are kept running as supervisor keeps them: one that ends unasked is started anew at once."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.settings import REPOSITORY

LOOK_EVERY_SECONDS = 0.1
STOP_WITHIN_SECONDS = 25.0
# A process that dies at once is tried again after this pause, so that a mistake does not take the whole machine.
AGAIN_AFTER_SECONDS = 0.3
# Within this a process that was dead just then is back.
BACK_WITHIN_SECONDS = 10.0


class Kept:
    """One process with its command. `kill` and `freeze` are the world's doing; `stop` is the operator's."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, port: int, anew: bool = True
    ) -> None:
        self.name = name
        self.base_url = f"http://127.0.0.1:{port}"
        self.log = log
        # How often it ended by itself, neither killed nor stopped by us.
        self.gave_up: list[int] = []
        self._command = list(command)
        self._environment = dict(environment)
        self._anew = anew
        self._wanted = True
        self._is_over = False
        self._killed = 0
        self._lock = threading.Lock()
        self._process = self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    @property
    def pid(self) -> int:
        """Its process id now."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """With what it ended, minus the signal's number when one ended it; None while it lives."""
        return self._process.poll()

    def kill(self) -> bool:
        """kill -9; it comes back by itself. Whether it hit: one that is dead just then is waited for, for a while."""
        return self._hit(signal.SIGKILL)

    def freeze(self) -> bool:
        """SIGSTOP, and whether it hit."""
        return self._hit(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def hold_down(self) -> None:
        """kill -9, and not started again until `bring_back`."""
        with self._lock:
            self._wanted = False
            self._process.kill()
            self._process.wait()

    def bring_back(self) -> None:
        """Starts it after `hold_down`."""
        with self._lock:
            self._wanted = True
            self._process = self._start()

    def ask_to_stop(self) -> bool:
        """SIGTERM, as a deployment would, and whether it hit; it is not started again."""
        self._wanted, self._is_over = False, True
        self._signal(signal.SIGCONT)
        return self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it does not end in time."""
        self.ask_to_stop()
        try:
            self._process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hit(self, sign: signal.Signals) -> bool:
        deadline = time.monotonic() + BACK_WITHIN_SECONDS
        while not self._signal(sign):
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY_SECONDS)
        return True

    def _signal(self, sign: signal.Signals) -> bool:
        with self._lock:
            if self._process.poll() is not None:
                return False
            self._killed = self._process.pid if sign == signal.SIGKILL else self._killed
            self._process.send_signal(sign)
            return True

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command, cwd=REPOSITORY, env={**without_settings(), **self._environment}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _keep(self) -> None:
        while not self._is_over:
            time.sleep(LOOK_EVERY_SECONDS)
            with self._lock:
                if not self._wanted or self._process.poll() is None:
                    continue
                if not self._anew:
                    return
                if self._process.pid != self._killed:
                    self.gave_up.append(self._process.returncode)
                    time.sleep(AGAIN_AFTER_SECONDS)
                self._process = self._start()


def without_settings() -> dict[str, str]:
    """A developer's own settings must not reach the processes under test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
