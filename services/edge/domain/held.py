"""Events that intake did not take while others may go: they wait apart, and are tried again a few at a time.

Some partition of the archive cannot be written, and which one that is nobody knows here. To try all of them again would
fill batch after batch with what is not taken, and each of these keeps intake waiting. So a few of them ride along in a
batch; if they are taken, more do; if not, they go to the end of the queue, and all wait longer.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from services.edge.domain.patience import Patience, wait_seconds
from services.edge.domain.window import Waiting

# Of a batch at first; doubled whenever one of them is taken, up to a whole batch.
SHARE_FIRST, SHARE_WHOLE = 1, 8


class Held:
    """The heads of dossiers that wait; instants are seconds of a clock that only rises."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        # Each with the instant before which intake does not want to see it again.
        self._waiting: deque[tuple[float, Waiting]] = deque()
        self._tried: set[int] = set()
        self._failures = 0
        self._share = SHARE_FIRST
        self._not_before = float("-inf")

    def put(self, some: Sequence[Waiting], now: float, chance: float, asked_seconds: float | None = None) -> None:
        """These are to wait for as long as intake asked; if they were just tried, all of them longer than before."""
        if not some:
            return
        was_tried = self._tried & _positions(some)
        self._tried -= was_tried
        if was_tried or not self._waiting:
            self._failures += 1
            self._share = SHARE_FIRST
            self._not_before = now + wait_seconds(self._patience, self._failures, chance)
        asked = min(asked_seconds or 0.0, self._patience.asked_most_seconds)
        self._waiting.extend((now + asked, each) for each in some)

    def taken(self, some: Iterable[Waiting]) -> None:
        """Intake stored or refused these: if they were tried, more of the others may be tried at once."""
        if was_tried := self._tried & _positions(some):
            self._tried -= was_tried
            self._failures = 0
            self._share = min(SHARE_WHOLE, 2 * self._share)
            self._not_before = float("-inf")

    def is_trying(self, batch: Iterable[Waiting]) -> bool:
        """Whether a batch is nothing but what waited and is tried again."""
        return _positions(batch) <= self._tried

    def due(self, now: float, batch_events: int) -> list[Waiting]:
        """Which to try in a batch of so many events: none too early, and none while others are being tried."""
        tried: list[Waiting] = []
        if not self._tried and now >= self._not_before:
            most = max(1, batch_events * self._share // SHARE_WHOLE)
            while self._waiting and len(tried) < most and self._waiting[0][0] <= now:
                tried.append(self._waiting.popleft()[1])
            self._tried = _positions(tried)
        return tried

    def rest_seconds(self, now: float) -> float | None:
        """Until when nothing is due; None when no passing of time makes anything due."""
        if not self._waiting or self._tried:
            return None
        return max(0.0, self._not_before - now, self._waiting[0][0] - now)


def _positions(some: Iterable[Waiting]) -> set[int]:
    return {each.position for each in some}
