"""What the stream holds for clients that take slowly, and how long."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from services.metrics.api import stream
from services.metrics.api.instruments import Instruments
from services.metrics.api.packing import Event
from services.metrics.api.stream import EVENT_ROWS_MAX, News, Stream

ROWS: list[dict[str, Any]] = [{"unit": str(number)} for number in range(2 * EVENT_ROWS_MAX + 1)]
NAMES = ["0", str(EVENT_ROWS_MAX), str(2 * EVENT_ROWS_MAX)]


class Told:
    """A head that says nothing, and centres of which nothing is said."""

    def __init__(self) -> None:
        self.centres = SimpleNamespace(marked=lambda rows, _seen: rows)


def told() -> Stream:
    """A stream that has looked once, at rows for three events."""
    made: Any = Stream(SimpleNamespace(), Told(), Instruments())  # type: ignore[arg-type]  # it reads nothing here
    made._counted["receiver"], made._totals["receiver"] = ROWS, {}
    made._mark(has_moved=True)
    return made  # type: ignore[no-any-return]


def first_units(events: list[bytes]) -> list[str]:
    """The first unit of each event."""
    return [event.split(b'"unit":"')[1].split(b'"')[0].decode() for event in events]


def test_news_are_made_once_for_all_and_kept_for_nobody_who_is_slow() -> None:
    """Five megabytes for each version at which some slow client stands would fill the container."""
    news = News({}, ROWS, 1)
    slow = news.events()
    first = next(slow)
    shared = list(news.events())
    assert shared[0] is first
    assert list(news.events()) == shared
    news.overtake()
    late = list(slow)
    assert [event.plain for event in late] == [event.plain for event in shared[1:]]
    assert not any(event in shared for event in late)
    assert not [each for each in vars(news).values() if isinstance(each, (dict, list)) and any(
        isinstance(held, Event) for held in (each.values() if isinstance(each, dict) else each))]  # fmt: skip


def test_a_newer_version_lets_go_what_was_made_of_the_former() -> None:
    made: Any = told()
    news = made._changes("receiver", 0)
    assert len(list(news.events())) == 3
    assert news._kept
    made._mark(has_moved=True)
    assert news._kept is None


@pytest.mark.parametrize(("seconds", "heard"), [(100.0, NAMES), (0.05, NAMES[:1])])
def test_whoever_takes_too_long_over_the_rows_is_let_go(
    monkeypatch: pytest.MonkeyPatch, seconds: float, heard: list[str]
) -> None:
    """The stream ends, and one more may listen; the client begins anew."""
    monkeypatch.setattr(stream, "NEWS_SECONDS_MAX", seconds)

    async def listen() -> list[bytes]:
        made: Any = told()
        found: list[bytes] = []
        events = made.events("receiver")
        await anext(events)
        asyncio.get_running_loop().call_soon(made._looked.set)
        while len(found) < len(NAMES):
            try:
                found.append(await anext(events))
            except StopAsyncIteration:
                assert made._clients == 0
                break
            await asyncio.sleep(0.06)
        await events.aclose()
        return found

    assert first_units(asyncio.run(listen())) == heard
