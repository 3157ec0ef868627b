"""What the stream holds for clients that take slowly: pieces that all share, of few versions, and never the rows."""

import asyncio
import gc
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from services.metrics.api.instruments import Instruments
from services.metrics.api.news import EVENT_ROWS_MAX, TAKEN_MAX, LetGoError, News, Shelf
from services.metrics.api.packing import Packed
from services.metrics.api.stream import Stream

NAMES = ["0", str(EVENT_ROWS_MAX), str(2 * EVENT_ROWS_MAX)]


class Row(dict[str, Any]):
    """One that can be looked for."""


class Told:
    """A head that says nothing, and centres of which nothing is said."""

    def __init__(self) -> None:
        self.centres = SimpleNamespace(marked=lambda rows, _seen, _heard: rows)


class Played:
    """A stream that looks when it is told to."""

    def __init__(self) -> None:
        self.stream: Any = Stream(SimpleNamespace(), Told(), Instruments())  # type: ignore[arg-type]  # it reads nothing
        self.stream._totals["receiver"] = {}
        self.looks = 0
        self.look()

    def look(self, changed: int = 2 * EVENT_ROWS_MAX + 1) -> None:
        """Of the rows so many have changed."""
        self.looks += 1
        former = self.stream._counted["receiver"]
        rows = [Row(unit=str(number), at=self.looks) for number in range(changed)]
        self.stream._counted["receiver"] = rows + former[changed:]
        self.stream._mark(has_moved=True, heard=None)
        asyncio.run(self.stream._shelf.settle())

    def taking(self, seen: int = 0) -> Iterator[Packed]:
        """Somebody who has taken the first event, and stands there."""
        events: Iterator[Packed] = self.stream._changes("receiver", seen).events()
        next(events)
        return events


def first_units(events: list[bytes]) -> list[str]:
    """The first unit of each event."""
    return [event.split(b'"unit":"')[1].split(b'"')[0].decode() for event in events]


def rows_held() -> int:
    """In the whole process."""
    return sum(isinstance(each, Row) for each in gc.get_objects())


def test_news_are_made_once_for_all_also_once_they_are_overtaken() -> None:
    """Five hundred boards that begin together would each have the rest encoded and packed for itself."""
    played = Played()
    slow, other = played.taking(), played.taking()
    played.look()
    late = list(slow)
    assert first_units([event.plain for event in late]) == NAMES[1:]
    assert all(one is another for one, another in zip(late, other, strict=True))


def test_what_slow_clients_take_are_pieces_and_never_rows() -> None:
    played = Played()
    before = rows_held()
    slow = []
    for _ in range(TAKEN_MAX):
        slow.append(played.taking())
        played.look()
    assert rows_held() == before
    assert [first_units([event.plain for event in each]) for each in slow] == [NAMES[1:]] * TAKEN_MAX


def test_of_news_that_are_taken_the_newest_are_kept_and_newcomers_take_them_too() -> None:
    """Memory is bounded whatever clients do; whoever begins while much is taken makes nobody begin anew."""
    played = Played()
    slow = []
    for _ in range(2 * TAKEN_MAX):
        slow.append(played.taking())
        played.look()
    assert len({news.version for news in played.stream._shelf._former}) == TAKEN_MAX
    assert [len(list(each)) for each in slow] == [2] * len(slow)
    played.look()
    assert played.stream._shelf._former == []


def test_whoever_takes_what_is_too_old_begins_anew() -> None:
    """Each of these has seen another version, and nobody else's news would do."""
    played = Played()
    slow = []
    for _ in range(TAKEN_MAX + 1):
        slow.append(played.taking(seen=played.looks - 1))
        played.look()
    assert len(played.stream._shelf._former) == TAKEN_MAX
    with pytest.raises(LetGoError):
        list(slow[0])
    assert [len(list(each)) for each in slow[1:]] == [2] * TAKEN_MAX


def test_whoever_has_his_last_event_holds_nothing() -> None:
    """Few rows are one event: a client that takes it slowly counts for nothing."""
    played = Played()
    short = []
    for _ in range(2 * TAKEN_MAX):
        played.look(changed=1)
        short.append(played.taking(seen=played.looks - 1))
    assert played.stream._shelf._taken() == []


def told_by(news: News) -> list[dict[str, Any]]:
    """What each event says."""
    return [json.loads(event.plain.split(b"data: ")[1]) for event in news.events()]


@pytest.mark.parametrize(("rows", "to_come"), [(0, [None]), (EVENT_ROWS_MAX, [None]), (EVENT_ROWS_MAX + 3, [3, None])])
def test_each_event_says_how_many_rows_are_still_to_come(rows: int, to_come: list[int | None]) -> None:
    news = News("receiver", 0, 1, {"total": 7}, [{"unit": str(number)} for number in range(rows)])
    assert news.is_long == (len(to_come) > 1)
    said = told_by(news)
    assert [each.get("to_come") for each in said] == to_come
    assert [len(each["units"]) for each in said] == [min(rows, EVENT_ROWS_MAX), 3][: len(to_come)]
    assert all(each["total"] == 7 for each in said)


def test_who_comes_while_much_is_taken_gets_the_newest_of_his_role_that_he_has_not_seen() -> None:
    """He who has seen less than those, another role, and few rows get their own."""
    shelf, version = Shelf(), TAKEN_MAX + 3

    def of(role: str, seen: int, rows: int = EVENT_ROWS_MAX + 1) -> tuple[News, bool]:
        own = News(role, seen, version, {}, [{"unit": "1"}] * rows)
        found = shelf.of(role, seen, lambda: own)
        return found, found is own

    taken = [of("receiver", seen)[0] for seen in range(1, TAKEN_MAX + 1)]
    standing = [each.events() for each in taken]
    assert all(next(each) for each in standing)
    assert of("receiver", TAKEN_MAX + 1)[0] is taken[-1]
    for role, seen, rows in (("receiver", 0, 99), ("competent", TAKEN_MAX + 1, 99), ("receiver", TAKEN_MAX + 2, 1)):
        assert of(role, seen, rows)[1], (role, seen)


@pytest.mark.parametrize("is_let_go", [False, True])
def test_a_slow_client_hears_all_however_long_it_takes_unless_it_is_let_go(is_let_go: bool) -> None:
    """The stream then ends, and one more may listen; the client begins anew."""

    made = Played().stream

    async def listen() -> list[bytes]:
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
            for news in made._shelf._taken() if is_let_go else ():
                news.let_go()
        await events.aclose()
        assert made._shelf._taken() == []
        return found

    assert first_units(asyncio.run(listen())) == (NAMES[:1] if is_let_go else NAMES)
