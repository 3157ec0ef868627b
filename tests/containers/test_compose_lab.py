"""The world outside in containers: the lab's image is built and plays the fortnight, and a scenario of load, into a city."""

from collections.abc import Iterator

import pytest

from tests.containers.composed import IS_BUILT, REPOSITORY, UP_WITHIN_SECONDS, Composed, running

PLAYED_WITHIN_SECONDS = 600
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
