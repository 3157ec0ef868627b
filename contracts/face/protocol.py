"""HTTP as uvicorn speaks it, with bounds for a request's head: whoever sends one without end, or none, soon holds nothing;
nor does whoever asks and does not read the answer.

The head is the request line and the headers. Of what comes before a door is asked, uvicorn bounds neither bytes nor time.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from contracts.face.problems import ProblemError

HEAD_BYTES_MAX: Final = 32 * 1024
HEAD_SECONDS: Final = 30.0
# Whoever takes nothing of an answer for so long is let go, and what waits for him with him.
TAKE_SECONDS: Final = 60.0


class Bounded(HttpToolsProtocol):
    """Answers 431 to a head that is too long, and closes a connection that takes too long over one.

    Beside it there may be what one read of the socket brings (256 KiB); bodies are bounded by who reads them.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._head_is_open = self._is_too_long = self._has_moved = False
        # Bytes since the last head was complete or the last piece of a body was there.
        self._unread = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Whoever connects has something to ask."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._disarm()
        self._is_taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits for the client than a connection should hold."""
        super().pause_writing()
        # Not closed: what waits would have to be taken first.
        self._untaken = self.loop.call_later(TAKE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """He has taken of it."""
        self._is_taken()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """A deadline is set only for a head that comes in pieces, and for the body of a request that has its answer: most
        come whole, and cost none."""
        self._has_moved = False
        super().data_received(data)
        self._unread = 0 if self._has_moved else self._unread + len(data)
        if self._unread > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse()
        elif self._deadline is None and (self._head_is_open or self._is_idle()):
            self._arm()

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        self._head_is_open = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there: short enough, in time."""
        self._head_is_open, self._has_moved = False, True
        if self._deadline is not None:
            self._disarm()
        if len(self.url) + sum([len(name) + len(value) for name, value in self.headers]) > HEAD_BYTES_MAX:
            self._is_too_long = True
            raise ValueError("the parser ends here, and asks for an answer of 400")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._has_moved = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """What ends the connection because of what came in."""
        if self._is_too_long:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        # Into an answer that is under way nothing else can be said.
        if self._is_idle():
            self.transport.write(_TOO_LONG)
        self.transport.close()

    def _is_taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._is_idle():
            self._deadline = None
            self.transport.close()
        else:
            self._arm()


def _in_bytes(problem: ProblemError) -> bytes:
    told = problem.response()
    lines = [b"%b: %b\r\n" % header for header in told.raw_headers]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", told.body])


_TOO_LONG: Final = _in_bytes(
    ProblemError(
        431, "head_too_long", f"the request line and the headers have at most {HEAD_BYTES_MAX} bytes",
        headers={"Connection": "close"},
    )
)  # fmt: skip
