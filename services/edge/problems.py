"""Problems as HTTP tells them (RFC 9457): a status, a stable `code`, a sentence that quotes nothing that was sent."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
from starlette.responses import Response

PROBLEM = "application/problem+json"


class ProblemError(Exception):
    """Ends a request; nothing of it was kept."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after_seconds: float | None = None,
                 headers: Mapping[str, str] | None = None, members: Mapping[str, Any] | None = None) -> None:  # fmt: skip
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        if retry_after_seconds is not None:
            self.headers["Retry-After"] = str(max(1, ceil(retry_after_seconds)))

    def response(self) -> Response:
        """The answer that tells it."""
        told = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        told |= {"code": self.code, "detail": self.detail} | self.members
        return Response(msgspec.json.encode(told), self.status, self.headers, PROBLEM)
