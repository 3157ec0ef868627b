"""HTTP as uvicorn speaks it, with bounds for a request's head: whoever sends one without end, or none, soon holds nothing;
nor does whoever asks and does not read the answer.

The head is the request line and the headers. Of what comes before a door is asked, uvicorn bounds neither bytes nor time.
"""

import asyncio
import fcntl
import logging
import struct
import termios
from contextlib import suppress
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from contracts.face.problems import ProblemError
from contracts.face.sparing import Sparingly

HEAD_BYTES_MAX: Final = 32 * 1024
HEAD_SECONDS: Final = 30.0
# Whoever takes nothing of an answer for so long (at most twice that) is let go, and what waits for him with him.
TAKE_SECONDS: Final = 60.0
_log = logging.getLogger(__name__)
# Whoever reaches the port can cause a line.
_log.addFilter(Sparingly(("contracts",), TAKE_SECONDS))


class Bounded(HttpToolsProtocol):
    """Answers 431 to a head that is too long, and closes a connection that takes too long over one.

    Beside it there may be what one read of the socket brings (256 KiB); bodies are bounded by who reads them.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._is_too_long = self._has_moved = False
        # Bytes since the last head was complete or the last piece of a body was there.
        self._unread = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        # What was seen to wait for a client for whom nothing else is written; 0 once he has taken of it.
        self._untaken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Whoever connects has something to ask."""
        super().connection_made(transport)
        self._arm()
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._disarm()
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """He has taken of it."""
        self._untaken = 0
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """A deadline is set only for a head that comes in pieces, and for the body of a request that has its answer: most
        come whole, and cost none."""
        self._has_moved = False
        super().data_received(data)
        self._unread = 0 if self._has_moved else self._unread + len(data)
        if self._unread > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse()
        elif self._deadline is None and self._is_idle():
            self._arm()

    def on_headers_complete(self) -> None:
        """The head is there: short enough, in time."""
        self._has_moved = True
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

    def _look_again(self) -> None:
        self._look = self.loop.call_later(TAKE_SECONDS, self._see_what_waits)

    def _see_what_waits(self) -> None:
        """Where more waits than a connection should hold, or it is closed, nothing comes after: it can only become less."""
        waits = _waiting(self.transport) if self.flow.write_paused or self.transport.is_closing() else 0
        if 0 < self._untaken <= waits:
            _log.info("a client that took nothing of its answer for %d s was let go", TAKE_SECONDS)
            # Not closed: what waits would have to be taken first.
            self.transport.abort()
        else:
            self._untaken = waits
            self._look_again()

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


def _waiting(transport: asyncio.Transport) -> int:
    """Bytes that the client's side has not taken: ours, and the kernel's, which takes of ours in large steps only."""
    held = transport.get_write_buffer_size()
    open_socket = transport.get_extra_info("socket")
    if held and open_socket is not None:
        # Not every system says so of a socket; ours is then the measure alone.
        with suppress(OSError):
            held += struct.unpack("i", fcntl.ioctl(open_socket.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return held


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
