"""How far processing and metrics have come: their positions in Redis, the ends of the logs in Kafka."""

from dataclasses import dataclass
from typing import Any

import msgspec
import redis
from confluent_kafka import KafkaException, TopicPartition
from msgspec import Struct

from contracts import topics
from contracts.asking import Asking
from contracts.topics import PARTITIONS, REPORTED
from deploy.operators.errors import KafkaUnavailableError, RedisUnavailableError
from services.metrics.store import keys as metrics_keys
from services.processing.store import keys as processing_keys

CALL_SECONDS = 10.0


@dataclass(frozen=True)
class Folded:
    """A partition of dossier.reported as processing has stored it.

    `offset` is the next to work off; `index` > 0 in the middle of a tick or activation, of which `scanned` of the `kept`
    dossiers are behind; `last` is the place of the last lifecycle record.
    """

    offset: int = 0
    index: int = 0
    kept: int = 0
    scanned: int = 0
    last: tuple[int, int] | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Counted:
    """A partition of dossier.lifecycle as metrics has stored it: the next offset to count, the last reported one whole."""

    offset: int = 0
    closed: int = -1


class _Position(Struct):
    """What is of interest here of the position that processing stores."""

    offset: int
    index: int
    scanned: str | None = None
    src: tuple[int, int] | None = None
    digest: str | None = None


class Standing:
    """Looks at one generation in a province's Redis and Kafka; changes nothing."""

    def __init__(self, bootstrap: str, redis_url: str, gen: int, place: metrics_keys.Place = "live") -> None:
        self._bootstrap = bootstrap
        self._redis_url = redis_url
        self._gen = gen
        self._counters = metrics_keys.prefix(gen, place)
        self._client = redis.Redis.from_url(redis_url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS)
        self._asking = Asking(bootstrap)

    def ends(self) -> tuple[dict[int, int], dict[int, int]]:
        """The ends of dossier.reported and of dossier.lifecycle, by partition."""
        reported, lifecycle = REPORTED.name, topics.lifecycle(self._gen).name
        places = [TopicPartition(name, each) for name in (reported, lifecycle) for each in range(PARTITIONS)]
        found: dict[str, dict[int, int]] = {reported: {}, lifecycle: {}}
        try:
            for place, future in self._asking.ends(places, CALL_SECONDS).items():
                found[place.topic][place.partition] = future.result(CALL_SECONDS + 1.0)
        except (KafkaException, TimeoutError) as error:
            reason = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
            self._asking.renew()
            raise KafkaUnavailableError(self._bootstrap, "say where the logs end", reason) from error
        return found[reported], found[lifecycle]

    def folded(self) -> dict[int, Folded]:
        """Processing's partitions; what is not stored stands at the start."""
        pipeline = self._client.pipeline(transaction=False)
        for each in range(PARTITIONS):
            pipeline.hmget(processing_keys.position(each, self._gen), "at", "position")
            pipeline.zcard(processing_keys.index(each, processing_keys.KEPT, self._gen))
        rows = self._answers(pipeline)
        return {each: self._partition(each, rows[2 * each], rows[2 * each + 1]) for each in range(PARTITIONS)}

    def counted(self) -> dict[int, Counted]:
        """Metrics' partitions; what is not stored stands at the start."""
        pipeline = self._client.pipeline(transaction=False)
        for each in range(PARTITIONS):
            pipeline.hmget(self._counters + metrics_keys.position(each), "next", "closed")
        return {
            each: Counted(int(offset or 0), int(closed or -1))
            for each, (offset, closed) in enumerate(self._answers(pipeline))
        }

    def _partition(self, number: int, row: list[bytes | None], kept: int) -> Folded:
        at, packed = row
        # Unclean: about to be wiped and folded from the start.
        if at is None or packed is None or not at[:1].isdigit():
            return Folded(kept=kept)
        position = msgspec.msgpack.decode(packed, type=_Position)
        scanned = 0
        if position.scanned is not None:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zlexcount(processing_keys.index(number, processing_keys.KEPT, self._gen), "-", f"[{position.scanned}")
            [scanned] = self._answers(pipeline)
        return Folded(position.offset, position.index, kept, scanned, position.src, position.digest)

    def _answers(self, pipeline: "redis.client.Pipeline") -> list[Any]:
        try:
            rows: list[Any] = pipeline.execute()
        except redis.RedisError as error:
            # What Redis itself answers begins with a word that says it.
            word = str(error).split(" ", 1)[0] if isinstance(error, redis.ResponseError) else ""
            raise RedisUnavailableError(self._redis_url, f"{type(error).__name__} {word}".strip()) from error
        return rows
