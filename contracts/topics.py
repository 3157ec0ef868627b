"""Names and settings of the topics (who writes and reads them: asyncapi.yaml); the only place where a name is spelled."""

from collections.abc import Mapping

from msgspec import Struct

PARTITIONS = 12
FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


class Topic(Struct, frozen=True):
    """A topic as it must exist: partitions and the settings that are checked at every start. `at_first` are settings that
    it is created with besides, and that nobody depends on."""

    name: str
    partitions: int
    settings: dict[str, str]
    at_first: dict[str, str] = {}

    def set_otherwise(self, found: Mapping[str, str | None]) -> list[str]:
        """In words, each setting that the topic as a cluster has it does not have as agreed."""
        return [
            f"{self.name} has {name}={found.get(name)} instead of {wanted}"
            for name, wanted in self.settings.items()
            if found.get(name) != wanted
        ]


REPORTED = Topic("dossier.reported", PARTITIONS, {**FOR_EVER, "message.timestamp.type": "LogAppendTime"})
REFERENCE = Topic("reference.data", 1, {"cleanup.policy": "compact"})
# Compaction leaves the newest segment alone: one of an hour, not of the week that is Kafka's own choice, lest whoever starts
# read a million heartbeats to know forty.
CENTRE_STATUS = Topic("centre.status", PARTITIONS, {"cleanup.policy": "compact"}, {"segment.ms": "3600000"})


def lifecycle(gen: int) -> Topic:
    """What each reported record did, as generation `gen` of the fold saw it."""
    return Topic(f"dossier.lifecycle.g{gen}", PARTITIONS, dict(FOR_EVER))


def rejected(gen: int) -> Topic:
    """Dead letters of generation `gen`."""
    return Topic(f"dossier.rejected.g{gen}", PARTITIONS, dict(FOR_EVER))


def all_topics(gen: int) -> tuple[Topic, ...]:
    """Every topic that must exist for generation `gen`."""
    return (REPORTED, lifecycle(gen), rejected(gen), REFERENCE, CENTRE_STATUS)
