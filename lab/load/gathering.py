"""What all processes of the generator have planned and measured, as if they had been one."""

from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from functools import reduce
from typing import Any

from msgspec import Struct, convert, field

from lab.load import filled
from lab.load.flow import Backlog, Flow, added
from lab.load.flow import summed as flowing
from lab.load.measures import Book, Latencies
from lab.load.sampling import Sampled, drawn

Said = Sequence[dict[str, Any]]


class Gathered(Struct, kw_only=True):
    """Sums and merged histograms; `generator_cores` of each process for itself, since each has one at most."""

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
    generator_cores: list[float]
    # Planned events by link; without any nobody has told.
    by_link: Counter[str] = field(default_factory=Counter)
    # Of all planned dossiers: late by the law, and by a clock that never stops.
    late_by: Counter[str] = field(default_factory=Counter)
    # Of the dossiers in `dues`: late, overdue or in time by the plan.
    stands: dict[str, str] = field(default_factory=dict)
    # Of each gap of a line what had gathered, and of each link what came due and was stored in each second.
    backlogs: list[Backlog] = field(default_factory=list)
    flows: dict[str, Flow] = field(default_factory=dict)
    # How full each line was; none of a real edge's, which does not tell.
    lines: filled.Lines = field(default_factory=dict)


def gather(planned: Said, measured: Said, links: Sequence[str]) -> Gathered:
    """Of what each has said before and after the run."""
    asked = drawn(one for kept in _seen(planned, "sampled", list[Sampled]) for one in kept)
    late, loop = Latencies(), Latencies()
    for each in measured:
        late.add(Latencies.decoded(each["late"]))
        loop.add(Latencies.decoded(each["loop"]))
    return Gathered(
        planned=sum(each["events"] for each in planned), centres=sum(each["centres"] for each in planned),
        expected=summed_by_unit(each["expected"] for each in planned),
        dues={each.subject: each.due for each in asked},
        counts=summed(each["counts"] for each in measured), refused=summed(each["refused"] for each in measured),
        troubles=summed(each["troubles"] for each in measured),
        left=sum(each["left"] for each in measured), unseen=sum(each["unseen"] for each in measured),
        last_stored_at={link: max(each["last_stored_at"].get(link, 0.0) for each in measured) for link in links},
        book=Book.merged((each["book"] for each in measured), measured[0]["book"]["bin_seconds"]),
        late=late, loop=loop,
        generator_cores=[each["cpu_seconds"] / max(0.001, each["wall_seconds"]) for each in measured],
        by_link=summed(each["by_link"] for each in planned), late_by=summed(each["late_by"] for each in planned),
        stands={each.subject: each.stands for each in asked},
        backlogs=[reduce(added, seen) for seen in zip(*_seen(measured, "backlogs", list[Backlog]), strict=True)],
        flows=flowing((each, 0) for each in _seen(measured, "flows", dict[str, Flow])),
        lines=filled.merged(_seen(measured, "lines", filled.Lines)),
    )  # fmt: skip


def _seen(measured: Said, name: str, kind: Any) -> list[Any]:
    """A member of what each process says, as what it was before it was written down."""
    return [convert(each[name], kind) for each in measured]


def leave_out_older(*counters: MutableMapping[str, int]) -> None:
    """Where dossiers were open before a run, they fall due while its time goes by, and nobody knows whose is overdue."""
    for each in counters:
        each.pop("overdue_open", None)


def summed(counters: Iterable[Mapping[str, int]]) -> Counter[str]:
    """All of them together."""
    told: Counter[str] = Counter()
    for each in counters:
        told.update(each)
    return told


def summed_by_unit(tables: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, Counter[str]]:
    """The counters of each unit, those of all tables together."""
    told: dict[str, Counter[str]] = {}
    for table in tables:
        for unit, counters in table.items():
            told.setdefault(unit, Counter()).update(counters)
    return told
