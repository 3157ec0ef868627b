"""HEAD wherever there is GET (RFC 9110, section 9.3.2): the same answer without its content."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Lets the application answer a GET and passes on how it begins; a stream that has no end ends with that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def begin_alone(sent: Message) -> None:
            if sent["type"] == "http.response.start":
                await send(sent)
                await send({"type": "http.response.body", "body": b""})
            else:
                # The server tells a stream that its client has gone, if it is let.
                await asyncio.sleep(0)

        await self._app({**scope, "method": "GET"}, receive, begin_alone)
