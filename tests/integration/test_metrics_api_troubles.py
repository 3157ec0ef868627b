"""The metrics API when something is not as it should be: no figures yet, a partition stopped, Redis or Kafka away."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.metrics_by_hand import ByHand, answer, api_of, by_hand
from tests.integration.metrics_logs import wait_until
from tests.province import Service
from tests.servers import Servers

pytestmark = pytest.mark.kafka

FIGURES = ["/v1/units?role=receiver", "/v1/units?day=2025-07-01", "/v1/units/19753", "/v1/units/19753/days"]


@pytest.fixture(scope="module")
def figures(servers: Servers) -> Iterator[ByHand]:
    """Figures written by hand."""
    with by_hand(servers) as found:
        yield found


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory, module_port_base: int) -> Iterator[Service]:
    """An API on them, whose Kafka is away."""
    nobody = f"127.0.0.1:{module_port_base}"
    with api_of(servers, tmp_path_factory.mktemp("api"), MOTCUA_KAFKA=nobody) as found:
        yield found


def refused(api: Service, path: str, code: str) -> None:
    """A problem of 503 that says when to ask again."""
    status, headers, body = answer(api, path)
    assert (status, headers["content-type"], json.loads(body)["code"]) == (503, "application/problem+json", code), path
    assert int(headers["retry-after"]) >= 1


def series(api: Service) -> list[str]:
    """The series of the scrape, line by line."""
    status, _, body = answer(api, "/metrics/dossiers")
    assert status == 200
    return [line for line in body.decode().splitlines() if not line.startswith("#")]


def test_before_anything_is_counted_there_are_no_figures(figures: ByHand, api: Service) -> None:
    """No position, a position that trails its target, a wipe under way: rebuilding; the scrape has that and names."""

    def is_rebuilding() -> None:
        for path in FIGURES:
            refused(api, path, "rebuilding")
        told = series(api)
        assert {line for line in told if not line.startswith("motcua_unit_info{")} == {
            "motcua_metrics_rebuilding 1", "motcua_metrics_heartbeats_read 0"
        }  # fmt: skip
        status, _, body = answer(api, "/readyz")
        problem = json.loads(body)
        assert (status, problem["code"]) == (503, "not_ready")
        assert [reason.split(":")[0] for reason in problem["reasons"]] == ["rebuilding"]

    figures.forget()
    is_rebuilding()
    figures.places()
    figures.place(4, next=4)
    is_rebuilding()
    figures.place(4)
    figures.write("build", {"id": "one", "wiping": "1"})
    is_rebuilding()
    figures.client.hdel("motcua:metrics:g90:build", "wiping")
    for path in FIGURES:
        assert answer(api, path)[0] == 200
    assert "motcua_metrics_rebuilding 0" in series(api)
    assert answer(api, "/readyz")[0] == 200


def test_a_stopped_partition_marks_what_is_answered(figures: ByHand, api: Service) -> None:
    """Figures as of what is counted, with the reason beside them; not ready."""
    figures.places()
    figures.place(3, stopped="gap", next=4)
    for path in FIGURES:
        status, _, body = answer(api, path)
        assert (status, json.loads(body)["stopped"]) == (200, {"3": "gap"})
    assert 'motcua_metrics_stopped{partition="3",reason="gap"} 1' in series(api)
    status, _, body = answer(api, "/readyz")
    assert (status, json.loads(body)["reasons"]) == (503, ["partition 3 has stopped: gap"])
    told = answer(api, "/metrics")[2].decode()
    assert "motcua_metrics_api_ready 0.0" in told
    assert "motcua_metrics_api_well 1.0" in told
    figures.places()
    assert "stopped" not in json.loads(answer(api, FIGURES[0])[2])


def test_without_kafka_figures_are_told_and_no_lag_of_0_is_claimed(figures: ByHand, api: Service) -> None:
    """The age of the last record counted, or null; ready all the same, with a note."""
    figures.places()
    assert json.loads(answer(api, FIGURES[0])[2])["lag_seconds"] > 3600
    figures.client.hdel("motcua:metrics:g90:p:4", "recorded_at")
    assert json.loads(answer(api, FIGURES[0])[2])["lag_seconds"] is None
    wait_until("Kafka's silence is noted", lambda: "Kafka" in json.loads(answer(api, "/readyz")[2])["notes"][0])
    wait_until("and counted", lambda: b"motcua_metrics_api_kafka_errors_total{" in answer(api, "/metrics")[2])


def test_what_is_no_figure_is_not_told(figures: ByHand, api: Service) -> None:
    """Text where a number should be, a list where a hash should be."""
    figures.places()
    figures.write("total", {"receiver|19753|received": "many"})
    refused(api, FIGURES[0], "unavailable")
    refused(api, "/metrics/dossiers", "unavailable")
    figures.client.delete("motcua:metrics:g90:total")
    figures.client.rpush("motcua:metrics:g90:total", "1")
    refused(api, FIGURES[0], "unavailable")
    figures.forget()


def test_a_unit_whose_figures_are_taken_back_goes_from_the_stream_with_zeros(figures: ByHand, api: Service) -> None:
    """A code that the reference data does not know is shown as long as it has figures; who listens must hear of its end."""

    def rows_told() -> dict[str, int]:
        return {row["unit"]: row["counters"]["received"] for row in next(told)["units"]}

    figures.forget()
    figures.places()
    figures.write("total", {"receiver|former|received": 3, "receiver|19753|received": 2})
    with requests.get(api.base_url + "/v1/stream?role=receiver", stream=True, timeout=15) as answer:
        lines = answer.iter_lines(chunk_size=1)
        told = (json.loads(line[6:]) for line in lines if line.startswith(b"data: ") and b'"units"' in line)
        assert {unit: number for unit, number in rows_told().items() if number} == {"former": 3, "19753": 2}
        figures.write("total", {"receiver|former|received": 0})
        figures.place(0, next=6, closed=5)
        assert rows_told() == {"former": 0}
    figures.forget()


@pytest.fixture
def silence() -> Iterator[socket.socket]:
    """A door behind which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def test_without_redis_every_figure_is_unavailable_in_time(servers: Servers, tmp_path: Path, silence: socket.socket) -> None:
    """It hangs, it is gone: a problem within five seconds; alive, not ready, with the reason."""
    address = f"redis://127.0.0.1:{silence.getsockname()[1]}/0"
    with api_of(servers, tmp_path, MOTCUA_REDIS=address) as api:
        # Whoever scrapes is answered also while Redis hangs, and finds out by it.
        told = answer(api, "/metrics")[2].decode()
        assert "motcua_metrics_api_ready 0.0" in told
        assert "motcua_metrics_api_well 0.0" in told
        assert 'motcua_metrics_api_requests_total{method="GET",route="/v1/units",status="503"} 0.0' in told
        refused(api, FIGURES[0], "unavailable")
        silence.close()
        for path in (*FIGURES, "/metrics/dossiers"):
            refused(api, path, "unavailable")
        status, _, body = answer(api, "/readyz")
        assert (status, [reason.split(":")[0] for reason in json.loads(body)["reasons"]]) == (503, ["redis"])
        assert answer(api, "/healthz")[0] == 200
        told = answer(api, "/metrics")[2].decode()
        assert "motcua_metrics_api_redis_errors_total{" in told
        assert "motcua_metrics_api_ready 0.0" in told
