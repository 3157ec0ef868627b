"""Spans on their way out: in a bounded queue, by OTLP, with the allowed attributes alone; loaded where traces are on."""

import atexit
import os
import threading
from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, Status

from contracts.face import guarded

# A collector that is away must not hold up the end of a process: whoever keeps it would kill it.
STOP_SECONDS: Final = 2.0
# Not `url.path`, not `url.query`, not the Host header: these hold codes of dossiers and whatever was sent.
ATTRIBUTES: Final = frozenset(
    {
        "error.type", "http.request.method", "http.response.status_code", "http.route", "url.scheme",
        "messaging.batch.message_count", "messaging.destination.name", "messaging.destination.partition.id",
        "messaging.kafka.offset", "messaging.operation.type", "messaging.system", "motcua.code",
    }
)  # fmt: skip
# Those whose values senders choose, with the field of a log line that has the same form.
GUARDED: Final = {"cloudevents.event_id": "event_id", "cloudevents.event_source": "event_source"}


def provider(service: str) -> TracerProvider:
    """The SDK as its own variables set it up: OTEL_TRACES_SAMPLER, OTEL_BSP_… (the queue), OTEL_EXPORTER_OTLP_…"""
    made = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
    processor = BatchSpanProcessor(Closed(OTLPSpanExporter()))
    made.add_span_processor(processor)
    atexit.register(_stop, processor)
    return made


class Closed(SpanExporter):
    """Passes on spans without what nobody has allowed."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends them."""
        return self._exporter.export([_closed(span) for span in spans])

    def shutdown(self) -> None:
        """Sends nothing more."""
        self._exporter.shutdown()


def _closed(span: ReadableSpan) -> ReadableSpan:
    given = span.attributes or {}
    kept = {name: value for name, value in given.items() if name in ATTRIBUTES}
    for name, form in GUARDED.items():
        if name in given and (said := guarded.FIELDS[form](given[name])) is not None:
            kept[name] = said
    return ReadableSpan(
        name=guarded.text(span.name),
        context=_named(span.context),
        parent=None if span.parent is None else _named(span.parent),
        resource=span.resource,
        attributes=kept,
        links=[Link(_named(link.context)) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _named(place: SpanContext) -> SpanContext:
    """Without `tracestate`, in which a sender may have written anything."""
    return SpanContext(place.trace_id, place.span_id, place.is_remote, place.trace_flags)


def _resource(service: str) -> Resource:
    is_named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({} if is_named else {"service.name": f"motcua-{service}"})


def _stop(processor: BatchSpanProcessor) -> None:
    """What waits is sent, unless that takes long: the SDK itself would try for half a minute."""
    ending = threading.Thread(target=processor.shutdown, daemon=True)
    ending.start()
    ending.join(STOP_SECONDS)
