"""The HTTP face of the audit service: the newest verdict, health, readiness, metrics, problems for whatever goes wrong."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.keys import KeySource
from services.audit.instruments import Instruments
from services.audit.problems import not_yet, problem
from services.audit.watch import Watch

ROUTES: Final = frozenset({"/v1/audit", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
DESCRIPTION: Final = (
    "The newest verdict on the logs and figures of the province. Counts are public; the codes of dossiers are shown to the "
    "operator's key alone."
)
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"description": "The key is not registered.", **_PROBLEM},
    503: {"description": "There is no verdict yet.", **_PROBLEM},
}


def build_app(watch: Watch, keys: KeySource | None, instruments: Instruments, lifespan: Lifespan) -> FastAPI:
    """The application around its watch."""
    app = FastAPI(
        title="Một Cửa: audit", version="1", description=DESCRIPTION, lifespan=lifespan, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    told = _Told(watch, keys, instruments)
    app.add_api_route("/v1/audit", told.verdict, response_model=None, response_class=JSONResponse, responses=_RESPONSES)
    app.add_api_route("/healthz", told.health, response_model=None, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_model=None, response_class=JSONResponse, responses={503: _PROBLEM})
    app.add_api_route("/metrics", told.metrics, response_model=None, response_class=Response)
    app.add_exception_handler(HTTPException, _refused_by_routing)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(_Measured, instruments=instruments)
    return app


class _Told:
    """What the service tells."""

    def __init__(self, watch: Watch, keys: KeySource | None, instruments: Instruments) -> None:
        self._watch, self._keys, self._instruments = watch, keys, instruments

    async def verdict(self, request: Request) -> Response:
        """The newest verdict, with what each check found and as of what."""
        sent = request.headers.getlist("authorization")
        is_operator = False
        if sent:
            key = None if self._keys is None or len(sent) != 1 else self._keys.ring().holder(sent[0])
            if key is None:
                detail = "send no key, or `Authorization: Bearer <key>` with one that is registered"
                return problem(401, "no_valid_key", detail, {"WWW-Authenticate": 'Bearer realm="mot-cua"'})
            is_operator = key.operator
        newest, standing = self._watch.verdict, self._watch.standing
        if newest is None:
            return not_yet(
                "no_verdict_yet",
                standing.could_not_run or "the first look is under way",
                read_records=standing.read_records,
                total_records=standing.total_records,
            )
        body = newest.full if is_operator else newest.shown
        return Response(msgspec.json.encode(body), headers={"Cache-Control": "no-store"}, media_type="application/json")

    async def health(self) -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    async def readiness(self) -> Response:
        """Whether audit can look now; differences that it found do not make it unready."""
        standing = self._watch.standing
        reasons = [standing.could_not_run] if standing.could_not_run else []
        if not standing.reached and not reasons:
            reasons = ["the logs have not been reached yet"]
        self._instruments.ready.set(not reasons)
        if reasons:
            return not_yet("not_ready", "audit cannot come to a verdict now", reasons=reasons)
        notes = [] if self._watch.verdict else [f"{standing.read_records:,} of {standing.total_records:,} records read"]
        return JSONResponse({"status": "ready", "reasons": [], "notes": notes})

    async def metrics(self) -> Response:
        """Prometheus."""
        return Response(generate_latest(self._instruments.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _refused_by_routing(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).name.lower()
    return problem(error.status_code, code, error.detail, error.headers)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return problem(500, "internal_error", "this is a fault of the audit service")


class _Measured:
    """Counts and times every request by its route; a path nobody offers is `other`, so that labels stay bounded."""

    def __init__(self, app: ASGIApp, instruments: Instruments) -> None:
        self._app, self._instruments = app, instruments

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
