"""Dossiers as two lifecycle logs leave them: which differ, in what, and by how much that moves the counters; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from contracts.lifecycle import Countable, Counted, Stand, decode_counted, decode_stand
from deploy.operators.generation.found import Difference
from services.metrics.domain.contributions import Memo
from services.metrics.domain.deltas import deltas
from services.metrics.domain.tally import Tally

NO_STAND = b""


@dataclass
class Stands:
    """A dossier as a log leaves it: the bytes of its stand, and of each reported record that counts under it."""

    stand: bytes = NO_STAND
    entries: dict[int, bytes] = field(default_factory=dict)


class Book:
    """Every dossier of one partition of a lifecycle log; what belongs to none (ticks, what cannot be read) is under ""."""

    def __init__(self) -> None:
        self.dossiers: dict[str, Stands] = {}
        self._highest: tuple[int, int] = (-1, -1)
        # Equal pieces are equal bytes, so each is kept once.
        self._pieces: dict[bytes, bytes] = {}

    def take(self, record: Countable) -> None:
        """A record of the log, in order; one that was sent twice counts once."""
        if record.src <= self._highest:
            return
        self._highest = record.src
        stands = self.dossiers.get(record.dossier or "")
        if stands is None:
            stands = self.dossiers[record.dossier or ""] = Stands()
        stands.stand = self._kept(bytes(record.now))
        for offset, _ in record.undone:
            stands.entries.pop(offset, None)
        for offset, piece in record.done:
            stands.entries[offset] = self._kept(bytes(piece))

    def _kept(self, piece: bytes) -> bytes:
        return self._pieces.setdefault(piece, piece)


def compare(partition: int, one: Book, other: Book) -> Iterable[Difference]:
    """The dossiers that do not stand and count alike in both."""
    nothing = Stands()
    for code in sorted(one.dossiers.keys() | other.dossiers.keys()):
        left, right = one.dossiers.get(code, nothing), other.dossiers.get(code, nothing)
        if left != right:
            yield Difference(partition, code, tuple(_told(left, right)), _counters(left, right))


def _told(left: Stands, right: Stands) -> Iterable[tuple[str, Any, Any]]:
    if left.stand != right.stand:
        yield from _members("", _stand(left.stand), _stand(right.stand))
    for offset in sorted(left.entries.keys() | right.entries.keys()):
        one, other = left.entries.get(offset), right.entries.get(offset)
        if one != other:
            yield from _members(f"record {offset}: ", _entry(one), _entry(other))


def _members(where: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for name in [*left, *(each for each in right if each not in left)]:
        if left.get(name) != right.get(name):
            yield where + name, left.get(name), right.get(name)


def _stand(piece: bytes) -> dict[str, Any]:
    return structs.asdict(decode_stand(piece) if piece else Stand())


def _entry(piece: bytes | None) -> dict[str, Any]:
    if piece is None:
        return {}
    counted: Counted = decode_counted(piece)
    told = structs.asdict(counted)
    step = told.pop("step")
    return told | ({} if step is None else {f"step.{name}": value for name, value in structs.asdict(step).items()})


def _counters(left: Stands, right: Stands) -> dict[str, int]:
    """role|unit|counter -> what the dossier adds in the second more than in the first."""
    was, now = _contributed(left), _contributed(right)
    return {
        name: now.get(name, 0) - was.get(name, 0)
        for name in sorted(was.keys() | now.keys())
        if now.get(name) != was.get(name)
    }


def _contributed(stands: Stands) -> Mapping[str, int]:
    memo = Memo(1000)
    standing = memo.stand(stands.stand)
    tally = Tally()
    tally.stocks[standing.stock] = 1
    for piece in stands.entries.values():
        tally.flows[memo.flow(standing, piece), standing.marks] += 1
    return deltas(tally).add.get("total", {})
