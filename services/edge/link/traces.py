"""Spans of the requests to intake: one for each batch that holds a sampled event, in the trace of the first of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from contracts.face import tracing
from services.edge.domain.window import Waiting
from services.edge.link.intake import UnansweredError

# The other sampled events of a batch, as links of its span.
LINKS_MAX = 100


@contextmanager
def sending(batch: Sequence[Waiting]) -> Iterator[str | None]:
    """Around one request: the traceparent that it carries, None when nothing of the batch is followed."""
    sampled = _sampled(batch) if tracing.is_on() else []
    if not sampled:
        yield None
        return
    about: dict[str, str | int] = {"http.request.method": "POST", "messaging.batch.message_count": len(batch)}
    span = tracing.start("POST /v1/events", sampled[0], "CLIENT", about, sampled[1 : LINKS_MAX + 1])
    try:
        yield tracing.of(span)
    except UnansweredError as error:
        tracing.fail(span, error.kind)
        raise
    finally:
        span.end()


def _sampled(batch: Sequence[Waiting]) -> list[str]:
    found = (_WRITTEN.decode(each.body).traceparent for each in batch)
    return list(dict.fromkeys(each for each in found if each is not None and tracing.is_sampled(each)))


class _Written(Struct):
    traceparent: str | None = None


_WRITTEN = msgspec.json.Decoder(_Written)
