"""What the metrics worker says of its health: partitions that stopped are one thing, whatever else ails it another."""

from dataclasses import replace

from services.metrics.worker.health import Health, Seen, judge

WELL = Seen(
    is_joined=True, assigned=frozenset({1, 7}), counted=frozenset({1, 7}), stopped={}, behind=frozenset(),
    kafka_away_seconds=0.0, redis_silent_seconds=0.0, redis_silent_max_seconds=5.0, policy="noeviction", differs=None,
)  # fmt: skip
AILING = (
    {"is_joined": False}, {"counted": frozenset({1})}, {"kafka_away_seconds": 11.0}, {"redis_silent_seconds": 6.0},
    {"policy": "allkeys-lru"},
)  # fmt: skip


def test_a_partition_that_stopped_leaves_the_worker_well_and_not_ready() -> None:
    """Each reason with the partitions that it holds of."""
    assert (judge(WELL).is_ready, judge(WELL).is_well) == (True, True)
    stopped = judge(replace(WELL, stopped={7: "gap", 1: "gap"}))
    assert (stopped.is_ready, stopped.is_well) == (False, True)
    assert stopped.reasons == ("partitions stopped (gap): 1, 7",)


def test_whatever_else_ails_it_is_said_beside_a_partition_that_stopped() -> None:
    """Else it could not be told as long as that one is stopped."""
    for each in AILING:
        alone, both = judge(replace(WELL, **each)), judge(replace(WELL, stopped={7: "gap"}, **each))
        assert not alone.is_well
        assert not both.is_well
        assert both.reasons == (*alone.reasons, "partitions stopped (gap): 7")


def test_who_has_not_begun_is_not_well() -> None:
    """Before anybody has judged."""
    assert not Health().is_well
