"""The doors of both workers, on real sockets: one form for all that is asked of them; each says of itself what it must."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import requests
from prometheus_client import CollectorRegistry, Gauge

from deploy.local.checks import free_port_base, give_back
from services.metrics.worker.door import Door
from services.metrics.worker.health import Health
from services.processing.errors import MisconfiguredError
from services.processing.instruments import Instruments
from services.processing.worker import door as processing_door
from services.processing.worker.state import State

WITHIN_SECONDS = 10
HOST = "127.0.0.1"
PROBLEM = "application/problem+json"


class Doors(NamedTuple):
    """Their addresses by the name of their worker, and what stands behind them."""

    urls: dict[str, str]
    state: State
    counting: Door
    base: int


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    base, registry = free_port_base(), CollectorRegistry()
    Gauge("motcua_of_the_test", "A figure.", registry=registry).set(7)
    state, counting = State(Instruments()), Door(lambda: Health(("waiting for Kafka",)), registry)
    processing_door.open_door(state, HOST, base)
    counting.open(HOST, base + 1)
    yield Doors({"processing": f"http://{HOST}:{base}", "metrics": f"http://{HOST}:{base + 1}"}, state, counting, base)
    give_back(base)


@pytest.fixture(params=["processing", "metrics"])
def url(doors: Doors, request: pytest.FixtureRequest) -> str:
    return doors.urls[request.param]


def ask(url: str, method: str = "GET") -> requests.Response:
    return requests.request(method, url, timeout=WITHIN_SECONDS)


def test_what_is_there_is_shown(url: str) -> None:
    """Health, figures, and the page of the interface with its description."""
    assert ask(f"{url}/healthz").json() == {"status": "alive"}
    assert ask(f"{url}/metrics").headers["Content-Type"].startswith("text/plain; version=")
    assert ask(f"{url}/docs").status_code == 200
    assert set(ask(f"{url}/openapi.json").json()["paths"]) == {"/healthz", "/readyz", "/metrics"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_another_method_is_refused_as_everywhere(url: str, path: str, method: str) -> None:
    """A problem with its code, never a page of HTML."""
    answer = ask(url + path, method)
    assert (answer.status_code, answer.headers["Content-Type"], answer.json()["code"]) == (
        405,
        PROBLEM,
        "method_not_allowed",
    )


def test_what_is_not_there_is_a_problem(url: str) -> None:
    answer = ask(f"{url}/nowhere")
    assert (answer.status_code, answer.headers["Content-Type"], answer.json()["code"]) == (404, PROBLEM, "not_found")


def test_processing_says_why_it_is_not_ready(doors: Doors) -> None:
    answer = ask(f"{doors.urls['processing']}/readyz")
    assert (answer.status_code, answer.json()["code"], answer.json()["reasons"]) == (503, "not_ready", ["starting"])


def test_metrics_says_why_it_is_not_ready_and_what_else_there_is_to_know(doors: Doors) -> None:
    """Whoever it asks may change; the members are the same whether it is ready or not."""
    url = f"{doors.urls['metrics']}/readyz"
    answer = ask(url)
    assert (answer.status_code, answer.headers["Content-Type"], answer.json()["code"]) == (503, PROBLEM, "not_ready")
    members = {"ready": False, "reasons": ["waiting for Kafka"], "notes": []}
    assert members.items() <= answer.json().items()
    doors.counting.health = lambda: Health((), ("rebuilding partitions 3",))
    answer = ask(url)
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": [], "notes": ["rebuilding partitions 3"]})
    assert "motcua_of_the_test 7.0" in ask(f"{doors.urls['metrics']}/metrics").text


def test_a_port_that_is_somebody_else_s_is_said(doors: Doors) -> None:
    with pytest.raises(MisconfiguredError, match=f"port {doors.base} of {HOST}"):
        processing_door.open_door(doors.state, HOST, doors.base)
    with pytest.raises(OSError, match="in use"):
        doors.counting.open(HOST, doors.base)
