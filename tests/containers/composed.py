"""A project of docker-compose.yml for tests: brought up on free ports, asked, hurt, and removed without a trace."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.checks import free_port_base

REPOSITORY = Path(__file__).resolve().parents[2]
UP_WITHIN_SECONDS = 900
ANSWERED_WITHIN_SECONDS = 90.0
STARTED_AGAIN_WITHIN_SECONDS = 120.0
NO_GRAFANA = "MOTCUA_TEST_NO_GRAFANA"
# Where a registry of packages is reached by the machine's own network alone, images are built beforehand.
IS_BUILT = os.environ.get("MOTCUA_TEST_IMAGE_BUILT") == "1"
UNIT = "19753"


class Composed:
    """A project of its own name, on free ports, that lives by one of the clocks."""

    def __init__(self, project: str, clock: str = "wall", *, with_grafana: bool = False) -> None:
        self.project = project
        base = free_port_base()
        self.ports = {
            "INTAKE": base + 1, "PROCESSING": base + 2, "METRICS": base + 3, "EDGE": base + 4, "AUDIT": base + 5,
            "GRAFANA": base + 6, "PROMETHEUS": base + 90, "ALERTMANAGER": base + 91,
        }  # fmt: skip
        doors = {f"MOTCUA_{name}_PORT": str(port) for name, port in self.ports.items()}
        self.has_grafana = with_grafana and _has_grafana()
        profiles = "grafana" if self.has_grafana else ""
        self.environment = {**os.environ, "MOTCUA_CLOCK": clock, "COMPOSE_PROFILES": profiles, **doors}

    def __call__(self, *arguments: str, within_seconds: float = 300.0, statuses: Collection[int] = (0,)) -> str:
        """`docker compose …`; its output, AssertionError with all of it when it ended otherwise."""
        done = subprocess.run(
            ["docker", "compose", "-p", self.project, *arguments],
            cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, timeout=within_seconds,
        )  # fmt: skip
        assert done.returncode in statuses, f"docker compose {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, door: str, path: str, body: object = None, key: str | None = None, kind: str = "application/json") -> Any:
        """The answer of one of the doors as JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[door]}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": kind, **({} if key is None else {"Authorization": f"Bearer {key}"})},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def patiently(self, *asked: Any) -> Any:
        """As `ask`, again while the door says that it cannot do its job just now, or is not there."""
        deadline = time.monotonic() + ANSWERED_WITHIN_SECONDS
        while True:
            try:
                return self.ask(*asked)
            except (urllib.error.URLError, ConnectionError) as error:
                is_told_why = isinstance(error, urllib.error.HTTPError) and error.code not in (429, 503)
                if is_told_why or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def end_from_beneath(self, *services: str) -> None:
        """SIGKILL to their main processes past the engine, as the kernel does it: what was stopped by the engine's own
        command stays away, this it starts again. Returns when it has, and all of them are well."""
        before = {service: self.inspected(service) for service in services}
        for found in before.values():
            # Whoever asks need not be root, nor on the engine's machine.
            command = ("--rm", "--pid", "host", "--user", "0", "--entrypoint", "sh", "motcua:local", "-c")
            engine("run", *command, f"kill -9 {found['State']['Pid']}")
        deadline = time.monotonic() + STARTED_AGAIN_WITHIN_SECONDS
        for service, found in before.items():
            while not _is_back(found, now := self.inspected(service)):
                assert time.monotonic() < deadline, f"{service} was not started again: {now['State']}"
                time.sleep(0.2)

    def inspected(self, service: str) -> Any:
        """What the engine says of the one container of a service."""
        return json.loads(engine("inspect", self("ps", "-a", "-q", service).strip()))[0]

    def received(self, unit: str = UNIT) -> int:
        """Dossiers received by the unit so far."""
        row = self.patiently("METRICS", f"/v1/units/{unit}?role=receiver")
        return int(row["counters"]["received"])


def engine(*arguments: str) -> str:
    """`docker …`; its output."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def running(project: str, clock: str = "wall", *, with_grafana: bool = False) -> Iterator[Composed]:
    """The stack, up and healthy; afterwards nothing of it is left."""
    found = subprocess.run(["docker", "version"], capture_output=True, text=True)
    if found.returncode != 0:
        sentence = "no Docker engine answers, so docker-compose.yml was NOT tested"
        if os.environ.get("MOTCUA_TEST_NO_ENGINE") == "1":
            pytest.skip(f"{sentence} (MOTCUA_TEST_NO_ENGINE=1)")
        pytest.fail(f"{sentence}; start one, or say MOTCUA_TEST_NO_ENGINE=1:\n{found.stderr}")
    stack = Composed(project, clock, with_grafana=with_grafana)
    try:
        stack("up", "--wait", "--no-build" if IS_BUILT else "--build", within_seconds=UP_WITHIN_SECONDS)
        yield stack
    finally:
        stack("down", "-v", "--timeout", "60")
    ours = ("-q", "--filter", f"label=com.docker.compose.project={project}")
    for kind in (("ps", "-a"), ("volume", "ls"), ("network", "ls")):
        assert engine(*kind, *ours) == "", f"left behind: {kind[0]}"


def _is_back(before: Any, now: Any) -> bool:
    """By the engine itself, and well."""
    return bool(
        now["Id"] == before["Id"]
        and now["RestartCount"] > before["RestartCount"]
        and now["State"]["Health"]["Status"] == "healthy"
        and now["State"]["Pid"] != before["State"]["Pid"]
    )


def _has_grafana() -> bool:
    """Whether its image is to be had; where it is not, that must be said by the switch."""
    image = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]["grafana"]["image"]
    for command in (("image", "inspect", image), ("pull", "-q", image)):
        if subprocess.run(["docker", *command], capture_output=True, timeout=600).returncode == 0:
            return True
    sentence = f"{image} cannot be had, so Grafana was NOT tested"
    if os.environ.get(NO_GRAFANA) != "1":
        pytest.fail(f"{sentence}; say {NO_GRAFANA}=1 to leave it out")
    warnings.warn(f"{sentence} ({NO_GRAFANA}=1)", stacklevel=1)
    return False
