"""The metrics worker killed, frozen, joined, cut off from Redis and Kafka: nothing counts twice, nothing is lost."""

import os
import re
import signal

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

from deploy.operators import acts
from services.metrics.worker.transport import STOP_STATUS
from tests.conftest import NewProvince
from tests.effort import FULL
from tests.integration.metrics_logs import (
    PREFIX,
    TOPIC,
    Log,
    a_log,
    ask,
    counted,
    held,
    positions,
    produce,
    reasons,
    wait_counted,
    wait_until,
)
from tests.province import READY_WITHIN_SECONDS, Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(240)]

# `make test` runs a smoke, `make test-all` everything.
DOSSIERS = 500 if FULL else 250
# The shortest session that a broker grants: a dead member is noticed after that long.
# Many small steps instead of a few large ones, so that there is a middle in which to die.
SMALL_STEPS = {"MOTCUA_METRICS_FETCH_BYTES": "16384", "MOTCUA_METRICS_FLUSH_SECONDS": "0.005"}


def test_killed_between_counting_and_storing(province: Province) -> None:
    """What was counted and not stored is counted again by the next one; what was stored is not."""
    log, sent = a_log(DOSSIERS), 0
    doomed = province.start("metrics", ready=False, MOTCUA_FAULT="exit_before_commit:3")
    while doomed.running and sent < 10:
        # Twice what has come is stored; the third time it dies with it in its hands.
        sent += 1
        produce(province.kafka, log.part((sent - 1) / 20, sent / 20))
        part = len(log.part(0, sent / 20))
        wait_until("it is counted, or was the last", lambda: not doomed.running or counted(province) == part)  # noqa: B023
    assert doomed.wait_end() == -signal.SIGKILL
    assert 0 < counted(province) < len(log.part(0, sent / 20))

    for at in range(sent, sent + 3 if FULL else sent):
        produce(province.kafka, log.part(at / 20, (at + 1) / 20))
        sent = at + 1
        victim = province.start("metrics", ready=False, **SMALL_STEPS)
        before = counted(province)
        wait_until("it goes on", lambda: counted(province) > before)  # noqa: B023
        victim.kill()
    produce(province.kafka, log.part(sent / 20, 1))
    last = province.start("metrics", ready=False)
    wait_counted(province, len(log), last)
    assert held(province) == log.figures()


def test_workers_that_share_and_one_that_sleeps_through_its_session(province: Province) -> None:
    """Two count together; one is frozen with counted records in its hands. Thawed, it adds none of them."""
    log = a_log(DOSSIERS)
    second = province.start("metrics", ready=True)
    # It stores so seldom that it is frozen before it does, and comes last, so that little of that time is gone by then.
    first = province.start("metrics", ready=True, MOTCUA_METRICS_FLUSH_SECONDS="30")
    wait_until("they share", lambda: len({position.get("owner") for position in positions(province)}) == 2)
    produce(province.kafka, log.part(0, 0.5))
    wait_until("it holds some", lambda: _told(first, "pending_records") > 0)
    first.freeze()
    assert counted(province) < len(log.part(0, 0.5))
    produce(province.kafka, log.part(0.5, 0.8))
    wait_counted(province, len(log.part(0, 0.8)), second)

    first.thaw()
    wait_until("it is refused", lambda: _told(first, "refused_flushes_total") > 0, within_seconds=60)
    # It was put out of its group: should joining again take longer than its stop may, it ends itself.
    assert first.stop() in (0, STOP_STATUS)
    produce(province.kafka, log.part(0.8, 1))
    wait_counted(province, len(log), second)
    assert held(province) == log.figures()


def _told(worker: Service, name: str) -> float:
    told = ask(f"{worker.base_url}/metrics")[2].decode().splitlines()
    return next((float(line.split()[1]) for line in told if line.startswith(f"motcua_metrics_{name} ")), 0.0)


def test_a_log_made_anew_under_a_stored_position_is_not_counted(province: Province) -> None:
    """`log_changed`, on every partition that had a position: other records lie at the same offsets."""
    log = a_log(DOSSIERS)
    produce(province.kafka, log.part(0, 0.5))
    worker = province.start("metrics")
    wait_counted(province, len(log.part(0, 0.5)), worker)
    worker.stop()
    before = positions(province)
    admin = AdminClient({"bootstrap.servers": province.kafka})
    admin.delete_topics([TOPIC])[TOPIC].result(15)
    wait_until("the topic is gone", lambda: TOPIC not in admin.list_topics(timeout=15).topics)
    acts.make_topics(province.operators)
    assert admin.describe_topics(TopicCollection([TOPIC]))[TOPIC].result(15) is not None
    produce(province.kafka, log)
    again = province.start("metrics", ready=False)
    wait_until("it says so", lambda: reasons(again.base_url) == [
        f"partitions stopped (log_changed): {', '.join(map(str, range(12)))}"
    ])  # fmt: skip
    kept = ("next", "src", "chain", "cluster", "topic", "closed")
    assert [[each.get(name) for name in kept] for each in positions(province)] == [
        [each.get(name) for name in kept] for each in before
    ]
    assert held(province) == log.part(0, 0.5).figures()


if FULL:

    def test_redis_and_kafka_die_and_come_back(own_province: NewProvince) -> None:
        """Each killed while records are counted, one after the other; the worker waits, and everything is counted once."""
        province = own_province()
        log, stack = a_log(DOSSIERS), province.servers.stack
        assert stack is not None
        produce(province.kafka, log.part(0, 0.3))
        worker = province.start("metrics", ready=True, **SMALL_STEPS)
        wait_until("it counts", lambda: counted(province) > 0)
        os.kill(stack.pids["redis"], signal.SIGKILL)
        wait_until("Redis is back", lambda: _answers(province))
        produce(province.kafka, log.part(0.3, 0.6))
        wait_counted(province, len(log.part(0, 0.6)), worker)
        assert held(province) == log.part(0, 0.6).figures()

        killed = stack.pids["kafka"]
        os.kill(killed, signal.SIGKILL)
        wait_until("Kafka is started anew", lambda: stack.pids.get("kafka") not in (None, killed))
        produce(province.kafka, log.part(0.6, 1))
        wait_counted(province, len(log), worker)
        assert held(province) == log.figures()

    def test_a_worker_that_cannot_reach_redis_ends_to_be_started_anew(province: Province) -> None:
        """After its patience, loudly, with what it had not stored left to the next one."""
        log = a_log(DOSSIERS)
        produce(province.kafka, log.part(0, 0.2))
        deaf = province.start(
            "metrics", ready=False, MOTCUA_REDIS="redis://127.0.0.1:1/0", MOTCUA_METRICS_PATIENCE_SECONDS="3"
        )
        assert deaf.wait_end(READY_WITHIN_SECONDS) == 71
        words = deaf.log_end()
        found = re.search(r"Redis has not answered for (\d+) s", words)
        assert found is not None, words
        assert int(found[1]) < 30, "by its own patience, and not by the default of a minute"
        assert Log().figures() == held(province) == {}


def _answers(province: Province) -> bool:
    try:
        with province.redis() as client:
            return bool(client.ping()) and client.exists(f"{PREFIX}build") in (0, 1)
    except Exception:
        return False
