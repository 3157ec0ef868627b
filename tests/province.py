"""A clean province for one test: empty topics, an opened archive, an empty Redis, service processes of its own."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import redis
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from contracts.reference import Reference
from deploy.local.checks import free_port_base, give_back, is_free
from deploy.local.programs import program
from deploy.local.readiness import http_reason
from deploy.local.settings import PORTS, REPOSITORY, python
from deploy.operators import acts
from deploy.operators.settings import OperatorSettings
from tests.servers import Servers

READY_WITHIN_SECONDS = 120.0
CLEAN_WITHIN_SECONDS = 120.0
STOP_WITHIN_SECONDS = 25.0
RUN_WITHIN_SECONDS = 110.0
# On servers that somebody lends by MOTCUA_KAFKA this topic says: what lies here was made by tests and may be deleted.
LENT_MARKER = "motcua.tests"
OURS = ("dossier.", "reference.data", "centre.status", "motcua")


class NotOursError(RuntimeError):
    """The servers named by MOTCUA_KAFKA hold topics that no test has made: nothing there is deleted."""


@dataclass
class Service:
    """A running service process of a province."""

    name: str
    process: "subprocess.Popen[bytes]"
    base_url: str
    log_file: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def wait_ready(self, within_seconds: float = READY_WITHIN_SECONDS) -> None:
        """Waits for /readyz; AssertionError with the end of the log when it never comes or the process ends."""
        deadline = time.monotonic() + within_seconds
        while True:
            reason = http_reason(self.base_url)
            ended = self.process.poll()
            assert ended is None, f"{self.name} ended with {ended} before it was ready:\n{self.log_end()}"
            if reason is None:
                return
            assert time.monotonic() < deadline, f"{self.name} {reason} after {within_seconds:.0f} s:\n{self.log_end()}"
            time.sleep(0.1)

    def stop(self, within_seconds: float = STOP_WITHIN_SECONDS) -> int:
        """SIGTERM, as a deployment would; its exit status. Killed when it does not end in time."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        return self.wait_end(within_seconds)

    def kill(self) -> None:
        """kill -9: no goodbye to anybody."""
        if self.running:
            self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it lives and does nothing, a zombie in the making."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self.process.send_signal(signal.SIGCONT)

    def wait_end(self, within_seconds: float = STOP_WITHIN_SECONDS) -> int:
        """Its exit status once it has ended; killed after `within_seconds`."""
        try:
            return self.process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.thaw()
            self.kill()
            return self.process.returncode

    def log_end(self, lines: int = 40) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])


@dataclass
class Province:
    """One province on real servers. `directory` is private to it; `environment` goes to every process."""

    servers: Servers
    directory: Path
    clock: Literal["wall", "log"]
    reference: Reference
    environment: dict[str, str]
    services: list[Service] = field(default_factory=list)
    _bases: list[int] = field(default_factory=list)

    @property
    def kafka(self) -> str:
        """Kafka's address."""
        return self.servers.kafka

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return self.servers.redis

    @property
    def operators(self) -> OperatorSettings:
        """What the operators' tool needs to work on this province."""
        return OperatorSettings(kafka=self.kafka, clock=self.clock)

    def start(self, name: str, *, ready: bool = True, **environment: str) -> Service:
        """Starts a process (`intake`, `processing`, `processing-api`, `metrics`, `metrics-api`) on free ports.

        May be called again for a second one of the same name. `environment` goes on top of the province's own.
        `ready=False` does not wait for /readyz.
        """
        return self.start_from(REPOSITORY, name, ready, environment)

    def start_from(self, code: Path, name: str, ready: bool, environment: Mapping[str, str]) -> Service:
        """The same from another checkout, whose code it runs."""
        base = self.base_for(PORTS[name])
        log_file = self.directory / f"{name}-{len(self.services)}.log"
        variables = {**os.environ, **self.environment, "MOTCUA_PORT_BASE": str(base), **environment}
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                program(name).command(),
                cwd=code,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        service = Service(name, process, f"http://127.0.0.1:{base + PORTS[name]}", log_file)
        self.services.append(service)
        if ready:
            service.wait_ready()
        return service

    def start_all(self, **environment: str) -> dict[str, Service]:
        """One of each service, all ready."""
        names = ("processing", "processing-api", "metrics", "metrics-api", "intake")
        started = {name: self.start(name, ready=False, **environment) for name in names}
        for service in started.values():
            service.wait_ready()
        return started

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs a module to its end on this province, e.g. `province.run("services.audit.main", "verify")`."""
        doors = {each.name: each.base_url for each in self.services if each.running}
        asked = {"metrics-api": "MOTCUA_METRICS_URL", "processing-api": "MOTCUA_PROCESSING_URL"}
        found = {variable: doors[name] for name, variable in asked.items() if name in doors}
        return subprocess.run(
            [python(), "-m", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment, **found, **environment},
            capture_output=True,
            text=True,
            timeout=RUN_WITHIN_SECONDS,
        )

    def base_for(self, offset: int) -> int:
        """A port base of this province at which nobody listens there; others have it once all is stopped."""
        taken = {service.base_url for service in self.services if service.running}
        for base in self._bases:
            if f"http://127.0.0.1:{base + offset}" not in taken and is_free("127.0.0.1", base + offset):
                return base
        self._bases.append(free_port_base())
        return self._bases[-1]

    def stop_all(self) -> None:
        """Ends every process that this province has started."""
        for service in self.services:
            if service.running:
                service.thaw()
                service.process.send_signal(signal.SIGTERM)
        for service in self.services:
            service.wait_end()
        while self._bases:
            give_back(self._bases.pop())

    def redis(self) -> "redis.Redis":
        """A client of this province's Redis."""
        return redis.Redis.from_url(self.redis_url, decode_responses=True)


