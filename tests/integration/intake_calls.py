"""Calls of a running intake, and what Kafka then holds."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import requests
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from msgspec import Struct

from contracts.topics import PARTITIONS
from tests.intake_bad_inputs import BATCH, ONE, event, packed
from tests.province import Service

CENTRE = {"Authorization": "Bearer dev-19753", "Content-Type": ONE}
CENTRE_BATCH = CENTRE | {"Content-Type": BATCH}
OPERATOR = {"Authorization": "Bearer dev-operator", "Content-Type": "application/json"}
READ_SECONDS = 60.0
REQUEST_SECONDS = 20.0
Place = tuple[int, int]
"""A partition and an offset."""


def post(service: Service, path: str, headers: dict[str, str], body: bytes) -> requests.Response:
    """One POST."""
    return requests.post(service.base_url + path, data=body, headers=headers, timeout=REQUEST_SECONDS)


def reason(service: Service) -> str:
    """The code of the first reason why a service is not ready, once it says one that is more than `starting`."""
    found: list[str] = []

    def told() -> bool:
        try:
            answer = requests.get(service.base_url + "/readyz", timeout=REQUEST_SECONDS)
        except requests.ConnectionError:
            return False
        found[:] = [text.split(":")[0] for text in answer.json().get("reasons", [])]
        return bool(found) and found[0] != "starting"

    wait_until(told)
    return found[0]


def wait_until(holds: Callable[[], bool], within_seconds: float = 60.0) -> None:
    """Waits until it holds; AssertionError when it never does."""
    deadline = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_seconds:.0f} s"
        time.sleep(0.1)


def ends_of(consumer: Any, places: Sequence[TopicPartition]) -> dict[int, int]:
    """Where each partition ends. A broker that was frozen says for a moment, when it goes on, that it leads none."""
    deadline = time.monotonic() + READ_SECONDS
    while True:
        try:
            return {place.partition: consumer.get_watermark_offsets(place, timeout=READ_SECONDS)[1] for place in places}
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def status_for(service: Service, key: str) -> int:
    """What a good event gets with that key."""
    return post(service, "/v1/events", CENTRE | {"Authorization": f"Bearer {key}"}, packed(event())).status_code


def write_keys(file: Path, phu_xuan: str) -> None:
    """A keys file with one centre's key."""
    entry = {"name": "phu-xuan", "sha256": sha256(phu_xuan.encode()).hexdigest(), "codes": ["19753"]}
    file.write_text(json.dumps({"keys": [entry]}))


class Kept(Struct, frozen=True):
    """A record as Kafka keeps it."""

    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes | None]]


def read(kafka: str, topic: str) -> dict[Place, Kept]:
    """Every record of a topic, by partition and offset."""
    consumer: Any = Consumer({"bootstrap.servers": kafka, "group.id": "reading", "enable.auto.commit": False})
    try:
        return dict(_all(consumer, topic))
    finally:
        consumer.close()


def _all(consumer: Any, topic: str) -> Iterator[tuple[Place, Kept]]:
    places = [TopicPartition(topic, number, 0) for number in range(PARTITIONS)]
    ends = ends_of(consumer, places)
    consumer.assign(places)
    left, deadline = sum(ends.values()), time.monotonic() + READ_SECONDS
    while left:
        assert time.monotonic() < deadline, f"{left} records of {topic} were not read in {READ_SECONDS:.0f} s"
        for found in consumer.consume(1000, timeout=0.5):
            assert found.error() is None, found.error()
            if found.offset() < ends[found.partition()]:
                yield (found.partition(), found.offset()), Kept(found.key(), found.value(), found.headers() or [])
                left -= 1
