"""What the transport hands to the fold: stretches of one partition's log, as they were fetched."""

from collections.abc import Sequence
from typing import NamedTuple


class Run(NamedTuple):
    """The log from `start` up to `end`: its records lie at `start`, `start` + 1, …; after them there may be a hole.

    `traces` are the offsets of records that carry a traceparent, with it; only where traces are on.
    """

    start: int
    end: int
    values: Sequence[bytes | None]
    chains: Sequence[bytes | None]
    traces: Sequence[tuple[int, bytes]] = ()

    def behind(self, at: int) -> "Run":
        """What of it lies from an offset within it on."""
        before = at - self.start
        traces = [each for each in self.traces if each[0] >= at]
        return Run(at, self.end, self.values[before:], self.chains[before:], traces)


class Chunk(NamedTuple):
    """What one fetch brought for one partition, in runs that join up."""

    partition: int
    runs: Sequence[Run]

    @property
    def end(self) -> int:
        """The offset after it."""
        return self.runs[-1].end
