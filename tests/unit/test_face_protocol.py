"""A request's head has its bounds, of bytes and of seconds; what is no head has none of them."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from contracts.face import protocol
from contracts.face.protocol import HEAD_BYTES_MAX, Bounded

READ = 64 * 1024
BEGUN = b"GET /a HTTP/1.1\r\nhost: a\r\n"
WHOLE = BEGUN + b"\r\n"
REFUSED_BODY = b"POST /refused HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"
PACKED_BODY = b"POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """A connection without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.said, self.closed = b"", asyncio.Event()
        self.lost: Callable[[Exception | None], None] = lambda _: None
        self.waiting, self.is_aborted = 0, False

    def write(self, data: Any) -> None:
        """What the client reads."""
        self.said += data

    def close(self) -> None:
        """From the server's side."""
        if not self.is_closed:
            self.closed.set()
            asyncio.get_running_loop().call_soon(self.lost, None)

    @property
    def is_closed(self) -> bool:
        """Whether it was, for good."""
        return self.closed.is_set()

    def abort(self) -> None:
        """From the server's side, whatever was not read."""
        self.is_aborted = True
        self.close()

    def get_write_buffer_size(self) -> int:
        """What was not read."""
        return self.waiting

    def is_closing(self) -> bool:
        """Whether it was."""
        return self.is_closed

    def pause_reading(self) -> None:
        """Not here."""

    def resume_reading(self) -> None:
        """Not here."""


