"""`/docs` works where no other host can be reached; whatever goes wrong is told as a problem."""

import asyncio
import json
import re
from typing import Any

import pytest
from fastapi import FastAPI

from contracts.face.problems import ProblemError, tell_problems
from tests.unit.intake_world import World

REFERENCE = re.compile(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""")
ELSEWHERE = re.compile(r"https?://|^//")


def test_the_page_of_the_interface_asks_no_other_host() -> None:
    """Every script, style and picture that it names is a path of the service itself, and is there."""
    world = World()
    page = world.get("/docs")
    named = REFERENCE.findall(page.body.decode())
    assert page.status == 200
    assert any(each.endswith(".js") for each in named), named
    assert any(each.endswith(".css") for each in named), named
    assert [each for each in named if ELSEWHERE.search(each)] == []
    for path in named:
        assert world.get(path).status == 200, path


def test_what_is_not_among_its_files_is_a_problem_like_any_other() -> None:
    answer = World().get("/static-offline-docs/nothing.js")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


def test_what_nobody_foresaw_is_told_as_a_problem_and_quotes_nothing() -> None:
    """The server hears of it, too."""
    app = FastAPI()
    tell_problems(app, "something broke here")
    sent: list[Any] = []

    @app.get("/")
    async def door() -> None:
        raise RuntimeError("a citizen's name")

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(told: Any) -> None:
        sent.append(told)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(RuntimeError, match="a citizen's name"):
        asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"]) == {
        "type": "about:blank", "title": "Internal Server Error", "status": 500, "code": "internal_error",
        "detail": "something broke here",
    }  # fmt: skip


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.2, "2")])
def test_who_is_to_come_back_is_told_whole_seconds_and_one_at_least(seconds: float, told: str) -> None:
    assert ProblemError(503, "too_busy", "later", retry_after_seconds=seconds).headers == {"Retry-After": told}
