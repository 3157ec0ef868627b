"""Questions to Kafka about itself and its logs, by a client that is replaced after an error."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # it lists no exports

from contracts.topics import REPORTED

AGAIN_SECONDS: Final = 0.05
AGAIN_SECONDS_MAX: Final = 0.5
LEADERS_KNOWN_MS: Final = 24 * 60 * 60 * 1000
Offsets = dict[TopicPartition, "Future[int]"]


class Bounds(NamedTuple):
    """First and next offset of a partition."""

    first: int
    end: int


class Client(AdminClient):
    """Ends where the next one is made, never where the last reference to it happens to be dropped.

    That may be a callback of its own, or a collection of garbage within one; and librdkafka (2.16.0) aborts the process
    when a client is to end in a thread of its own.
    """

    def __del__(self) -> None:
        _left.put(self)


# Clients that nobody holds any more.
_left: SimpleQueue[Client] = SimpleQueue()


def client(bootstrap: str) -> AdminClient:
    """A client that asks and makes nothing, not even a topic that it asks for. Leaders that it has heard of it knows for a
    day: it is replaced as soon as one of them is outdated. Not to be called by a client's callback."""
    with suppress(Empty):
        while True:
            _left.get_nowait()
    return Client(
        {
            "bootstrap.servers": bootstrap,
            "allow.auto.create.topics": False,
            "metadata.max.age.ms": LEADERS_KNOWN_MS,
            "log_level": 0,
        }
    )


def cluster_id(asked: AdminClient, seconds: float) -> str:
    """The id that the cluster gives itself; KafkaException when it does not answer within `seconds`. Blocks.

    Never by `describe_cluster`: a broker that has just come up may answer it with neither brokers nor topics, and librdkafka
    (2.16.0) then ends the whole process with a failed assertion.
    """
    # Of one topic: a cluster may have thousands, and an answer about one that it lacks tells its id, too.
    told: str | None = asked.list_topics(REPORTED.name, timeout=seconds).cluster_id
    if told is None:
        raise KafkaException(KafkaError(KafkaError._PARTIAL))
    return told


def cause(error: KafkaException | TimeoutError) -> str:
    """Why a question was not answered, in a word of Kafka's own where it has said something."""
    return str(error.args[0].name()) if isinstance(error, KafkaException) else "no answer in time"


class Asking:
    """Holds the client. After an error `renew` it: one goes on with what it knows of leaders for minutes, also when brokers
    say that it is outdated, so whoever asks once more would get no answer."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.renew()

    @property
    def client(self) -> AdminClient:
        """Who is asked just now."""
        return self._met[0]

    def renew(self) -> None:
        """Another client from here on; answers that are under way are still the former one's."""
        self._met: tuple[AdminClient, set[str]] = (client(self._bootstrap), set())

    def cluster(self, seconds: float) -> str:
        """The id that the cluster gives itself, as `cluster_id` has it."""
        return cluster_id(self.client, seconds)

    def bounds(self, places: Iterable[TopicPartition], seconds: float) -> dict[TopicPartition, Bounds]:
        """Where each place begins and ends just now; KafkaException or TimeoutError instead when nobody says, and
        the client is another one. Blocks.

        After an outage the former client is refused at once, for leaders that are outdated, and whoever asks for a topic
        that was made just now before a broker knows that it leads: half of `seconds` long the next client is asked, too.
        """
        places, began, pause_seconds = list(places), time.monotonic(), 0.0
        while True:
            try:
                return self._bounds(places, began + seconds - time.monotonic())
            except (KafkaException, TimeoutError):
                if time.monotonic() > began + seconds / 2:
                    raise
            # At once, and then a little later each time: each question is a client of its own.
            time.sleep(pause_seconds)
            pause_seconds = min(AGAIN_SECONDS_MAX, pause_seconds * 2 + AGAIN_SECONDS)

    def knows(self, topic: str) -> bool:
        """Whether a question for offsets of this topic can be put at once; else whoever puts it waits to hear of leaders."""
        return topic in self._met[1]

    def begins(self, places: Iterable[TopicPartition], seconds: float) -> Offsets:
        """For each place the offset of the first record that is kept, to come; KafkaException instead when nobody says.

        Blocks, for `seconds` at most, where the client has yet to hear who leads a topic (`knows`).
        """
        return self._offsets(places, OffsetSpec.earliest(), seconds)  # type: ignore[no-untyped-call]

    def ends(self, places: Iterable[TopicPartition], seconds: float) -> Offsets:
        """For each place the offset of the next record that will be written, to come in the same way."""
        return self._offsets(places, OffsetSpec.latest(), seconds)  # type: ignore[no-untyped-call]

    def _bounds(self, places: list[TopicPartition], seconds: float) -> dict[TopicPartition, Bounds]:
        within, (asked, met) = seconds + 1.0, self._met
        try:
            # Here, so that it is not waited for twice where nobody answers.
            _meet(asked, met, {place.topic for place in places}, seconds)
            begins, ends = self.begins(places, seconds), self.ends(places, seconds)
            return {place: Bounds(begins[place].result(within), ends[place].result(within)) for place in places}
        except (KafkaException, TimeoutError):
            self.renew()
            raise

    def _offsets(self, places: Iterable[TopicPartition], spec: Any, seconds: float) -> Offsets:
        wanted, (asked, met) = dict.fromkeys(places, spec), self._met
        try:
            _meet(asked, met, {place.topic for place in wanted}, seconds)
        except KafkaException as error:
            return {place: _failed(error) for place in wanted}
        # One call for all: asked one by one they cost forty milliseconds each.
        found = asked.list_offsets(wanted, request_timeout=seconds)
        return {place: _offset(answer, met, place.topic) for place, answer in found.items()}


def _meet(asked: AdminClient, met: set[str], topics: set[str], seconds: float) -> None:
    """Has the client hear who leads these topics before it is asked for offsets there. Blocks, once for each of them.

    Asked for offsets of a topic whose leaders it does not know, librdkafka (2.16.0) begins to look for them in the caller's
    thread; an answer to another question that comes at that moment goes on with the same in its own thread, and the process
    ends with a segmentation fault: once in some ten thousand times where two questions are asked at once.
    """
    until = time.monotonic() + seconds
    for topic in sorted(topics - met):
        if asked.list_topics(topic, timeout=max(0.0, until - time.monotonic())).topics[topic].error is None:
            met.add(topic)


def _failed(error: KafkaException) -> "Future[int]":
    told: Future[int] = Future()
    told.set_exception(error)
    return told


def _offset(asked: "Future[Any]", met: set[str], topic: str) -> "Future[int]":
    """What is asked, as a number to come; after an error the client has to hear anew who leads the topic."""
    told: Future[int] = Future()
    # Nobody can cancel what is told when the client's own answer comes.
    told.set_running_or_notify_cancel()

    def answered(answer: "Future[Any]") -> None:
        try:
            offset = int(answer.result().offset)
        except BaseException as error:
            met.discard(topic)
            told.set_exception(error)
        else:
            if offset >= 0:
                told.set_result(offset)
            else:
                met.discard(topic)
                # What a client that knows the broker says when no answer came in time: an offset like any other, but -1001.
                told.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))

    asked.add_done_callback(answered)
    return told
