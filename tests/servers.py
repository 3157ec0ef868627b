"""Where tests find a real Kafka and a real Redis: the environment, containers, a local stack; never nowhere."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deploy.local.checks import free_port_base, give_back
from deploy.local.readiness import kafka_reason, redis_reason
from deploy.local.stack import Stack

KAFKA_IMAGE = "apache/kafka:4.3.1"
REDIS_IMAGE = "redis:7.4.6-alpine"


@dataclass(frozen=True)
class Servers:
    """A Kafka and a Redis; `stack` is the local stack that runs them, when one does."""

    kafka: str
    redis: str
    origin: Literal["environment", "containers", "local stack"]
    stack: Stack | None = None


@contextmanager
def found(directory: Path) -> Iterator[Servers]:
    """The first rung of the ladder that holds; an error, never a skip, when none does."""
    if kafka := os.environ.get("MOTCUA_KAFKA"):
        yield _from_environment(kafka, os.environ.get("MOTCUA_REDIS", ""))
        return
    if _docker_answers():
        with _containers() as servers:
            if servers is not None:
                yield servers
                return
    with local_stack(directory) as servers:
        yield servers


@contextmanager
def local_stack(directory: Path, services: tuple[str, ...] = ("kafka", "redis")) -> Iterator[Servers]:
    """A Kafka and a Redis of one's own, as plain processes in `directory`, which may be killed at will."""
    base = free_port_base()
    stack = Stack(directory, base, "log", say=print)
    try:
        stack.up(services)
        yield Servers(stack.settings.bootstrap, stack.settings.redis_url, "local stack", stack)
    finally:
        stack.down()
        give_back(base)


def _from_environment(kafka: str, redis: str) -> Servers:
    if not redis:
        raise RuntimeError("MOTCUA_KAFKA is set and MOTCUA_REDIS is not: tests need both from the environment, or neither.")
    if reason := kafka_reason(kafka):
        raise RuntimeError(f"Kafka at {kafka} (MOTCUA_KAFKA) {reason}.")
    if reason := redis_reason(redis):
        raise RuntimeError(f"Redis at {redis} (MOTCUA_REDIS) {reason}.")
    return Servers(kafka, redis, "environment")


def _docker_answers() -> bool:
    try:
        import docker  # type: ignore[import-untyped]

        docker.from_env(timeout=5).ping()
    except Exception:  # whatever keeps the engine from answering, the next rung is tried
        return False
    return True


@contextmanager
def _containers() -> Iterator[Servers | None]:
    if os.path.exists("/.dockerenv"):
        # This machine is a container itself: its siblings' ports are on the host's loopback.
        os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
        os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    base = free_port_base()
    # The ports are chosen here, so that the address which Kafka advertises is known before it starts.
    kafka: Any = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, base + 92)
    kafka.with_envs(**_kafka_environment(f"127.0.0.1:{base + 92}"))
    kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(60))
    redis: Any = DockerContainer(REDIS_IMAGE).with_bind_ports(6379, base + 79)
    redis.with_command("redis-server --appendonly yes --maxmemory-policy noeviction")
    redis.waiting_for(LogMessageWaitStrategy("Ready to accept connections").with_startup_timeout(60))
    try:
        try:
            kafka.start()
            redis.start()
        except Exception as error:  # an engine without the images or a network: said, and the next rung is tried
            warnings.warn(f"Docker answers but its containers do not start ({error}); using the local stack", stacklevel=1)
            yield None
            return
        yield Servers(f"127.0.0.1:{base + 92}", f"redis://127.0.0.1:{base + 79}/0", "containers")
    finally:
        for container in (redis, kafka):
            try:
                container.stop()
            except Exception as error:
                warnings.warn(f"a container was not removed: {error}", stacklevel=1)


def _kafka_environment(advertised: str) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{advertised}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_HEAP_OPTS": "-Xms96m -Xmx512m",
    }
