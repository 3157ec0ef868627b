"""Questions to Kafka about its logs, by a client that is replaced after an error."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # it lists no exports

Offsets = dict[TopicPartition, "Future[Any]"]


class Asking:
    """Holds the client. After an error `renew` it: one goes on with what it knows of leaders for minutes, also when brokers
    say that it is outdated, so whoever asks once more would get no answer."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.renew()

    def renew(self) -> None:
        """Another client from here on; answers that are under way are still the former one's."""
        self.client = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})

    def begins(self, places: Iterable[TopicPartition], seconds: float) -> Offsets:
        """For each place a future result whose `offset` is the first that is kept."""
        return self._offsets(places, OffsetSpec.earliest(), seconds)  # type: ignore[no-untyped-call]

    def ends(self, places: Iterable[TopicPartition], seconds: float) -> Offsets:
        """For each place a future result whose `offset` is the next that will be written."""
        return self._offsets(places, OffsetSpec.latest(), seconds)  # type: ignore[no-untyped-call]

    def _offsets(self, places: Iterable[TopicPartition], spec: Any, seconds: float) -> Offsets:
        # One call for all: asked one by one they cost forty milliseconds each.
        return dict(self.client.list_offsets(dict.fromkeys(places, spec), request_timeout=seconds))
