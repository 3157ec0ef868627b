"""Reports of a directory as one table: what was run, when, how busy the machine was, what was broken."""

from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.load.report import leaving
from lab.load.report.said import said


def index(directory: Path) -> str:
    """A row for each document, in Markdown."""
    lines = [
        "| run | events, centres | part of the scenario | load before | counts | times | fresh p99 |",
        "|---|---|---|---|---|---|---|",
    ]
    documents = [(file, leaving.read(file)) for file in sorted(directory.glob("*.json"))]
    if not documents:
        raise LabError(f"there is no report in {directory}")
    return "\n".join([*lines, *(_row(file, told) for file, told in documents)]) + "\n"


def _row(file: Path, told: dict[str, Any]) -> str:
    # A run as in the paper era stands on the page of the other one beside it, or on one of its own.
    page = f"{leaving.name_of(told)}.html"
    page = page if file.with_name(page).exists() else page.replace(".paper", "")
    spoken = said(told)
    fresh = ", ".join(
        f"{name.removeprefix('fresh ')} {each['p99']:,.0f} ms"
        for name, each in told["latencies"].items()
        if name.startswith("fresh ")
    )
    manner = ", over wires" if told["run"].get("wires") else ""
    manner += "" if told["manner"] == "outbox" else ", as in the paper era"
    return (
        f"| [{told['scenario']}]({page}){manner}, {told['machine']['began'][:16].replace('T', ' ')} "
        f"| {told['run']['planned']:,}, {told['run']['centres']:,} | {told['run']['scale']:.0%} "
        f"| {told['machine']['load_before']} | {_word('kept', broken=spoken.broken, **{'cannot say': spoken.counts})} "
        f"| {_word('valid', invalid=spoken.outside, **{'cannot say': spoken.times})} | {fresh} |"
    )


def _word(fine: str, **names: tuple[str, ...]) -> str:
    return "; ".join(f"{word}: {', '.join(each)}" for word, each in names.items() if each) or fine
