"""Problems as HTTP tells them (RFC 9457): a status, a stable `code`, a sentence that quotes nothing that was sent."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

PROBLEM: Final = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with a problem, nothing of it was kept; `members` stand beside the usual ones."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
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
        told = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return Response(msgspec.json.encode(told | self.members), self.status, self.headers, PROBLEM)


def tell_problems(app: FastAPI, fault: str) -> None:
    """Whatever goes wrong in an application is told as a problem; `fault` is the sentence for what nobody foresaw."""

    async def told(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return error.response()

    async def refused_by_routing(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).name.lower()
        return ProblemError(error.status_code, code, error.detail, headers=error.headers).response()

    async def unexpected(_request: Request, _error: Exception) -> Response:
        return ProblemError(500, "internal_error", fault).response()

    app.add_exception_handler(ProblemError, told)
    app.add_exception_handler(HTTPException, refused_by_routing)
    app.add_exception_handler(Exception, unexpected)
