"""The line between a centre and the city, as a wire that can be cut and joined again."""

import asyncio
import threading
from contextlib import suppress

PIECE_BYTES = 64 * 1024


class Line:
    """Listens on a port of its own and leads to `target` while it is whole; runs in a thread until `close`."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._is_whole = True
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)

    def open(self) -> None:
        """From here on `port` leads somewhere."""
        self._thread.start()
        if not self._listens.wait(10):
            raise RuntimeError("the line of the drill could not be laid")

    def cut(self) -> None:
        """What is under way breaks off, and nothing gets through."""
        self._is_whole = False
        self._loop.call_soon_threadsafe(self._break_off)

    def join(self) -> None:
        """It leads on again."""
        self._is_whole = True

    def close(self) -> None:
        """Takes it away."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        self._loop.run_forever()

    def _break_off(self) -> None:
        for connection in self._under_way:
            connection.cancel()

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._under_way.add(connection)
        ends = [back]
        try:
            if self._is_whole:
                far, on = await asyncio.open_connection("127.0.0.1", self._target)
                ends.append(on)
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(_pour(near, on))
                    ways.create_task(_pour(far, back))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            return
        finally:
            self._under_way.discard(connection)
            for end in ends:
                end.transport.abort()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(PIECE_BYTES):
            target.write(piece)
            await target.drain()
    # One end has hung up: the other way is of no use any more.
    raise ConnectionResetError
