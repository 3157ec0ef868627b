"""What metrics' API says when it cannot answer now."""

from typing import Final

from fastapi import FastAPI, Request
from prometheus_client import Counter
from starlette.responses import Response

from contracts.face.problems import ProblemError

# Whoever waits this long finds a Redis that was only restarted.
RETRY_AFTER_SECONDS: Final = 2
# What is refused so that others are answered: by design, and at a public door by anybody's doing.
BUSY: Final = "busy"
TOO_MANY_CLIENTS: Final = "too_many_clients"
SHED: Final = (BUSY, TOO_MANY_CLIENTS)


class ShedError(ProblemError):
    """Not now, and no fault: others are served meanwhile."""


def not_now(code: str, detail: str) -> ProblemError:
    """Not now, and not the request's fault: asked again later, it may go well."""
    kind = ShedError if code in SHED else ProblemError
    return kind(503, code, detail, retry_after_seconds=RETRY_AFTER_SECONDS)


def count_shed(app: FastAPI, shed: Counter) -> None:
    """Tells what is shed as any other problem, and counts it apart: whoever is woken by answers of 503 leaves it out."""
    for code in SHED:
        shed.labels(code)

    async def told(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ShedError)
        shed.labels(error.code).inc()
        return error.response()

    app.add_exception_handler(ShedError, told)