class Served:
    """An application that reads a body to its end, says how long it was and, asked to, waits before; or does not read it."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()
        config = uvicorn.Config(self._answer, http=Bounded, interface="asgi3", log_config=None)
        config.load()
        self.wire = Wire()
        self.began = asyncio.get_running_loop().time()
        self.protocol = Bounded(config, ServerState(), {})
        self.wire.lost = self.protocol.connection_lost
        self.protocol.connection_made(self.wire)

    async def hear(self, *pieces: bytes) -> None:
        """What the client sends; nothing comes any more once the connection is closed."""
        for piece in pieces:
            if not self.wire.is_closed:
                self.protocol.data_received(piece)
            await asyncio.sleep(0)
        # An answer takes some turns of the loop, and on a busy machine a hundredth of a second may be one of them.
        for _ in range(50):
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, scope["path"] != "/refused"
        while more:
            heard = await receive()
            size, more = size + len(heard.get("body", b"")), heard.get("more_body", False)
        await self.go_on.wait()
        told = b"%d" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
        await send({"type": "http.response.body", "body": told})


def played(play: Callable[[Served], Awaitable[None]]) -> Wire:
    """The connection after what was done to it."""

    async def run() -> Wire:
        served = Served()
        await play(served)
        return served.wire

    return asyncio.run(run())


ENDLESS: dict[str, Sequence[bytes]] = {
    "an address without end": (b"GET /", *[b"a" * READ] * 8),
    "a header without end": (BEGUN + b"x: ", *[b"a" * READ] * 8),
    "headers without end": (BEGUN, *[b"a: b\r\n" * 10_000] * 8),
    "a long address at once": (b"GET /" + b"a" * HEAD_BYTES_MAX + b" HTTP/1.1\r\n\r\n",),
    "many headers at once": (BEGUN + b"a: b\r\n" * 20_000 + b"\r\n",),
    "lines before a request": (b"\r\n" * READ,),
    "in a second request": (WHOLE, b"GET /", *[b"a" * READ] * 8),
}


@pytest.mark.parametrize("pieces", ENDLESS.values(), ids=ENDLESS)
def test_a_head_too_long_is_told_so_and_closed(pieces: Sequence[bytes]) -> None:
    async def play(served: Served) -> None:
        for at, piece in enumerate(pieces):
            await served.hear(piece)
            if served.wire.is_closed:
                assert sum(map(len, pieces[1:at])) <= HEAD_BYTES_MAX
                return

    wire = played(play)
    assert wire.is_closed
    assert wire.said.rpartition(b"HTTP/1.1 ")[2].startswith(b"431 Request Header Fields Too Large\r\n")
    assert b'"code":"head_too_long"' in wire.said
    assert b"connection: close\r\n" in wire.said


def test_lines_behind_a_body_have_their_bound_too() -> None:
    """Trailers are kept as headers are; an answer is due to what came before, so none is given to them."""

    async def play(served: Served) -> None:
        served.go_on.clear()
        await served.hear(PACKED_BODY + b"1\r\na\r\n0\r\n", *[b"a: b\r\n" * 10_000] * 8)

    wire = played(play)
    assert (wire.is_closed, wire.said) == (True, b"")


def test_a_head_just_short_enough_a_large_body_and_requests_one_upon_the_other_are_served() -> None:
    async def play(served: Served) -> None:
        long = b"GET /" + b"a" * (HEAD_BYTES_MAX - 40) + b" HTTP/1.1\r\nhost: a\r\n\r\n"
        await served.hear(long[:20_000], long[20_000:])
        await served.hear(b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n", *[b"x" * 50_000] * 19)
        await served.hear(b"x" * 50_000 + WHOLE * 1_000 + BEGUN, b"\r\n")
        await served.hear(PACKED_BODY, *[b"3e8\r\n" + b"x" * 1_000 + b"\r\n"] * 100, b"0\r\n\r\n")
        for _ in range(2_000):
            await asyncio.sleep(0)

    wire = played(play)
    answers = [each.rpartition(b"\r\n")[2] for each in wire.said.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert answers == [b"0", b"1000000", *[b"0"] * 1_001, b"100000"]
    assert not wire.is_closed


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head has little time."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)


SLOW: dict[str, Sequence[bytes]] = {
    "not a byte": (),
    "half a head": (BEGUN,),
    "half a second one": (WHOLE, BEGUN),
    "empty lines": (WHOLE, b"\r\n"),
    "a body that was refused": (REFUSED_BODY, b"x"),
    "nothing behind a body that was refused": (REFUSED_BODY, b"x" * 9),
}


@pytest.mark.parametrize("pieces", SLOW.values(), ids=SLOW)
def test_a_head_too_slow_is_closed(pieces: Sequence[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)

    async def play(served: Served) -> None:
        await served.hear(*pieces)
        for _ in range(2):
            # A byte more now and then does not help.
            await served.hear(*([b"x"] if pieces and pieces[-1] == BEGUN else []))
            # Unless this machine stood still until it was time.
            assert not served.wire.is_closed or asyncio.get_running_loop().time() - served.began >= protocol.HEAD_SECONDS
        await asyncio.wait_for(served.wire.closed.wait(), 20)

    played(play)


@pytest.mark.usefixtures("quick")
def test_what_is_no_head_has_all_its_time() -> None:
    """A slow body, a slow answer also with half a request behind it, the pause between two requests."""

    async def play(served: Served) -> None:
        wire = served.wire
        served.go_on.clear()
        await served.hear(PACKED_BODY)
        for piece in (b"5\r\n", b"hello\r\n", b"0\r\n\r\n", BEGUN):
            await asyncio.sleep(0.07)
            assert not wire.is_closed, piece
            await served.hear(piece)
        await asyncio.sleep(0.07)
        assert (wire.is_closed, wire.said) == (False, b"")
        served.go_on.set()
        await served.hear(b"\r\n")
        assert wire.said.count(b"HTTP/1.1 200 OK") == 2
        await asyncio.sleep(0.07)
        assert not wire.is_closed, "that pause is uvicorn's own to bound"

    played(play)


def test_half_a_head_behind_an_answer_that_was_long_in_coming_is_not_kept() -> None:
    async def play(served: Served) -> None:
        served.protocol.timeout_keep_alive = 0.01  # type: ignore[assignment]  # uvicorn's own bound, of whole seconds
        served.go_on.clear()
        await served.hear(WHOLE + BEGUN)
        served.go_on.set()
        await asyncio.wait_for(served.wire.closed.wait(), 20)

    assert played(play).said.count(b"HTTP/1.1 200 OK") == 1


def test_nobody_is_waited_for_who_has_gone() -> None:
    """No timer holds a connection that was lost, with half a head and with an answer that was not taken."""

    async def play(served: Served) -> None:
        await served.hear(BEGUN)
        deadline, look = served.protocol._deadline, served.protocol._look
        assert deadline is not None
        assert look is not None
        served.wire.close()
        await served.hear()
        assert deadline.cancelled()
        assert look.cancelled()

    played(play)


@pytest.mark.parametrize("is_closed", [False, True], ids=["more than it should hold", "little, and closed"])
def test_an_answer_that_nobody_takes_is_let_go(is_closed: bool) -> None:
    """Aborted, not closed, which waits for what was not read; whoever takes some of it in time has all his time again."""

    async def play(served: Served) -> None:
        wire, looks = served.wire, served.protocol._see_what_waits
        wire.waiting = 1_000
        looks()
        looks()
        assert not wire.is_aborted, "more may be written, and nobody knows what was taken meanwhile"
        if is_closed:
            wire.is_closing = lambda: True  # type: ignore[method-assign]  # what waits keeps it open
        else:
            served.protocol.pause_writing()
        for _ in range(10):
            looks()
            wire.waiting -= 1
            assert not wire.is_aborted
        if not is_closed:
            served.protocol.resume_writing()
            wire.waiting = 2_000
            served.protocol.pause_writing()
        looks()
        looks()
        assert wire.is_aborted

    played(play)


@pytest.mark.slow
@pytest.mark.parametrize("takes_on", [True, False], ids=["slowly", "not at all"])
def test_whoever_takes_steadily_has_all_his_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, takes_on: bool
) -> None:
    """On real sockets: a body in one piece, over many times the bound, by steps that the kernel's buffer does not show."""
    monkeypatch.setattr(protocol, "TAKE_SECONDS", 0.5 if takes_on else 0.1)
    monkeypatch.setattr(protocol._log, "filters", [])
    caplog.set_level(logging.INFO, protocol.__name__)
    body = b"x" * 600_000

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": body})

    async def take() -> int:
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(answer, http=Bounded, interface="asgi3", log_config=None)
        config.load()
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        server = await loop.create_server(lambda: Bounded(config, ServerState(), {}), sock=listening)
        taken = 0
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            client.setblocking(False)
            await loop.sock_connect(client, listening.getsockname())
            await loop.sock_sendall(client, WHOLE)
            for _ in range(0 if takes_on else 1_000):
                if caplog.records:
                    break
                await asyncio.sleep(0.02)
            with suppress(ConnectionResetError):
                while piece := await loop.sock_recv(client, 16_000):
                    taken += len(piece)
                    await asyncio.sleep(0.06)
        server.close()
        return taken

    taken = asyncio.run(asyncio.wait_for(take(), 60))
    assert (taken > len(body)) is takes_on
    assert bool(caplog.records) is not takes_on
