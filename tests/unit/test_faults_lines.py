"""Lines that can be spoilt: each disturbance does what it is called, whoever's proxy it is, and is gone when healed."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults import proxy, toxiproxy
from tests.faults.kinds import Spoilt
from tests.faults.proof import Proof
from tests.faults.proxy import OwnLines
from tests.faults.sockets import connections
from tests.faults.stand import Lines

pytestmark = pytest.mark.slow

WAIT_SECONDS = 5.0
SHORT_SECONDS = 0.4
NAME = "line 0"
HOWS: tuple[Spoilt, ...] = ("cut", "reset", "half_open", "slow", "lossy", "unanswered")


class _Echo(socketserver.BaseRequestHandler):
    """Answers what it gets, and remembers that it got it."""

    heard: list[bytes]

    def handle(self) -> None:
        try:
            while told := self.request.recv(65536):
                self.heard.append(told)
                self.request.sendall(told)
        except OSError:
            return


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Ends:
    """A line with an echo at its far end."""

    def __init__(self, lines: Lines, port: int, heard: list[bytes]) -> None:
        self.lines, self.port, self.heard = lines, port, heard

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS)

    def answered(self, connection: socket.socket, told: bytes = b"hello") -> bytes:
        connection.sendall(told)
        return connection.recv(65536)


@pytest.fixture
def echo() -> Iterator[Callable[[int], list[bytes]]]:
    """Starts an echo at a port; what it heard."""
    servers: list[_Server] = []

    def start(port: int) -> list[bytes]:
        heard: list[bytes] = []
        servers.append(_Server(("127.0.0.1", port), type("Echo", (_Echo,), {"heard": heard})))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return heard

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=["own", pytest.param("toxiproxy", marks=pytest.mark.long)])
def ends(
    request: pytest.FixtureRequest, tmp_path: Path, port_base: int, echo: Callable[[int], list[bytes]]
) -> Iterator[Ends]:
    """Both kinds of lines keep the same promises; toxiproxy wants Go, and is left to `make test-all`."""
    port = port_base + 50
    heard = echo(port + 1)
    lines: Lines = OwnLines()
    if request.param == "toxiproxy" and (program := toxiproxy.built()) is not None:
        lines.close()
        lines = toxiproxy.Toxiproxy(program, port + 2, tmp_path / "toxiproxy.log")
    lines.open(NAME, port, port + 1)
    try:
        yield Ends(lines, port, heard)
    finally:
        lines.close()


def test_a_line_carries_both_ways(ends: Ends) -> None:
    with ends.connect() as connection:
        assert ends.answered(connection) == b"hello"
        assert ends.answered(connection, b"again") == b"again"


def test_a_cut_line_refuses(ends: Ends) -> None:
    with ends.connect() as connection:
        ends.answered(connection)
        ends.lines.spoil(NAME, "cut")
        with pytest.raises((ConnectionRefusedError, ConnectionResetError)):
            ends.connect().close()
        assert _is_over(connection)


def test_a_reset_line_resets(ends: Ends) -> None:
    with ends.connect() as connection:
        ends.answered(connection)
        ends.lines.spoil(NAME, "reset")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            _speak_on(ends, connection)


def test_a_half_open_line_takes_everything_and_says_nothing(ends: Ends) -> None:
    with ends.connect() as connection:
        ends.answered(connection)
        ends.lines.spoil(NAME, "half_open")
        for each in (connection, ends.connect()):
            each.settimeout(SHORT_SECONDS)
            each.sendall(b"lost")
            with pytest.raises(TimeoutError):
                each.recv(65536)
        ends.lines.heal(NAME)
        assert _is_over(connection), "a healed line does not bring what it swallowed"
    assert b"lost" not in ends.heard


def test_an_unanswered_line_delivers_and_keeps_the_answer(ends: Ends) -> None:
    with ends.connect() as connection:
        ends.lines.spoil(NAME, "unanswered")
        connection.sendall(b"commit")
        assert _is_over(connection)
    assert ends.heard == [b"commit"]


def test_a_slow_line_arrives(ends: Ends) -> None:
    ends.lines.spoil(NAME, "slow")
    with ends.connect() as connection:
        assert ends.answered(connection) == b"hello"


def _broken(ends: Ends, said: bytes, times: int, connections: int, enough: int) -> int:
    """Of so many connections, on each of which this is said so many times, how many broke; counted up to `enough`."""
    broken = 0
    for _ in range(connections):
        try:
            with ends.connect() as connection:
                for _ in range(times):
                    if not ends.answered(connection, said):
                        raise ConnectionResetError
        except OSError:
            broken += 1
        if broken == enough:
            break
    return broken


def test_a_lossy_line_breaks_some_connections(ends: Ends) -> None:
    ends.lines.spoil(NAME, "lossy")
    assert _broken(ends, b"x" * 4000, times=8, connections=60, enough=1)


def test_a_lossy_line_of_an_edge_breaks_off_what_is_short(ends: Ends) -> None:
    """An edge says a few hundred bytes at a time, by a connection that it keeps."""
    ends.lines.spoil(NAME, "lossy")
    assert _broken(ends, b"x" * 300, times=4, connections=10, enough=2) > 1


@pytest.mark.parametrize("how", ["cut", "reset", "half_open", "slow", "lossy", "unanswered"])
def test_a_healed_line_is_as_good_as_new(ends: Ends, how: str) -> None:
    ends.lines.spoil(NAME, how)  # type: ignore[arg-type]
    ends.lines.heal(NAME)
    with ends.connect() as connection:
        for _ in range(20):
            assert ends.answered(connection) == b"hello"


@pytest.mark.parametrize("how", HOWS)
def test_what_a_spoilt_line_hits_is_proven_by_its_connections(ends: Ends, how: Spoilt) -> None:
    """A line on which nothing lies, or nothing has been said, can hit nothing; nor has one that is not spoilt."""

    def proof() -> Proof:
        return Proof(how, lambda: connections(ends.port))

    assert not proof().is_carrying
    with ends.connect() as connection:
        _wait(lambda: bool(connections(ends.port)))
        assert not proof().is_carrying
        ends.answered(connection)
        _wait(lambda: proof().is_carrying)
        proven = proof()
        proven.spoilt()
        if how != "slow":
            assert ends.answered(connection) == b"hello"
            time.sleep(0.1)
        assert proven.hit() is None
        ends.lines.spoil(NAME, how)
        if how == "slow":
            assert proven.hit() is None, "nothing has crossed it"
        for _ in range(30):
            _say_a_little(ends, connection, lambda: proven.hit() is not None)
            if proven.hit() is not None:
                break
            connection = _connected(ends) or connection
        _wait(lambda: proven.hit() is not None)


def test_chance_on_a_line_of_our_own_is_the_seeds(
    port_base: int, monkeypatch: pytest.MonkeyPatch, echo: Callable[[int], list[bytes]]
) -> None:
    """After as many words connections break off for the same seed, after others for another one, or on another line."""
    monkeypatch.setattr(proxy, "LOSSY_STALL_SECONDS", 0.0)
    echo(port_base + 51)

    def broken_after(seed: str, name: str) -> list[int]:
        lines, told = OwnLines(), []
        try:
            for number, each in enumerate((NAME, "line 1")):
                lines.open(each, port_base + 52 + number, port_base + 51)
            lines.seed(seed)
            lines.spoil(name, "lossy")
            for _ in range(16):
                with socket.create_connection(("127.0.0.1", port_base + 52 + (name != NAME)), WAIT_SECONDS) as connection:
                    told.append(_words_until_it_breaks(connection))
        finally:
            lines.close()
        return told

    told = broken_after("1 3", NAME)
    assert told == broken_after("1 3", NAME)
    assert told != broken_after("1 4", NAME)
    assert told != broken_after("1 3", "line 1")


def _words_until_it_breaks(connection: socket.socket) -> int:
    words = 0
    with suppress(OSError):
        while True:
            connection.sendall(b"hello")
            if not connection.recv(64):
                break
            words += 1
    return words


def _connected(ends: Ends) -> socket.socket | None:
    try:
        return ends.connect()
    except OSError:
        return None


def _say_a_little(ends: Ends, connection: socket.socket, is_enough: Callable[[], bool]) -> None:
    connection.settimeout(1.0)
    with suppress(OSError):
        for _ in range(10):
            if not ends.answered(connection, b"x" * 300) or is_enough():
                return


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _speak_on(ends: Ends, connection: socket.socket) -> None:
    for _ in range(100):
        ends.answered(connection)
        time.sleep(0.02)


def _is_over(connection: socket.socket) -> bool:
    connection.settimeout(WAIT_SECONDS)
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True
