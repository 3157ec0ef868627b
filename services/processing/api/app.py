"""The HTTP face: routes, what is told of oneself (health, readiness, metrics, OpenAPI), problems for whatever goes wrong."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.processing.api import forms, openapi
from services.processing.api.doors import Doors, Ports
from services.processing.api.instruments import Instruments
from services.processing.api.problems import ProblemError
from services.processing.api.readiness import Readiness

DOSSIERS: Final = "/v1/dossiers/"
UNITS: Final = "/v1/units/"
ROUTES: Final = frozenset({"/v1/rejected", "/v1/parked", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_app(ports: Ports, lifespan: Lifespan) -> FastAPI:
    """The application around its ports; `lifespan` starts and stops what they need."""
    app = FastAPI(
        title="Một Cửa: processing", version="1", description=openapi.DESCRIPTION, lifespan=lifespan, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    doors, told = Doors(ports), _Told(ports)
    for path, endpoint, operation in (
        (DOSSIERS + "{code}", doors.dossier, openapi.dossier_operation()),
        (DOSSIERS + "{code}/deadline", doors.deadline, openapi.deadline_operation()),
        (UNITS + "{code}/worklist", doors.worklist, openapi.worklist_operation()),
        ("/v1/rejected", doors.rejected, openapi.rejected_operation()),
        ("/v1/parked", doors.parked, openapi.parked_operation()),
    ):
        app.add_api_route(path, endpoint, response_model=None, response_class=Response, openapi_extra=operation)
    app.add_api_route("/healthz", told.health, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_class=JSONResponse, responses=openapi.not_ready())
    app.add_api_route("/metrics", told.metrics, response_class=_Exposition)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _refused_by_routing)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(_Measured, instruments=ports.instruments)
    _describe(app)
    return app


class _Exposition(Response):
    media_type = "text/plain"


class _Told:
    """What the API tells of itself; open to all, so it names no key, no unit, no dossier."""

    def __init__(self, ports: Ports) -> None:
        self._readiness = Readiness(ports.states, ports.logs, ports.keys)
        self._keys = ports.keys
        self._instruments = ports.instruments

    async def health(self) -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    async def readiness(self) -> Response:
        """Whether dossiers can be answered now, and what is not as it should be."""
        reasons, notes = await self._readiness.look()
        self._instruments.ready.set(not reasons)
        if reasons:
            members = {"reasons": reasons, "notes": notes}
            return ProblemError(503, "not_ready", "dossiers cannot be answered now", members=members).response()
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
    return ProblemError(error.status_code, code, error.detail, headers=error.headers).response()


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return ProblemError(500, "internal_error", "this is a fault of processing's API").response()


class _Measured:
    """Counts and times every request by its route; a path nobody offers is `other`, so that labels stay bounded."""

    def __init__(self, app: ASGIApp, instruments: Instruments) -> None:
        self._app = app
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = route_of(scope["path"])
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


def route_of(path: str) -> str:
    """The route of a path, without the dossier or unit that it names."""
    if path in ROUTES:
        return path
    if path.startswith(DOSSIERS):
        parts = path[len(DOSSIERS) :].split("/")
        if parts[0] and parts[1:] in ([], ["deadline"]):
            return DOSSIERS + "/".join(["{code}", *parts[1:]])
    if path.startswith(UNITS):
        parts = path[len(UNITS) :].split("/")
        if parts[0] and parts[1:] == ["worklist"]:
            return UNITS + "{code}/worklist"
    return "other"


def _describe(app: FastAPI) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema["components"] = forms.components()
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way of adding to its schema
