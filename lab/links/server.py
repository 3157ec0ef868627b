"""Toxiproxy's server as a process of its own, and its API."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from contracts import direct
from deploy.local.checks import is_free
from lab.errors import LinksError

CALL_SECONDS = 10.0
UP_WITHIN_SECONDS = 20.0
STOP_SECONDS = 5.0
HOST = "127.0.0.1"


class Server:
    """Answers when it has been made; ended by `close`. LinksError says what it does not do.

    Whoever does not wait at once (`is_awaited` False) can end it while it starts, and calls `wait` before all else.
    """

    def __init__(self, program: Path, port: int, log: Path, *, is_awaited: bool = True) -> None:
        self._api, self._log = f"http://{HOST}:{port}", log
        # By this, and by the directory in its environment, a later lab knows whose it is when this one was killed.
        self._pid_file = log.with_suffix(".pid")
        environment = {**os.environ, "LOG_LEVEL": "warn", "MOTCUA_STATE_DIR": str(log.parent)}
        # Else whoever listens there would be taken for what is started now.
        if not is_free(HOST, port):
            raise LinksError(f"port {port}, meant for Toxiproxy, is in use by another program: choose another port base")
        with log.open("ab") as written:
            self._process = subprocess.Popen(
                [str(program), "-host", HOST, "-port", str(port)], env=environment,
                stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._pid_file.write_text(str(self._process.pid))
        if is_awaited:
            self.wait()

    def wait(self) -> None:
        """Until it answers, it and nobody else; whatever interrupts the waiting ends it."""
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        try:
            while self._lives() and not self._answers():
                if time.monotonic() > deadline:
                    raise LinksError(f"Toxiproxy does not answer at {self._api}: see {self._log}")
                time.sleep(0.05)
            # Somebody answers; a server that could not have the port is gone by now, and another one has it.
            if not self._lives():
                raise LinksError(f"Toxiproxy ended instead of answering at {self._api}: see {self._log}")
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What it answers; an answer that is no object is its version."""
        # It takes its API's callers for browsers unless they say otherwise.
        headers = {"Content-Type": "application/json", "User-Agent": "motcua-lab"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._api + path, data=data, method=method, headers=headers)
        try:
            with direct.OPENER.open(request, timeout=CALL_SECONDS) as answer:
                raw = answer.read()
        except urllib.error.HTTPError as error:
            raise LinksError(f"Toxiproxy answers {error.code} to {method} {path}: {error.read(300)!r}") from error
        except OSError as error:
            raise LinksError(f"Toxiproxy does not answer at {self._api}: {type(error).__name__}") from error
        return json.loads(raw) if raw.startswith(b"{") else {"version": raw.decode(errors="replace")}

    def close(self) -> None:
        """Ends it and with it every connection that goes through it."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_SECONDS)
        self._pid_file.unlink(missing_ok=True)

    def _lives(self) -> bool:
        return self._process.poll() is None

    def _answers(self) -> bool:
        try:
            self.call("GET", "/version")
        except LinksError:
            return False
        return True
