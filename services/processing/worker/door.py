"""The worker's own door: health, readiness, metrics; it answers from a thread of its own, however busy the fold is."""

import threading

import uvicorn
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.processing.worker.state import State

PROBLEM = "application/problem+json"


def open_door(state: State, host: str, port: int) -> None:
    """Serves until the process ends."""
    config = uvicorn.Config(build(state), host=host, port=port, access_log=False, log_config=None, server_header=False,
                            loop="asyncio", http="httptools")  # fmt: skip
    threading.Thread(target=uvicorn.Server(config).run, name="door", daemon=True).start()


def build(state: State) -> FastAPI:
    """The application around what the worker tells of itself."""
    app = FastAPI(title="Một Cửa: processing worker", version="1", redoc_url=None)

    @app.get("/healthz", response_class=JSONResponse)
    async def health() -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", response_class=JSONResponse)
    async def readiness() -> Response:
        """Whether records are folded now, and why not."""
        if reasons := state.reasons():
            return _problem(503, "not_ready", "nothing is folded now, or not everything", reasons=reasons)
        return JSONResponse({"status": "ready", "reasons": []})

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Prometheus."""
        return Response(state.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _problem(error.status_code, error.detail.lower().replace(" ", "_"), error.detail)

    app.add_exception_handler(HTTPException, refused)
    return app


def _problem(status: int, code: str, detail: str, **members: object) -> Response:
    told = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail, **members}
    return JSONResponse(told, status, media_type=PROBLEM)
