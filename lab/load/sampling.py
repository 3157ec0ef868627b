"""Which dossiers are asked for when a run is over: by lot, some of each kind, whenever in the period they were born."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal

from msgspec import Struct

# Of all processes together; one of each kind is asked for by every process at least.
OF_A_KIND = 4
LOT_BYTES = 8
BIRTHS = {"submitted", "received"}

Stands = Literal["late", "overdue", "in time"]


class Sampled(Struct, frozen=True, order=True):
    """A dossier with its lot, the due that the lab worked out, and how it stands in the end by the plan."""

    lot: bytes
    subject: str
    due: int
    stands: Stands


class Sample:
    """Keeps the lowest lots of each kind; a dossier's lot is the same in whichever process it lives."""

    def __init__(self, seed: int, processes: int) -> None:
        self._seed = seed
        self._most = max(1, OF_A_KIND // processes)
        self._kept: dict[str, list[Sampled]] = {}

    def offer(self, facts: Iterable[str], subject: str, due: int, expected: Counter[str]) -> None:
        """One more: of a kind are those to whom the same has happened; those who are late are one of their own."""
        kind, stands = " ".join(sorted({*facts} - BIRTHS)), stands_by(expected)
        lot = blake2b(f"{self._seed} {subject}".encode(), digest_size=LOT_BYTES).digest()
        kept = self._kept.setdefault(f"{kind} {stands}", [])
        insort(kept, Sampled(lot, subject, due, stands))
        del kept[self._most :]

    def drawn(self) -> list[Sampled]:
        """All that were kept."""
        return [each for kept in self._kept.values() for each in kept]


def stands_by(expected: Counter[str]) -> Stands:
    """By what the dossier adds to the counters."""
    return "late" if expected["completed_late"] else "overdue" if expected["overdue_open"] else "in time"
