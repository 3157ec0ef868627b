"""Pressure: how long those who are turned away should stay away, so that they come back at a rate at which they are served.

Told to come back in a second, three thousand centres whose line is back at once would take a server's whole time with being
turned away. Each is sent away for some moment of the time that serving all of them takes.
"""

from math import exp
from typing import Final

# What happened is forgotten exponentially, in so many seconds to a third.
MEMORY_SECONDS: Final = 10.0
AWAY_SECONDS_MAX: Final = 60.0


class Pressure:
    """How many were served and turned away lately. Times are seconds of a clock that never goes back."""

    def __init__(self, served_least: int) -> None:
        """`served_least`: so many are taken to be served in a memory's time at least, also by one that has just begun."""
        self._least = served_least
        self._served = _Lately()
        self._turned = _Lately()

    def served(self, now: float) -> None:
        """One had its turn."""
        self._served.one_more(now)

    def turned_away(self, now: float, chance: float) -> int:
        """One is turned away; whole seconds after which to ask again, at least 1. `chance` in [0, 1) spreads them."""
        self._turned.one_more(now)
        rate = max(self._served.count(now), self._least) / MEMORY_SECONDS
        return 1 + int(chance * min(self._turned.count(now) / rate, AWAY_SECONDS_MAX))


class _Lately:
    def __init__(self) -> None:
        self._count, self._at = 0.0, 0.0

    def one_more(self, now: float) -> None:
        self._count, self._at = self.count(now) + 1, now

    def count(self, now: float) -> float:
        return self._count * exp((self._at - now) / MEMORY_SECONDS)
