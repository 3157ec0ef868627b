"""Events that wait, a line for each dossier: one of a dossier goes at a time, as from an edge."""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush, nsmallest

from lab.load.plan import Due

# An event by its place among all that were ever entered.
Numbered = tuple[int, Due]


class Lines:
    """Whatever an answer says of some, no event reaches the city before an earlier one of its dossier."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Numbered]] = {}
        self._ready: list[tuple[int, str]] = []
        # By subject, the place of the foremost event of a dossier that does not go for the time being.
        self._apart: dict[str, int] = {}
        self._entered = 0
        self.depth = 0

    def add(self, event: Due) -> None:
        """Behind all those already here."""
        line = self._lines.setdefault(event.subject, deque())
        line.append((self._entered, event))
        if len(line) == 1:
            heappush(self._ready, (self._entered, event.subject))
        self._entered += 1
        self.depth += 1

    @property
    def may_go(self) -> bool:
        """Whether there is one that may."""
        return bool(self._ready)

    def foremost(self, most: int) -> list[Due]:
        """So many of those that may go, the oldest first; they stay here until something is said of them."""
        return [self._lines[subject][0][1] for _, subject in nsmallest(most, self._ready)]

    def oldest(self) -> Due | None:
        """What has waited longest."""
        heads = [*self._ready[:1], *((place, subject) for subject, place in self._apart.items())]
        return self._lines[min(heads)[1]][0][1] if heads else None

    def settle(self, batch: Sequence[Due], again: Iterable[Due], are_apart: bool = False) -> None:
        """The foremost, `batch`, are spoken of but for those that go again: what is behind them may go. `are_apart`: not
        before somebody lets them."""
        kept = {each.subject for each in again}
        places = [heappop(self._ready) for _ in batch]
        for place, subject in places:
            line = self._lines[subject]
            if subject in kept and are_apart:
                self._apart[subject] = place
                continue
            if subject in kept:
                heappush(self._ready, (place, subject))
                continue
            line.popleft()
            self.depth -= 1
            if line:
                heappush(self._ready, (line[0][0], subject))
            else:
                del self._lines[subject]

    def let_go(self, subjects: Iterable[str]) -> None:
        """The foremost of these dossiers were apart and may go again."""
        for subject in subjects:
            heappush(self._ready, (self._apart.pop(subject), subject))
