"""Around a partition: what a take-over means, when a tick is owed, which dossiers a tick or activation takes next."""

import pytest

from contracts import instants
from contracts.events import Opened, Ticked
from services.processing.domain import line, slices, takeover, ticks
from services.processing.domain.effects import Effect, Moment
from services.processing.domain.line import INTERNAL_ERRORS_MAX_PER_HOUR, Position
from services.processing.domain.takeover import Tail

CHAIN, OTHER = b"12345678", b"87654321"
STANDS = Position(offset=10, src=(9, 2), chain=CHAIN, letter_src=(8, 0, 0))
TAIL = Tail((9, 2), CHAIN, (8, 0, 0))
START = Position()


@pytest.mark.parametrize(
    ("position", "tail", "log_is_same", "end", "verdict"),
    [
        (START, Tail(), True, 2, "go_on"),
        (STANDS, TAIL, True, 10, "go_on"),
        (STANDS, Tail((11, 0), OTHER, (11, 0, 0)), True, 12, "go_on"),  # a predecessor has sent and not stored
        (START, TAIL, True, 10, "go_on"),  # Redis was emptied
        (STANDS, TAIL, False, 10, "log_changed"),
        (STANDS, TAIL, True, 9, "log_changed"),  # the log is shorter than what was folded
        (STANDS, Tail(), True, 9, "log_changed"),  # and nothing of what was said is there
        (START, TAIL, True, 9, "log_changed"),  # the log is shorter than what was said
        (STANDS, Tail((9, 1), CHAIN, (8, 0, 0)), True, 10, "wipe"),
        (STANDS, Tail(None, None, (8, 0, 0)), True, 10, "wipe"),
        (STANDS, Tail((9, 2), CHAIN, (7, 0, 0)), True, 10, "wipe"),
        (STANDS, Tail((9, 2), CHAIN, None), True, 10, "wipe"),
        (STANDS, Tail((9, 2), OTHER, (8, 0, 0)), True, 10, "diverged"),
    ],
)
def test_what_is_stored_and_what_was_sent_decide(
    position: Position, tail: Tail, log_is_same: bool, end: int, verdict: str
) -> None:
    """Another log stops, what is missing is said again from the start, what differs stops."""
    assert takeover.judge(position, tail, log_is_same=log_is_same, reported_end=end) == verdict


def test_a_partition_that_failed_too_often_stays_stopped() -> None:
    """Ten failures in an hour go on, the eleventh does not, whoever takes over."""
    for count, verdict in ((INTERNAL_ERRORS_MAX_PER_HOUR, "go_on"), (INTERNAL_ERRORS_MAX_PER_HOUR + 1, "internal_errors")):
        position = Position(offset=10, src=(9, 2), chain=CHAIN, letter_src=(8, 0, 0), errors=tuple(range(count)))
        assert takeover.judge(position, TAIL, log_is_same=True, reported_end=10) == verdict


NOON = instants.parse("2025-07-02T12:00:00+07:00")
NEVER = float("inf")


@pytest.mark.parametrize(
    ("now", "last", "first_due", "is_due"),
    [
        ("2025-07-02T12:00:00+07:00", None, NEVER, True),
        ("2025-07-02T12:00:59+07:00", NOON, NEVER, False),
        ("2025-07-02T12:01:00+07:00", NOON, NEVER, True),
        ("2025-07-02T12:00:14+07:00", NOON, NOON + 1, False),  # not so soon again
        ("2025-07-02T12:00:15+07:00", NOON, NOON + 1, True),
        ("2025-07-02T12:00:15+07:00", NOON, NOON + 16 * instants.SECOND, False),  # not due yet
        ("2025-07-02T12:00:16+07:00", NOON, NOON + 16 * instants.SECOND, True),
        ("2025-07-02T11:00:00+07:00", NOON, NOON - 3 * instants.HOUR, False),  # our clock is behind
    ],
)
def test_a_tick_is_owed_every_minute_and_for_deadlines(now: str, last: int | None, first_due: float, is_due: bool) -> None:
    """Every 60 s, when a deadline falls due at most every 15 s, never backwards."""
    assert ticks.is_due(instants.parse(now), last, first_due) is is_due


