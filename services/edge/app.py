"""The HTTP face: routes, what is told of oneself (health, readiness, metrics, OpenAPI), problems for whatever goes wrong."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response

from contracts.face.application import application
from contracts.face.measured import Exposition, Measured, exposition, one_of
from contracts.face.problems import PROBLEM, ProblemError, tell_problems
from contracts.face.serving import Lifespan
from services.edge import openapi
from services.edge.doors import Doors, Ports
from services.edge.told import OutboxTold, told_of

ROUTES = frozenset(
    {"/", "/v1/events", "/v1/outbox", "/v1/quarantine", "/v1/quarantine/requeue", "/v1/quarantine/discard",
     "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"}
)  # fmt: skip


def build_app(ports: Ports, lifespan: Lifespan) -> FastAPI:
    """The application around its ports; `lifespan` starts and stops what they need."""
    app = application("Một Cửa: edge", openapi.DESCRIPTION, lifespan)
    doors, told = Doors(ports), _Told(ports)
    app.add_api_route("/", doors.status, response_model=None, response_class=HTMLResponse)
    app.add_api_route("/v1/events", doors.events, methods=["POST"], response_model=None, response_class=Response,
                      status_code=202, openapi_extra=openapi.events_operation())  # fmt: skip
    app.add_api_route("/v1/outbox", doors.outbox, response_model=None, openapi_extra=openapi.outbox_operation())
    app.add_api_route("/v1/quarantine", doors.quarantine, response_model=None, openapi_extra=openapi.keyed_operation())
    app.add_api_route("/v1/quarantine/requeue", doors.requeue, methods=["POST"], response_model=None, status_code=202,
                      openapi_extra=openapi.keyed_operation())  # fmt: skip
    app.add_api_route("/v1/quarantine/discard", doors.discard, methods=["POST"], response_model=None, status_code=202,
                      openapi_extra=openapi.keyed_operation())  # fmt: skip
    ready_or_not: dict[int | str, dict[str, Any]] = {
        503: {"description": "Not now; `reasons` says why.", "content": {PROBLEM: {}}}
    }
    app.add_api_route("/healthz", told.health, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_class=JSONResponse, responses=ready_or_not)
    app.add_api_route("/metrics", told.metrics, response_class=Exposition)
    tell_problems(app, "this is a fault of the edge; nothing is said to be stored")
    app.add_exception_handler(RequestValidationError, _invalid_parameter)
    app.add_middleware(
        Measured, requests=ports.instruments.requests, seconds=ports.instruments.request_seconds, route_of=one_of(ROUTES)
    )
    _describe(app, ports.settings.edge_batch_events_max)
    return app


class _Told:
    """What the edge tells of itself; open to all, so it names no key and no dossier."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._doors = Doors(ports)

    async def health(self) -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    async def readiness(self) -> Response:
        """Whether events can be taken now; a line that is down is no reason against it."""
        told, why_not = await self._outbox()
        keys = self._ports.keys
        known = len(keys.ring().by_digest)
        notes = [f"keys: {keys.fault}"] if keys.fault else []
        reasons = [why_not] if why_not else []
        if told is not None:
            notes.append(f"link: {told.link}" + (f" ({trouble})" if (trouble := self._ports.link.line.trouble) else ""))
            if told.full is not None:
                reasons.append(f"outbox_full: {told.full}")
        if not known:
            reasons.append(f"keys: {keys.fault or 'no key is known'}")
        if reasons:
            members = {"reasons": reasons}
            return ProblemError(503, "not_ready", "events cannot be taken now", members=members).response()
        return JSONResponse({"status": "ready", "reasons": [], "notes": notes})

    async def metrics(self) -> Response:
        """Prometheus."""
        told, why_not = await self._outbox()
        keys, instruments = self._ports.keys, self._ports.instruments
        known = len(keys.ring().by_digest)
        instruments.keys.set(known)
        instruments.keys_file_broken.set(keys.fault is not None)
        instruments.ready.set(why_not is None and told is not None and told.full is None and known > 0)
        if told is not None:
            instruments.outbox_events.set(told.depth)
            instruments.outbox_bytes.set(told.bytes)
            instruments.outbox_oldest_seconds.set(told.oldest_age_seconds)
            instruments.outbox_fill.set(told.fill)
            instruments.outbox_alarm.set(told.alarm)
            instruments.link_up.set(told.link in ("up", "slow"))
            instruments.clock_offset_seconds.set(told.clock_offset_seconds or 0.0)
            instruments.quarantined.clear()
            for code, count in told.quarantined.items():
                instruments.quarantined.labels(code).set(count)
        return exposition(instruments.registry)

    async def _outbox(self) -> tuple[OutboxTold | None, str | None]:
        try:
            stand = await self._doors.stand()
        except ProblemError as error:
            return None, error.detail
        return told_of(stand, self._ports.limits, self._ports.link), None


async def _invalid_parameter(_request: Request, _error: Exception) -> Response:
    return ProblemError(422, "invalid_parameter", "a parameter of the query is not of its form").response()


def _describe(app: FastAPI, batch_events_max: int) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema.setdefault("components", {})
            ours = openapi.components(batch_events_max)
            schema["components"] |= {"securitySchemes": ours["securitySchemes"]}
            schema["components"]["schemas"] = schema["components"].get("schemas", {}) | ours["schemas"]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way of adding to its schema
