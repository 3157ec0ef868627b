"""The HTTP face: routes, what is told of oneself (health, readiness, metrics, OpenAPI), problems for whatever goes wrong."""

from time import perf_counter
from typing import Any, Final, NamedTuple

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.face.application import application
from contracts.face.measured import Exposition, begin_faults, exposition, in_time, method_of
from contracts.face.problems import ProblemError, tell_problems
from contracts.face.serving import Lifespan
from services.metrics.api import openapi
from services.metrics.api.doors import Doors, Ports
from services.metrics.api.front import PAGE
from services.metrics.api.instruments import Instruments
from services.metrics.api.problems import count_shed

UNITS: Final = "/v1/units"
FILES: Final = "/board/"
# What is answered with figures or files; a scrape of /metrics/dossiers among them.
DOORS: Final = (
    UNITS, f"{UNITS}/{{code}}", f"{UNITS}/{{code}}/days", "/v1/days", "/v1/counters", "/v1/stream", "/metrics/dossiers", "/",
)  # fmt: skip
# Below this an answer is one packet anyway.
PACKED_BYTES_MIN: Final = 1024
ROUTES: Final = frozenset(
    {
        UNITS,
        "/v1/days",
        "/v1/counters",
        "/v1/stream",
        "/metrics/dossiers",
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/docs",
        "/openapi.json",
    }
)


def build_app(ports: Ports, lifespan: Lifespan) -> FastAPI:
    """The application around its ports; `lifespan` starts and stops what they need."""
    app = application("Một Cửa: metrics", openapi.DESCRIPTION, lifespan)
    doors, told = Doors(ports), _Told(ports)
    for path, endpoint, operation in (
        (UNITS, doors.units, openapi.units_operation()),
        (UNITS + "/{code}", doors.unit, openapi.unit_operation()),
        (UNITS + "/{code}/days", doors.days, openapi.days_operation()),
        ("/v1/days", doors.course, openapi.course_operation()),
        ("/v1/counters", doors.counters, openapi.counters_operation()),
        ("/v1/stream", doors.stream,
         openapi.text_operation("text/event-stream", openapi.STREAM, openapi.role_parameter())),
        ("/metrics/dossiers", doors.dossiers, openapi.text_operation("text/plain", "The exact series of Prometheus.")),
    ):  # fmt: skip
        app.add_api_route(path, endpoint, response_model=None, response_class=Response, openapi_extra=operation)
    app.add_api_route("/", told.board, response_class=HTMLResponse)
    app.add_api_route(FILES + "{name:path}", told.file, response_class=Response, include_in_schema=False)
    app.add_api_route("/healthz", told.health, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_class=JSONResponse, responses=openapi.not_ready())
    app.add_api_route("/metrics", told.metrics, response_class=Exposition)
    tell_problems(app, "this is a fault of metrics' API")
    count_shed(app, ports.instruments.shed)
    begin_faults(ports.instruments.requests, "GET", DOORS)
    app.add_middleware(GZipMiddleware, minimum_size=PACKED_BYTES_MIN, compresslevel=5)
    app.add_middleware(_Measured, instruments=ports.instruments)
    _describe(app)
    return app


class _Told:
    """What the API tells of itself, and the board."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def board(self, request: Request) -> Response:
        """The board: one page, alive by /v1/stream."""
        return self._file(PAGE, request)

    async def file(self, request: Request, name: str) -> Response:
        """What the page is made of."""
        return self._file(name, request)

    async def health(self) -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    async def readiness(self) -> Response:
        """Whether figures can be answered now, and what is not as it should be."""
        reasons = (await self._reasons()).all
        notes = [f"{self._ports.watch.fault}; lag is an upper bound"] if self._ports.watch.fault else []
        if not self._ports.watch.has_read_beats:
            notes.append("heartbeats have not been read: of outboxes and lines nothing is told")
        notes += [self._ports.rules.fault] if self._ports.rules.fault else []
        if reasons:
            members = {"reasons": reasons, "notes": notes}
            return ProblemError(503, "not_ready", "not every figure can be answered now", members=members).response()
        return JSONResponse({"status": "ready", "reasons": [], "notes": notes})

    async def metrics(self) -> Response:
        """Prometheus; whoever scrapes asks whether figures can be answered, too."""
        found = await in_time(self._reasons())
        self._ports.instruments.ready.set(found is not None and not found.all)
        self._ports.instruments.well.set(found is not None and not found.ailments)
        self._ports.instruments.heartbeats_read.set(self._ports.watch.has_read_beats)
        self._ports.instruments.stream_age_seconds.set(self._ports.stream.age_seconds)
        return exposition(self._ports.instruments.registry)

    async def _reasons(self) -> "_Reasons":
        try:
            snapshot = await self._ports.snapshots.read()
        except ProblemError as error:
            return _Reasons([f"redis: {error.detail}"], [])
        rebuilding = ["rebuilding: positions trail the ends that the logs had at take-over"] * snapshot.is_rebuilding
        return _Reasons(rebuilding, [f"partition {number} has stopped: {why}" for number, why in snapshot.stopped.items()])

    def _file(self, name: str, request: Request) -> Response:
        if (answer := self._ports.front.answer(name, request)) is None:
            raise ProblemError(404, "not_found", "the board has no such file")
        return answer


class _Reasons(NamedTuple):
    """Why not every figure can be answered: partitions that stopped have an alert of their own."""

    ailments: list[str]
    stops: list[str]

    @property
    def all(self) -> list[str]:
        """Both."""
        return self.ailments + self.stops


class _Measured:
    """As `Measured`, but to the beginning of an answer."""

    def __init__(self, app: ASGIApp, instruments: Instruments) -> None:
        self._app = app
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = route_of(scope["path"])
        method = method_of(scope["method"])
        began = perf_counter()

        def answered(status: int) -> None:
            self._instruments.requests.labels(route, method, str(status)).inc()
            self._instruments.request_seconds.labels(route).observe(perf_counter() - began)

        async def send_on(sent: Message) -> None:
            # Measured when the answer begins: a stream has no other end than the client's.
            if sent["type"] == "http.response.start":
                answered(sent["status"])
            await send(sent)

        try:
            await self._app(scope, receive, send_on)
        except Exception:
            answered(500)
            raise


def route_of(path: str) -> str:
    """The route of a path, without the unit that it names."""
    if path in ROUTES:
        return path
    if path.startswith(FILES):
        return FILES + "{name}"
    if path.startswith(UNITS + "/"):
        parts = path[len(UNITS) + 1 :].split("/")
        if parts[0] and parts[1:] in ([], ["days"]):
            return "/".join([UNITS, "{code}", *parts[1:]])
    return "other"


def _describe(app: FastAPI) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema["components"] = openapi.components()
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way of adding to its schema
