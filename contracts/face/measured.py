"""What a service measures of its requests, and how Prometheus reads it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Final, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Found = TypeVar("Found")

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
OTHER: Final = "other"
# What a service answers that could not: its own fault, and not now.
FAULTS: Final = ("500", "503")
# Longer than this no scrape of /metrics waits to know whether a service can do its job; then it cannot.
READY_SECONDS_MAX: Final = 2.0


class Measured:
    """Counts every request (labels route, method, status) and times it to its end (label route).

    A path that `route_of` knows nothing of and a strange method are `other`, so that labels stay bounded.
    """

    def __init__(self, app: ASGIApp, requests: Counter, seconds: Histogram, route_of: Callable[[str], str]) -> None:
        self._app = app
        self._requests = requests
        self._seconds = seconds
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route, method = self._route_of(scope["path"]), method_of(scope["method"])
        status, began = "500", perf_counter()

        async def send_on(sent: Message) -> None:
            nonlocal status
            if sent["type"] == "http.response.start":
                status = str(sent["status"])
            await send(sent)

        try:
            await self._app(scope, receive, send_on)
        finally:
            self._requests.labels(route, method, status).inc()
            self._seconds.labels(route).observe(perf_counter() - began)


class Exposition(Response):
    """The form of `/metrics` for the OpenAPI page."""

    media_type = "text/plain"


def exposition(registry: CollectorRegistry) -> Response:
    """The answer to `/metrics`."""
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def begin_faults(requests: Counter, method: str, routes: Iterable[str]) -> None:
    """Has answers of 5xx begin at 0: Prometheus does not see the rise of a counter that is first seen at 50."""
    for route in routes:
        for status in FAULTS:
            requests.labels(route, method, status)


async def is_ready(reasons: Awaitable[Sequence[str]]) -> bool:
    """Whether there is no reason against it, as whoever scrapes finds it."""
    found = await in_time(reasons)
    return found is not None and not found


async def in_time(look: Awaitable[Found]) -> Found | None:
    """What a scrape finds by looking; None when that takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS_MAX):
            return await look
    return None


def method_of(method: str) -> str:
    """The method as a label."""
    return method if method in METHODS else OTHER


def one_of(routes: frozenset[str]) -> Callable[[str], str]:
    """`route_of` where every route is a path without parts that vary."""
    return lambda path: path if path in routes else OTHER
