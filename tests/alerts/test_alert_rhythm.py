"""How often somebody is told of what goes on, by the very Alertmanager: the shipped waits, all divided by one number."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.alerts import rules
from tests.alerts.programs import program
from tests.alerts.test_alert_routing import TOLD_WITHIN_SECONDS, Notice, Post

DAY_SECONDS = 10.0
MINUTE_SECONDS = 2.0
UNITS_OF_TIME = {"s": 1, "m": 60, "h": 3600}
WAITS = ("group_wait", "group_interval", "repeat_interval")
CITY = "hue"
LIMITS = [("AcceptanceLimit", {"unit": f"{number:05d}"}) for number in range(20_000, 20_003)]


class Quick(Post):
    """Whose time goes by faster, and whose receivers take a moment, as mail does."""

    answers_after_seconds = 0.3

    def __init__(self, directory: Path, faster: float) -> None:
        self._faster = faster
        super().__init__(directory)

    def _speed_up(self, shipped: Any) -> None:
        for route in (shipped["route"], *shipped["route"]["routes"]):
            route |= {each: f"{_seconds(route[each]) / self._faster * 1000:.0f}ms" for each in WAITS if each in route}


class Refusing(Quick):
    """Whose receivers are there and take nothing."""

    answers = 500


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Callable[[float], Post]]:
    """One that runs and is ready, so many times faster."""
    program("alertmanager")
    started: list[Post] = []

    def start(faster: float) -> Post:
        started.append(Quick(tmp_path, faster))
        started[-1].wait_ready()
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_leaders_are_told_once_a_day_however_often_a_unit_crosses_its_limit(quick: Callable[[float], Post]) -> None:
    """The next day's list has all; one that is as before is told again, and no day is passed over."""
    post = quick(86_400 / DAY_SECONDS)
    notices = post.notices[CITY]
    post.fire(CITY, LIMITS[:1])
    _wait_until(notices, 1)
    for limit in LIMITS[1:]:
        post.fire(CITY, [limit])
        time.sleep(DAY_SECONDS / 5)
    assert notices == [_list_of(1)]
    _wait_until(notices, 2)
    second = time.monotonic()
    time.sleep(DAY_SECONDS / 2)
    assert notices == [_list_of(1), _list_of(3)]
    _wait_until(notices, 3)
    assert notices == [_list_of(1), _list_of(3), _list_of(3)]
    assert time.monotonic() < second + 1.5 * DAY_SECONDS


def test_a_second_process_that_is_down_is_told_within_a_minute(quick: Callable[[float], Post]) -> None:
    """Whoever is awake for the first one must not look for five minutes at half of what is wrong."""
    post = quick(60 / MINUTE_SECONDS)
    notices = post.notices[CITY]
    post.fire(CITY, [("ServiceDown", {"job": "processing"})])
    _wait_until(notices, 1)
    first = time.monotonic()
    post.fire(CITY, [("ServiceDown", {"job": "metrics"})])
    _wait_until(notices, 2)
    assert time.monotonic() < first + 3 * MINUTE_SECONDS
    assert notices[1] == Notice("platform-pages", frozenset({"ServiceDown"}), 2)


def test_what_a_receiver_does_not_take_is_counted_by_the_name_that_an_alert_asks_for(tmp_path: Path) -> None:
    """From zero on: a figure that is not there before the first failure would not have risen by it."""
    program("alertmanager")
    post = Refusing(tmp_path, 60 / MINUTE_SECONDS)
    [asked] = [each.expr for each in rules.alerts() if each.name == "NoticesFail"]
    [name] = rules.names_in(asked)
    try:
        post.wait_ready()
        assert _of_webhooks(post, name) == 0
        post.fire(CITY, [("ServiceDown", {"job": "processing"})])
        deadline = time.monotonic() + TOLD_WITHIN_SECONDS
        while not _of_webhooks(post, name):
            assert time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        post.close()


def _of_webhooks(post: Post, name: str) -> float:
    with urlopen(f"{post.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(rf'(?m)^{name}\{{integration="webhook".*\}} (\S+)$', text)
    assert found, name
    return sum(map(float, found))


def _list_of(units: int) -> Notice:
    return Notice("leaders", frozenset({"AcceptanceLimit"}), units)


def _wait_until(notices: list[Notice], times: int) -> None:
    deadline = time.monotonic() + TOLD_WITHIN_SECONDS
    while len(notices) < times:
        assert time.monotonic() < deadline, notices
        time.sleep(0.05)


def _seconds(text: str) -> int:
    return int(text[:-1]) * UNITS_OF_TIME[text[-1]]
