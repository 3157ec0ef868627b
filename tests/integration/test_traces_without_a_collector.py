"""A collector that is away, or never answers, hurts nobody: events are stored and counted, processes end when told."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from contracts.topics import lifecycle
from tests.intake_bad_inputs import event, packed
from tests.integration.edge_line import line, start_edge
from tests.integration.intake_calls import CENTRE_BATCH, REQUEST_SECONDS, post, read, wait_until
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(280)]

EVENTS, BATCH_EVENTS = 3_000, 500
LIFECYCLE = lifecycle(1).name
# Small, so that far more spans end than it holds.
QUEUE_SPANS = 64
STOPPED_WITHIN_SECONDS = 15.0


@pytest.fixture(params=["away", "deaf"])
def endpoint(request: pytest.FixtureRequest, port_base: int) -> Iterator[str]:
    """Nobody listens, or somebody who takes connections and never says a word."""
    if request.param == "away":
        yield f"http://127.0.0.1:{port_base}"
        return
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_events_are_stored_and_counted_and_processes_end_when_told(
    province: Province, endpoint: str, tmp_path: Path
) -> None:
    """Also: every lifecycle record of an event carries its trace, and audit finds every stage equal to the next."""
    told = {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE_SPANS), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(QUEUE_SPANS),
        # So that each has waited in vain before it is told to end.
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
    }  # fmt: skip
    with line() as way:
        services = [province.start(name, ready=False, **told) for name in ("intake", "processing", "metrics")]
        api, asked = province.start("metrics-api", ready=False), province.start("processing-api", ready=False)
        for service in (*services, api, asked):
            service.wait_ready()
        way.to(services[0])
        edge = start_edge(province, way, tmp_path / "edge", **told)
        for start in range(0, EVENTS, BATCH_EVENTS):
            events = [event(id=f"t-{start + each}", subject=f"T.{start + each}") for each in range(BATCH_EVENTS)]
            assert post(edge, "/v1/events", CENTRE_BATCH, packed(events)).status_code == 202
        wait_until(lambda: counted(api) == EVENTS, within_seconds=120)
        # By dossier: what the edge has sent again, because an answer was slow, is there twice.
        headers = {record.key: dict(record.headers) for record in read(province.kafka, LIFECYCLE).values() if record.key}
        assert len([each for each in headers.values() if each.get("traceparent")]) == EVENTS
        verified = province.run("services.audit.main", "verify", "--sample", "50")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        for service in (edge, *services):
            assert service.stop(STOPPED_WITHIN_SECONDS) in (0, -15, 143), f"{service.name} had to be killed"
            assert "Failed to export" in service.log_file.read_text() or "Transient error" in service.log_file.read_text()


def counted(api: Service) -> int:
    """What unit 19753 has submitted by the metrics API."""
    answer = requests.get(f"{api.base_url}/v1/units/19753?role=receiver", timeout=REQUEST_SECONDS)
    return int(answer.json()["counters"]["submitted"]) if answer.status_code == 200 else -1
