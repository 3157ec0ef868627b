"""Who is refused before its body has come hears why: the rest is read on, within bounds, before the connection ends."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive, Scope, Send

from contracts.face import lingering
from contracts.face.lingering import Lingering

CLOSING = [(b"connection", b"close"), (b"content-length", b"9")]
PIECE = 1024 * 1024


class Line:
    """What a client has sent of its body; after that nothing comes, unless it was the end."""

    def __init__(self, pieces: int, ends: bool = True) -> None:
        self.pieces, self.ends, self.read = pieces, ends, 0
        self.answered_after: int | None = None

    async def receive(self) -> Message:
        if self.read == self.pieces:
            await asyncio.Event().wait()
        self.read += 1
        more = self.read < self.pieces or not self.ends
        return {"type": "http.request", "body": bytes(PIECE), "more_body": more}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answered_after = self.read


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads one piece at most, and answers."""
    if scope["path"] == "/one":
        await receive()
    await send({"type": "http.response.start", "status": 413, "headers": scope["answer"]})


def answered(
    line: Line, headers: Iterable[tuple[bytes, bytes]], path: str = "/", version: str = "1.1", closes: bool = False
) -> int:
    """How many pieces were read when the answer went out."""
    answer = [(b"connection", b"close")] if closes else []
    scope = {"type": "http", "path": path, "http_version": version, "headers": list(headers), "answer": answer}
    asyncio.run(Lingering(refuse)(scope, line.receive, line.send))
    assert line.answered_after is not None
    return line.answered_after


@pytest.mark.parametrize("path", ["/", "/one"])
def test_the_rest_is_read_before_the_answer_ends_the_connection(path: str) -> None:
    assert answered(Line(5), CLOSING, path) == 5
    assert answered(Line(5), CLOSING[1:], path, version="1.0") == 5


def test_a_connection_that_is_kept_is_read_on_by_the_server() -> None:
    assert answered(Line(5), CLOSING[1:]) == 0


def test_who_asks_before_sending_has_sent_nothing_and_whoever_sends_no_body_is_not_waited_for() -> None:
    assert answered(Line(5), [*CLOSING, (b"expect", b"100-continue")]) == 0
    assert answered(Line(0), CLOSING[:1]) == 0


def test_an_answer_that_closes_because_the_body_does_not_come_waits_for_none() -> None:
    assert answered(Line(5), CLOSING, closes=True) == 0


def test_no_more_is_read_than_the_bound_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(Line(100), CLOSING) == lingering.LINGER_BYTES_MAX // PIECE + 1
    monkeypatch.setattr(lingering, "LINGER_SECONDS", 0.02)
    assert answered(Line(2, ends=False), CLOSING) == 2
