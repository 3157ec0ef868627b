"""What a report says in a sentence: what was broken, and what nobody could measure. Green is what was measured and kept."""

from typing import Any

from msgspec import Struct

from lab.load.counting import COUNTS
from lab.load.verdict import OUTSIDE

AUDIT = "audit"
SPOILED = (
    "Times are invalid: the generator was late, others had the machine, or it was another one after the run (see the first "
    "rows); nothing is said about speed."
)


class Said(Struct, frozen=True, kw_only=True):
    """Names of verdicts. `broken`: promises of the system; `outside`: whoever else was at fault; the others are invalid."""

    broken: tuple[str, ...]
    outside: tuple[str, ...]
    counts: tuple[str, ...]
    times: tuple[str, ...]

    @property
    def word(self) -> str:
        """As of a verdict."""
        return "broken" if self.broken else "invalid" if self.outside or self.counts or self.times else "kept"

    @property
    def sentence(self) -> str:
        """For whoever reads one line."""
        told = [f"Broken: {', '.join(self.broken)}."] if self.broken else []
        if unknown := [*self.counts, *(self.times if not self.outside else ())]:
            told.append(f"Not measured, so that nobody can say: {', '.join(unknown)}.")
        if self.outside:
            told.append(SPOILED)
        if not self.broken and not self.counts:
            about = " about counts" if self.outside or self.times else ""
            told.insert(0, f"Every promise{about} was kept.")
        return " ".join(told)


def said(document: dict[str, Any]) -> Said:
    """Of a document, however old."""
    by_word: dict[str, list[str]] = {}
    for each in document["verdicts"]:
        by_word.setdefault(each["word"], []).append(each["name"])
    broken, unknown = by_word.get("broken", []), by_word.get("invalid", [])
    return Said(
        broken=tuple(name for name in broken if name not in OUTSIDE),
        outside=tuple(name for name in broken if name in OUTSIDE),
        counts=tuple(name for name in unknown if name in (*COUNTS, AUDIT)),
        times=tuple(name for name in unknown if name not in (*COUNTS, AUDIT)),
    )
