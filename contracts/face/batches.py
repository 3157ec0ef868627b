"""What a body of events holds: one, or a batch of them, each still unread."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from contracts.events import without_values
from contracts.face.bodies import ONE
from contracts.face.problems import ProblemError


def items(kind: str, body: bytes, events_max: int) -> Sequence[bytes | Raw]:
    """The events of a body of media type `kind`; ProblemError 400 or 413 when the body as a whole is none."""
    check_json(body)
    if kind == ONE:
        return (body,)
    try:
        found = msgspec.json.decode(body, type=list[Raw])
    except msgspec.ValidationError as error:
        raise ProblemError(400, "invalid_body", without_values(str(error))) from error
    if len(found) > events_max:
        raise ProblemError(413, "batch_too_large", f"a batch has at most {events_max} events")
    return found


def check_json(body: bytes) -> None:
    """Readable or not is a question of the whole body: UTF-8, and one JSON value whatever its shape."""
    try:
        body.decode()
        msgspec.json.decode(body, type=Raw)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, "unreadable", "the body is not JSON in UTF-8") from error
