"""Whoever is turned away comes back when there may be room: a storm is served in about the time that serving takes."""

import heapq
import random
from math import e

from hypothesis import given
from hypothesis import strategies as st

from contracts.face.pressure import AWAY_SECONDS_MAX, Pressure

SERVED_PER_SECOND, AT_ONCE = 100, 64


def storm(clients: int, pressure: Pressure | None) -> tuple[int, float]:
    """Requests and seconds until all clients, who come at once and again when told, have had their turn.

    A server with so many turns a second; without `pressure` it sends everybody away for a second.
    """
    chance = random.Random(1)
    coming = [(number / 10_000, number) for number in range(clients)]
    heapq.heapify(coming)
    requests, now, room = 0, 0.0, 1.0
    while coming:
        at, client = heapq.heappop(coming)
        room, now = min(room + (at - now) * SERVED_PER_SECOND, AT_ONCE), at
        requests += 1
        if room >= 1:
            room -= 1
            if pressure is not None:
                pressure.served(now)
        else:
            away = 1 if pressure is None else pressure.turned_away(now, chance.random())
            heapq.heappush(coming, (now + away, client))
    return requests, now


def test_a_nation_that_comes_at_once_is_served_with_a_tenth_of_the_requests() -> None:
    """3,321 outboxes: about as soon as it can be, and what it costs to turn them away is not what takes the time."""
    requests, seconds = storm(3_321, Pressure(AT_ONCE))
    asking, _ = storm(3_321, None)
    assert requests < asking / 10
    assert requests < 4 * 3_321
    assert seconds < 3 * 3_321 / SERVED_PER_SECOND


def test_forty_centres_are_hardly_sent_away() -> None:
    """A city of today: a second is what they wait, or two."""
    pressure = Pressure(AT_ONCE)
    assert max(pressure.turned_away(number / 100, 0.999) for number in range(5)) <= 2
    for number in range(1000):
        pressure.served(number / 100)
    assert {pressure.turned_away(10 + number / 100, 0.999) for number in range(40)} == {1}


def test_whoever_is_turned_away_is_told_the_time_that_serving_all_of_them_takes() -> None:
    """One a second is served by one that has just begun; of what happened ten seconds ago a third is remembered."""
    pressure = Pressure(10)
    assert [pressure.turned_away(0.0, 0.999) for _ in range(30)] == list(range(1, 31))
    assert pressure.turned_away(10.0, 0.999) == 1 + int(0.999 * (30 / e + 1))
    for _ in range(40):
        pressure.served(10.0)
    assert pressure.turned_away(10.0, 0.999) == 1 + int(0.999 * (30 / e + 2) / 4)


@given(
    times=st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.floats(0, 1, exclude_max=True)), max_size=200),
    least=st.integers(1, 1000),
)
def test_nobody_is_sent_away_for_less_than_a_second_or_more_than_the_most(
    times: list[tuple[float, bool, float]], least: int
) -> None:
    """Whatever came before, after whatever pauses."""
    pressure, now = Pressure(least), 0.0
    for passed, is_served, chance in times:
        now += passed
        if is_served:
            pressure.served(now)
        else:
            assert 1 <= pressure.turned_away(now, chance) <= 1 + AWAY_SECONDS_MAX
