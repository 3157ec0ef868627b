"""The table with which `make bench` ends: what docs/PERFORMANCE.md shows, one row of each measurement."""

import os
from pathlib import Path
from typing import Final

# Where a benchmark that runs among others leaves its rows; one that runs alone has said all of it already.
FILE: Final = "MOTCUA_BENCH_TABLE"
HEADING: Final = "| what | measured | beside, in the same run | ratio | load |\n|---|---|---|---|---|"


def row(what: str, measured: str, beside: str = "", ratio: str = "") -> None:
    """One measurement: a stage, its figure, that of the alternative, ours by theirs. The machine's load is added."""
    if file := os.environ.get(FILE):
        cells = (what, measured, beside, ratio, f"{os.getloadavg()[0]:.1f}")
        with Path(file).open("a", encoding="utf-8") as table:
            table.write(f"| {' | '.join(cells)} |\n")


def judged(rate: float, target: int, what: str) -> str:
    """What a rate is beside its target: words alone, since a machine's bad hour is no fault of the code."""
    return f"target {target:,} {what}: {'met' if rate >= target else 'MISSED'}"


def of(file: Path) -> str:
    """The whole table of the rows that were left in a file; empty without any."""
    rows = file.read_text(encoding="utf-8") if file.exists() else ""
    return f"{HEADING}\n{rows}" if rows else ""
