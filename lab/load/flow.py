"""What came due and what was stored on each link: second by second, and of what a line that was gone had let gather."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct


class Gap(Struct, frozen=True):
    """A link had no line up to `until`; before it that was so, if at all, up to `before`."""

    link: str
    before: float
    until: float


class Backlog(Struct, frozen=True):
    """Events due from one gap's end to the next one's: how many, how many of them were stored, and when the last that was
    due before the line was back, whatever was due after it."""

    link: str
    until: float
    due: int = 0
    stored: int = 0
    last_stored_at: float = 0.0

    @property
    def never_stored(self) -> int:
        """How many never came."""
        return self.due - self.stored

    @property
    def seconds(self) -> float:
        """From the line's return to the last of those that came."""
        return max(0.0, self.last_stored_at - self.until)


class Flow(Struct, frozen=True):
    """How many events of a link came due, and how many were stored, in each second of the plan."""

    due: list[int]
    stored: list[int]


class Event(Struct, frozen=True, gc=False):
    """A planned event of a link; without `stored_at` it was not stored."""

    link: str
    due_at: float
    stored_at: float | None = None


def backlogs(gaps: Sequence[Gap], planned: Iterable[Event], stored: Iterable[Event]) -> list[Backlog]:
    """One for each gap; `stored` are those of `planned` that were, with their moments."""
    due, kept, last = [0] * len(gaps), [0] * len(gaps), [0.0] * len(gaps)
    of_link: dict[str, list[tuple[int, Gap]]] = {}
    for place, gap in enumerate(gaps):
        of_link.setdefault(gap.link, []).append((place, gap))
    for each in planned:
        for place, gap in of_link.get(each.link, ()):
            due[place] += gap.before <= each.due_at < gap.until
    for each in stored:
        for place, gap in of_link.get(each.link, ()):
            if each.due_at < gap.until:
                kept[place] += gap.before <= each.due_at
                last[place] = max(last[place], each.stored_at or 0.0)
    return [Backlog(gap.link, gap.until, due[place], kept[place], last[place]) for place, gap in enumerate(gaps)]


def flows(links: Sequence[str], planned: Iterable[Event], stored: Iterable[Event]) -> dict[str, Flow]:
    """Of each link."""
    told = {link: Flow([], []) for link in links}
    for each in planned:
        _count(told[each.link].due, each.due_at)
    for each in stored:
        _count(told[each.link].stored, each.stored_at or 0.0)
    return told


def added(backlog: Backlog, more: Backlog) -> Backlog:
    """The same gap as another process saw it."""
    return Backlog(
        backlog.link, backlog.until, backlog.due + more.due, backlog.stored + more.stored,
        max(backlog.last_stored_at, more.last_stored_at),
    )  # fmt: skip


def summed(tables: Iterable[tuple[Mapping[str, Flow], int]]) -> dict[str, Flow]:
    """All of them together, each begun so many seconds later than the first."""
    told: dict[str, Flow] = {}
    for table, later in tables:
        for link, flow in table.items():
            mine = told.setdefault(link, Flow([], []))
            for into, counts in ((mine.due, flow.due), (mine.stored, flow.stored)):
                into += [0] * (later + len(counts) - len(into))
                for second, count in enumerate(counts):
                    into[later + second] += count
    return told


def _count(seconds: list[int], at: float) -> None:
    second = max(0, int(at))
    if second >= len(seconds):
        seconds += [0] * (second + 1 - len(seconds))
    seconds[second] += 1
