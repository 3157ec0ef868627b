"""Kafka is asked who it is without danger to whoever asks."""

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

pytestmark = pytest.mark.slow

API_VERSIONS, METADATA = 18, 3
ASK = """
import sys
from confluent_kafka import KafkaException
from contracts import asking
try:
    print(asking.cluster_id(asking.client(sys.argv[1]), 2.0))
except KafkaException as error:
    print(error.args[0].name())
"""
DESCRIBE = """
import sys
from contracts import asking
client = asking.client(sys.argv[1])  # one without a name is gone before its answer arrives
client.describe_cluster(request_timeout=20.0).result(30.0)
"""


class YoungBroker:
    """Speaks as much of Kafka's protocol as a client needs to ask for metadata: knows itself in its first answers to each
    client, and nobody at all in those that follow, as one does that has just come up. A real one does so for moments."""

    def __init__(self, listening: socket.socket, answers_before: int) -> None:
        self._listening = listening
        self._port: int = listening.getsockname()[1]
        self._before = answers_before
        self.answered = 0

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(EOFError, OSError):
            while True:
                (size,) = struct.unpack(">i", _exactly(connection, 4))
                key, version, correlation = struct.unpack(">hhi", _exactly(connection, size)[:8])
                body = self._versions(version) if key == API_VERSIONS else self._metadata()
                connection.sendall(struct.pack(">ii", len(body) + 4, correlation) + body)

    def _versions(self, version: int) -> bytes:
        speaks = ((API_VERSIONS, 0, 0), (METADATA, 0, 4))
        error = 0 if version == 0 else 35  # the client asks again, in the oldest version
        return struct.pack(">hi", error, len(speaks)) + b"".join(struct.pack(">hhh", *each) for each in speaks)

    def _metadata(self) -> bytes:
        self.answered += 1
        knows_itself = self.answered <= self._before
        host = b"127.0.0.1"
        itself = struct.pack(">iih", 1, 1, len(host)) + host + struct.pack(">ih", self._port, -1)
        brokers = itself if knows_itself else struct.pack(">i", 0)
        return struct.pack(">i", 0) + brokers + struct.pack(">h", 3) + b"abc" + struct.pack(">ii", 1, 0)


def _exactly(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = connection.recv(size - len(got))
        if not more:
            raise EOFError
        got += more
    return got


@contextmanager
def young_broker(answers_before: int) -> Iterator[tuple[str, YoungBroker]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        broker = YoungBroker(listening, answers_before)
        threading.Thread(target=broker.serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", broker


def asked(program: str, address: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program, address], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("answers_before", [0, 1, 2])
def test_a_broker_that_has_just_come_up_costs_an_error_and_no_process(answers_before: int) -> None:
    with young_broker(answers_before) as (address, broker):
        done = asked(ASK, address)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("abc", "_PARTIAL", "_TRANSPORT", "_TIMED_OUT")
    assert broker.answered > 0


def test_the_question_that_is_never_asked_would_end_the_process() -> None:
    """Why `cluster_id` is as it is; when this fails, the client was mended and may be asked in its own words again."""
    with young_broker(1) as (address, _):
        assert asked(DESCRIBE, address).returncode == -6
