"""What a worker tells of partitions that are not folded: how much waits there, and nothing of those that are given up."""

import time
from collections.abc import Iterable
from typing import cast

import pytest

from contracts import instants
from services.processing.domain.line import Position
from services.processing.errors import MisconfiguredError, UnavailableError
from services.processing.instruments import Instruments
from services.processing.log.membership import Membership
from services.processing.settings import Settings
from services.processing.worker.serving import MISCONFIGURED, UNAVAILABLE, serve
from services.processing.worker.state import State

NOW = time.time_ns() // 1000
POSITION = Position(offset=40, recorded_at=NOW - instants.HOUR, log_clock=NOW - instants.MINUTE)


class Member:
    """Of the group; it knows the ends that it has fetched."""

    has_joined = True

    def __init__(self, ends: dict[int, int]) -> None:
        self.owned = set(ends)
        self.end_of = ends.get


class Told:
    """A state, and what it says in numbers."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self.state = State(self.instruments)

    def looked(self, ends: dict[int, int], stood: dict[int, Position], resting: Iterable[int] = ()) -> None:
        """A turn ends."""
        self.state.looked(cast(Membership, Member(ends)), {}, resting, stood)

    def of(self, partition: int) -> dict[str, float]:
        """Its series."""
        self.state.exposition()
        names = ("lag_records", "lag_seconds", "log_clock_timestamp_seconds")
        label = {"partition": str(partition)}
        found = {name: self.instruments.registry.get_sample_value(f"motcua_processing_{name}", label) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def value(self, name: str, **labels: str) -> float | None:
        """One figure as told now."""
        self.state.exposition()
        return self.instruments.registry.get_sample_value(f"motcua_processing_{name}", labels)

    def failures(self, partition: int) -> float | None:
        """Of the fold, as told now."""
        self.state.exposition()
        label = {"partition": str(partition)}
        return self.instruments.registry.get_sample_value("motcua_processing_internal_errors_recent", label)


def test_a_partition_that_stopped_at_its_end_falls_behind_as_the_log_grows() -> None:
    """What was fetched last says 40; asked, the log says 47."""
    told = Told()
    told.state.stopped(3, "internal_errors")
    told.looked({3: 40}, {3: POSITION})
    assert (told.of(3)["lag_records"], told.of(3)["lag_seconds"]) == (0, 0)
    told.state.resting_ends({3: 47})
    told.looked({3: 40}, {3: POSITION})
    assert told.of(3)["lag_records"] == 7
    assert told.of(3)["lag_seconds"] >= 3600


def test_a_partition_that_stopped_leaves_its_worker_well_and_not_ready_and_another_reason_leaves_it_neither() -> None:
    """Else nobody could tell, beside a partition that stays stopped, whether the others are folded."""
    told = Told()
    assert (told.value("ready"), told.value("well")) == (0, 0)
    told.state.waits_for(None)
    told.looked({3: 40}, {3: POSITION})
    assert (told.value("ready"), told.value("well")) == (1, 1)
    told.state.stopped(3, "internal_errors")
    assert (told.value("ready"), told.value("well")) == (0, 1)
    assert told.state.reasons() == ["internal_errors: partition 3"]
    told.state.away(("Redis",))
    assert (told.value("ready"), told.value("well")) == (0, 0)
    assert told.state.reasons() == ["redis_unreachable", "internal_errors: partition 3"]


def test_a_partition_that_stopped_at_a_take_over_is_not_told_as_one_that_is_taken_again() -> None:
    """It is looked at again until its topic is corrected: else its worker would be as ill as one whose state is moved."""
    told = Told()
    told.state.waits_for(None)
    told.state.stopped(3, "log_changed", "dossier.reported has retention.ms=3600000 instead of -1: correct the topic")
    told.state.stopped(5, "diverged")
    told.looked({3: 40}, {3: POSITION}, resting=[3])
    assert (told.value("ready"), told.value("well")) == (0, 1)
    assert told.state.reasons() == [
        "log_changed: partition 3 (dossier.reported has retention.ms=3600000 instead of -1: correct the topic)",
        "diverged: partition 5",
    ]
    told.looked({3: 40, 4: 40}, {3: POSITION}, resting=[3, 4])
    assert (told.value("ready"), told.value("well")) == (0, 0)
    assert told.state.reasons()[0] == "taken_again: partition 4"


def test_a_loop_that_stands_still_says_of_no_server_that_it_is_there_or_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it found last would be told as an outage for good, or stand against one that others see."""
    told = Told()
    told.state.waits_for(None)
    told.looked({}, {})
    told.state.away(("Redis",))
    assert (told.value("unreachable", server="redis"), told.value("unreachable", server="kafka")) == (1, 0)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)
    assert (told.value("unreachable", server="redis"), told.value("unreachable", server="kafka")) == (None, None)
    assert told.value("well") == 0
    told.state.came_round()
    assert (told.value("unreachable", server="redis"), told.value("unreachable", server="kafka")) == (1, 0)


