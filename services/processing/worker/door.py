"""The worker's own door: health, readiness, metrics; it answers from a thread of its own, however busy the fold is."""

import socket
import threading
from http import HTTPStatus

import uvicorn
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contracts.face.application import application
from contracts.face.problems import ProblemError
from services.processing.errors import MisconfiguredError
from services.processing.worker.state import State

WAITING_CONNECTIONS = 128


def open_door(state: State, host: str, port: int) -> None:
    """Serves until the process ends; MisconfiguredError when the port is somebody else's."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=WAITING_CONNECTIONS)
    except OSError as error:
        raise MisconfiguredError(f"port {port} of {host} cannot be listened on: {error.strerror or error}") from error
    config = uvicorn.Config(
        build(state), access_log=False, log_config=None, server_header=False, loop="asyncio", http="httptools"
    )
    serving = uvicorn.Server(config)
    threading.Thread(target=serving.run, args=([listening],), name="door", daemon=True).start()


def build(state: State) -> FastAPI:
    """The application around what the worker tells of itself."""
    app = application("Một Cửa: processing worker")

    @app.get("/healthz", response_class=JSONResponse)
    async def health() -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", response_class=JSONResponse)
    async def readiness() -> Response:
        """Whether records are folded now, and why not."""
        if reasons := state.reasons():
            members = {"reasons": reasons}
            return ProblemError(503, "not_ready", "nothing is folded now, or not everything", members=members).response()
        return JSONResponse({"status": "ready", "reasons": []})

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Prometheus."""
        return Response(state.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).name.lower()
        return ProblemError(error.status_code, code, HTTPStatus(error.status_code).phrase).response()

    async def unexpected(_request: Request, _error: Exception) -> Response:
        return ProblemError(500, "internal_error", "this is a fault of the worker's door").response()

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, unexpected)
    return app
