"""No tick by a clock that was set: the ticker waits until the clock is back, or until somebody begins anew."""

from typing import cast

import pytest

from contracts import instants
from services.processing.domain import clocks
from services.processing.domain.line import Position
from services.processing.domain.takeover import Tail
from services.processing.instruments import Instruments
from services.processing.log.sending import Sender
from services.processing.worker.lane import Bounds, Lane
from services.processing.worker.state import State
from services.processing.worker.ticking import Ticker, host_clocks
from tests.unit.fold_world import RULES
from tests.unit.processing_lanes import Kept, Shelf

MINUTE, HOUR, DAY = instants.MINUTE, instants.HOUR, instants.DAY
START = instants.parse("2026-03-02T08:00:00+07:00")
PARTITION = 5


class Sent:
    """A sender that keeps what it is given."""

    def __init__(self) -> None:
        self.at: list[int] = []
        self.names: set[str] = set()
        self.outstanding = 0

    def tick(self, partition: int, at: int, name: str) -> None:
        assert partition == PARTITION
        self.at.append(at)
        self.names.add(name)


class World:
    """A machine whose wall clock may be set, and a ticker of one partition whose ticks are read at once."""

    def __init__(self) -> None:
        self.passed = self.shift = 0
        self.sent, self.instruments = Sent(), Instruments()
        self.state = State(self.instruments)
        self.state.waits_for(None)
        self.begin()

    def begin(self) -> None:
        """A worker begins."""
        self.ticker = Ticker(cast(Sender, self.sent), self.state, lambda: (self.wall, HOUR + self.passed))

    @property
    def wall(self) -> int:
        return START + self.passed + self.shift

    def pass_minutes(self, count: int) -> list[int]:
        """The worker comes round every minute: in which of them it appends a tick, counted from 1."""
        ticked = []
        for minute in range(1, count + 1):
            self.passed += MINUTE
            before = len(self.sent.at)
            self.ticker.look({PARTITION: self._lane()}, {PARTITION}, lambda _: True)
            if len(self.sent.at) > before:
                assert self.sent.at[before:] == [self.wall]
                ticked.append(minute)
        return ticked

    def _lane(self) -> Lane:
        position = Position(offset=9, digest=RULES.digest, log_clock=max(self.sent.at, default=None))
        lane = Lane(PARTITION, position, Tail(), Shelf({RULES.digest: RULES}), Kept(), Bounds(10, 10), 10)
        lane.ticks_read = set(self.sent.names)
        return lane

    def reasons(self) -> list[str]:
        return [reason.split(" s;")[0] for reason in self.state.reasons() if reason.startswith("clock_jumped")]

    def jump_seconds(self) -> float | None:
        self.state.exposition()
        return self.instruments.registry.get_sample_value("motcua_processing_clock_jump_seconds")


@pytest.mark.parametrize("jump", [6 * HOUR, 8 * DAY, 400 * DAY, 3 * MINUTE, -3 * MINUTE, -6 * HOUR, -400 * DAY])
def test_a_clock_that_was_set_lets_no_time_pass_until_it_has_been_back_for_five_minutes(jump: int) -> None:
    """Neither for the moment of the jump nor for hours; every tick is one of the true time, and none is owed afterwards."""
    world = World()
    assert world.pass_minutes(3) == [1, 2, 3]
    assert (world.reasons(), world.jump_seconds()) == ([], 0)
    world.shift = jump
    assert world.pass_minutes(180) == []
    seconds = jump / instants.SECOND
    assert world.reasons() == [f"clock_jumped: this machine's clock was set by {seconds:.0f}"]
    assert world.jump_seconds() == seconds
    world.shift = 0
    assert world.pass_minutes(5) == []
    assert world.reasons() != []
    assert world.pass_minutes(3) == [1, 2, 3]
    assert (world.reasons(), world.jump_seconds()) == ([], 0)
    assert all(START <= at <= world.wall for at in world.sent.at)


def test_a_clock_that_is_set_to_and_fro_is_not_believed() -> None:
    """Each time that it goes away it has to be back for the whole five minutes."""
    world = World()
    world.pass_minutes(1)
    for _ in range(3):
        world.shift = HOUR
        assert world.pass_minutes(1) == []
        world.shift = 0
        assert world.pass_minutes(5) == []
    assert world.pass_minutes(1) == [1]


def test_whoever_knows_that_the_clock_is_right_now_begins_anew() -> None:
    """It was wrong before and has been corrected: a new worker believes it."""
    world = World()
    world.pass_minutes(1)
    world.shift = 2 * DAY
    assert world.pass_minutes(60) == []
    world.begin()
    assert world.pass_minutes(2) == [1, 2]
    assert world.reasons() == []


def test_a_clock_that_is_corrected_by_little_goes_on() -> None:
    """Minute by minute, to either side, however much it comes to."""
    world = World()
    for shift in (1, 2, 3, 4, 5, 4, 3):
        world.shift = shift * MINUTE
        ticked = world.pass_minutes(2)
        assert ticked[-1] == 2
        assert world.reasons() == []


@pytest.mark.parametrize("sign", [-1, 1])
def test_two_minutes_at_once_are_a_correction_and_a_microsecond_more_is_a_jump(sign: int) -> None:
    going = clocks.begun(START, HOUR)
    assert clocks.looked(going, START + sign * 2 * MINUTE, HOUR).is_right
    assert not clocks.looked(going, START + sign * (2 * MINUTE + 1), HOUR).is_right


def test_ticks_do_not_pile_up_while_kafka_acknowledges_none() -> None:
    """Held by the producer it is not read for minutes, at the last end that is known; nobody else can have read it."""
    world = World()
    assert world.pass_minutes(1) == [1]
    world.sent.names.clear()
    world.sent.outstanding = 1
    assert world.pass_minutes(5) == []
    world.sent.outstanding = 0
    assert world.pass_minutes(1) == [1]


def test_a_machine_that_slept_has_not_jumped() -> None:
    """Both clocks have gone on; the next tick is that of now."""
    world = World()
    world.pass_minutes(1)
    world.passed += 9 * HOUR
    assert world.pass_minutes(1) == [1]
    assert world.reasons() == []


def test_the_clocks_of_this_machine_can_be_read() -> None:
    assert clocks.looked(clocks.begun(*host_clocks()), *host_clocks()).is_right
