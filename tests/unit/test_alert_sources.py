"""Figures that alerts are made of, where they are made: servers that do not answer, counters that begin at 0."""

import asyncio

import pytest

from services.intake.archive import NotUsableError
from services.intake.gate import Gate
from services.intake.instruments import Instruments as IntakeInstruments
from services.processing.instruments import Instruments as ProcessingInstruments
from services.processing.worker.state import State


class Broken:
    """Checks that find what they are told to find."""

    def __init__(self, code: str | None) -> None:
        self.code = code

    def check(self) -> None:
        """NotUsableError with that code."""
        if self.code is not None:
            raise NotUsableError(self.code, "says the test")


@pytest.mark.parametrize(("code", "expected"), [(None, 0), ("topic_missing", 0), ("kafka_unreachable", 1)])
def test_intake_tells_a_kafka_that_is_away_from_one_that_is_wrong(code: str | None, expected: int) -> None:
    """Both keep the door shut; one is an outage, the other a mistake in setting up."""
    instruments = IntakeInstruments()
    asyncio.run(Gate(Broken(code), instruments, recheck_seconds=60).look())
    assert instruments.registry.get_sample_value("motcua_intake_kafka_unreachable") == expected
    assert instruments.registry.get_sample_value("motcua_intake_ready") == (code is None)


@pytest.mark.parametrize(
    ("away", "waits_for", "expected"),
    [
        ((), None, {"kafka": 0, "redis": 0}),
        (("Redis",), None, {"kafka": 0, "redis": 1}),
        (("Kafka", "Redis"), None, {"kafka": 1, "redis": 1}),
        ((), "kafka_unreachable: as it started", {"kafka": 1, "redis": 0}),
        ((), "starting", {"kafka": 0, "redis": 0}),
    ],
)
def test_processing_tells_who_is_away_also_while_it_starts(
    away: tuple[str, ...], waits_for: str | None, expected: dict[str, int]
) -> None:
    """A worker that waits for Kafka at its start has no partition and still says why."""
    instruments = ProcessingInstruments()
    state = State(instruments)
    state.away(away)
    state.waits_for(waits_for)
    state.exposition()
    for server, number in expected.items():
        assert instruments.registry.get_sample_value("motcua_processing_unreachable", {"server": server}) == number
