"""A small proxy of our own: lines between processes, spoilt in the ways that lines are; for machines without Go."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from random import Random
from typing import Any

from tests.faults.kinds import Spoilt

PIECE_BYTES = 16 * 1024
CALL_SECONDS = 10.0
SLOW_PIECE_BYTES = 512
SLOW_BYTES_PER_SECOND = {"line": 2_500.0, "kafka": 60_000.0}
# Of the pieces: an edge sends a few in the time that a line is spoilt, a Kafka client hundreds.
LOSSY_BREAKS_SHARE = {"line": 0.2, "kafka": 0.04}
LOSSY_STALLS_SHARE = 0.25
LOSSY_STALL_SECONDS = 0.4


class OwnLines:
    """Lines by name, in a loop and a thread of their own, so that nobody's computing stops them."""

    name = "a proxy of our own"

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._seed = "0"
        self._lines: dict[str, _Line] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self, name: str, port: int, target_port: int) -> None:
        """A line from `port` to `target_port` of this machine."""
        end = name.partition(" ")[0]
        chance = Random(f"{self._seed} {name}")
        line = self._lines[name] = _Line(port, target_port, SLOW_BYTES_PER_SECOND[end], LOSSY_BREAKS_SHARE[end], chance)
        self._do(line.listen())

    def spoil(self, name: str, how: Spoilt) -> None:
        """From now on, until it is healed."""
        self._do(self._lines[name].spoil(how))

    def heal(self, name: str) -> None:
        """As good as new."""
        self._do(self._lines[name].heal())

    def seed(self, text: str) -> None:
        """From now on it decides what chance does on each line: which pieces break it off, which stall."""
        self._seed = text
        for name, line in self._lines.items():
            line.chance.seed(f"{text} {name}")

    def close(self) -> None:
        """Ends all lines."""
        for line in self._lines.values():
            self._do(line.end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)

    def _do(self, act: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(act, self._loop).result(CALL_SECONDS)


class _Line:
    def __init__(
        self, port: int, target_port: int, slow_bytes_per_second: float, lossy_breaks_share: float, chance: Random
    ) -> None:
        self.chance = chance
        self._port = port
        self._target_port = target_port
        self._slow_bytes_per_second = slow_bytes_per_second
        self._lossy_breaks_share = lossy_breaks_share
        self._how: Spoilt | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def spoil(self, how: Spoilt) -> None:
        self._how = how
        if how == "cut":
            self._stop_listening()
            self._break_off(reset=False)
        elif how == "reset":
            self._break_off(reset=True)

    async def heal(self) -> None:
        former, self._how = self._how, None
        if former == "half_open":
            # What was swallowed is gone: whoever still believes in the connection learns it now.
            self._break_off(reset=True)
        if self._server is None:
            await self.listen()

    async def end(self) -> None:
        self._stop_listening()
        self._break_off(reset=True)

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _break_off(self, reset: bool) -> None:
        for task, writers in list(self._connections.items()):
            for writer in writers if reset else ():
                _linger_not(writer)
            task.cancel()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment]
        writers = self._connections[task] = [back]
        ways: list[asyncio.Task[None]] = []
        try:
            if self._how in ("cut", "reset"):
                _linger_not(back)
                return
            if self._how == "half_open":
                while await client.read(PIECE_BYTES):
                    pass
                return
            server, on = await asyncio.open_connection("127.0.0.1", self._target_port)
            writers.append(on)
            ways += [
                asyncio.create_task(self._carry(client, on, answers=False)),
                asyncio.create_task(self._carry(server, back, answers=True)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            for way in ways:
                way.cancel()
            del self._connections[task]
            for writer in writers:
                writer.transport.abort() if task.cancelling() else writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        with suppress(OSError):
            while piece := await reader.read(SLOW_PIECE_BYTES if self._how == "slow" else PIECE_BYTES):
                match self._how:
                    case "half_open":
                        continue
                    case "unanswered" if answers:
                        return
                    case "slow":
                        await asyncio.sleep(len(piece) / self._slow_bytes_per_second)
                    case "lossy":
                        if self.chance.random() < self._lossy_breaks_share:
                            return
                        if self.chance.random() < LOSSY_STALLS_SHARE:
                            await asyncio.sleep(LOSSY_STALL_SECONDS)
                    case _:
                        pass
                writer.write(piece)
                await writer.drain()


def _linger_not(writer: asyncio.StreamWriter) -> None:
    found: socket.socket | None = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
