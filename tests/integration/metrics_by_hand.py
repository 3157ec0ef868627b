"""Figures of metrics written by hand, in a generation that nobody counts, and APIs that read them."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from contracts import reference_files
from contracts.topics import PARTITIONS
from tests.province import Province, Service
from tests.servers import Servers

GEN = 90
PREFIX = f"motcua:metrics:g{GEN}:"
# 2025-07-14T17:00:00+07:00, and an instant long before today at which the last record was stored.
CLOCK = 1_752_487_200_000_000
RECORDED_AT = CLOCK


@dataclass
class ByHand:
    """The figures of a generation in Redis, as a worker would leave them."""

    client: "redis.Redis"

    def write(self, name: str, fields: dict[Any, Any]) -> None:
        """Some fields of a hash."""
        self.client.hset(PREFIX + name, mapping=fields)

    def place(self, partition: int, **fields: Any) -> None:
        """A position, at its end unless said otherwise."""
        held = {"next": 5, "target": 5, "closed": 4, "recorded_at": RECORDED_AT, "log_clock": CLOCK, "epoch": 1}
        self.write(f"p:{partition}", {**held, **fields})

    def places(self) -> None:
        """All positions, at their ends."""
        for number in range(PARTITIONS):
            self.client.delete(f"{PREFIX}p:{number}")
            self.place(number)

    def forget(self) -> None:
        """Nothing is counted."""
        for key in self.client.scan_iter(PREFIX + "*"):
            self.client.delete(key)


@contextmanager
def by_hand(servers: Servers) -> Iterator[ByHand]:
    """An empty generation; empty again afterwards."""
    with redis.Redis.from_url(servers.redis, decode_responses=True) as client:
        figures = ByHand(client)
        figures.forget()
        try:
            yield figures
        finally:
            figures.forget()


@contextmanager
def api_of(servers: Servers, directory: Path, **environment: str) -> Iterator[Service]:
    """A metrics API that reads that generation; alive, not necessarily ready."""
    places = {
        "MOTCUA_KAFKA": servers.kafka, "MOTCUA_REDIS": servers.redis, "MOTCUA_LIVE_GEN": str(GEN),
        "MOTCUA_HOST": "127.0.0.1", "MOTCUA_STATE_DIR": str(directory), "PYTHONUNBUFFERED": "1", **environment,
    }  # fmt: skip
    province = Province(servers, directory, "log", reference_files.read(Path("deploy/reference")), places)
    try:
        service = province.start("metrics-api", ready=False)
        deadline = time.monotonic() + 30
        while answer(service, "/healthz")[0] != 200:
            assert service.running, service.log_end()
            assert time.monotonic() < deadline, service.log_end()
            time.sleep(0.1)
        yield service
    finally:
        province.stop_all()


def answer(service: Service, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status (0: none), headers (in lower case) and body; waits as long as a scrape may take, five seconds."""
    try:
        with urllib.request.urlopen(service.base_url + path, timeout=5) as told:
            return told.status, {name.lower(): value for name, value in told.headers.items()}, told.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()
    except OSError:
        return 0, {}, b""
