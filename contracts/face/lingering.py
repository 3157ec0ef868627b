"""An answer that comes before the body has: closing over what is still coming resets the connection, and whoever sends the
whole body before reading never sees the answer (RFC 9112, section 9.6)."""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Of a request that ends its connection so much is read on and thrown away: twice the largest body, for two seconds.
LINGER_BYTES_MAX: Final = 8 * 1024 * 1024
LINGER_SECONDS: Final = 2.0


class Lingering:
    """Reads on what a refused request still sends, within its bounds, before the answer ends the connection.

    Where the connection is kept, the server reads on by itself; who asks before sending (`Expect`) has sent nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (_ends_connection(scope) and _sends_body(scope)):
            await self._app(scope, receive, send)
            return
        is_over = False

        async def receive_on() -> Message:
            nonlocal is_over
            got = await receive()
            is_over = not (got["type"] == "http.request" and got.get("more_body", False))
            return got

        async def read_on() -> None:
            size = 0
            while not is_over and size <= LINGER_BYTES_MAX:
                size += len((await receive_on()).get("body", b""))

        async def send_last(sent: Message) -> None:
            # What says itself that it closes is said because the body does not come.
            if not is_over and sent["type"] == "http.response.start" and not _closes(sent["headers"]):
                with suppress(TimeoutError):
                    await asyncio.wait_for(read_on(), LINGER_SECONDS)
            await send(sent)

        await self._app(scope, receive_on, send_last)


def _ends_connection(scope: Scope) -> bool:
    return scope.get("http_version") == "1.0" or _closes(scope["headers"])


def _closes(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)


def _sends_body(scope: Scope) -> bool:
    names = dict(scope["headers"])
    return (b"content-length" in names or b"transfer-encoding" in names) and b"expect" not in names
