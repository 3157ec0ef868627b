"""The counters once more beside those that are read: built through a kill, compared, taking their place in one step."""

import pytest
import redis

from contracts import topics
from contracts.topics import PARTITIONS
from deploy.operators.generation import comparing, removal
from services.metrics.store import keys
from services.metrics.store.swap import swap
from tests.integration.metrics_logs import PREFIX, a_log, counted, held, positions, produce, wait_counted, wait_until
from tests.province import Province

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

BESIDE = keys.prefix(1, "beside")
DOSSIERS = 250


def _counted_beside(province: Province) -> int:
    with province.redis() as client:
        return sum(int(client.hget(f"{BESIDE}p:{number}", "next") or 0) for number in range(topics.PARTITIONS))


def _compared(province: Province) -> comparing.Figures:
    return comparing.counters(province.kafka, province.redis_url, 1, ("live", "beside"))


@pytest.mark.long
def test_counters_are_built_once_more_compared_and_switched_in_one_step(province: Province) -> None:
    """While the live worker counts on, a second one builds the same figures from the log, through a kill; a figure that was
    tampered with is named with both numbers; after the switch the figures are those of the log, and go on from there."""
    log = a_log(DOSSIERS)
    live = province.start("metrics")
    produce(province.kafka, log.part(0, 0.6))
    wait_counted(province, len(log.part(0, 0.6)), live, within_seconds=120.0)

    dying = province.start("metrics", ready=False, MOTCUA_METRICS_BESIDE="1", MOTCUA_FAULT="exit_before_commit:1")
    assert dying.wait_end(120.0) == -9, dying.log_end()
    assert _counted_beside(province) == 0
    builder = province.start("metrics", ready=False, MOTCUA_METRICS_BESIDE="1")
    produce(province.kafka, log.part(0.6, 0.8))
    so_far = len(log.part(0, 0.6)) + len(log.part(0.6, 0.8))
    wait_until("the builder has caught up", lambda: _counted_beside(province) == so_far, 120.0)
    wait_counted(province, so_far, live, within_seconds=60.0)
    assert dict(_compared(province).differences) == {}

    with province.redis() as client:
        tampered = min(field for field in client.hkeys(f"{PREFIX}total") if field.endswith("|received"))
        right = int(client.hget(f"{PREFIX}total", tampered) or 0)
        client.hset(f"{PREFIX}total", tampered, right + 7)
    found = _compared(province)
    assert dict(found.differences) == {("total", tampered): (right + 7, right)}
    assert found.totals == {tampered: -7}

    builder.stop()
    with redis.Redis.from_url(province.redis_url) as plain:
        assert swap(plain, 1, PARTITIONS) is None
        # What was put in its place is still there, and nothing is beside: a second switch is refused.
        assert swap(plain, 1, PARTITIONS) == "nothing was built beside"
        assert int(plain.hget(f"{keys.prefix(1, 'former')}total", tampered) or 0) == right + 7
    produce(province.kafka, log.part(0.8, 1))
    wait_counted(province, len(log), live, within_seconds=60.0)
    assert held(province) == log.figures()
    assert [position["chain"] for position in positions(province)] == [line[-1].chain for line in log.partitions]
    assert removal.counters(province.kafka, province.redis_url, 1).keys > PARTITIONS
    assert held(province) == log.figures()
    assert counted(province) == len(log)


def test_nothing_takes_the_place_of_counters_that_is_not_whole(province: Province) -> None:
    """What is half built, being wiped or has stopped beside never replaces what is read; the refusal changes nothing."""
    live = keys.prefix(1)
    with province.redis() as client:
        for number in range(PARTITIONS):
            client.hset(f"{live}p:{number}", "next", "5")
        client.hset(f"{live}build", "id", "a")
        client.hset(f"{BESIDE}build", "id", "b")
        before = {name: client.hgetall(name) for name in client.keys(f"{live}*")}
        with redis.Redis.from_url(province.redis_url) as plain:
            assert swap(plain, 1, PARTITIONS) == "partition 0 was not counted beside"
            for number in range(PARTITIONS):
                client.hset(f"{BESIDE}p:{number}", "next", "4")
            client.hset(f"{BESIDE}p:3", "stopped", "gap")
            assert swap(plain, 1, PARTITIONS) == "partition 3 has stopped beside: gap"
            client.hdel(f"{BESIDE}p:3", "stopped")
            client.hset(f"{BESIDE}build", "wiping", "1")
            assert swap(plain, 1, PARTITIONS) == "what was built beside is being wiped"
            client.hdel(f"{BESIDE}build", "wiping")
            assert {name: client.hgetall(name) for name in client.keys(f"{live}*")} == before
            assert swap(plain, 1, PARTITIONS) is None
        assert client.hgetall(f"{live}build") == {"id": "b"}
