"""Rows that have changed, packed once for all who have not seen them, however long each of them takes over it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from services.metrics.api import answers
from services.metrics.api.packing import Packed

# Rows in one event. A board calls its line lost when it hears nothing for eight seconds: were the first rows of a whole
# country (690 kB packed) one event, a slow line would take longer than that, for ever; fifty (10 kB) come at 1.3 kB/s.
EVENT_ROWS_MAX: Final = 50
# News of several events that somebody is still taking: of a whole country 690 kB each.
TAKEN_MAX: Final = 8


class LetGoError(Exception):
    """These news are too old to be kept: whoever takes them begins anew."""


class News:
    """Rows as events that all share. Each is made when the first one asks for it; once newer rows are there all are made, so
    that the rows themselves (ten times as much) are held by nobody."""

    def __init__(self, role: str, seen: int, version: int, head: Mapping[str, Any], rows: Sequence[answers.Row]) -> None:
        self.role, self.seen, self.version = role, seen, version
        self.takers = 0
        self._head = head
        # There is one event for no rows, too: the total may have changed alone.
        parts = [rows[begins : begins + EVENT_ROWS_MAX] for begins in range(0, max(len(rows), 1), EVENT_ROWS_MAX)]
        self._to_make = dict(enumerate(parts))
        self._made: dict[int, Packed] = {}
        self._last = len(parts) - 1
        self._rows = len(rows)

    @property
    def is_long(self) -> bool:
        """Whether they are told in several events."""
        return self._last > 0

    def events(self) -> Iterator[Packed]:
        """One event for few rows; many are told in several. LetGoError between two of them."""
        self.takers += 1
        try:
            for number in range(self._last):
                yield self._event(number)
        finally:
            self.takers -= 1
        # Whoever has been given the last one needs nothing more of these.
        yield self._event(self._last)

    def make(self) -> Iterator[None]:
        """Makes what nobody has asked for yet, one event at each step."""
        for number in tuple(self._to_make):
            self._event(number)
            yield

    def let_go(self) -> None:
        """Keeps nothing."""
        self._to_make.clear()
        self._made.clear()

    def _event(self, number: int) -> Packed:
        if number in self._to_make:
            self._made[number] = self._packed(number, self._to_make.pop(number))
        if number not in self._made:
            raise LetGoError
        return self._made[number]

    def _packed(self, number: int, rows: Sequence[answers.Row]) -> Packed:
        """It says how many rows are still to come."""
        left = self._rows - number * EVENT_ROWS_MAX - len(rows)
        data = msgspec.json.encode({**self._head, "units": rows, **({"to_come": left} if left else {})})
        return Packed(b"id: %d\nevent: units\ndata: %s\n\n" % (self.version, data))


class Shelf:
    """The news of the newest version, and former ones while somebody takes them."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, int], News] = {}
        self._former: list[News] = []

    def of(self, role: str, seen: int, changed: Callable[[], News]) -> News:
        """What has changed for whoever has seen version `seen`, shared; `changed` tells of it.

        While much is taken already these are the newest of the role's news that he has not seen: on a slow line they would
        be as old by the time that they are taken, and the next ones say what came after.
        """
        if (news := self._newest.get((role, seen))) is None:
            news = changed()
            if news.is_long and len(taken := self._taken()) >= TAKEN_MAX:
                fitting = [each for each in taken if each.role == role and each.seen <= seen < each.version]
                news = fitting[-1] if fitting else news
            self._newest[role, seen] = news
        return news

    def overtake(self) -> None:
        """There is a newer version: of the former ones those are kept that are taken, and only the newest of them."""
        taken = self._taken()
        self._newest.clear()
        self._former = taken[-TAKEN_MAX:]
        for news in taken[:-TAKEN_MAX]:
            news.let_go()

    async def settle(self) -> None:
        """Makes what is left of former news, and lets others have their turn between two events."""
        for news in self._former:
            for _ in news.make():
                await asyncio.sleep(0)

    def _taken(self) -> list[News]:
        # Each once: one may be given in place of newer ones.
        return [news for news in dict.fromkeys((*self._former, *self._newest.values())) if news.takers]
