"""Verdicts for people who look at a terminal."""

from collections.abc import Sequence

from lab.load.judging import Verdict

WORDS = {"kept": "yes", "broken": "NO", "invalid": "invalid", "shown": ""}


def table(told: Sequence[Verdict]) -> str:
    """One row each."""
    rows = [("", "promised", "kept", "measured")]
    rows += [(each.name, each.promise, WORDS[each.word], each.measured) for each in told]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join([*(row[n].ljust(widths[n]) for n in range(3)), row[3]]).rstrip() for row in rows)
