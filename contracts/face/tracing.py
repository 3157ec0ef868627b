"""Traces by OpenTelemetry: off unless its standard variables ask for them, and then nothing is loaded, sent or added."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

# The header of a lifecycle record; on reported records it is the CloudEvents extension of the same name.
TRACEPARENT: Final = "traceparent"
# Asked every few seconds by whoever watches, or open for hours.
_NOT_TRACED: Final = frozenset({"/healthz", "/readyz", "/metrics", "/metrics/dossiers", "/v1/stream"})
_FORM: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_log = logging.getLogger(__name__)

_provider: "TracerProvider | None" = None
_tracer: "Tracer | None" = None


def begin(service: str) -> None:
    """Traces from here on, if the environment wants it; called once, before anything else is built."""
    global _provider, _tracer
    if not is_wanted(os.environ):
        return
    from contracts.face.exporting import provider

    _provider = provider(service)
    _tracer = _provider.get_tracer("motcua")


def is_wanted(environment: Mapping[str, str]) -> bool:
    """OTEL_TRACES_EXPORTER=otlp, or an OTLP endpoint alone; anything else is off, and what cannot be served is said."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    if not exporter and not any(environment.get(name) for name in _ENDPOINTS):
        return False
    protocol = next(filter(None, (environment.get(name) for name in _PROTOCOLS)), "http/protobuf")
    if exporter not in ("", "otlp") or protocol != "http/protobuf":
        _log.warning("no traces: OTEL_TRACES_EXPORTER=otlp by http/protobuf is what is known here")
        return False
    return True


def is_on() -> bool:
    """Whether anything is traced: the one question on the path of every event."""
    return _tracer is not None


def telemetry() -> "TelemetryConfig":
    """For `FastAPI(telemetry=…)`: its own server spans when traces are on, and never its logs, which quote what was sent."""
    return {
        "tracer_provider": _provider,
        "tracing": _provider is not None,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": lambda scope: scope.get("path") in _NOT_TRACED,
    }


def is_sampled(traceparent: str) -> bool:
    """Whether this traceparent says that its trace is recorded."""
    return _FORM.fullmatch(traceparent) is not None and bool(int(traceparent[-2:], 16) & 1)


def start(name: str, traceparent: str, kind: str, attributes: Mapping[str, str | int], links: Sequence[str] = ()) -> "Span":
    """A span below the one that a traceparent names, only where traces are on. Whoever starts it ends it."""
    from opentelemetry.trace import Link, SpanKind, get_current_span

    assert _tracer is not None, "ask is_on first"
    linked = [Link(get_current_span(_context(each)).get_span_context()) for each in links]
    return _tracer.start_span(name, _context(traceparent), SpanKind[kind], attributes, linked)


def fail(span: "Span", why: str) -> None:
    """What the span stands for did not come about."""
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", why)


def event(source: str, event_id: str) -> dict[str, str | int]:
    """The attributes by which an event is found again."""
    return {"cloudevents.event_source": source, "cloudevents.event_id": event_id}


def place_in(topic: str, partition: int, offset: int) -> dict[str, str | int]:
    """The attributes of a record's place."""
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": offset,
    }


def current() -> str | None:
    """The traceparent of the span that is open here; None when there is none."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span

    return of(get_current_span())


def of(span: "Span") -> str | None:
    """The traceparent that names a span; None for one that is none."""
    found = span.get_span_context()
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"


def place() -> dict[str, Any]:
    """The trace and span in which something is logged, as fields of the line."""
    if _tracer is None:
        return {}
    from opentelemetry.trace import get_current_span

    found = get_current_span().get_span_context()
    return {"trace_id": f"{found.trace_id:032x}", "span_id": f"{found.span_id:016x}"} if found.is_valid else {}


def _context(traceparent: str) -> "Context":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({TRACEPARENT: traceparent})
