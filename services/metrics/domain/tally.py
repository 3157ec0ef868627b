"""What records have come to since it was last handed over: by what they are counted as, and how often."""

from collections import defaultdict
from collections.abc import Iterable

from services.metrics.domain.contributions import Flow, Marks, Stock

# (source, fact, outcome) of an event
Arrival = tuple[str, str | None, str]


class Tally:
    """How often each stock, each flow under its marks and each outcome was met; `seen` and `restated` are instants (µs).

    `counted` and `dropped` are records: counted once, and come once more.
    """

    __slots__ = ("arrivals", "counted", "dropped", "flows", "restated", "seen", "stocks")

    def __init__(self) -> None:
        self.counted = self.dropped = 0
        self.stocks: defaultdict[Stock, int] = defaultdict(int)
        self.flows: defaultdict[tuple[Flow, Marks], int] = defaultdict(int)
        self.arrivals: defaultdict[Arrival, int] = defaultdict(int)
        self.seen: dict[str, int] = {}
        self.restated: dict[str, int] = {}


def together(tallies: Iterable[Tally]) -> Tally:
    """One of all, which stay as they are. Partitions meet in the same units and days: one sum is far less to store."""
    found = Tally()
    for tally in tallies:
        found.counted += tally.counted
        found.dropped += tally.dropped
        for stock, times in tally.stocks.items():
            found.stocks[stock] += times
        for flow, times in tally.flows.items():
            found.flows[flow] += times
        for arrival, times in tally.arrivals.items():
            found.arrivals[arrival] += times
        _raise(found.seen, tally.seen)
        _raise(found.restated, tally.restated)
    return found


def _raise(highest: dict[str, int], found: dict[str, int]) -> None:
    for name, at in found.items():
        if highest.get(name, 0) < at:
            highest[name] = at
