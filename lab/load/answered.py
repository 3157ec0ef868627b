"""What came back for a batch: what intake says of each event, for how long to stay away, the bytes that crossed for it."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

# `POST /v1/events HTTP/1.1` or `HTTP/1.1 200 OK`, and the empty line.
HEAD_LINES_BYTES = 28


class Result(Struct):
    """What intake says of one event."""

    id: str | None
    status: str
    code: str | None = None
    partition: int | None = None
    offset: int | None = None


class Reply(Struct):
    """The body of an answer."""

    results: list[Result] | None = None
    code: str | None = None


class Answer(Struct, frozen=True):
    """What came back, and the bytes that crossed the line for it each way, but for those of TCP."""

    status: int
    reply: Reply | None
    asked_seconds: float | None
    up: int
    down: int


def head_bytes(headers: Iterable[tuple[str, str]]) -> int:
    """A line for each header and as much for the first and the empty one."""
    return HEAD_LINES_BYTES + sum(len(name) + len(value) + 4 for name, value in headers)


def reply_of(raw: bytes) -> Reply | None:
    """What intake would say; None for what it would not."""
    try:
        return msgspec.json.decode(raw, type=Reply)
    except (ValueError, RecursionError):
        return None


def retry_after(text: str | None) -> float | None:
    """Seconds that intake asks for."""
    return float(text) if text is not None and text.strip().isdecimal() else None
