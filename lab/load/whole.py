"""All steps of a knee as one run: what each of them counted, at the second at which it was; no figure is of one alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

from msgspec.structs import replace

from lab.load import filled, flow
from lab.load.archived import Standing
from lab.load.course import Stretch
from lab.load.flow import Backlog
from lab.load.gathering import leave_out_older, summed, summed_by_unit
from lab.load.measures import Book, Latencies
from lab.load.outcome import Outcome
from lab.load.scenario import Scenario
from lab.load.watch import Sample


def whole(scenario: Scenario, seed: int, steps: Sequence[Outcome], audit: dict[str, Any] | None) -> Outcome:
    """One outcome from the first step's start to the last one's end; `audit` is that of the archive after all of them."""
    first, last = steps[0], steps[-1]
    book = Book(first.book.bin_seconds)
    late, loop = Latencies(), Latencies()
    for each, after in _with_seconds(steps):
        book.take_in(each.book, after)
        late.add(each.late)
        loop.add(each.loop)
    expected, counters, total = _counters(steps)
    return replace(
        last, scenario=scenario, seed=seed, started_at=first.started_at,
        real_seconds=last.started_at - first.started_at + last.real_seconds,
        centres=max(each.centres for each in steps), planned=sum(each.planned for each in steps), expected=expected,
        counters=counters, total=total,
        dues=_merged(steps, "dues"), dues_told=_merged(steps, "dues_told"), ledgers=_merged(steps, "ledgers"),
        stands=_merged(steps, "stands"), stands_told=_merged(steps, "stands_told"),
        counts=summed(each.counts for each in steps), refused=summed(each.refused for each in steps),
        troubles=summed(each.troubles for each in steps),
        by_link=summed(each.by_link for each in steps), late_by=summed(each.late_by for each in steps),
        backlogs=_backlogs(steps),
        flows=flow.summed((each.flows, round(after)) for each, after in _with_seconds(steps)),
        lines=filled.merged(filled.later(each.lines, round(after)) for each, after in _with_seconds(steps)),
        left=sum(each.left for each in steps), unseen=sum(each.unseen for each in steps),
        silent_edges=sum(each.silent_edges for each in steps), all_counted=all(each.all_counted for each in steps),
        last_stored_at={
            link: at + last.started_at - first.started_at for link, at in last.last_stored_at.items()
        },
        book=book, late=late, loop=loop,
        generator_cores=[took for each in steps for took in each.generator_cores],
        samples=_samples(steps), stretches=_stretches(steps),
        cpu_seconds=_spent(steps), audit=audit, standing=_standing(steps),
    )  # fmt: skip


def _with_seconds(steps: Sequence[Outcome]) -> Iterator[tuple[Outcome, float]]:
    """Each step with how long after the first one it began."""
    return ((each, each.started_at - steps[0].started_at) for each in steps)


def _counters(steps: Sequence[Outcome]) -> tuple[dict[str, Counter[str]], dict[str, dict[str, int]], dict[str, int]]:
    """What was planned and counted; each step's counters are those that came since the one before."""
    expected = summed_by_unit(each.expected for each in steps)
    counters = summed_by_unit(each.counters for each in steps)
    # A dossier that was open when its step ended is overdue by now: what a step said of that is past.
    leave_out_older(*expected.values(), *counters.values())
    return expected, {unit: dict(told) for unit, told in counters.items()}, dict(summed(each.total for each in steps))


def _samples(steps: Sequence[Outcome]) -> list[Sample]:
    """One after the other; what was due and stored goes on from where the step before has left it."""
    told: list[Sample] = []
    due = stored = 0
    away: Counter[str] = Counter()
    for each, after in _with_seconds(steps):
        told += [
            replace(one, at=round(one.at + after, 2), due=one.due + due, stored=one.stored + stored,
                    turned_away=dict(away + Counter(one.turned_away)))
            for one in each.samples
        ]  # fmt: skip
        due, stored = due + each.counts["due"], stored + each.counts["stored"]
        away += Counter(each.samples[-1].turned_away if each.samples else {})
    return told


def _stretches(steps: Sequence[Outcome]) -> list[Stretch]:
    return [
        replace(one, since=one.since + after, until=one.until + after)
        for each, after in _with_seconds(steps) for one in each.stretches
    ]  # fmt: skip


def _backlogs(steps: Sequence[Outcome]) -> list[Backlog]:
    return [
        replace(one, until=one.until + after, last_stored_at=one.last_stored_at + after)
        for each, after in _with_seconds(steps) for one in each.backlogs
    ]  # fmt: skip


def _standing(steps: Sequence[Outcome]) -> Standing | None:
    told = [each.standing for each in steps if each.standing is not None]
    return reduce(Standing.and_, told) if told and len(told) == len(steps) else None


def _merged(steps: Sequence[Outcome], name: str) -> dict[str, Any]:
    return {key: value for each in steps for key, value in getattr(each, name).items()}


def _spent(steps: Sequence[Outcome]) -> dict[str, float]:
    told: dict[str, float] = {}
    for each in steps:
        for name, seconds in each.cpu_seconds.items():
            told[name] = told.get(name, 0.0) + seconds
    return told
