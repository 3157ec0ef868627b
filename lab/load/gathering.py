"""What all processes of the generator have planned and measured, as if they had been one."""

from collections import Counter
from collections.abc import MutableMapping, Sequence
from typing import Any

from msgspec import Struct

from lab.load.measures import Book, Latencies

Said = Sequence[dict[str, Any]]


class Gathered(Struct, frozen=True, kw_only=True):
    """Sums and merged histograms; `cores` of each process for itself, since each has one at most."""

    planned: int
    centres: int
    expected: dict[str, Counter[str]]
    dues: dict[str, int]
    counts: Counter[str]
    refused: Counter[str]
    troubles: Counter[str]
    left: int
    unseen: int
    last_stored_at: dict[str, float]
    book: Book
    late: Latencies
    loop: Latencies
    cores: list[float]


def gather(planned: Said, measured: Said, links: Sequence[str]) -> Gathered:
    """Of what each has said before and after the run."""
    expected: dict[str, Counter[str]] = {}
    dues: dict[str, int] = {}
    for each in planned:
        for unit, counters in each["expected"].items():
            expected.setdefault(unit, Counter()).update(counters)
        dues.update(each["dues"])
    late, loop = Latencies(), Latencies()
    for each in measured:
        late.add(Latencies.decoded(each["late"]))
        loop.add(Latencies.decoded(each["loop"]))
    return Gathered(
        planned=sum(each["events"] for each in planned), centres=sum(each["centres"] for each in planned),
        expected=expected, dues=dues,
        counts=_sum(measured, "counts"), refused=_sum(measured, "refused"), troubles=_sum(measured, "troubles"),
        left=sum(each["left"] for each in measured), unseen=sum(each["unseen"] for each in measured),
        last_stored_at={link: max(each["last_stored_at"].get(link, 0.0) for each in measured) for link in links},
        book=Book.merged((each["book"] for each in measured), measured[0]["book"]["bin_seconds"]),
        late=late, loop=loop,
        cores=[each["cpu_seconds"] / max(0.001, each["wall_seconds"]) for each in measured],
    )  # fmt: skip


def leave_out_older(*counters: MutableMapping[str, int]) -> None:
    """Where dossiers were open before a run, they fall due while its time goes by, and nobody knows whose is overdue."""
    for each in counters:
        each.pop("overdue_open", None)


def _sum(measured: Said, name: str) -> Counter[str]:
    told: Counter[str] = Counter()
    for each in measured:
        told.update(each[name])
    return told
