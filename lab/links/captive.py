"""A captive portal: whoever asks for anything gets a page that asks him to sign in."""

import asyncio

PAGE = b"<html><title>Wi-Fi</title><body>Sign in to use this network.</body></html>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(PAGE) + PAGE
HEAD_BYTES_MAX = 64 * 1024
HEAD_SECONDS = 10.0


class Portal:
    """Listens on a free port of this machine until it is closed."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self.address = ""

    async def __aenter__(self) -> "Portal":
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            writer.write(ANSWER)
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
