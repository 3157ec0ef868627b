"""A generation, or counters that were built beside, taken away: keys in Redis, consumer groups, topics; may be repeated."""

import re
import time
from dataclasses import dataclass

import redis
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from contracts import topics
from deploy.operators.errors import InUseError, KafkaUnavailableError, RedisUnavailableError
from services.metrics.store import keys as metrics_keys

CALL_SECONDS = 15.0
SCAN_COUNT = 2000
UNLINK_COUNT = 500
# A member that was killed stays in its group until its session has run out.
GROUP_WITHIN_SECONDS = 45.0
AGAIN_SECONDS = 0.5
# `g2:`, and `g2.beside:` of counters that are built once more.
_NUMBERED = re.compile(rb"motcua:(?:processing|metrics):g(\d+)[:.]")
_GONE = (KafkaError.GROUP_ID_NOT_FOUND, KafkaError.UNKNOWN_TOPIC_OR_PART)


@dataclass(frozen=True)
class Removed:
    """What was taken away."""

    keys: int
    groups: int
    topics: int


def generation(bootstrap: str, redis_url: str, gen: int) -> Removed:
    """Everything that carries its number. InUseError while a process is a member of one of its groups."""
    groups = _groups(bootstrap, gen, [f"processing.g{gen}", f"motcua-metrics-g{gen}", f"motcua-metrics-g{gen}-beside"])
    gone = keys(redis_url, gen)
    return Removed(gone, groups, _topics(bootstrap, [topics.lifecycle(gen).name, topics.rejected(gen).name]))


def keys(redis_url: str, gen: int) -> int:
    """What Redis holds under its number; how many keys. For a generation without workers: these would miss them."""
    patterns = [
        f"motcua:processing:g{gen}:*",
        *(metrics_keys.prefix(gen, each) + "*" for each in ("live", "beside", "former")),
    ]
    return sum(_keys(redis_url, pattern) for pattern in patterns)


def held(redis_url: str) -> frozenset[int]:
    """The generations of which Redis holds something, be it of one that was removed since a dump was made."""
    found = set()
    try:
        with _client(redis_url) as client:
            for name in client.scan_iter(match="motcua:*:g*", count=SCAN_COUNT):
                if (named := _NUMBERED.match(name)) is not None:
                    found.add(int(named[1]))
    except redis.RedisError as error:
        raise RedisUnavailableError(redis_url, type(error).__name__) from error
    return frozenset(found)


def counters(bootstrap: str, redis_url: str, gen: int) -> Removed:
    """The counters that were built beside those that are read, or that were replaced."""
    groups = _groups(bootstrap, gen, [f"motcua-metrics-g{gen}-beside"])
    gone = sum(_keys(redis_url, metrics_keys.prefix(gen, each) + "*") for each in ("beside", "former"))
    return Removed(gone, groups, 0)


def former(redis_url: str, gen: int) -> int:
    """The counters that were replaced; how many keys."""
    return _keys(redis_url, metrics_keys.prefix(gen, "former") + "*")


def present(bootstrap: str) -> frozenset[int]:
    """The generations that have a topic of lifecycle records."""
    begin = topics.lifecycle(0).name.removesuffix("0")
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        names = admin.list_topics(timeout=CALL_SECONDS).topics
    except KafkaException as error:
        raise KafkaUnavailableError(bootstrap, "list its topics", error.args[0].str()) from error
    tails = [name.removeprefix(begin) for name in names if name.startswith(begin)]
    return frozenset(int(tail) for tail in tails if tail.isdecimal())


def _client(redis_url: str) -> "redis.Redis":
    return redis.Redis.from_url(redis_url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS)


def _keys(redis_url: str, pattern: str) -> int:
    gone = 0
    try:
        with _client(redis_url) as client:
            names = sorted(set(client.scan_iter(match=pattern, count=SCAN_COUNT)))
            for first in range(0, len(names), UNLINK_COUNT):
                gone += int(client.unlink(*names[first : first + UNLINK_COUNT]))
    except redis.RedisError as error:
        raise RedisUnavailableError(redis_url, type(error).__name__) from error
    return gone


def _groups(bootstrap: str, gen: int, names: list[str]) -> int:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    deadline, left, gone = time.monotonic() + GROUP_WITHIN_SECONDS, list(names), 0
    while left:
        in_use = []
        for name, future in admin.delete_consumer_groups(left, request_timeout=CALL_SECONDS).items():
            try:
                future.result(CALL_SECONDS + 1.0)
                gone += 1
            except KafkaException as error:
                if error.args[0].code() == KafkaError.NON_EMPTY_GROUP:
                    in_use.append(name)
                elif error.args[0].code() not in _GONE:
                    raise KafkaUnavailableError(bootstrap, f"remove the group {name}", error.args[0].str()) from error
        left = in_use
        if left and time.monotonic() > deadline:
            raise InUseError(gen, f"a process is still a member of {', '.join(left)}: stop it first")
        if left:
            time.sleep(AGAIN_SECONDS)
    return gone


def _topics(bootstrap: str, names: list[str]) -> int:
    admin, gone = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}), 0
    for name, future in admin.delete_topics(names, request_timeout=CALL_SECONDS).items():
        try:
            future.result(CALL_SECONDS + 1.0)
            gone += 1
        except KafkaException as error:
            if error.args[0].code() not in _GONE:
                raise KafkaUnavailableError(bootstrap, f"remove {name}", error.args[0].str()) from error
    return gone
