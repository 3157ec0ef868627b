"""What reads logs reads on after an outage: with leaders that have changed, and after an answer that was cut short.

Against librdkafka's own mock cluster, which can be told to elect a leader anew.
"""

import ctypes
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from contracts.asking import Asking, Bounds
from services.audit.archive import Log
from services.audit.settings import Settings
from services.processing.errors import UnavailableError
from services.processing.log.reading import Place, Reader

pytestmark = pytest.mark.slow

TOPIC, PARTITIONS, PRODUCER = "told", 4, 0
LIST_OFFSETS = 2
ERROR_CHARS_MAX = 512


class Cluster:
    """One broker in this process, with a record in each partition."""

    def __init__(self) -> None:
        [library] = (Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs").glob("librdkafka*.so*")
        self._kafka = ctypes.CDLL(str(library))
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_handle_mock_cluster"):
            getattr(self._kafka, name).restype = ctypes.c_void_p
        self._kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        settings, error = ctypes.c_void_p(self._kafka.rd_kafka_conf_new()), ctypes.create_string_buffer(ERROR_CHARS_MAX)
        self._kafka.rd_kafka_conf_set(settings, b"test.mock.num.brokers", b"1", error, ERROR_CHARS_MAX)
        self._handle = ctypes.c_void_p(self._kafka.rd_kafka_new(PRODUCER, settings, error, ERROR_CHARS_MAX))
        self._cluster = ctypes.c_void_p(self._kafka.rd_kafka_handle_mock_cluster(self._handle))
        self._kafka.rd_kafka_mock_topic_create(self._cluster, TOPIC.encode(), PARTITIONS, 1)
        self.bootstrap: str = self._kafka.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for number in range(PARTITIONS):
            producer.produce(TOPIC, b"record", partition=number)
        assert producer.flush(10) == 0

    def elect(self) -> None:
        """The same broker leads each partition, in its next term, as after a restart."""
        for number in range(PARTITIONS):
            assert self._kafka.rd_kafka_mock_partition_set_leader(self._cluster, TOPIC.encode(), number, 1) == 0

    def refuse_offsets(self, times: int) -> None:
        """So many questions for offsets are answered with `NOT_LEADER_FOR_PARTITION`."""
        refusals = (ctypes.c_int * times)(*[KafkaError.NOT_LEADER_FOR_PARTITION] * times)
        self._kafka.rd_kafka_mock_push_request_errors_array(self._cluster, LIST_OFFSETS, ctypes.c_size_t(times), refusals)

    def close(self) -> None:
        """Ends the broker."""
        self._kafka.rd_kafka_destroy(self._handle)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


def test_leaders_of_before_an_outage_are_forgotten_at_the_first_question(cluster: Cluster) -> None:
    """One answer, and no error, also to who has asked before: processing at a take-over, audit at a look."""
    reader, log = Reader(cluster.bootstrap, 5.0), Log(Settings(kafka=cluster.bootstrap), TOPIC, PARTITIONS)
    whole = {(TOPIC, number): Bounds(0, 1) for number in range(PARTITIONS)}
    for _ in range(3):
        assert reader.bounds([TOPIC], range(PARTITIONS)) == whole
        assert (log.ends().first, log.ends().next) == ((0,) * PARTITIONS, (1,) * PARTITIONS)
        cluster.elect()
    reader.close()
    log.close()


def test_a_broker_that_does_not_know_yet_that_it_leads_is_asked_again(cluster: Cluster) -> None:
    """For a moment after a topic was made; a worker that is started with a new generation would end otherwise."""
    reader = Reader(cluster.bootstrap, 5.0)
    cluster.refuse_offsets(8)
    assert reader.bounds([TOPIC], range(PARTITIONS)) == {(TOPIC, number): Bounds(0, 1) for number in range(PARTITIONS)}
    reader.close()


def test_nobody_looks_for_leaders_while_offsets_are_asked_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two questions at once, of which the first set off such a search, ended the process now and then within librdkafka."""

    def telling(settings: dict[str, Any]) -> AdminClient:
        return AdminClient({**settings, "debug": "metadata", "log_level": 7}, logger=logging.getLogger("librdkafka"))

    caplog.set_level(logging.DEBUG, "librdkafka")
    monkeypatch.setattr("contracts.asking.Client", telling)
    asking, places = Asking(cluster.bootstrap), [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    both = (*asking.begins(places, 5.0).values(), *asking.ends(places, 5.0).values())
    assert [each.result(5.0) for each in both] == [0] * PARTITIONS + [1] * PARTITIONS
    while asking.client.poll(0.1):
        pass
    assert "Received metadata" in caplog.text
    assert "query partition leaders" not in caplog.text


def test_after_a_refusal_leaders_are_heard_of_anew(cluster: Cluster) -> None:
    """A refusal empties what the client knows of them; until it has heard again, nobody asks who must not wait."""
    asking, [place] = Asking(cluster.bootstrap), [TopicPartition(TOPIC, 0)]
    assert not asking.knows(TOPIC)
    assert asking.ends([place], 5.0)[place].result(5.0) == 1
    assert asking.knows(TOPIC)
    cluster.refuse_offsets(1)
    with pytest.raises(KafkaException):
        asking.ends([place], 5.0)[place].result(5.0)
    assert not asking.knows(TOPIC)
    assert asking.ends([place], 5.0)[place].result(5.0) == 1


def test_a_client_that_is_let_go_within_its_own_callback_ends_no_process(cluster: Cluster) -> None:
    """Where it has been replaced meanwhile, and its answer was all that held it."""
    script = (
        "import sys, threading\n"
        "from confluent_kafka import TopicPartition\n"
        "from confluent_kafka.admin import OffsetSpec\n"
        "from contracts import asking\n"
        "held, told = [asking.client(sys.argv[1])], threading.Event()\n"
        "[answer] = held[0].list_offsets({TopicPartition('told', 0): OffsetSpec.latest()}, request_timeout=5.0).values()\n"
        "answer.add_done_callback(lambda _: (held.clear(), told.set()))\n"
        "assert told.wait(10)\n"
        "assert asking.Asking(sys.argv[1]).cluster(5.0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, cluster.bootstrap], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_where_nobody_answers_it_is_not_waited_for_twice() -> None:
    began = time.monotonic()
    with pytest.raises(KafkaException):
        Asking("127.0.0.1:1").bounds([TopicPartition(TOPIC, 0)], 3.0)
    assert time.monotonic() - began < 5.9


def test_an_answer_that_is_cut_short_leaves_no_partition_paused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka goes away between two records, and comes back: the same reader reads all of them."""
    reader = Reader(cluster.bootstrap, 5.0)
    places = [Place(TOPIC, number, 0) for number in range(PARTITIONS)]
    whole = reader._messages

    def cut(is_done: Any) -> Iterator[Message]:
        for number, message in enumerate(whole(is_done)):
            if number == PARTITIONS // 2:
                raise UnavailableError("Kafka has gone")
            yield message

    monkeypatch.setattr(reader, "_messages", cut)
    with pytest.raises(UnavailableError):
        reader.at(places)
    monkeypatch.undo()
    assert set(reader.at(places)) == set(places)
    assert [len(list(reader.run(TOPIC, number, 0, 1))) for number in range(PARTITIONS)] == [1] * PARTITIONS
    reader.close()
