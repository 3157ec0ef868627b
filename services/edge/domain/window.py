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


class _Line(Struct):
    """The events of one dossier; while the first of them is held, so are all."""

    events: deque[Waiting]
    bytes: int = 0
    is_held: bool = False


class Window:
    """The foremost undelivered events. At most one of a dossier is under way, so no interleaving of answers,
    losses and repeats can let a later event of a dossier reach the archive before an earlier one.

    What is held is counted apart: dossiers that cannot go must not take the place of those that can.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._ready: list[tuple[int, str]] = []
        self._under_way: set[int] = set()
        self.events = self.bytes = 0
        self.held_events = self.held_bytes = 0

    def add(self, found: Iterable[Waiting]) -> None:
        """Events behind all those already here, in order of their positions."""
        for each in found:
            line = self._lines.get(each.subject)
            if line is None:
                line = self._lines[each.subject] = _Line(deque())
                heappush(self._ready, (each.position, each.subject))
            line.events.append(each)
            line.bytes += len(each.body)
            self._count(line.is_held, 1, len(each.body))

    @property
    def has_ready(self) -> bool:
        """Whether an event could go now."""
        return bool(self._ready)

    def take(self, events_max: int, bytes_max: int) -> list[Waiting]:
        """The foremost that may go, which are then under way; at least one if there is any, however large it is."""
        taken: list[Waiting] = []
        size = 0
        while self._ready and len(taken) < events_max:
            head = self._lines[self._ready[0][1]].events[0]
            size += len(head.body)
            if taken and size > bytes_max:
                break
            heappop(self._ready)
            self._under_way.add(head.position)
            taken.append(head)
        return taken

    def under_way(self, batch: Iterable[Waiting]) -> list[Waiting]:
        """Those of a batch of whose end nothing was said yet."""
        return [each for each in batch if each.position in self._under_way]

    def settle(self, done: Sequence[Waiting]) -> None:
        """These were under way and are stored or refused: those behind them may go."""
        for each in done:
            self._under_way.remove(each.position)
            line = self._lines[each.subject]
            line.events.popleft()
            line.bytes -= len(each.body)
            self._count(False, -1, -len(each.body))
            if line.events:
                heappush(self._ready, (line.events[0].position, each.subject))
            else:
                del self._lines[each.subject]

    def again(self, failed: Sequence[Waiting]) -> None:
        """These were under way and are not known to be stored: they go again, before everything behind them."""
        for each in failed:
            self._under_way.remove(each.position)
            heappush(self._ready, (each.position, each.subject))

    def hold(self, some: Sequence[Waiting]) -> None:
        """These were under way and wait by themselves, and with them what is behind them in their dossiers."""
        for each in some:
            self._under_way.remove(each.position)
            self._move(self._lines[each.subject], is_held=True)

    def let_go(self, some: Sequence[Waiting]) -> None:
        """These were held and may go again."""
        for each in some:
            self._move(self._lines[each.subject], is_held=False)
            heappush(self._ready, (each.position, each.subject))

    def _move(self, line: _Line, is_held: bool) -> None:
        self._count(line.is_held, -len(line.events), -line.bytes)
        line.is_held = is_held
        self._count(line.is_held, len(line.events), line.bytes)

    def _count(self, is_held: bool, events: int, size: int) -> None:
        if is_held:
            self.held_events += events
            self.held_bytes += size
        else:
            self.events += events
            self.bytes += size
