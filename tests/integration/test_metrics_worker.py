"""The metrics worker on a real Kafka and Valkey: what it holds is what plain JSON says, whatever was lost in between."""

import json
from collections.abc import Callable

import pytest
from msgspec import structs
from redis import Redis

from benchmarks.lifecycle_lines import Sent, sealed
from contracts.lifecycle import CHAIN_START, decode
from contracts.topics import PARTITIONS
from tests.effort import FULL
from tests.integration.metrics_logs import (
    PREFIX,
    TOPIC,
    Log,
    a_log,
    append,
    ask,
    counted,
    held,
    positions,
    produce,
    reasons,
    wait_counted,
    wait_until,
)
from tests.integration.retention import retain
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

# `make test` runs a smoke, `make test-all` everything.
DOSSIERS = 500 if FULL else 250


def test_an_empty_archive_is_ready_and_its_log_is_counted_as_it_comes(province: Province) -> None:
    """Ready without a record; then every figure, every position; a goodbye stores all; a new start counts nothing twice."""
    log = a_log(DOSSIERS)
    worker = province.start("metrics")
    assert ask(f"{worker.base_url}/healthz")[0] == 200
    assert [position["next"] for position in positions(province)] == ["0"] * 12

    produce(province.kafka, log.part(0, 0.7))
    wait_counted(province, len(log.part(0, 0.7)), worker)
    produce(province.kafka, log.part(0.7, 1))
    wait_counted(province, len(log), worker)
    assert held(province) == log.figures()
    for position, line in zip(positions(province), log.partitions, strict=True):
        assert position["chain"] == position["read"] == line[-1].chain
        assert position["src"] == f"{len(line) - 1}.0"
        assert position["closed"] == str(len(line) - 1)
        assert position["log_clock"] == str(decode(line[-1].value).log_clock)

    wait_until("it is measured", lambda: _records(worker, "counted") == len(log))
    status, kind, body = ask(f"{worker.base_url}/else")
    assert (status, kind, json.loads(body)["code"]) == (404, "application/problem+json", "not_found")
    assert json.loads(ask(f"{worker.base_url}/readyz")[2]) == {"ready": True, "reasons": [], "notes": []}

    assert worker.stop() == 0
    again = province.start("metrics")
    assert again.stop() == 0
    assert held(province) == log.figures()
    assert {position["epoch"] for position in positions(province)} == {"2"}


def test_what_processing_sends_again_is_counted_once(province: Province) -> None:
    """Its tail after a crash: the same records under higher offsets."""
    log = a_log(DOSSIERS)
    produce(province.kafka, log.part(0, 0.6))
    produce(province.kafka, log.part(0.3, 0.6))
    produce(province.kafka, log.part(0.6, 1))
    worker = province.start("metrics")
    wait_counted(province, len(log) + len(log.part(0.3, 0.6)), worker)
    assert held(province) == log.figures()
    wait_until("it is measured", lambda: _records(worker, "redelivered") == len(log.part(0.3, 0.6)))
    if FULL:
        # The record before the position was one sent again: a new owner recognises the log by it all the same.
        produce(province.kafka, log.part(0.9, 1))
        wait_counted(province, len(log) + len(log.part(0.3, 0.6)) + len(log.part(0.9, 1)), worker)
        worker.stop()
        province.start("metrics")
        assert held(province) == log.figures()


def _records(worker: Service, disposition: str) -> float:
    """How many the worker says that it has stored: it says so a moment after Redis holds them."""
    status, _, body = ask(f"{worker.base_url}/metrics")
    assert status == 200
    named = f'motcua_metrics_records_total{{disposition="{disposition}"}} '
    return next((float(line.removeprefix(named)) for line in body.decode().splitlines() if line.startswith(named)), 0.0)


def _flushall(client: Redis) -> None:
    client.flushall()


def _of_another_type(client: Redis) -> None:
    client.delete(f"{PREFIX}total")
    client.rpush(f"{PREFIX}total", "not a hash")


def _an_unknown_number(client: Redis) -> None:
    for name in client.hkeys(f"{PREFIX}total"):
        client.hset(f"{PREFIX}total", name, "many")


def _a_field(client: Redis) -> None:
    client.hdel(f"{PREFIX}split", client.hkeys(f"{PREFIX}split")[0])


def _a_day(client: Redis) -> None:
    client.delete(f"{PREFIX}daysplit:2025-07-02")


DAMAGES: list[Callable[[Redis], object]] = [
    _flushall,
    lambda client: client.delete(f"{PREFIX}total"),
    _of_another_type,
    lambda client: client.hset(f"{PREFIX}p:4", "next", "7"),
    _an_unknown_number,
]
MORE_DAMAGES: list[Callable[[Redis], object]] = [
    lambda client: client.delete(f"{PREFIX}build"),
    lambda client: client.delete(f"{PREFIX}p:4"),
    _a_field,
    _a_day,
    lambda client: client.srem(f"{PREFIX}days", "2025-07-03"),
    lambda client: client.hdel(f"{PREFIX}p:4", "next"),
]


