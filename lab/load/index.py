"""Reports of a directory as one table: what was run, when, how busy the machine was, what was broken."""

from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.load.report import leaving


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
    page = file.with_name(f"{told['scenario']}.html").name
    broken = [each["name"] for each in told["verdicts"] if each["word"] == "broken"]
    outside = [name for name in broken if name in ("generator", "machine")]
    mine = [name for name in broken if name not in outside]
    fresh = ", ".join(
        f"{name.removeprefix('fresh ')} {each['p99']:,.0f} ms"
        for name, each in told["latencies"].items()
        if name.startswith("fresh ")
    )
    manner = "" if told["manner"] == "outbox" else ", as in the paper era"
    return (
        f"| [{told['scenario']}]({page}){manner}, {told['machine']['began'][:16].replace('T', ' ')} "
        f"| {told['run']['planned']:,}, {told['run']['centres']:,} | {told['run']['scale']:.0%} "
        f"| {told['machine']['load_before']} | {'broken: ' + ', '.join(mine) if mine else 'kept'} "
        f"| {'invalid: ' + ', '.join(outside) if outside else 'valid'} | {fresh} |"
    )
