"""Traces are off unless OpenTelemetry's own variables ask for them, and off means: nothing is loaded."""

import subprocess
import sys

import pytest

from contracts.face import tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "intake", "OTEL_TRACES_SAMPLER": "always_on"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "zipkin"}, False),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], wanted: bool) -> None:
    assert tracing.is_wanted(environment) == wanted


@pytest.mark.parametrize(
    ("traceparent", "sampled"),
    [
        (SAMPLED, True),
        (SAMPLED[:-1] + "0", False),
        (SAMPLED[:-2] + "03", True),
        ("00-" + "0" * 32 + SAMPLED[35:], False),
        (SAMPLED.upper(), False),
        (SAMPLED + "\n", False),
        ("t" * 512, False),
        ("046203001234", False),
    ],
)
def test_only_a_traceparent_that_says_so_is_sampled(traceparent: str, sampled: bool) -> None:
    """Senders may put any text there."""
    assert tracing.is_sampled(traceparent) == sampled


def test_off_loads_no_sdk_and_gives_no_traceparent() -> None:
    script = (
        "import sys\nfrom contracts.face import logs, tracing\nwith logs.begun('intake'):\n"
        "    assert not tracing.is_on() and tracing.current() is None and tracing.place() == {}\n"
        "    assert tracing.telemetry()['tracing'] is False\n"
        "    assert not [name for name in sys.modules if name.startswith('opentelemetry')], 'loaded'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_tracestate_does_not_reach_the_collector_with_a_span_nor_with_its_links() -> None:
    script = (
        "from contracts.face.exporting import Closed\n"
        "from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\n"
        "from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter\n"
        "from opentelemetry.trace import Link, get_current_span\n"
        "from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator\n"
        "kept, provider = InMemorySpanExporter(), TracerProvider()\n"
        "provider.add_span_processor(SimpleSpanProcessor(Closed(kept)))\n"
        f"sent = {{'traceparent': '{SAMPLED}', 'tracestate': 'note=some name'}}\n"
        "above = TraceContextTextMapPropagator().extract(sent)\n"
        "other = Link(get_current_span(above).get_span_context(), {'note': 'some name'})\n"
        "provider.get_tracer('x').start_span('x', above, links=[other]).end()\n"
        "provider.get_tracer('x').start_span('without a parent').end()\n"
        "below, _ = kept.get_finished_spans()\n"
        f"assert f'{{below.parent.span_id:016x}}' == f'{{below.links[0].context.span_id:016x}}' == '{SAMPLED[36:52]}'\n"
        f"assert f'{{below.context.trace_id:032x}}' == '{SAMPLED[3:35]}' and below.context.trace_flags.sampled\n"
        "assert b'some name' not in encode_spans(kept.get_finished_spans()).SerializeToString()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
