"""Problems as HTTP tells them (RFC 9457): a status, a stable `code`, a sentence that quotes nothing that was sent."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

PROBLEM = "application/problem+json"
# Whoever waits this long finds a Redis that was only restarted.
RETRY_AFTER_SECONDS = 2


class ProblemError(Exception):
    """Ends a request with a problem; `members` stand beside the usual ones."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> Response:
        """The answer that tells it."""
        told = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return Response(msgspec.json.encode(told | self.members), self.status, self.headers, PROBLEM)


def not_now(code: str, detail: str) -> ProblemError:
    """Not now, and not the request's fault: asked again later, it may go well."""
    return ProblemError(503, code, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
