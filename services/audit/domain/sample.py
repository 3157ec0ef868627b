"""A sample of dossiers, chosen by seed and code alone, with everything that was reported of them."""

from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heappush, heapreplace

from services.audit.domain.reading import Stored

# A dossier with more records than this leaves the sample: nobody's life has so many, and memory is bounded.
RECORDS_MAX = 2000

Place = tuple[int, str]


@dataclass
class Chosen:
    """One dossier of the sample: what was reported of it, the last stand that its lifecycle left, what cannot be derived."""

    partition: int
    code: str
    records: list[Stored] = field(default_factory=list)
    stand: bytes = b""
    retired: bool = False
    is_derivable: bool = True


class Sample:
    """The dossiers whose codes have the smallest digests: whatever is in it at the end was in it from its first event."""

    def __init__(self, size: int | None, seed: int) -> None:
        self.size = size
        self.seed = seed
        self.dossiers: dict[Place, Chosen] = {}
        self._key = str(seed).encode()
        self._worst: list[tuple[int, Place]] = []

    def take(self, partition: int, code: str, stored: Stored, is_first: bool = True) -> None:
        """A reported event of a dossier; `is_first` unless an earlier one is known to have been taken."""
        place = (partition, code)
        chosen = self.dossiers.get(place)
        if chosen is None:
            # One that did not enter with its first event never does.
            if self.size == 0 or not is_first or not self._enters(place):
                return
            chosen = self.dossiers[place] = Chosen(partition, code)
        if len(chosen.records) >= RECORDS_MAX:
            chosen.is_derivable = False
            return
        chosen.records.append(stored)

    def _enters(self, place: Place) -> bool:
        if self.size is None:
            return True
        rank = -int.from_bytes(blake2b(place[1].encode(), key=self._key, digest_size=8).digest(), "big")
        if len(self._worst) < self.size:
            heappush(self._worst, (rank, place))
            return True
        if rank <= self._worst[0][0]:
            return False
        _, gone = heapreplace(self._worst, (rank, place))
        del self.dossiers[gone]
        return True