def make_clean(
    servers: Servers,
    directory: Path,
    clock: Literal["wall", "log"],
    reference: Reference | None = None,
    *,
    open_archive: bool = True,
    **environment: str,
) -> Province:
    """A province on these servers as if they were new: topics made anew and checked, Redis empty, the archive opened."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = OperatorSettings(kafka=servers.kafka, clock=clock)
    body = acts.files(settings) if reference is None else reference
    empty_kafka(servers)
    with redis.Redis.from_url(servers.redis) as client:
        client.flushdb()
    acts.make_topics(settings)
    if open_archive:
        acts.open_archive(settings, body)
    decided = {
        "MOTCUA_STATE_DIR": str(directory),
        "MOTCUA_KAFKA": servers.kafka,
        "MOTCUA_REDIS": servers.redis,
        "MOTCUA_CLOCK": clock,
        "MOTCUA_HOST": "127.0.0.1",
        "MOTCUA_DEV_KEYS": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    return Province(servers, directory, clock, body, {**decided, **environment})


def empty_kafka(servers: Servers) -> None:
    """Deletes what tests have left in Kafka: topics and consumer groups."""
    admin = AdminClient({"bootstrap.servers": servers.kafka, "log_level": 0})
    deadline = time.monotonic() + CLEAN_WITHIN_SECONDS
    present = _ours(admin)
    if servers.origin == "environment":
        _refuse_foreign(admin, servers, present)
    while present := _ours(admin):
        for future in admin.delete_topics(present, request_timeout=15).values():
            with contextlib.suppress(KafkaException):  # gone already; the next look says
                future.result(timeout=20)
        assert time.monotonic() < deadline, f"topics are still there after {CLEAN_WITHIN_SECONDS:.0f} s: {present}"
        time.sleep(0.1)
    while left := _groups_left(admin):
        # A process that was killed stays a member until its session has run out.
        assert time.monotonic() < deadline, f"groups are still there after {CLEAN_WITHIN_SECONDS:.0f} s: {left}"
        time.sleep(0.3)


def _ours(admin: AdminClient) -> list[str]:
    listed = admin.list_topics(timeout=15).topics
    return [name for name in listed if name.startswith(OURS) and name != LENT_MARKER]


def _refuse_foreign(admin: AdminClient, servers: Servers, present: list[str]) -> None:
    if LENT_MARKER in admin.list_topics(timeout=15).topics:
        return
    if present:
        raise NotOursError(
            f"Kafka at {servers.kafka} (MOTCUA_KAFKA) holds {', '.join(sorted(present))} and no topic {LENT_MARKER}: "
            f"tests delete topics, so they want a Kafka without an archive."
        )
    from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

    [future] = admin.create_topics([NewTopic(LENT_MARKER, num_partitions=1, replication_factor=1)]).values()
    future.result(timeout=20)


def _groups_left(admin: AdminClient) -> list[str]:
    listed = admin.list_consumer_groups(request_timeout=15).result(timeout=20)
    names = [each.group_id for each in listed.valid]
    if not names:
        return []
    left = []
    for name, future in admin.delete_consumer_groups(names, request_timeout=15).items():
        try:
            future.result(timeout=20)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                left.append(name)
    return left
