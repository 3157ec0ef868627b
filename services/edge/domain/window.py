"""Which events may go now: in order, and never one while an earlier one of its dossier is neither stored nor refused."""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from msgspec import Struct


class Waiting(Struct, frozen=True):
    """An event that was not yet delivered."""

    position: int
    id: str
    subject: str
    body: bytes


class Window:
    """The foremost undelivered events. At most one of a dossier is under way, so no interleaving of answers,
    losses and repeats can let a later event of a dossier reach the archive before an earlier one."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Waiting]] = {}
        self._ready: list[tuple[int, str]] = []
        self.events = 0
        self.bytes = 0

    def add(self, found: Iterable[Waiting]) -> None:
        """Events behind all those already here, in order of their positions."""
        for each in found:
            line = self._lines.get(each.subject)
            if line is None:
                self._lines[each.subject] = deque((each,))
                heappush(self._ready, (each.position, each.subject))
            else:
                line.append(each)
            self.events += 1
            self.bytes += len(each.body)

    @property
    def has_ready(self) -> bool:
        """Whether an event could go now."""
        return bool(self._ready)

    def take(self, events_max: int, bytes_max: int) -> list[Waiting]:
        """The foremost that may go, which are then under way; at least one if there is any, however large it is."""
        taken: list[Waiting] = []
        size = 0
        while self._ready and len(taken) < events_max:
            head = self._lines[self._ready[0][1]][0]
            size += len(head.body)
            if taken and size > bytes_max:
                break
            heappop(self._ready)
            taken.append(head)
        return taken

    def settle(self, done: Sequence[Waiting]) -> None:
        """These were under way and are stored or refused: those behind them may go."""
        for each in done:
            line = self._lines[each.subject]
            line.popleft()
            if line:
                heappush(self._ready, (line[0].position, each.subject))
            else:
                del self._lines[each.subject]
            self.events -= 1
            self.bytes -= len(each.body)

    def again(self, failed: Sequence[Waiting]) -> None:
        """These were under way and are not known to be stored: they go again, before everything behind them."""
        for each in failed:
            heappush(self._ready, (each.position, each.subject))
