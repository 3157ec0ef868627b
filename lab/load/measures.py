"""What is measured, as HdrHistograms: they merge exactly, so that several processes are as good as one."""

from collections.abc import Iterable
from math import inf
from typing import Any, TypeVar

from hdrh.histogram import HdrHistogram
from msgspec import Struct

LONGEST_MS = 3_600_000
# Values are microseconds / 100: a tenth of a millisecond is the finest that is told.
PER_MS = 10
DIGITS = 3
BIN_DIGITS = 2
Key = TypeVar("Key", int, str)
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class Summary(Struct, frozen=True, kw_only=True):
    """A histogram in a few figures, in milliseconds."""

    count: int
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    p99_9: float = 0.0
    most: float = 0.0
    mean: float = 0.0


class Latencies:
    """Milliseconds, kept to three digits."""

    def __init__(self, digits: int = DIGITS) -> None:
        self.digits = digits
        self._kept: Any = HdrHistogram(1, LONGEST_MS * PER_MS, digits)  # type: ignore[no-untyped-call]

    def record(self, milliseconds: float) -> None:
        """One more; what is longer than an hour counts as an hour."""
        self._kept.record_value(min(max(1, round(milliseconds * PER_MS)), LONGEST_MS * PER_MS))

    def add(self, other: "Latencies") -> None:
        """All of another's, exactly."""
        self._kept.add(other._kept)

    def encoded(self) -> str:
        """To be sent to another process, or kept in a report."""
        told: bytes = self._kept.encode()
        return told.decode()

    @classmethod
    def decoded(cls, text: str) -> "Latencies":
        """What `encoded` told."""
        made = cls()
        made._kept = HdrHistogram.decode(text.encode())  # type: ignore[no-untyped-call]
        made.digits = int(made._kept.significant_figures)
        return made

    @property
    def count(self) -> int:
        """How many were recorded."""
        return int(self._kept.get_total_count())

    def at(self, percentile: float) -> float:
        """The value of a percentile, 0 when there is none."""
        return float(self._kept.get_value_at_percentile(percentile)) / PER_MS if self.count else 0.0

    def share_above(self, milliseconds: float) -> float:
        """Which part took longer than this."""
        if not self.count:
            return 0.0
        most = round(milliseconds * PER_MS)
        above = sum(
            each.count_added_in_this_iter_step
            for each in self._kept.get_recorded_iterator()
            if each.value_iterated_to > most
        )
        return float(above / self.count)

    def summary(self) -> Summary:
        """In a few figures."""
        if not self.count:
            return Summary(count=0)
        p50, p90, p99, p99_9 = (self.at(each) for each in PERCENTILES)
        return Summary(
            count=self.count, p50=p50, p90=p90, p99=p99, p99_9=p99_9,
            most=float(self._kept.get_max_value()) / PER_MS, mean=round(float(self._kept.get_mean_value()) / PER_MS, 1),
        )  # fmt: skip


class Book:
    """Latencies by name: one histogram over everything, and one for each stretch of the run."""

    def __init__(self, bin_seconds: float) -> None:
        self.bin_seconds = bin_seconds
        self.whole: dict[str, Latencies] = {}
        self.bins: dict[str, dict[int, Latencies]] = {}

    def record(self, name: str, due_at: float, milliseconds: float) -> None:
        """One more, filed under the second at which it was due."""
        if name not in self.whole:
            self.whole[name] = Latencies()
            self.bins[name] = {}
        self.whole[name].record(milliseconds)
        number = int(due_at / self.bin_seconds)
        bins = self.bins[name]
        if number not in bins:
            bins[number] = Latencies(BIN_DIGITS)
        bins[number].record(milliseconds)

    def told(self) -> dict[str, Any]:
        """For another process."""
        return {
            "bin_seconds": self.bin_seconds,
            "whole": {name: each.encoded() for name, each in self.whole.items()},
            "bins": {
                name: {str(number): each.encoded() for number, each in bins.items()} for name, bins in self.bins.items()
            },
        }

    @classmethod
    def merged(cls, told: Iterable[dict[str, Any]], bin_seconds: float) -> "Book":
        """All of them in one."""
        made = cls(bin_seconds)
        for book in told:
            for name, text in book["whole"].items():
                _put(made.whole, name, Latencies.decoded(text))
            for name, bins in book["bins"].items():
                mine = made.bins.setdefault(name, {})
                for number, text in bins.items():
                    _put(mine, int(number), Latencies.decoded(text))
        return made

    def together(self, prefix: str) -> Latencies:
        """One histogram over all names that begin so."""
        told = Latencies()
        for name, each in self.whole.items():
            if name.startswith(prefix):
                told.add(each)
        return told

    def since(self, prefix: str, seconds: float, until: float = inf) -> Latencies:
        """The same of what was due in bins that begin then or later, and before `until`; to two digits, as bins are kept."""
        told = Latencies(BIN_DIGITS)
        for name, bins in self.bins.items():
            if name.startswith(prefix):
                for number, each in bins.items():
                    if seconds <= number * self.bin_seconds < until:
                        told.add(each)
        return told

    def take_in(self, other: "Book", after_seconds: float) -> None:
        """All of a book of the same bins that began so much later: filed where it happened."""
        later = round(after_seconds / self.bin_seconds)
        for name, each in other.whole.items():
            _put(self.whole, name, each)
        for name, bins in other.bins.items():
            mine = self.bins.setdefault(name, {})
            for number, each in bins.items():
                _put(mine, number + later, each)


def _put(into: dict[Key, Latencies], key: Key, more: Latencies) -> None:
    """Adds a copy: what is merged stays what it was."""
    if key not in into:
        into[key] = Latencies(more.digits)
    into[key].add(more)