def test_a_partition_that_was_never_ticked_has_a_clock_of_long_ago() -> None:
    """Else nobody could say that its time stands still."""
    told = Told()
    told.looked({4: 2}, {4: Position(offset=2)})
    assert told.of(4) == {"lag_records": 0, "lag_seconds": 0, "log_clock_timestamp_seconds": 0}


def test_a_partition_that_is_given_up_leaves_no_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it goes while the door is about to tell of it."""
    told = Told()
    told.looked({4: 50}, {4: POSITION})
    assert told.of(4)["lag_records"] == 10
    labels = told.instruments.lag_records.labels

    def gone_meanwhile(*values: str) -> object:
        told.state.gone(4)
        return labels(*values)

    monkeypatch.setattr(told.instruments.lag_records, "labels", gone_meanwhile)
    told.state.exposition()
    monkeypatch.undo()
    told.looked({}, {})
    assert told.of(4) == {}
    assert told.failures(4) is None


def test_dead_letters_of_each_code_are_counted_from_0() -> None:
    """The first burst of a code has risen, for Prometheus, from the 0 that it saw before."""
    registry = Instruments().registry
    for code in ("no_arrow", "unknown_unit", "internal_error", "invalid_data", "unknown_type", "retired", "id_reused"):
        assert registry.get_sample_value("motcua_processing_rejected_total", {"code": code}) == 0


def test_a_failure_of_the_fold_is_told_for_an_hour_and_no_longer() -> None:
    """Also when nothing has failed since, which is when a position still remembers it."""
    told = Told()
    lately, before = NOW - 10 * instants.MINUTE, NOW - 2 * instants.HOUR
    told.looked({4: 40}, {4: _failed(before, lately, lately)})
    assert told.failures(4) == 2
    told.looked({4: 40}, {4: _failed(before)})
    assert told.failures(4) == 0


def test_failures_in_an_archive_that_is_folded_anew_belong_to_the_hour_of_its_last_record() -> None:
    """A partition that stopped by them, too, shows them for as long as it stands there."""
    told = Told()
    in_march = NOW - 200 * instants.DAY
    told.looked({4: 900}, {4: _failed(in_march - instants.MINUTE, recorded_at=in_march)})
    assert told.failures(4) == 1
    told.looked({4: 900}, {4: _failed(in_march - instants.MINUTE, recorded_at=in_march + 2 * instants.HOUR)})
    assert told.failures(4) == 0


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (MemoryError(), UNAVAILABLE),
        (OSError(28, "no space left"), UNAVAILABLE),
        (UnavailableError("Kafka acknowledged nothing"), UNAVAILABLE),
        (MisconfiguredError("rules are in force, and their body is nowhere"), MISCONFIGURED),
    ],
    ids=["memory", "disk", "kafka", "rules"],
)
def test_whatever_the_worker_cannot_help_ends_it_uncommitted(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int
) -> None:
    def failing(*_: object) -> None:
        raise fault

    for name in ("signal.signal", "gc.set_threshold", "open_door"):
        monkeypatch.setattr(f"services.processing.worker.serving.{name}", lambda *_: None)
    monkeypatch.setattr("services.processing.worker.serving._fold", failing)
    with pytest.raises(SystemExit) as ended:
        serve(Settings())
    assert ended.value.code == status


def _failed(*moments: int, recorded_at: int = NOW) -> Position:
    return Position(offset=40, recorded_at=recorded_at, log_clock=NOW, errors=moments)
