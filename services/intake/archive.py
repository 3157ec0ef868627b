"""The archive before the door opens: the right cluster, topics as agreed, and each partition opened with this clock."""

from collections.abc import Iterable
from concurrent.futures import Future
from time import monotonic
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin._config import ConfigResource
from msgspec import Struct

from contracts.asking import Asking, cause
from contracts.events import Opened, RefusedError, from_record
from contracts.topics import CENTRE_STATUS, PARTITIONS, REPORTED, Topic
from services.intake.settings import Settings

# Records 0 and 1: the archive's opening and its first rules.
RECORDS_AT_OPENING = 2
_T = TypeVar("_T")


class NotUsableError(Exception):
    """Nothing may be stored now; `code` is stable, the text says what to put right."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class Identity(Struct, frozen=True):
    """Which cluster and which topics were checked; other ids mean that everything must be checked again."""

    cluster: str
    topic_ids: tuple[str, ...]


class Archive:
    """Checks of the archive; each blocks for a few `intake_kafka_call_seconds` at most."""

    def __init__(self, settings: Settings) -> None:
        self._bootstrap = settings.bootstrap
        self._clock = settings.clock
        self._seconds = settings.intake_kafka_call_seconds
        self._asking = Asking(settings.bootstrap)
        self._checked: Identity | None = None

    def check(self) -> None:
        """NotUsableError unless events may be stored; what cannot change is checked once for each identity."""
        try:
            found = self._identity()
            if found == self._checked:
                return
            self._checked = None
            for topic in (REPORTED, CENTRE_STATUS):
                self._check_settings(topic)
            self._check_opening(found.cluster)
            self._checked = found
        except (KafkaException, TimeoutError) as error:
            self._asking.renew()
            raise NotUsableError(
                "kafka_unreachable", f"Kafka does not answer at {self._bootstrap} ({cause(error)})"
            ) from error

    def _identity(self) -> Identity:
        cluster = self._asking.cluster(self._seconds)
        names = [REPORTED.name, CENTRE_STATUS.name]
        asked = self._asking.client.describe_topics(TopicCollection(names), request_timeout=self._seconds)
        ids = []
        for topic in (REPORTED, CENTRE_STATUS):
            try:
                described = self._call(asked[topic.name])
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise NotUsableError("topic_missing", f"topic {topic.name} does not exist: create the topics") from error
                raise
            if len(described.partitions) != topic.partitions:
                found = len(described.partitions)
                raise NotUsableError("topic_settings", f"{topic.name} has {found} partitions instead of {topic.partitions}")
            if leaderless := [part.id for part in described.partitions if part.leader is None or part.leader.id < 0]:
                raise NotUsableError("kafka_unreachable", f"partitions {leaderless} of {topic.name} have no leader")
            ids.append(str(described.topic_id))
        return Identity(cluster, tuple(ids))

    def _check_settings(self, topic: Topic) -> None:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic.name)
        entries = self._call(self._asking.client.describe_configs([resource], request_timeout=self._seconds)[resource])
        if otherwise := topic.set_otherwise({name: each.value for name, each in entries.items()}):
            raise NotUsableError("topic_settings", f"{otherwise[0]}: correct the topic")

    def _check_opening(self, cluster: str) -> None:
        partitions = [TopicPartition(REPORTED.name, number) for number in range(PARTITIONS)]
        for part, end in self._asking.ends(partitions, self._seconds).items():
            if self._call(end) < RECORDS_AT_OPENING:
                raise NotUsableError("archive_not_opened", f"partition {part.partition} lacks its opening records")
        for number, first in self._first_records().items():
            if not isinstance(first, Opened):
                raise NotUsableError("archive_not_opened", f"record 0 of partition {number} is not the archive's opening")
            if first.clock != self._clock:
                raise NotUsableError(
                    "other_clock", f"the archive was opened with CLOCK={first.clock}, this intake is set to {self._clock}"
                )
            if first.cluster != cluster:
                raise NotUsableError("other_cluster", f"partition {number} was opened in another cluster")

    def _first_records(self) -> dict[int, object]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "motcua-intake-opening",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "queued.max.messages.kbytes": 1024,
                "fetch.message.max.bytes": 16 * 1024,
                "log_level": 0,
            }
        )
        found: dict[int, object] = {}
        until = monotonic() + 2 * self._seconds
        try:
            consumer.assign([TopicPartition(REPORTED.name, number, 0) for number in range(PARTITIONS)])
            while len(found) < PARTITIONS:
                if (left := until - monotonic()) <= 0:
                    raise TimeoutError
                for record in consumer.consume(PARTITIONS, timeout=min(left, 0.2)):
                    if (error := record.error()) is not None:
                        raise KafkaException(error)
                    number = record.partition()
                    if number is not None and number not in found:
                        found[number] = _read(record.offset(), record.value(), record.headers())
                        consumer.pause([TopicPartition(REPORTED.name, number)])
        finally:
            consumer.close()
        return found

    def _call(self, asked: "Future[_T]") -> _T:
        return asked.result(self._seconds + 1.0)


def _read(offset: int | None, value: Any, headers: Iterable[Any] | None) -> object:
    try:
        return from_record(value, list(headers or ())) if offset == 0 else None
    except RefusedError:
        return None
