"""Whether the archive is the one this worker was set up for: topics, opening records, clock, cluster."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # it lists no exports

from contracts import topics
from contracts.events import Activated, Opened, RefusedError, from_record
from contracts.topics import PARTITIONS, REPORTED, Topic
from services.processing.errors import MisconfiguredError, UnavailableError
from services.processing.log.reading import Place, Reader
from services.processing.log.records import Record


class NotOpenedError(Exception):
    """The archive is not there yet, or not open yet: whoever opens it is waited for."""


class TopicDiffersError(Exception):
    """A topic has other partitions or settings than the contract: it is waited for whoever corrects it."""


def check(clock: str, gen: int, reader: Reader) -> None:
    """Returns when all is well; NotOpenedError and TopicDiffersError to wait, UnavailableError to retry, MisconfiguredError
    to give up."""
    check_topics(gen, reader)
    _check_opening(clock, reader)


def check_topics(gen: int, reader: Reader) -> None:
    """The topics that are read and written, as they are now; raises as `check` does."""
    wanted = (REPORTED, topics.lifecycle(gen), topics.rejected(gen))
    admin, seconds = reader.asking.client, reader.seconds
    try:
        # One question for all topics: this is asked at each take-over.
        described = admin.describe_topics(TopicCollection([topic.name for topic in wanted]), request_timeout=seconds)
        for topic in wanted:
            _check_partitions(topic, described[topic.name], seconds)
        resources = {topic.name: ConfigResource(ConfigResource.Type.TOPIC, topic.name) for topic in wanted}
        entries = admin.describe_configs([*resources.values()], request_timeout=seconds)
        for topic in wanted:
            _check_settings(topic, entries[resources[topic.name]].result(seconds + 1.0))
    except (KafkaException, TimeoutError) as error:
        cause = error.args[0] if error.args else None
        name = cause.name() if isinstance(cause, KafkaError) else type(error).__name__
        reader.asking.renew()
        raise UnavailableError(f"Kafka does not describe its topics: {name}") from error


def _check_partitions(topic: Topic, described: "Future[Any]", seconds: float) -> None:
    try:
        found = described.result(seconds + 1.0)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise NotOpenedError(f"topic {topic.name} does not exist yet") from error
        raise
    if len(found.partitions) != topic.partitions:
        raise TopicDiffersError(f"{topic.name} has {len(found.partitions)} partitions instead of {topic.partitions}")


def _check_settings(topic: Topic, entries: Mapping[str, Any]) -> None:
    if otherwise := topic.set_otherwise({name: each.value for name, each in entries.items()}):
        raise TopicDiffersError(f"{otherwise[0]}: correct the topic")


def _check_opening(clock: str, reader: Reader) -> None:
    cluster = reader.cluster()
    for number, (first, second) in _beginnings(reader).items():
        if not isinstance(first, Opened) or not isinstance(second, Activated):
            raise MisconfiguredError(
                f"{REPORTED.name}[{number}] does not begin with archive.opened and rules.activated: it is no archive of ours"
            )
        if first.clock != clock:
            raise MisconfiguredError(
                f"the archive was opened with MOTCUA_CLOCK={first.clock}, this worker is set to {clock}: set it likewise"
            )
        if first.cluster != cluster:
            raise MisconfiguredError(
                f"the archive was opened in cluster {first.cluster}, this is {cluster}: use the cluster it was opened in"
            )


def _beginnings(reader: Reader) -> dict[int, tuple[object, object]]:
    numbers = range(PARTITIONS)
    for (name, number), bounds in reader.bounds([REPORTED.name], numbers).items():
        if bounds.first != 0:
            raise MisconfiguredError(f"{name}[{number}] has lost its beginning: restore the archive")
        if bounds.end < 2:
            raise NotOpenedError(f"partition {number} lacks its opening records")
    read = [reader.at(Place(REPORTED.name, number, offset) for number in numbers) for offset in (0, 1)]
    firsts, seconds = ({place.partition: _reported(record) for place, record in each.items()} for each in read)
    return {number: (firsts.get(number), seconds.get(number)) for number in numbers}


def _reported(record: Record) -> object:
    try:
        return from_record(record.value, record.headers)
    except RefusedError:
        return None