def test_a_tick_is_owed_right_after_midnight_in_vietnam() -> None:
    """The day turns at 17:00 UTC, whenever the last tick was."""
    last = instants.parse("2025-07-02T16:59:59Z")
    assert not ticks.is_due(instants.parse("2025-07-02T16:59:59.999Z"), last, NEVER)
    assert ticks.is_due(instants.parse("2025-07-02T17:00:00Z"), last, NEVER)
    assert not ticks.is_due(instants.parse("2025-07-03T00:00:00Z"), instants.parse("2025-07-03T00:00:00Z"), NEVER)


def test_what_is_pending_overrides_what_is_stored() -> None:
    """A dossier moved on, one gone, one new: the order is that of the whole index as it will be."""
    stored = [(1, "a"), (2, "b"), (3, "c")]
    pending = {"a": 9, "b": None, "d": 2, "e": 7}
    assert slices.next_due(stored, True, pending, 7) == [(2, "d"), (3, "c"), (7, "e")]
    assert slices.next_due(stored[:2], True, pending, 2) == [(2, "d")]


def test_nothing_is_taken_beyond_what_was_read() -> None:
    """Of a part of the index only what surely comes first may be taken; the rest waits for the next look."""
    assert slices.next_due([(1, "a"), (3, "c")], False, {"d": 4, "e": 2}, 9) == [(1, "a"), (2, "e"), (3, "c")]
    stored = [(1, "a"), (2, "b"), (4, "c")]
    assert slices.next_due(stored, False, {"d": 3, "e": 5}, 9) == [(1, "a"), (2, "b"), (3, "d"), (4, "c")]
    assert slices.next_kept(["a", "c"], False, {"b": True, "d": True, "c": False}, None) == ["a", "b"]
    assert slices.next_kept(["a", "b", "d"], False, {"c": True, "e": True}, None) == ["a", "b", "c", "d"]
    assert slices.next_kept(["c"], True, {"b": True, "d": True}, "b") == ["c", "d"]


def test_failures_are_remembered_for_an_hour_and_no_more_of_them_than_stop_the_partition() -> None:
    """By the time of their recording; what does not fail leaves the others as they are."""
    failed = Effect(outcome="rejected", dossier=None, internal_error=True)
    now = Moment(offset=4, recorded_at=instants.HOUR, log_clock=None, first_clock=None)
    position = Position(errors=(0, 1))
    assert line.after_event(position, now, None, Effect(outcome="rejected", dossier=None))[0].errors == (0, 1)
    assert line.after_event(position, now, None, failed)[0].errors == (1, instants.HOUR)
    for _ in range(2 * INTERNAL_ERRORS_MAX_PER_HOUR):
        position, _ = line.after_event(position, now, None, failed)
    assert position.errors == (instants.HOUR,) * (INTERNAL_ERRORS_MAX_PER_HOUR + 1)


@pytest.mark.parametrize(
    ("clock", "before", "tick", "recorded", "after"),
    [
        ("log", None, 9, 5, 9),
        ("wall", None, 9, 5, 5),  # a ticker that is ahead of the log
        ("wall", None, 5, 9, 5),
        ("wall", 7, 9, 5, 7),
        ("log", 7, 5, 9, 7),
        ("log", 7, 9, 5, 9),
    ],
)
def test_the_log_clock_never_goes_back_nor_by_the_wall_beyond_the_recording(
    clock: str, before: int | None, tick: int, recorded: int, after: int
) -> None:
    assert line.clock_after(Position(clock=clock, log_clock=before), Ticked(tick), recorded) == after


def test_the_first_tick_of_a_partition_stays_its_first() -> None:
    position = Position()
    for offset, clock in enumerate((5, 9)):
        at = Moment(offset=offset, recorded_at=clock, log_clock=position.log_clock, first_clock=position.first_clock)
        position, _ = line.after_control(position, at, Ticked(clock), log_clock=clock)
    assert (position.first_clock, position.log_clock, position.offset) == (5, 9, 2)


def test_what_opened_the_archive_says_by_which_clock_it_goes_for_ever() -> None:
    at = Moment(offset=0, recorded_at=5, log_clock=None, first_clock=None)
    opened, _ = line.after_control(Position(), at, Opened("wall", "c"), log_clock=None)
    ticked, _ = line.after_control(opened, at, Ticked(5), log_clock=5)
    assert (opened.clock, opened.cluster) == (ticked.clock, ticked.cluster) == ("wall", "c")
