"""The HTTP face: routes, what is told of oneself (health, readiness, metrics, OpenAPI), problems for whatever goes wrong."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from contracts.face.application import application
from contracts.face.measured import Exposition, Measured, begin_faults, exposition, is_ready
from contracts.face.problems import ProblemError, tell_problems
from contracts.face.serving import Lifespan
from services.processing.api import forms, openapi
from services.processing.api.doors import Doors, Ports
from services.processing.api.readiness import Readiness

DOSSIERS: Final = "/v1/dossiers/"
UNITS: Final = "/v1/units/"
REJECTED: Final = "/v1/rejected/"
DOORS: Final = (
    DOSSIERS + "{code}", DOSSIERS + "{code}/deadline", UNITS + "{code}/worklist",
    "/v1/rejected", REJECTED + "groups", REJECTED + "{place}", "/v1/parked",
)  # fmt: skip
ROUTES: Final = frozenset(
    {"/v1/rejected", REJECTED + "groups", "/v1/parked", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"}
)


def build_app(ports: Ports, lifespan: Lifespan) -> FastAPI:
    """The application around its ports; `lifespan` starts and stops what they need."""
    app = application("Một Cửa: processing", openapi.DESCRIPTION, lifespan)
    doors, told = Doors(ports), _Told(ports)
    for path, endpoint, operation in (
        (DOSSIERS + "{code}", doors.dossier, openapi.dossier_operation()),
        (DOSSIERS + "{code}/deadline", doors.deadline, openapi.deadline_operation()),
        (UNITS + "{code}/worklist", doors.worklist, openapi.worklist_operation()),
        ("/v1/rejected", doors.rejected, openapi.rejected_operation()),
        (REJECTED + "groups", doors.groups, openapi.groups_operation()),
        (REJECTED + "{place}", doors.letter, openapi.letter_operation()),
        ("/v1/parked", doors.parked, openapi.parked_operation()),
    ):
        app.add_api_route(path, endpoint, response_model=None, response_class=Response, openapi_extra=operation)
    app.add_api_route("/healthz", told.health, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_class=JSONResponse, responses=openapi.not_ready())
    app.add_api_route("/metrics", told.metrics, response_class=Exposition)
    tell_problems(app, "this is a fault of processing's API")
    begin_faults(ports.instruments.requests, "GET", DOORS)
    app.add_middleware(
        Measured, requests=ports.instruments.requests, seconds=ports.instruments.request_seconds, route_of=route_of
    )
    _describe(app)
    return app


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
        if reasons:
            members = {"reasons": reasons, "notes": notes}
            return ProblemError(503, "not_ready", "dossiers cannot be answered now", members=members).response()
        return JSONResponse({"status": "ready", "reasons": [], "notes": notes})

    async def _reasons(self) -> list[str]:
        return (await self._readiness.look())[0]

    async def metrics(self) -> Response:
        """Prometheus; whoever scrapes asks whether dossiers can be answered, too."""
        self._instruments.ready.set(await is_ready(self._reasons()))
        self._instruments.keys.set(len(self._keys.ring().by_digest))
        self._instruments.keys_file_broken.set(self._keys.fault is not None)
        return exposition(self._instruments.registry)


def route_of(path: str) -> str:
    """The route of a path, without the dossier, the unit or the place that it names."""
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
    if path.startswith(REJECTED):
        place = path[len(REJECTED) :]
        if place and "/" not in place:
            return REJECTED + "{place}"
    return "other"


def _describe(app: FastAPI) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema["components"] = forms.components()
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way of adding to its schema
