"""Verdicts for people who look at a terminal."""

from collections.abc import Mapping, Sequence

from lab.load.verdict import Verdict
from lab.load.wallclock import CLOCK, LAW

WORDS = {"kept": "yes", "broken": "NO", "invalid": "invalid", "shown": ""}
# What an outbox and event time are for.
COMPARED = ("lost", "double", "wrongly overdue", "refused wrongly")
BY_THE_PLAN = "late, by the plan"


def table(told: Sequence[Verdict]) -> str:
    """One row each."""
    rows = [("", "promised", "kept", "measured")]
    rows += [(each.name, each.promise, WORDS[each.word], each.measured) for each in told]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join([*(row[n].ljust(widths[n]) for n in range(3)), row[3]]).rstrip() for row in rows)


def side_by_side(now: Sequence[Verdict], paper: Sequence[Verdict], late_by: Mapping[str, int]) -> str:
    """What the product prevents: the counts of both, and who is late by their plan: by law, by a clock that never stops."""
    rows = [("", "with an outbox", "as in the paper era")]
    for name in COMPARED:
        cells = [next((_cell(each) for each in told if each.name == name), "–") for told in (now, paper)]
        rows.append((name, cells[0], cells[1]))
    if late_by:
        rows.append((BY_THE_PLAN, f"{late_by[LAW]:,} by the law", f"{late_by[CLOCK]:,} by a clock that never stops"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _cell(verdict: Verdict) -> str:
    """A count; 0 of a run that did not come to its end, or that nobody could measure, is none."""
    if verdict.figure is None:
        return WORDS[verdict.word] or "–"
    if verdict.word == "invalid" or (verdict.word == "broken" and not verdict.figure):
        return f"cannot say ({verdict.measured})"
    return f"{verdict.figure:,.0f}"
