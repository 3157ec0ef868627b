"""Which log this is: the cluster's id and the topic's, asked of Kafka itself, and whether it is kept as was agreed."""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # it lists no exports

from contracts import asking
from contracts.topics import Topic
from services.metrics.store.ledger import Identity


class NotThereError(Exception):
    """The topic cannot be counted yet; the text says why."""


class TopicDiffersError(NotThereError):
    """The topic has other partitions or settings than the contract: it is waited for whoever corrects it."""


class LogBook:
    """Asks Kafka for the identity of one topic's log."""

    def __init__(self, bootstrap: str, topic: Topic, call_seconds: float) -> None:
        self._admin = asking.client(bootstrap)
        self._topic = topic
        self._call_seconds = call_seconds

    def identity(self) -> Identity:
        """The identity now; NotThereError when Kafka does not answer or the topic is not as it must be. Blocks."""
        topic, seconds = self._topic, self._call_seconds
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic.name)
        try:
            cluster = asking.cluster_id(self._admin, seconds)
            described = self._admin.describe_topics(TopicCollection([topic.name]), request_timeout=seconds)
            found = described[topic.name].result(seconds + 1.0)
            configured = self._admin.describe_configs([resource], request_timeout=seconds)
            entries = configured[resource].result(seconds + 1.0)
        except KafkaException as error:
            cause = error.args[0]
            if isinstance(cause, KafkaError) and cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise NotThereError(f"topic {topic.name} does not exist yet") from error
            name = cause.name() if isinstance(cause, KafkaError) else type(error).__name__
            raise NotThereError(f"Kafka does not answer ({name})") from error
        except TimeoutError as error:
            raise NotThereError("Kafka does not answer in time") from error
        _check(topic, len(found.partitions), entries)
        return Identity(cluster, str(found.topic_id))


def _check(topic: Topic, partitions: int, entries: Mapping[str, Any]) -> None:
    if partitions != topic.partitions:
        told = f"{partitions} partitions instead of {topic.partitions}: correct the topic"
        raise TopicDiffersError(f"log_changed: {topic.name} has {told}")
    if otherwise := topic.set_otherwise({name: each.value for name, each in entries.items()}):
        raise TopicDiffersError(f"log_changed: {otherwise[0]}: correct the topic")
