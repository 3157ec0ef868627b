"""A worker's own door: health, readiness, metrics. It answers from a thread of its own, however busy the fold is."""

import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from contracts.face.application import application
from contracts.face.problems import tell_problems
from contracts.face.protocol import Bounded

WAITING_CONNECTIONS: Final = 128


def door(title: str, readiness: Callable[[], Mapping[str, Any]], exposition: Callable[[], bytes]) -> FastAPI:
    """The application. `readiness` gives what /readyz tells, or raises the ProblemError that says why it is not so; both are
    called from the door's thread, one at a time, and must not wait for anything."""
    app = application(title)

    @app.get("/healthz", response_class=JSONResponse)
    async def health() -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", response_class=JSONResponse)
    async def ready() -> Response:
        """Whether the worker can do its job now, and why not."""
        return JSONResponse(readiness())

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Prometheus."""
        return Response(exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    tell_problems(app, "this is a fault of the worker's door")
    return app


def open_door(app: FastAPI, host: str, port: int) -> None:
    """Serves until the process ends; OSError when the port is somebody else's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=WAITING_CONNECTIONS)
    config = uvicorn.Config(app, access_log=False, log_config=None, server_header=False, loop="asyncio", http=Bounded)
    threading.Thread(target=uvicorn.Server(config).run, args=([listening],), name="door", daemon=True).start()
