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
