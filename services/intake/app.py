"""The HTTP face: routes, what is told of oneself (health, readiness, metrics, OpenAPI), problems for whatever goes wrong."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from contracts.face.application import application
from contracts.face.measured import Exposition, Measured, begin_faults, exposition, one_of
from contracts.face.problems import PROBLEM, ProblemError, tell_problems
from contracts.face.serving import Lifespan
from contracts.keys import KeySource
from services.intake import openapi
from services.intake.doors import Doors, Ports
from services.intake.gate import Gate
from services.intake.instruments import Instruments

DOORS = ("/v1/events", "/v1/heartbeats", "/v1/clock")
ROUTES = frozenset({*DOORS, "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})


def build_app(ports: Ports, lifespan: Lifespan) -> FastAPI:
    """The application around its ports; `lifespan` starts and stops what they need."""
    app = application("Một Cửa: intake", openapi.DESCRIPTION, lifespan)
    doors, told = Doors(ports), _Told(ports.gate, ports.keys, ports.instruments)
    operations = (
        (doors.events, openapi.events_operation()),
        (doors.heartbeats, openapi.heartbeats_operation()),
        (doors.clock, openapi.clock_operation()),
    )
    for path, (endpoint, operation) in zip(DOORS, operations, strict=True):
        app.add_api_route(path, endpoint, methods=["POST"], response_model=None, response_class=Response,
                          status_code=202, openapi_extra=operation)  # fmt: skip
    ready_or_not: dict[int | str, dict[str, Any]] = {
        503: {"description": "Not now; `reasons` says why.", "content": {PROBLEM: {}}}
    }
    app.add_api_route("/healthz", told.health, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_class=JSONResponse, responses=ready_or_not)
    app.add_api_route("/metrics", told.metrics, response_class=Exposition)
    tell_problems(app, "this is a fault of intake; nothing is said to be stored")
    begin_faults(ports.instruments.requests, "POST", DOORS)
    app.add_middleware(
        Measured, requests=ports.instruments.requests, seconds=ports.instruments.request_seconds, route_of=one_of(ROUTES)
    )
    _describe(app, ports.settings.intake_batch_events_max)
    return app


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
        self._instruments.ready.set(self._gate.reason is None and bool(self._keys.ring().by_digest))
        return exposition(self._instruments.registry)


def _describe(app: FastAPI, batch_events_max: int) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema["components"] = openapi.components(batch_events_max)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way of adding to its schema
