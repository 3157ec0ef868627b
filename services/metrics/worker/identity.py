"""Which log this is: the cluster's id and the topic's, asked of Kafka itself."""

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from contracts.topics import Topic
from services.metrics.store.ledger import Identity


class NotThereError(Exception):
    """The topic cannot be counted yet; the text says why."""


def identify(bootstrap: str, topic: Topic, call_seconds: float) -> Identity:
    """The identity of a topic's log; NotThereError when Kafka does not answer or the topic is not as it must be. Blocks."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        cluster = admin.describe_cluster(request_timeout=call_seconds).result(call_seconds + 1.0)
        described = admin.describe_topics(TopicCollection([topic.name]), request_timeout=call_seconds)
        found = described[topic.name].result(call_seconds + 1.0)
    except KafkaException as error:
        cause = error.args[0]
        if isinstance(cause, KafkaError) and cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise NotThereError(f"topic {topic.name} does not exist yet") from error
        raise NotThereError(f"Kafka does not answer ({cause.name() if isinstance(cause, KafkaError) else cause})") from error
    except TimeoutError as error:
        raise NotThereError("Kafka does not answer in time") from error
    if len(found.partitions) != topic.partitions:
        raise NotThereError(f"topic {topic.name} has {len(found.partitions)} partitions instead of {topic.partitions}")
    return Identity(str(cluster.cluster_id), str(found.topic_id))
