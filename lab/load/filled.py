"""How full lines were: what outboxes sent and were told over each, second by second, against its rate."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from lab.links.profiles import Profile

# A line in use for so much of a second by its rate alone (not its delay, nor the city's answer) is full in it.
FULL_LINE = 0.8
# For so many seconds in so many successive ones: one large batch fills any line for a moment.
WINDOW_SECONDS = 10
FULL_OF_WINDOW = 8
PER_MILLE = 1000
BITS = 8
UNANSWERED = -1


class Narrow(Struct, frozen=True):
    """A link was congested from when to when."""

    link: str
    since: float
    until: float


class Spent(Struct, frozen=True, array_like=True):
    """So much of this second a line's rate was in use each way, in thousandths: one who waits for answers takes turns."""

    second: int
    up: int
    down: int


class Line(Struct, frozen=True):
    """A line's rates (kbit/s, good) and, where anything passed, how much of a second that took.

    `together`: centres share it, so that both ways are in use at once; else one sends, waits, and is told. `was_narrow`: it
    was congested at times, and had less of a rate then.
    """

    up_kbps: float
    down_kbps: float
    together: bool
    spent: list[Spent]
    was_narrow: bool = False

    def share(self, each: Spent) -> float:
        """How full it was."""
        return (max(each.up, each.down) if self.together else each.up + each.down) / PER_MILLE


Lines = dict[str, dict[str, Line]]
Rates = Callable[[Profile], tuple[float, float]]


class Crossed:
    """Batches, as plain columns: over which line, when, and how many bytes each way, headers and all. `down` is None of one
    that was not answered: nobody knows how much of it crossed, it is taken for as much as the line could bear meanwhile."""

    def __init__(self) -> None:
        self.links = array("h")
        self.lines = array("l")
        self.began = array("d")
        self.ended = array("d")
        self.up = array("l")
        self.down = array("l")

    def add(self, link: int, line: int, began: float, ended: float, up: int, down: int | None) -> None:
        """One more."""
        came = UNANSWERED if down is None else down
        for column, value in ((self.links, link), (self.lines, line), (self.up, up), (self.down, came)):
            column.append(value)
        self.began.append(began)
        self.ended.append(ended)

    def used(
        self, links: Sequence[str], profiles: Mapping[str, Profile], rates: Rates, narrow: Iterable[Narrow], together: bool
    ) -> Lines:
        """Of each line what was in use of it; of a congested one by the rate that it had then."""
        tight = list(narrow)
        sums: dict[tuple[str, int], dict[int, list[float]]] = {}
        good = {link: rates(profiles[link]) for link in links}
        congested = {link: rates(profiles[link].congested()) for link in links}
        columns = zip(self.links, self.lines, self.began, self.ended, self.up, self.down, strict=True)
        for place, line, began, ended, up, down in columns:
            link = links[place]
            is_tight = any(each.link == link and each.since <= (began + ended) / 2 < each.until for each in tight)
            kbps = (congested if is_tight else good)[link]
            ways = up * BITS / 1000 / kbps[0], down * BITS / 1000 / kbps[1]
            if down == UNANSWERED:
                ways = min(ways[0], ended - began), 0.0
            _spread(sums.setdefault((link, line), {}), began, ended, ways)
        told: Lines = {}
        for (link, line), seconds in sums.items():
            spent = [Spent(at, *(round(way * PER_MILLE) for way in ways)) for at, ways in sorted(seconds.items())]
            was_narrow = any(each.link == link for each in tight)
            told.setdefault(link, {})[str(line)] = Line(*good[link], together, spent, was_narrow)
        return told


class Full(Struct, frozen=True, kw_only=True):
    """The line of a link that was full for longest: from when on, in how many of all seconds, and how near its rate then."""

    link: str
    since: float
    seconds: int
    share: float
    kbps: float
    of_kbps: float
    lines: int
    of_lines: int
    together: bool
    was_narrow: bool
    # Of the link's lines those that were full, or of all that crossed them what crossed those, whichever is more.
    part: float = 1.0

    def told(self) -> str:
        """With its evidence."""
        which = f"the line that all centres on {self.link} share" if self.together and self.of_lines == 1 else (
            f"a line of {self.link}" + (f", the fullest of {self.lines} such" if self.lines > 1 else "")
        )  # fmt: skip
        rate = f"{self.kbps:,.0f} of its {self.of_kbps:,.0f} kbit/s"
        if self.was_narrow:
            rate = f"{self.kbps / self.of_kbps:.0%} of what it gave then ({self.of_kbps:,.0f} kbit/s when it is good)"
        return f"{which}: full in {self.share:.0%} of {self.seconds} s, at {rate} in these"


