"""Reports laid down as files, and read again."""

import json
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.load.report.document import FORMAT
from lab.load.report.page import page


def leave(directory: Path, documents: list[dict[str, Any]]) -> list[Path]:
    """A page of all documents, and each document by itself; where they lie."""
    directory.mkdir(parents=True, exist_ok=True)
    first = documents[0]
    shown = directory / f"{first['scenario']}.html"
    shown.write_text(page(documents), "utf-8")
    left = [shown]
    for each in documents:
        name = each["scenario"] if each["manner"] == "outbox" else f"{each['scenario']}.{each['manner']}"
        file = directory / f"{name}.json"
        file.write_text(json.dumps(each, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
        left.append(file)
    return left


def read(path: Path) -> dict[str, Any]:
    """A document of an earlier run; LabError when it is none."""
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known = told["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path} is no report of a run ({type(error).__name__})") from error
    if not known:
        raise LabError(f"{path} is a report of format {told['format']}, and this lab reads {FORMAT}")
    return told
