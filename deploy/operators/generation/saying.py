"""Generations and comparisons in words, for a terminal; pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from deploy.operators.generation.comparing import Comparison, Figures
from deploy.operators.generation.found import Difference, Dossiers

SHOWN_DOSSIERS: Final = 5
SHOWN_MEMBERS: Final = 4
SHOWN_FIGURES: Final = 8
SHOWN_KINDS: Final = 8


def comparison(of: Comparison) -> Iterator[str]:
    """What a comparison came to."""
    one, other = of.gens
    records = sum(of.figures.positions.values()) + len(of.figures.positions)
    yield f"Generations {one} and {other}, both as of {records:,} reported records:"
    yield from _dossiers("by their logs", of.counted)
    if of.answered is None:
        yield "  answers     not compared: the code of both is not here"
    else:
        yield from _dossiers("by their answers", of.answered)
    yield from figures(of.figures)
    if of.figures.differences:
        whole = (
            "all of it comes from the dossiers above" if of.is_explained else "the dossiers above do not explain all of it"
        )
        yield f"              in total {len(of.figures.totals)} of them; {whole}"
    for each in _few(of):
        yield from _dossier(each)
    rate = of.records / max(of.read_seconds, 0.001)
    yield f"  {of.records:,} lifecycle records read in {of.read_seconds:.1f} s, {rate:,.0f} records/s"


def figures(of: Figures) -> Iterator[str]:
    """Counters of two states."""
    if of.left_out:
        for number, reason in of.left_out.items():
            yield f"  partition   {number} is not compared, what is shown stands still there: {reason}"
        yield "  counters    not compared: they are of all partitions together"
        return
    yield f"  counters    {of.compared:,} figures compared, {_differ(len(of.differences))}"
    totals = [(field, numbers) for (name, field), numbers in of.differences.items() if name == "total"]
    for field, (first, second) in totals[:SHOWN_FIGURES]:
        role, unit, counter = field.split("|", 2)
        yield f"              {counter} of {unit} ({role}): {first:,} -> {second:,}"
    if len(totals) > SHOWN_FIGURES:
        yield f"              … and {len(totals) - SHOWN_FIGURES:,} more in total"


def _dossiers(what: str, of: Dossiers) -> Iterator[str]:
    moved = f"; {of.moved:,} more moved at every attempt and are not compared: compare once more" if of.moved else ""
    yield f"  dossiers    {of.compared:,} compared {what}, {_differ(of.differ)}{moved}"
    for name, times in of.by_member.most_common(SHOWN_KINDS):
        yield f"              {name:<28} differs in {times:,}"


def _few(of: Comparison) -> Sequence[Difference]:
    """Some dossiers, each with what both looks at it found."""
    answered = {each.code: each for each in ([] if of.answered is None else of.answered.sample)}
    chosen = of.counted.sample or list(answered.values())
    return [
        Difference(each.partition, each.code, (*each.members, *_more(answered, each)), each.counters)
        for each in chosen[:SHOWN_DOSSIERS]
    ]


def _more(answered: dict[str, Difference], of: Difference) -> Iterable[tuple[str, Any, Any]]:
    found = answered.get(of.code)
    return () if found is None or found is of else found.members


def _dossier(of: Difference) -> Iterator[str]:
    yield f"  {of.code or '(no dossier)'}"
    for what, first, second in of.members[:SHOWN_MEMBERS]:
        yield f"              {what}: {_shown(first)} -> {_shown(second)}"
    if len(of.members) > SHOWN_MEMBERS:
        yield f"              … and {len(of.members) - SHOWN_MEMBERS} members more"
    for name, by in list(of.counters.items())[:SHOWN_MEMBERS]:
        role, unit, counter = name.split("|", 2)
        yield f"              {counter} of {unit} ({role}): {by:+d}"


def _differ(count: int) -> str:
    return "none differs" if count == 0 else "1 differs" if count == 1 else f"{count:,} differ"


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)[:80]
