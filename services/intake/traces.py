"""Spans of the events that go into the archive: one for each sampled event, from here to Kafka's acknowledgement."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from contracts.events import Event
from contracts.face import tracing
from contracts.topics import REPORTED
from services.intake.domain.answers import Position

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def carried(events: Sequence[Event], traceparent: str) -> list[Event]:
    """The events, those that came without a traceparent with that of the request."""
    return [
        event if event.traceparent is not None else msgspec.structs.replace(event, traceparent=traceparent)
        for event in events
    ]


def begin(events: Sequence[Event]) -> "dict[int, Span]":
    """Open spans by index."""
    return {
        index: tracing.start(f"send {REPORTED.name}", event.traceparent, "PRODUCER", tracing.event(event.source, event.id))
        for index, event in enumerate(events)
        if event.traceparent is not None and tracing.is_sampled(event.traceparent)
    }


def end(spans: "dict[int, Span]", positions: Sequence[Position | None]) -> None:
    """What Kafka said of each."""
    for index, span in spans.items():
        if (kept := positions[index]) is None:
            tracing.fail(span, "not_acknowledged")
        else:
            span.set_attributes(tracing.place_in(REPORTED.name, kept.partition, kept.offset))
        span.end()
