"""Shopify's toxiproxy as the lines, on machines with Go: built once for each user, then run as a process of its own."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from deploy.local.jars import cache_directory
from tests.faults.kinds import Spoilt
from tests.faults.waiting import wait_until

MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server"
VERSION = "v2.12.0"
BUILD_WITHIN_SECONDS = 900.0
ANSWER_SECONDS = 5.0
UP_WITHIN_SECONDS = 20.0
# Within the hundred of a stand.
PORT = 70
# Kilobytes a second: 20 kbit/s to a centre, little enough to feel to Kafka.
SLOW_RATE = {"line": 2, "kafka": 64}
Toxic = tuple[str, str, float, Mapping[str, int]]
"""(type, stream, share of the connections that have it, attributes)"""


class Toxiproxy:
    """Lines by name; each disturbance is a few toxics, or a line switched off."""

    name = f"toxiproxy {VERSION}"

    def __init__(self, program: Path, port: int, log: Path) -> None:
        self._api = f"http://127.0.0.1:{port}"
        self._spoilt: dict[str, Spoilt] = {}
        with log.open("ab") as opened:
            self._process = subprocess.Popen(
                [str(program), "-host", "127.0.0.1", "-port", str(port)], env={**os.environ, "LOG_LEVEL": "warn"},
                stdin=subprocess.DEVNULL, stdout=opened, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_until(self._reason, "toxiproxy answers", UP_WITHIN_SECONDS)

    def open(self, name: str, port: int, target_port: int) -> None:
        """A line from `port` to `target_port` of this machine."""
        line = {
            "name": _in_path(name),
            "listen": f"127.0.0.1:{port}",
            "upstream": f"127.0.0.1:{target_port}",
            "enabled": True,
        }
        self._post("/proxies", line)

    def spoil(self, name: str, how: Spoilt) -> None:
        """From now on, until it is healed."""
        self._spoilt[name] = how
        if how == "cut":
            self._switch(name, on=False)
        for number, (kind, stream, share, attributes) in enumerate(_toxics(name, how)):
            toxic = {"name": f"{how}-{number}", "type": kind, "stream": stream, "toxicity": share, "attributes": attributes}
            self._post(f"/proxies/{_in_path(name)}/toxics", toxic)

    def heal(self, name: str) -> None:
        """As good as new."""
        how = self._spoilt.pop(name)
        if how == "half_open":
            # What was held back must never arrive: whoever still believes in the connection learns it now.
            self._switch(name, on=False)
        for number in range(len(_toxics(name, how))):
            answer = requests.delete(f"{self._api}/proxies/{_in_path(name)}/toxics/{how}-{number}", timeout=ANSWER_SECONDS)
            answer.raise_for_status()
        self._switch(name, on=True)

    def close(self) -> None:
        """Ends all lines."""
        self._process.terminate()
        self._process.wait(ANSWER_SECONDS)

    def _switch(self, name: str, on: bool) -> None:
        self._post(f"/proxies/{_in_path(name)}", {"enabled": on})

    def _post(self, path: str, told: Mapping[str, Any]) -> None:
        answer = requests.post(self._api + path, json=told, timeout=ANSWER_SECONDS)
        if not answer.ok:
            raise RuntimeError(f"toxiproxy answers {answer.status_code} to {path}: {answer.text[:200]}")

    def _reason(self) -> str | None:
        try:
            return None if requests.get(f"{self._api}/version", timeout=ANSWER_SECONDS).ok else "no version"
        except requests.RequestException as error:
            return type(error).__name__


def built() -> Path | None:
    """The program, built when it is not there yet; None on a machine where it cannot be."""
    home = cache_directory() / f"toxiproxy-{VERSION}"
    program = home / "server"
    if program.exists():
        return program
    if (go := shutil.which("go")) is None:
        return None
    home.mkdir(parents=True, exist_ok=True)
    command = [go, "install", f"{MODULE}@{VERSION}"]
    try:
        done = subprocess.run(
            command, env={**os.environ, "GOBIN": str(home)}, capture_output=True, timeout=BUILD_WITHIN_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return program if done.returncode == 0 and program.exists() else None


def _toxics(name: str, how: Spoilt) -> Sequence[Toxic]:
    both = ("upstream", "downstream")
    match how:
        case "cut":
            return ()
        case "reset":
            return [("reset_peer", stream, 1.0, {"timeout": 0}) for stream in both]
        case "half_open":
            return [("timeout", stream, 1.0, {"timeout": 0}) for stream in both]
        case "slow":
            rate = SLOW_RATE[name.partition(" ")[0]]
            slow: list[Toxic] = [("bandwidth", stream, 1.0, {"rate": rate}) for stream in both]
            return [*slow, ("latency", "downstream", 1.0, {"latency": 200, "jitter": 100})]
        case "lossy":
            breaks: list[Toxic] = [("limit_data", stream, 0.4, {"bytes": 20_000}) for stream in both]
            return [*breaks, ("latency", "downstream", 1.0, {"latency": 50, "jitter": 400})]
        case "unanswered":
            return [("limit_data", "downstream", 1.0, {"bytes": 0})]


def _in_path(name: str) -> str:
    return name.replace(" ", "-")
