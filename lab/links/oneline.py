"""One line for all who are on it: whatever passes, of any connection, waits its turn at the line's own rate, each way."""

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic

from lab.links.profiles import SEGMENT_BYTES, Profile

BITS = 8
# What a connection may have lying before the line in this process; more waits where it came from.
WAITING_BYTES_MAX = 4 * SEGMENT_BYTES
CONNECT_SECONDS = 10.0


class Way:
    """One direction: a segment at a time, in the order in which they came; whoever has none leaves all of it to others."""

    def __init__(self, kbps: float, now: Callable[[], float] = monotonic) -> None:
        self._bytes_per_second = kbps * 1000 / BITS
        self._now = now
        self._free_at = 0.0

    def turn(self, size: int) -> float:
        """Seconds until so many bytes have passed."""
        now = self._now()
        self._free_at = max(now, self._free_at) + size / self._bytes_per_second
        return self._free_at - now


class OneLine:
    """Listens at `door` and leads to `target` (both host:port) at what loss leaves of the profile's rates; the way's delay
    lies behind it."""

    def __init__(self, profile: Profile, door: str, target: str) -> None:
        self._up, self._down = (Way(profile.tcp_kbps(kbps)) for kbps in (profile.up_kbps, profile.down_kbps))
        self._door, self._target = door, target
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """From now on; OSError where the door is somebody's."""
        host, _, port = self._door.rpartition(":")
        self._server = await asyncio.start_server(self._took, host, int(port), limit=WAITING_BYTES_MAX, backlog=1024)

    def close(self) -> None:
        """Nobody is on it any more."""
        if self._server is not None:
            self._server.close()
        for each in self._passing:
            each.cancel()

    async def _took(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        host, _, port = self._target.rpartition(":")
        beyond: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                there, beyond = await asyncio.open_connection(host, int(port), limit=WAITING_BYTES_MAX)
            await asyncio.gather(_pass(reader, beyond, self._up), _pass(there, writer, self._down))
        except (OSError, TimeoutError):
            pass
        finally:
            self._passing.discard(task)
            for each in (writer, beyond):
                if each is not None:
                    each.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
    """Until one end is closed; then the other one hears of it."""
    while data := await reader.read(SEGMENT_BYTES):
        await asyncio.sleep(way.turn(len(data)))
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
