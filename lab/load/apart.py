"""Events that the city puts off: they wait apart while others pass, and ride along a few at a time, as from an edge."""

from collections import deque
from collections.abc import Callable, Iterable

# Of a batch at first; doubled whenever one of them is taken, up to a whole batch.
EIGHTHS_FIRST, EIGHTHS_WHOLE = 1, 8


class Apart:
    """Dossiers whose foremost event waits so, by their subjects; instants are seconds of a clock that only rises."""

    def __init__(self, pause_seconds: Callable[[int], float]) -> None:
        self._pause_seconds = pause_seconds
        # Each with the instant before which the city does not want to see it again.
        self._waiting: deque[tuple[float, str]] = deque()
        self._tried: set[str] = set()
        self._failures = 0
        self._eighths = EIGHTHS_FIRST
        self._not_before = 0.0

    def put(self, subjects: Iterable[str], now: float, asked_seconds: float) -> None:
        """These wait for as long as the city asks; where they had just been tried, all of them for longer than before."""
        some = list(subjects)
        again = self._tried.intersection(some)
        self._tried -= again
        if some and (again or not self._waiting):
            self._failures += 1
            self._eighths = EIGHTHS_FIRST
            self._not_before = now + self._pause_seconds(self._failures)
        self._waiting.extend((now + asked_seconds, subject) for subject in some)

    def spoken_of(self, subjects: Iterable[str]) -> None:
        """The city has stored or refused these: if one of them was tried, more of the others may be at once."""
        if done := self._tried.intersection(subjects):
            self._tried -= done
            self._failures = 0
            self._eighths = min(EIGHTHS_WHOLE, 2 * self._eighths)
            self._not_before = 0.0

    def are_tried(self, subjects: Iterable[str]) -> bool:
        """Whether these are nothing but what waited here."""
        return self._tried.issuperset(subjects)

    def due(self, now: float, batch_events: int) -> list[str]:
        """Which may ride along in a batch of so many events: none too early, and none while others are tried."""
        told: list[str] = []
        if not self._tried and now >= self._not_before:
            most = max(1, batch_events * self._eighths // EIGHTHS_WHOLE)
            while self._waiting and len(told) < most and self._waiting[0][0] <= now:
                told.append(self._waiting.popleft()[1])
            self._tried = set(told)
        return told

    def rest_seconds(self, now: float) -> float | None:
        """Until the next may be tried; None where no time makes one so."""
        if not self._waiting or self._tried:
            return None
        return max(0.0, self._not_before - now, self._waiting[0][0] - now)
