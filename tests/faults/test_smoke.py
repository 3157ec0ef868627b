"""A smoke of faults while events pour in: the figures are those of what was handed in, and the verdict can fail."""

from collections.abc import Iterator

import pytest

from tests.faults.load import load
from tests.faults.plan import chosen
from tests.faults.proxy import OwnLines
from tests.faults.rounds import Life
from tests.faults.stand import Stand

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

SEED = 5
# Whatever hurts most, as much of it at once as a minute bears.
GROUPS = (
    ("kill_processing", "stop_metrics", "die_metrics", "line_unanswered", "batch_withheld"),
    ("stop_processing", "die_processing", "kill_metrics", "flush_valkey", "kill_edge", "batch_shuffled"),
    ("kill_kafka", "kill_intake", "batch_duplicated"),
)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A stand of its own, whose servers may be killed."""
    stand = Stand(tmp_path_factory.mktemp("stand"), lambda base: OwnLines())
    try:
        stand.open()
        yield Life(stand)
    finally:
        stand.close()
        stand.lines.close()


# It takes a minute; on a machine that is busy with other things, many.
@pytest.mark.timeout(900)
def test_no_fault_changes_a_figure(life: Life) -> None:
    """Kills, also between producing and committing; zombies; FLUSHALL; a dead broker; answers lost after commits."""
    outcome = life.round(chosen(SEED, 0, GROUPS), load(SEED, 0, dossiers_per_unit=25))
    assert outcome.failed is None
    assert outcome.verdict is not None
    assert outcome.verdict.said == ()
    assert outcome.clean
    assert sorted(each.kind for each in outcome.suffered) == sorted(kind for group in GROUPS for kind in group)


@pytest.mark.timeout(300)
def test_an_event_that_vanishes_and_one_that_comes_twice_are_found(life: Life) -> None:
    """Sabotage on the way: the archive lacks one that was handed in, and has one, under a new id, that nobody handed in."""
    outcome = life.round(chosen(SEED, 1, ()), load(SEED, 1, dossiers_per_unit=4), sabotage=("drop", "double"))
    assert outcome.failed is None
    assert outcome.verdict is not None
    assert outcome.verdict.lost >= 1
    assert outcome.verdict.double >= 1
    assert not outcome.clean
