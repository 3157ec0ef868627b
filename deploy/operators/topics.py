"""The topics of a generation: created where they are missing, then checked against the contract."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from contracts.topics import Topic
from deploy.operators.errors import KafkaUnavailableError, TopicDiffersError

REQUEST_TIMEOUT_SECONDS = 15.0
LOOK_AGAIN_SECONDS = 0.1


def create_missing(bootstrap: str, wanted: tuple[Topic, ...], replication_factor: int) -> list[str]:
    """Creates the topics that do not exist; the names of those it created."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    new = [
        NewTopic(
            each.name,
            num_partitions=each.partitions,
            replication_factor=replication_factor,
            config={**each.settings, **each.at_first},
        )
        for each in wanted
    ]
    created = []
    for name, future in admin.create_topics(new, request_timeout=REQUEST_TIMEOUT_SECONDS).items():
        try:
            _result(future)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise KafkaUnavailableError(bootstrap, f"create {name}", error.args[0].str()) from error
    # Made by the controller, a topic is known to a broker a little later.
    deadline = time.monotonic() + REQUEST_TIMEOUT_SECONDS
    while any(describe(bootstrap, name) is None for name in created) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_SECONDS)
    return created


def check(bootstrap: str, wanted: tuple[Topic, ...], replication_factor: int) -> None:
    """TopicDiffersError names every difference between the topics and the contract."""
    found = {each.name: describe(bootstrap, each.name) for each in wanted}
    if differing := [text for each in wanted for text in differences(each, found[each.name], replication_factor)]:
        raise TopicDiffersError(differing)


class Found:
    """A topic as the cluster has it."""

    def __init__(self, partitions: int, replicas: frozenset[int], settings: Mapping[str, str]) -> None:
        self.partitions = partitions
        self.replicas = replicas
        self.settings = settings


def differences(wanted: Topic, found: Found | None, replication_factor: int) -> list[str]:
    """In words, what is not as the contract says; empty when all of it is."""
    if found is None:
        return [f"{wanted.name} does not exist"]
    said = []
    if found.partitions != wanted.partitions:
        said.append(f"{wanted.name} has {found.partitions} partitions instead of {wanted.partitions}")
    # More copies than asked for are an operator's choice; fewer lose data.
    if min(found.replicas, default=0) < replication_factor:
        said.append(f"{wanted.name} has {min(found.replicas, default=0)} replicas instead of {replication_factor}")
    return [*said, *sorted(wanted.set_otherwise(found.settings))]


def describe(bootstrap: str, name: str) -> Found | None:
    """The topic as it is; None when it does not exist."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        listed = admin.list_topics(timeout=REQUEST_TIMEOUT_SECONDS).topics.get(name)
        if listed is None or listed.error is not None:
            return None
        [future] = admin.describe_configs(
            [ConfigResource(ResourceType.TOPIC, name)], request_timeout=REQUEST_TIMEOUT_SECONDS
        ).values()
        entries = _result(future)
    except KafkaException as error:
        raise KafkaUnavailableError(bootstrap, f"describe {name}", error.args[0].str()) from error
    return Found(
        partitions=len(listed.partitions),
        replicas=frozenset(len(each.replicas) for each in listed.partitions.values()),
        settings={key: entry.value for key, entry in entries.items()},
    )


def _result(future: "Future[Any]") -> Any:
    return future.result(timeout=REQUEST_TIMEOUT_SECONDS + 5)
