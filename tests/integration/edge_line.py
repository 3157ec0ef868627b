"""The line between an edge and intake, as a proxy that a test may cut, slow down or rob of its answers."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from deploy.local.settings import PORTS, REPOSITORY
from tests.province import Province, Service

CHUNK_BYTES = 512
ANSWER_SECONDS = 20.0
CALL_SECONDS = 20.0
QUICK = {
    "MOTCUA_EDGE_BACK_OFF_FIRST_SECONDS": "0.05",
    "MOTCUA_EDGE_BACK_OFF_MOST_SECONDS": "0.3",
    "MOTCUA_EDGE_RETRY_AFTER_MOST_SECONDS": "0.3",
    "MOTCUA_EDGE_HEARTBEAT_SECONDS": "0.5",
    "MOTCUA_EDGE_RESERVE_KIB": "64",
}


class Line:
    """Listens on `port`; whatever a test sets holds from the next piece on."""

    def __init__(self) -> None:
        self.port = 0
        self.target: int | None = None
        self.answers_to_lose = 0
        self.bytes_per_second: float | None = None
        self.bodies = 0
        self.edges: list[Service] = []
        self.loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()

    def to(self, service: Service | None) -> None:
        """Leads to this intake from now on, or to nobody; what was under way breaks off."""
        asyncio.run_coroutine_threadsafe(
            self._lead(None if service is None else int(service.base_url.rsplit(":", 1)[1])), self.loop
        ).result(CALL_SECONDS)

    async def _lead(self, target: int | None) -> None:
        """Both in one step: a request that went to the new target would be broken off, and come twice."""
        self.target = target
        self.cut()

    def cut(self) -> None:
        """Breaks off every connection."""
        for connection in self._connections:
            connection.cancel()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """One connection."""
        writers = [back]
        ways: list[asyncio.Task[None]] = []
        connection: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment]
        self._connections.add(connection)
        try:
            if self.target is None:
                return
            server, on = await asyncio.open_connection("127.0.0.1", self.target)
            writers.append(on)
            ways += [asyncio.create_task(self._there(client, on)), asyncio.create_task(self._back(server, back))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            for way in ways:
                way.cancel()
            self._connections.discard(connection)
            for writer in writers:
                writer.transport.abort()

    async def _there(self, client: asyncio.StreamReader, on: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await client.read(CHUNK_BYTES):
                if self.target is None:
                    return
                self.bodies += piece.count(b"POST /v1/events")
                await self._take_time(piece)
                on.write(piece)
                await on.drain()

    async def _back(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await server.read(CHUNK_BYTES):
                if self.answers_to_lose and b'"results"' in piece:
                    self.answers_to_lose -= 1
                    return
                await self._take_time(piece)
                back.write(piece)
                await back.drain()

    async def _take_time(self, piece: bytes) -> None:
        if self.bytes_per_second is not None:
            await asyncio.sleep(len(piece) / self.bytes_per_second)


@contextmanager
def line() -> Iterator[Line]:
    """A running proxy that leads to nobody yet."""
    found, ready = Line(), threading.Event()

    async def listen() -> None:
        server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
        found.port = server.sockets[0].getsockname()[1]
        ready.set()

    def run() -> None:
        found.loop.run_until_complete(listen())
        found.loop.run_forever()
        found.cut()
        found.loop.run_until_complete(asyncio.sleep(0.05))
        found.loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found
    finally:
        for edge in found.edges:
            edge.kill()
        found.loop.call_soon_threadsafe(found.loop.stop)
        thread.join(10)


def start_edge(
    province: Province, at: Line, directory: Path, program: str = "services.edge.main", **environment: str
) -> Service:
    """An edge of unit 19753 whose store lies in `directory`, at this end of the line."""
    base = province.base_for(PORTS["edge"])
    log_file = province.directory / f"edge-{len(province.services)}.log"
    variables = {
        **os.environ, **province.environment, **QUICK, "MOTCUA_PORT_BASE": str(base), "MOTCUA_STATE_DIR": str(directory),
        "MOTCUA_EDGE_UNIT": "19753", "MOTCUA_EDGE_INTAKE_URL": f"http://127.0.0.1:{at.port}", **environment,
    }  # fmt: skip
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", program], cwd=REPOSITORY, env=variables, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    service = Service("edge", process, f"http://127.0.0.1:{base + PORTS['edge']}", log_file)
    province.services.append(service)
    at.edges.append(service)
    service.wait_ready()
    return service


def told(edge: Service) -> Any:
    """How its outbox stands."""
    return requests.get(f"{edge.base_url}/v1/outbox", timeout=ANSWER_SECONDS).json()
