"""How a verdict is told: a table for people, JSON for machines."""

import json
from dataclasses import asdict
from pathlib import Path

from services.audit.domain.findings import Findings


def table(findings: Findings, counts: dict[str, int]) -> str:
    """The checks, one a line, with the first difference below; then the counts."""
    lines = []
    for check in findings.checks.values():
        word = "ok  " if check.passed else "FAIL"
        if check.passed and not check.examined:
            word = "none"
        lines.append(f"{word}  {check.name:<22}{check.examined:>12,}  {check.promise}")
        if check.first is not None:
            lines.append(f"      {check.differences:,} difference(s), the first: {check.first}")
    lines += ["", *(f"{name:<28}{number:>12,}" for name, number in counts.items())]
    return "\n".join(lines)


def write_json(path: Path, findings: Findings, counts: dict[str, int], verdict: int, why: str | None) -> None:
    """The same for machines; `exit` is the exit code."""
    checks = [
        {
            "name": check.name,
            "promise": check.promise,
            "passed": check.passed,
            "examined": check.examined,
            "differences": check.differences,
            "first": None if check.first is None else {**asdict(check.first), "sentence": str(check.first)},
        }
        for check in findings.checks.values()
    ]
    told = {"exit": verdict, "could_not_run": why, "counts": counts, "checks": checks}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
