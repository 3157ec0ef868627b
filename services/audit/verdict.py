"""How a verdict is told: a table for people, JSON for machines."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.audit.domain.findings import Findings
from services.audit.domain.notes import Listed

LISTS_SHOWN_UNITS = 5
LISTS_SHOWN_EVENTS = 3
Lists = dict[str, dict[str, Listed]]


def table(findings: Findings, counts: dict[str, int], lists: Lists) -> str:
    """The checks, one a line, with the first difference below; then the counts, who back-dates, and the newest of it."""
    lines = []
    for check in findings.checks.values():
        word = "ok  " if check.passed else "FAIL"
        if check.passed and not check.examined:
            word = "none"
        lines.append(f"{word}  {check.name:<22}{check.examined:>12,}  {check.promise}")
        if check.first is not None:
            lines.append(f"      {check.differences:,} difference(s), the first: {check.first}")
    lines += ["", *(f"{name:<28}{number:>12,}" for name, number in counts.items())]
    for kind, units in lists.items():
        most = sorted(units, key=lambda unit: (-units[unit].count, unit))[:LISTS_SHOWN_UNITS]
        total = sum(listed.count for listed in units.values())
        shown = ", ".join(f"{unit} {units[unit].count:,}" for unit in most)
        lines.append(f"{kind:<28}{total:>12,}" + (f"  most: {shown}" if shown else ""))
        for unit in most:
            newest = "; ".join(map(str, units[unit].newest[:LISTS_SHOWN_EVENTS]))
            lines += [f"      {unit}, the newest: {newest}"] if newest else []
    return "\n".join(lines)


def told(findings: Findings, counts: dict[str, int], lists: Lists, with_dossiers: bool = True) -> dict[str, Any]:
    """The same for machines; without the dossiers' codes for those who may not see them."""
    checks = []
    for check in findings.checks.values():
        first = None
        if check.first is not None:
            seen = check.first if with_dossiers else check.first.without_dossiers()
            first = {**asdict(seen), "sentence": str(seen)}
            del first["of_dossiers"]
            if not with_dossiers:
                first["dossier"] = None
        checks.append(
            {
                "name": check.name, "promise": check.promise, "passed": check.passed, "examined": check.examined,
                "differences": check.differences, "first": first,
            }
        )  # fmt: skip
    return {
        "counts": counts,
        "checks": checks,
        "lists": {
            kind: {unit: _listed(listed, with_dossiers) for unit, listed in units.items()} for kind, units in lists.items()
        },
    }


def _listed(listed: Listed, with_dossiers: bool) -> dict[str, Any]:
    newest = [asdict(noted) for noted in listed.newest]
    for noted in newest:
        if not with_dossiers:
            noted.pop("dossier", None)
    return {"count": listed.count, "newest": newest}


def write_json(path: Path, told: dict[str, Any]) -> None:
    """The verdict in a file; `exit` is the exit code."""
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
