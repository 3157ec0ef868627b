"""Which dossiers are asked for when a run is over: by lot, some of each kind, whenever in the period they were born."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal

from msgspec import Struct

OF_A_KIND = 4
ASKED_MAX = 100
LOT_BYTES = 8
BIRTHS = {"submitted", "received"}

Stands = Literal["late", "overdue", "in time"]


class Sampled(Struct, frozen=True, order=True):
    """A dossier with its lot, its kind, the due that the lab worked out, and how it stands in the end by the plan."""

    lot: str
    subject: str
    kind: str
    due: int
    stands: Stands


class Sample:
    """Keeps the lowest lots of each kind; a dossier's lot is the same in whichever process it lives."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._kept: dict[str, list[Sampled]] = {}

    def offer(self, facts: Iterable[str], subject: str, due: int, expected: Counter[str]) -> None:
        """One more: of a kind are those to whom the same has happened; those who are late are one of their own."""
        stands = stands_by(expected)
        kind = " ".join([*sorted({*facts} - BIRTHS), stands])
        lot = blake2b(f"{self._seed} {subject}".encode(), digest_size=LOT_BYTES).hexdigest()
        kept = self._kept.setdefault(kind, [])
        insort(kept, Sampled(lot, subject, kind, due, stands))
        del kept[OF_A_KIND:]

    def kept(self) -> list[Sampled]:
        """All of them."""
        return [each for kept in self._kept.values() for each in kept]


def drawn(kept: Iterable[Sampled]) -> list[Sampled]:
    """Of what all processes have kept the lowest lots of each kind, one of each before a second one of any."""
    of_a_kind: Counter[str] = Counter()
    ranked: list[tuple[int, Sampled]] = []
    for each in sorted(kept):
        ranked.append((of_a_kind[each.kind], each))
        of_a_kind[each.kind] += 1
    return [each for rank, each in sorted(ranked)[:ASKED_MAX] if rank < OF_A_KIND]


def stands_by(expected: Counter[str]) -> Stands:
    """By what the dossier adds to the counters."""
    return "late" if expected["completed_late"] else "overdue" if expected["overdue_open"] else "in time"
