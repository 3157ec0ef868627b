"""Problems as HTTP tells them (RFC 9457): a status, a stable `code`, a sentence that quotes nothing that was sent."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = 5


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """The answer that tells it; `members` stand beside the usual ones."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail}
    return Response(msgspec.json.encode(told | members), status, dict(headers or {}), PROBLEM)


def not_yet(code: str, detail: str, **members: Any) -> Response:
    """Not now, and not the request's fault."""
    return problem(503, code, detail, {"Retry-After": str(RETRY_AFTER_SECONDS)}, **members)