def merged(tables: Iterable[Lines]) -> Lines:
    """What several processes have sent over the same lines."""
    told: Lines = {}
    for table in tables:
        for link, lines in table.items():
            mine = told.setdefault(link, {})
            for name, line in lines.items():
                mine[name] = line if name not in mine else _added(mine[name], line)
    return told


def later(lines: Lines, seconds: int) -> Lines:
    """The same, begun so many seconds later."""
    return {
        link: {name: replace(each, spent=[replace(one, second=one.second + seconds) for one in each.spent])
               for name, each in mine.items()}
        for link, mine in lines.items()
    }  # fmt: skip


def fullest(lines: Lines, since: float, until: float, window: int = WINDOW_SECONDS) -> list[Full]:
    """Of each link that had a line full for most of a window of successive seconds, the one that was full for longest."""
    found = []
    for link, mine in lines.items():
        full = [
            (each, at, seconds) for each in mine.values()
            if (at := _first(seconds := _full(each, since, until), window)) is not None
        ]  # fmt: skip
        if full:
            line, first, seconds = max(full, key=lambda each: len(each[2]))
            way, kbps = _heavier(line, seconds)
            whole = max(1, ceil(until) - ceil(since))
            found.append(Full(
                link=link, since=first, seconds=whole, share=len(seconds) / whole, kbps=way, of_kbps=kbps,
                lines=len(full), of_lines=len(mine), together=line.together, was_narrow=line.was_narrow,
                part=max(len(full) / len(mine), _bytes(each for each, *_ in full) / max(1.0, _bytes(mine.values()))),
            ))  # fmt: skip
    return sorted(found, key=lambda each: each.since)


def _bytes(lines: Iterable[Line]) -> float:
    """That crossed them, in a unit that does not matter."""
    return sum(each.up * line.up_kbps + each.down * line.down_kbps for line in lines for each in line.spent)


def _full(line: Line, since: float, until: float) -> list[Spent]:
    return [each for each in line.spent if since <= each.second < until and line.share(each) >= FULL_LINE]


def _first(full: Sequence[Spent], window: int) -> float | None:
    """Where the first window begins that is full for the most part."""
    wanted = max(1, round(window * FULL_OF_WINDOW / WINDOW_SECONDS))
    for place in range(len(full) - wanted + 1):
        if full[place + wanted - 1].second - full[place].second < window:
            return float(full[place].second)
    return None


def _heavier(line: Line, full: Sequence[Spent]) -> tuple[float, float]:
    """What passed while it was full, and the rate of that: the way on which more of it did."""
    up, down = (sum(getattr(each, way) for each in full) / PER_MILLE / len(full) for way in ("up", "down"))
    whole = 1.0 if line.together else max(1.0, up + down)
    rate = line.up_kbps if up >= down else line.down_kbps
    return min(1.0, (max(up, down) if line.together else up + down) / whole) * rate, rate


def _spread(seconds: dict[int, list[float]], began: float, ended: float, ways: tuple[float, float]) -> None:
    """Evenly over the time that the batch took: what the rate alone would have taken is the line's part of it."""
    took = max(ended - began, 0.001)
    at = began
    while at < ended:
        until = min(ended, int(at) + 1.0)
        into = seconds.setdefault(max(0, int(at)), [0.0, 0.0])
        for way, spent in enumerate(ways):
            into[way] += spent * (until - at) / took
        at = until


def _added(line: Line, more: Line) -> Line:
    sums: dict[int, list[int]] = {}
    for each in (*line.spent, *more.spent):
        into = sums.setdefault(each.second, [0, 0])
        into[0] += each.up
        into[1] += each.down
    return replace(line, spent=[Spent(at, *ways) for at, ways in sorted(sums.items())])