def test_figures_that_were_lost_in_part_or_whole_are_counted_anew(province: Province) -> None:
    """Emptied, cut, replaced by another type, a position gone or turned back: seen, wiped, rebuilt, while records come."""
    log, damages = a_log(DOSSIERS), [*DAMAGES, *(MORE_DAMAGES if FULL else [])]
    worker = province.start("metrics")
    shares = [at / (len(damages) + 1) for at in range(len(damages) + 2)]
    produce(province.kafka, log.part(0, shares[1]))
    wait_counted(province, len(log.part(0, shares[1])), worker)
    assert _wipes(worker) == 0, "a log that was empty when it was taken over was not lost"
    for number, damage in enumerate(damages, start=1):
        with province.redis() as client:
            damage(client)
        produce(province.kafka, log.part(shares[number], shares[number + 1]))
        expected = log.part(0, shares[number + 1])
        wait_counted(province, len(expected), worker)
        wait_until(f"damage {number} is mended:\n{worker.log_end()}", lambda: held(province) == expected.figures())  # noqa: B023
        # Each of the twelve, whose logs all held records, and once.
        assert _wipes(worker) == number * PARTITIONS


def test_a_partition_that_does_not_fit_stops_and_the_others_go_on(province: Province) -> None:
    """gap, diverged, unreadable: told by position, readiness and metrics; a new worker does not go on either."""
    log = a_log(DOSSIERS)
    damaged = Log([list(line) for line in log.partitions])
    lines = damaged.partitions
    at = len(lines[3]) // 2
    del lines[3][at]
    changed = structs.replace(decode(lines[5][at].value), recorded_at=1)
    lines[5][at] = Sent(sealed(changed, CHAIN_START).value, lines[5][at].chain)
    lines[7][at] = Sent(b"{", lines[7][at].chain)
    stopped = {3: "gap", 5: "diverged", 7: "unreadable"}
    good = Log([line[:at] if number in stopped else line for number, line in enumerate(log.partitions)])
    produce(province.kafka, damaged)
    worker = province.start("metrics", ready=False)
    wait_counted(province, len(good), worker)
    wait_until("it says what stopped", lambda: len(reasons(worker.base_url)) == 3)
    assert reasons(worker.base_url) == [
        "partitions stopped (diverged): 5", "partitions stopped (gap): 3", "partitions stopped (unreadable): 7"
    ]  # fmt: skip
    # It says so as soon as it knows, and stores it with its next step.
    wait_until("it is stored", lambda: {
        number: position["stopped"] for number, position in enumerate(positions(province)) if "stopped" in position
    } == stopped)  # fmt: skip
    assert held(province) == good.figures()
    measured = b'stopped_partitions{reason="gap"} 1.0', b'worker_stopped{partition="3",reason="gap"} 1.0'
    wait_until("it is measured", lambda: all(each in ask(f"{worker.base_url}/metrics")[2] for each in measured))

    worker.stop()
    again = province.start("metrics", ready=False)
    wait_until("it says what stopped", lambda: len(reasons(again.base_url)) == 3)
    append(province.kafka, ((number, log.partitions[number][-1]) for number in range(12)))
    wait_until("the others go on", lambda: counted(province) == len(good) + 9)
    assert held(province) == good.figures()
    assert ask(f"{again.base_url}/readyz")[0] == 503


def test_a_topic_of_other_settings_is_not_the_log_that_was_agreed_on(province: Province) -> None:
    """At a start and at a take-over nothing is counted until it is corrected; then all is, by the same process."""
    log, differs = a_log(DOSSIERS), f"log_changed: {TOPIC} has retention.ms=3600000 instead of -1: correct the topic"
    retain(province.kafka, TOPIC, "3600000")
    produce(province.kafka, log.part(0, 0.5))
    workers = [province.start("metrics", ready=False) for _ in range(2)]
    for worker in workers:
        wait_until("it says so", lambda: reasons(worker.base_url) == [differs])  # noqa: B023
    assert counted(province) == 0
    retain(province.kafka, TOPIC, "-1")
    wait_counted(province, len(log.part(0, 0.5)), *workers)
    stays, goes = workers
    # Else nothing is taken over from it.
    wait_until("the one that goes has a part of them", lambda: 0 < _owned(goes) < PARTITIONS)
    retain(province.kafka, TOPIC, "3600000")
    assert goes.stop() == 0
    wait_until("it takes nothing over", lambda: differs in reasons(stays.base_url))
    retain(province.kafka, TOPIC, "-1")
    produce(province.kafka, log.part(0.5, 1))
    wait_counted(province, len(log), stays)
    assert held(province) == log.figures()


def _owned(worker: Service) -> float:
    return _told(worker, "motcua_metrics_partitions")


def _wipes(worker: Service) -> float:
    return _told(worker, "motcua_metrics_wipes_total")


def _told(worker: Service, name: str) -> float:
    told = ask(worker.base_url + "/metrics")[2].decode()
    [found] = [line for line in told.splitlines() if line.startswith(f"{name} ")]
    return float(found.rpartition(" ")[2])
