"""The HTTP face of the audit service: the newest verdict, health, readiness, metrics, problems for whatever goes wrong."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from contracts.face.application import application
from contracts.face.measured import Measured, exposition, one_of
from contracts.face.problems import PROBLEM, ProblemError, tell_problems
from contracts.face.serving import Lifespan
from contracts.keys import KeySource
from services.audit.instruments import Instruments
from services.audit.watch import Watch

ROUTES: Final = frozenset({"/v1/audit", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
RETRY_AFTER_SECONDS: Final = 5
DESCRIPTION: Final = (
    "The newest verdict on the logs and figures of the province. Counts are public; the codes of dossiers are shown to the "
    "operator's key alone."
)

_PROBLEM: dict[str, Any] = {"content": {PROBLEM: {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"description": "The key is not registered.", **_PROBLEM},
    503: {"description": "There is no verdict yet.", **_PROBLEM},
}


def build_app(watch: Watch, keys: KeySource | None, instruments: Instruments, lifespan: Lifespan) -> FastAPI:
    """The application around its watch."""
    app = application("Một Cửa: audit", DESCRIPTION, lifespan)
    told = _Told(watch, keys, instruments)
    app.add_api_route("/v1/audit", told.verdict, response_model=None, response_class=JSONResponse, responses=_RESPONSES)
    app.add_api_route("/healthz", told.health, response_model=None, response_class=JSONResponse)
    app.add_api_route("/readyz", told.readiness, response_model=None, response_class=JSONResponse, responses={503: _PROBLEM})
    app.add_api_route("/metrics", told.metrics, response_model=None, response_class=Response)
    tell_problems(app, "this is a fault of the audit service")
    app.add_middleware(Measured, requests=instruments.requests, seconds=instruments.request_seconds, route_of=one_of(ROUTES))
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
                raise ProblemError(401, "no_valid_key", detail, headers={"WWW-Authenticate": 'Bearer realm="mot-cua"'})
            is_operator = key.operator
        newest, standing = self._watch.verdict, self._watch.standing
        if newest is None:
            members = {"read_records": standing.read_records, "total_records": standing.total_records}
            raise _not_yet("no_verdict_yet", standing.could_not_run or "the first look is under way", members)
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
            raise _not_yet("not_ready", "audit cannot come to a verdict now", {"reasons": reasons})
        notes = [] if self._watch.verdict else [f"{standing.read_records:,} of {standing.total_records:,} records read"]
        return JSONResponse({"status": "ready", "reasons": [], "notes": notes})

    async def metrics(self) -> Response:
        """Prometheus."""
        return exposition(self._instruments.registry)


def _not_yet(code: str, detail: str, members: dict[str, Any]) -> ProblemError:
    """Not now, and not the request's fault."""
    return ProblemError(503, code, detail, retry_after_seconds=RETRY_AFTER_SECONDS, members=members)
