"""Reports laid down as files, and read again."""

import json
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from lab.errors import LabError
from lab.load.report.document import FORMATS_READ
from lab.load.report.page import page


def check(directory: Path, scenario: str) -> None:
    """LabError when a report could not be left there: better known before a run than after it."""
    if Path(scenario).name != scenario or scenario.startswith("."):
        raise LabError(f"a report is named after its scenario, and {scenario!r} is no name of a file")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise LabError(f"no report can be left in {directory}: {error.strerror or type(error).__name__}") from error


def leave(directory: Path, documents: list[dict[str, Any]]) -> list[Path]:
    """A page of all documents, and each document by itself; where they lie."""
    directory.mkdir(parents=True, exist_ok=True)
    shown = directory / f"{name_of(documents[0])}.html"
    shown.write_text(page(documents), "utf-8")
    left = [shown]
    for each in documents:
        file = directory / f"{name_of(each)}.json"
        file.write_text(json.dumps(each, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
        left.append(file)
    return left


def name_of(document: dict[str, Any]) -> str:
    """Of its files: that of the scenario, unless it was run otherwise than the product works, or over wires."""
    name, manner = document["scenario"], document["manner"]
    name = f"{name}.wires" if document["run"].get("wires") else str(name)
    return name if manner == "outbox" else f"{name}.{manner}"


def read(path: Path) -> dict[str, Any]:
    """A document of an earlier run; LabError when it is none."""
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known = told["format"] in FORMATS_READ
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path} is no report of a run ({type(error).__name__})") from error
    if not known:
        raise LabError(
            f"{path} is a report of format {told['format']}, and this lab reads {', '.join(map(str, FORMATS_READ))}"
        )
    return told


def several(path: Path) -> list[dict[str, Any]]:
    """One document, or all of a directory and of the directories in it: repeats of a run have the same name.

    Where a run stands beside its baseline of the paper era, the run is meant.
    """
    if not path.is_dir():
        return [read(path)]
    found = [read(file) for file in sorted(path.rglob("*.json"))]
    if not found:
        raise LabError(f"there is no report in {path}")
    if len({bool(each["run"].get("wires")) for each in found}) > 1:
        raise LabError(f"in {path} are runs over wires and over the proxy alone: they are no repeats of each other")
    return [each for each in found if each["manner"] == "outbox"] or found
