"""The world outside in containers: the lab's image is built and plays the fortnight, and a scenario of load, into a city."""

import json
import time
from collections.abc import Iterator

import pytest

from tests import drawn, few_events
from tests.containers.composed import IS_BUILT, REPOSITORY, UNIT, UP_WITHIN_SECONDS, Composed, running
from tests.dashboards import dashboards, queries

PLAYED_WITHIN_SECONDS = 600
# At a city's own pace: rates want two scrapes, rules that ask for others' results two evaluations more.
DRAWN_WITHIN_SECONDS = 300.0
LAST_DAY = "2025-07-14"
CHOSEN = {"role": "receiver", "tier": ".*", "unit": UNIT, "__rate_interval": "1m", "__range": "10m"}
# All promises kept, or times not to be judged on this machine. 1 is a broken promise, and this scenario has those of counts
# alone; 2 is not to have come to the end.
RAN = (0, 3)

pytestmark = [pytest.mark.containers, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    """An empty city that lives by the log's clock, and the lab's image beside it."""
    with running("motcua-test-lab", "log") as stack:
        if not IS_BUILT:
            stack("build", "demo", "load", within_seconds=UP_WITHIN_SECONDS)
        yield stack


def test_the_fortnight_comes_out_as_published(composed: Composed) -> None:
    """Every row of its table is equal, with the keys that were made at the first start; verify agrees."""
    told = composed("run", "--rm", "-T", "demo", within_seconds=PLAYED_WITHIN_SECONDS)
    assert "17,710" in told, told
    assert "clean" in composed("run", "--rm", "-T", "verify", within_seconds=600).splitlines()[-1]


def test_a_scenario_of_load_runs_to_its_report(composed: Composed) -> None:
    """With an edge and links of its own in the lab's container, and with them Toxiproxy; what a machine keeps is its own."""
    addresses = ("--intake=http://intake:8001", "--metrics=http://metrics-api:8003", "--dossiers=http://processing-api:8002")
    scenario = ("lab.load.main", "run", "/scenarios/smoke.toml", *addresses, "--out=/reports")
    mounted = ("-v", f"{REPOSITORY / 'tests' / 'load_scenarios'}:/scenarios:ro")
    composed("run", "--rm", "-T", *mounted, "load", *scenario, within_seconds=PLAYED_WITHIN_SECONDS, statuses=RAN)
    assert "smoke" in composed("run", "--rm", "-T", "load", "lab.load.main", "index", "/reports")


def test_every_panel_has_something_to_show(composed: Composed) -> None:
    """Compose's own Prometheus, with the targets and the pace that it ships, is asked each query after the demo: none is
    refused, none stays empty but those that have something to show in trouble alone and show nothing instead."""
    key = json.loads(composed("run", "--rm", "-T", "--entrypoint", "cat", "operators", "/secrets/keys.plain.json"))[UNIT]
    intake, prometheus = (f"http://127.0.0.1:{composed.ports[door]}" for door in ("INTAKE", "PROMETHEUS"))
    # Nobody sends twice in a demo, or what fits nowhere.
    events = few_events.odd(UNIT, LAST_DAY)
    told = composed.patiently("INTAKE", "/v1/events", events, key, "application/cloudevents-batch+json")
    assert {each["status"] for each in told["results"]} == {"stored"}
    series, left = drawn.asking(prometheus, CHOSEN), list(queries(dashboards()))
    assert len(left) > 200
    deadline = time.monotonic() + DRAWN_WITHIN_SECONDS
    while True:
        # The edge beside the city has nothing to send, and so no source to speak for: one centre says that it is there.
        drawn.beat(intake, UNIT, key)
        left = drawn.silent(left, series)
        if not left or time.monotonic() > deadline:
            break
        time.sleep(5.0)
    assert not left, "\n".join(map(str, left))
