"""Lifecycle logs of all partitions, each a line tied by `prev` and `chain` as processing would write it."""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import structs

from benchmarks.lifecycle_fortnight import fortnight
from contracts.lifecycle import CHAIN_START, Entry, Lifecycle, chain, encode
from contracts.topics import PARTITIONS

MONTH_OF_FORTNIGHT = "2025-07"


@dataclass(frozen=True)
class Sent:
    """One record of a partition, as it lies in the log."""

    value: bytes
    chain: str


def lines(dossiers: int, fortnights: int = 1) -> list[list[Sent]]:
    """Whole lives, spread over the partitions as their keys would spread them; each fortnight in a month of its own."""
    found: list[list[Sent]] = [[] for _ in range(PARTITIONS)]
    tails: list[tuple[tuple[int, int] | None, bytes]] = [(None, CHAIN_START)] * PARTITIONS
    for number in range(fortnights):
        for record in _moved(dossiers, f"{2025 + (6 + number) // 12}-{1 + (6 + number) % 12:02d}"):
            assert record.dossier is not None
            partition = sum(record.dossier.encode()) % PARTITIONS
            prev, tail = tails[partition]
            src = (0 if prev is None else prev[0] + 1, 0)
            sent = sealed(structs.replace(record, src=src, prev=prev), tail)
            found[partition].append(sent)
            tails[partition] = src, bytes.fromhex(sent.chain)
    return found


def sealed(record: Lifecycle, before: bytes) -> Sent:
    """A record with the chain that ties it to those before."""
    value = encode(record)
    return Sent(value, chain(before, value).hex())


def _moved(dossiers: int, month: str) -> Iterator[Lifecycle]:
    for record in fortnight(dossiers):
        yield structs.replace(
            record, source=f"/units/{record.source}", done=tuple(_in_month(entry, month) for entry in record.done)
        )


def _in_month(entry: Entry, month: str) -> Entry:
    assert entry.day is not None
    return structs.replace(entry, day=entry.day.replace(MONTH_OF_FORTNIGHT, month))
