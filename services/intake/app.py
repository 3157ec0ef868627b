"""The HTTP face: routes, what is told of oneself (health, readiness, metrics, OpenAPI), problems for whatever goes wrong."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.keys import KeySource
from services.intake import openapi
from services.intake.doors import Doors, Ports
from services.intake.gate import Gate
from services.intake.instruments import Instruments
from services.intake.problems import PROBLEM, ProblemError

ROUTES = frozenset(
    {"/v1/events", "/v1/heartbeats", "/v1/clock", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"}
)
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_app(ports: Ports, lifespan: Lifespan) -> FastAPI:
    """The application around its ports; `lifespan` starts and stops what they need."""
    app = FastAPI(title="Một Cửa: intake", version="1", description=openapi.DESCRIPTION, lifespan=lifespan, redoc_url=None)
    doors, told = Doors(ports), _Told(ports.gate, ports.keys, ports.instruments)
    for path, endpoint, operation in (
        ("/v1/events", doors.events, openapi.events_operation()),
        ("/v1/heartbeats", doors.heartbeats, openapi.heartbeats_operation()),
        ("/v1/clock", doors.clock, openapi.clock_operation()),
    ):
        app.add_api_route(path, endpoint, methods=["POST"], response_model=None, response_class=Response,
                          status_code=202, openapi_extra=operation)  # fmt: skip
    ready_or_not: dict[int | str, dict[str, Any]] = {
        503: {"description": "Not now; `reasons` says why.", "content": {PROBLEM: {}}}
    }
    app.add_api_route("/healthz", told.health, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_class=JSONResponse, responses=ready_or_not)
    app.add_api_route("/metrics", told.metrics, response_class=_Exposition)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _refused_by_routing)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(_Measured, instruments=ports.instruments)
    _describe(app, ports.settings.intake_batch_events_max)
    return app


class _Exposition(Response):
    media_type = "text/plain"


class _Told:
    """What intake tells of itself; open to all, so it names no key, no unit, no dossier."""

    def __init__(self, gate: Gate, keys: KeySource, instruments: Instruments) -> None:
        self._gate = gate
        self._keys = keys
        self._instruments = instruments

    async def health(self) -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    async def readiness(self) -> Response:
        """Whether events can be stored now, and what is not as it should be."""
        keys = len(self._keys.ring().by_digest)
        notes = [f"keys: {self._keys.fault}"] if self._keys.fault else []
        reasons = [self._gate.reason] if self._gate.reason else []
        if not keys:
            reasons += notes
        if reasons:
            members = {"reasons": reasons}
            return ProblemError(503, "not_ready", "events cannot be stored now", members=members).response()
        return JSONResponse({"status": "ready", "reasons": [], "notes": notes})

    async def metrics(self) -> Response:
        """Prometheus."""
        self._instruments.keys.set(len(self._keys.ring().by_digest))
        self._instruments.keys_file_broken.set(self._keys.fault is not None)
        return Response(generate_latest(self._instruments.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.response()


async def _refused_by_routing(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).name.lower()
    return ProblemError(error.status_code, code, error.detail, headers=dict(error.headers or {})).response()


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return ProblemError(500, "internal_error", "this is a fault of intake; nothing is said to be stored").response()


class _Measured:
    """Counts and times every request by its route; a path nobody offers is `other`, so that labels stay bounded."""

    def __init__(self, app: ASGIApp, instruments: Instruments) -> None:
        self._app = app
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in ROUTES else "other"
        method = scope["method"] if scope["method"] in METHODS else "other"
        status, began = "500", perf_counter()

        async def send_on(sent: Message) -> None:
            nonlocal status
            if sent["type"] == "http.response.start":
                status = str(sent["status"])
            await send(sent)

        try:
            await self._app(scope, receive, send_on)
        finally:
            self._instruments.requests.labels(route, method, status).inc()
            self._instruments.request_seconds.labels(route).observe(perf_counter() - began)


def _describe(app: FastAPI, batch_events_max: int) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema["components"] = openapi.components(batch_events_max)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way of adding to its schema
