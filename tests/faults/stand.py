"""One province under faults: a Kafka and a Valkey of its own, every service as a process, lines that can be spoilt."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import redis

from deploy.local import classes, jars, kafka, valkey
from deploy.local.checks import free_port_base, is_free
from deploy.local.programs import program
from deploy.local.readiness import http_reason, kafka_reason, redis_reason
from deploy.local.settings import StackSettings
from deploy.operators import acts
from deploy.operators.settings import OperatorSettings
from tests.faults import broker, sockets
from tests.faults.clocks import Clocks
from tests.faults.kept import Kept
from tests.faults.kinds import KAFKA_LINES, WORKERS, WORKERS_AT_START, WORKERS_MAX, WORKERS_MIN, Spoilt
from tests.faults.load import EDGE_UNITS
from tests.faults.sockets import Crossed
from tests.faults.waiting import wait_until

READY_WITHIN_SECONDS = 240.0
# Beside the ports of a stack, within the same hundred.
EDGE_PORTS, WORKER_PORTS = 20, {"processing": 30, "metrics": 40}
CENTRE_LINE_PORTS, KAFKA_LINE_PORTS, KAFKA_LISTENER_PORTS = 50, 55, 60
QUICK = {
    # Small commits, so that a fault falls between two of them.
    "MOTCUA_PROCESSING_CHUNK_RECORDS": "100",
    "MOTCUA_PROCESSING_SLICE_DOSSIERS": "25",
    "MOTCUA_EDGE_BACK_OFF_FIRST_SECONDS": "0.2",
    "MOTCUA_EDGE_BACK_OFF_MOST_SECONDS": "2",
    "MOTCUA_EDGE_RETRY_AFTER_MOST_SECONDS": "2",
    "MOTCUA_EDGE_CONNECT_SECONDS": "3",
    "MOTCUA_EDGE_ANSWER_SECONDS": "5",
    "MOTCUA_EDGE_HEARTBEAT_SECONDS": "2",
    "MOTCUA_EDGE_RESERVE_KIB": "64",
}


class Lines(Protocol):
    """Lines between processes: opened once, spoilt and healed again and again."""

    name: str

    def open(self, name: str, port: int, target_port: int) -> None: ...
    def spoil(self, name: str, how: Spoilt) -> None: ...
    def heal(self, name: str) -> None: ...
    def seed(self, text: str) -> None: ...
    def close(self) -> None: ...


class Stand:
    """Everything that runs; `close` ends all of it."""

    def __init__(self, directory: Path, lines: Callable[[int], Lines]) -> None:
        self.directory = directory
        self.settings = StackSettings(port_base=_free_base(), state_dir=directory, clock="log")
        self.lines = lines(self.settings.port_base)
        self.workers: dict[str, list[Kept]] = {name: [] for name in WORKERS}
        self.edges: list[Kept] = []
        self.kept: list[Kept] = []
        self._line_doors: dict[str, int] = {}
        self._numbers = dict.fromkeys(WORKERS, 0)
        self.clocks = Clocks(self._clock_file)
        # Whoever still waits for something then waits in vain.
        self.is_closed = False

    # --- up and down ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Servers, topics and archive, services, edges; ready when it returns."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "logs").mkdir(exist_ok=True)
        self._start_servers()
        operators = OperatorSettings(kafka=self.settings.bootstrap, clock="log")
        acts.make_topics(operators)
        acts.open_archive(operators, acts.files(operators))
        self.intake = self._service("intake", self._at("intake"), environment=self._kafka_by("intake"))
        self.metrics_api = self._service("metrics-api", self._at("metrics-api"))
        self.processing_api = self._service("processing-api", self._at("processing-api"))
        for name in WORKERS:
            for _ in range(WORKERS_AT_START):
                self.join(name)
        for number in range(len(EDGE_UNITS)):
            self._start_edge(number)
        for each in self.kept[2:]:
            self.wait_ready(each)

    def close(self) -> None:
        """Ends every process, services first, all at once."""
        self.is_closed = True
        services, servers = self.kept[2:], self.kept[:2]
        for group in (services, servers[::-1]):
            for each in group:
                each.ask_to_stop()
            for each in group:
                each.stop()

    def wait_ready(self, each: Kept) -> None:
        """Until its door says that it can do its job."""
        wait_until(lambda: http_reason(each.base_url), f"{each.name} is ready", READY_WITHIN_SECONDS)

    def reasons(self) -> list[str]:
        """Who of all cannot do its job now, and why."""
        doors = [*self.kept[2:5], *(each for name in WORKERS for each in self.workers[name]), *self.edges]
        return [f"{each.name}: {reason}" for each in doors if (reason := http_reason(each.base_url)) is not None]

    def gave_up(self) -> list[str]:
        """Processes that ended by themselves and were started anew, with their exit status."""
        return [f"{each.name} {status}" for each in self.kept for status in each.gave_up]

    # --- lines ---------------------------------------------------------------------------------------------------

    def connections(self, line: str) -> dict[int, Crossed]:
        """What is open at this end of a line."""
        return sockets.connections(self._line_doors[line])

    def _open_line(self, name: str, port: int, target_port: int) -> None:
        self._line_doors[name] = port
        self.lines.open(name, port, target_port)

    # --- workers -------------------------------------------------------------------------------------------------

    def join(self, name: str, anew: bool = True, **environment: str) -> Kept:
        """One more worker of a service."""
        number = self._numbers[name] = self._numbers[name] + 1
        # A door that no worker has, also none that is dead just now and comes back.
        first, taken = self.settings.port_base + WORKER_PORTS[name], {each.base_url for each in self.workers[name]}
        port = next(
            each
            for each in range(first, first + 10)
            if f"http://127.0.0.1:{each}" not in taken and is_free("127.0.0.1", each)
        )
        own = {**self._kafka_by(name), f"MOTCUA_{name.upper()}_WORKER_PORT": str(port), **environment}
        told = self._service(name, port, f"{name}-{number}", anew, own)
        if anew:
            self.workers[name].append(told)
        return told

    def may_join(self, name: str) -> bool:
        return len(self.workers[name]) < WORKERS_MAX

    def may_leave(self, name: str) -> bool:
        return len(self.workers[name]) > WORKERS_MIN

    def worker(self, name: str, target: int) -> Kept:
        """One of the workers that there are."""
        return self.workers[name][target % len(self.workers[name])]

    # --- Valkey --------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """FLUSHALL."""
        with self._redis() as client:
            client.flushall()

    def take_dump(self) -> None:
        """Keeps a dump to be restored later."""
        with self._redis() as client:
            client.save()
        shutil.copyfile(self._valkey_directory / "dump.rdb", self._valkey_directory / "older.rdb")

    def restore_dump(self) -> None:
        """Valkey dies; what comes back is the older dump, as the base of its append-only file."""
        self.valkey.hold_down()
        home = self._valkey_directory / "appendonlydir"
        shutil.rmtree(home)
        home.mkdir()
        shutil.copyfile(self._valkey_directory / "older.rdb", home / "appendonly.aof.1.base.rdb")
        (home / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
        self.valkey.bring_back()

    def wait_valkey(self) -> None:
        """Until it answers."""
        wait_until(lambda: redis_reason(self.settings.redis_url), "Valkey answers", READY_WITHIN_SECONDS)

    def wait_kafka(self) -> None:
        """Until the broker answers."""
        wait_until(lambda: kafka_reason(self.settings.bootstrap), "Kafka answers", READY_WITHIN_SECONDS)

    @property
    def _valkey_directory(self) -> Path:
        return valkey.directory(self.settings)

    def _redis(self) -> "redis.Redis":
        return redis.Redis.from_url(self.settings.redis_url, socket_timeout=10.0)

    # --- edges ---------------------------------------------------------------------------------------------------

    def _start_edge(self, number: int) -> None:
        unit, port = EDGE_UNITS[number], self.settings.port_base + EDGE_PORTS + number
        line = self.settings.port_base + CENTRE_LINE_PORTS + number
        self._open_line(f"line {number}", line, self._at("intake"))
        home = self.directory / f"edge-{unit}"
        home.mkdir()
        self.clocks.shift(number, 0)
        environment = {
            **self.environment, "MOTCUA_STATE_DIR": str(home), "MOTCUA_EDGE_UNIT": unit, "MOTCUA_EDGE_PORT": str(port),
            "MOTCUA_EDGE_INTAKE_URL": f"http://127.0.0.1:{line}", "MOTCUA_TEST_CLOCK_FILE": str(self._clock_file(number)),
        }  # fmt: skip
        command = (sys.executable, "-m", "tests.faults.clocked_edge")
        self.edges.append(self._keep(f"edge-{unit}", command, environment, port))

    def _clock_file(self, number: int) -> Path:
        return self.directory / f"edge-{EDGE_UNITS[number]}" / "clock-shift"

    # --- processes -----------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """What every process of this province sees, and whoever audits it."""
        settings = self.settings
        return {
            "MOTCUA_STATE_DIR": str(self.directory), "MOTCUA_PORT_BASE": str(settings.port_base), "MOTCUA_CLOCK": "log",
            "MOTCUA_HOST": "127.0.0.1", "MOTCUA_KAFKA": settings.bootstrap, "MOTCUA_REDIS": settings.redis_url,
            "MOTCUA_DEV_KEYS": "1", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "", **QUICK,
        }  # fmt: skip

    def _service(
        self, name: str, port: int, called: str = "", anew: bool = True, environment: Mapping[str, str] | None = None
    ) -> Kept:
        own = {**self.environment, **(environment or {})}
        return self._keep(called or name, program(name).command(), own, port, anew)

    def _keep(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], port: int, anew: bool = True
    ) -> Kept:
        told = Kept(name, command, environment, self.directory / "logs" / f"{name}.log", port, anew)
        self.kept.append(told)
        return told

    def _at(self, name: str) -> int:
        return self.settings.port(name)

    def _kafka_by(self, service: str) -> dict[str, str]:
        """Kafka's address at this end of the service's own line."""
        return {"MOTCUA_KAFKA": f"127.0.0.1:{self.settings.port_base + KAFKA_LINE_PORTS + KAFKA_LINES.index(service)}"}

    def _start_servers(self) -> None:
        settings = self.settings
        present = jars.ensure_jars(lambda line: None)
        classes.ensure_classes(present, lambda line: None)
        kafka.prepare(settings, present, kafka.new_cluster_id())
        properties = kafka.directory(settings) / "server.properties"
        properties.write_text(kafka.properties(settings) + _listeners(settings))
        valkey.prepare(settings)
        plain = {"MOTCUA_STATE_DIR": str(self.directory)}
        quick = {**plain, "JDK_JAVA_OPTIONS": broker.JAVA_OPTIONS}
        self.kafka = self._keep("kafka", kafka.command(settings, present), quick, self._at("kafka"))
        self.valkey = self._keep("redis", valkey.command(settings), plain, self._at("redis"))
        for number, service in enumerate(KAFKA_LINES):
            base = settings.port_base
            self._open_line(f"kafka {service}", base + KAFKA_LINE_PORTS + number, base + KAFKA_LISTENER_PORTS + number)
        self.wait_valkey()
        self.wait_kafka()


def _listeners(settings: StackSettings) -> str:
    """A listener for each line, which tells its clients to come back by the line. Of a key given twice the last holds."""
    base = settings.port_base
    names = [service.upper() for service in KAFKA_LINES]
    own = [f"{name}://127.0.0.1:{base + KAFKA_LISTENER_PORTS + number}" for number, name in enumerate(names)]
    told = [f"{name}://127.0.0.1:{base + KAFKA_LINE_PORTS + number}" for number, name in enumerate(names)]
    protocols = ",".join(f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *names))
    plain = f"PLAINTEXT://{settings.bootstrap}"
    return (
        f"listeners={','.join([plain, f'CONTROLLER://127.0.0.1:{base + 93}', *own])}\n"
        f"advertised.listeners={','.join([plain, *told])}\n"
        f"listener.security.protocol.map={protocols}\n"
    )


def _free_base() -> int:
    given = os.environ.get("MOTCUA_PORT_BASE")
    return free_port_base() if given is None else int(given)
