"""Folds a golden log and sums up what came out of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contracts import lifecycle, reference
from services.processing.domain.rules import Rules
from tests.unit.memory_line import MemoryLine


class Reported(Struct, array_like=True):
    """One record of the log: value, headers, `recorded_at` in microseconds."""

    value: str
    headers: list[tuple[str, str]]
    recorded_at: int


def load(folder: Path) -> tuple[list[Reported], dict[str, Rules]]:
    """The stored log and the rules by their digests."""
    log = [msgspec.json.decode(line, type=Reported) for line in (folder / "log.jsonl").read_bytes().splitlines()]
    bodies = (folder / "bodies.json").read_bytes().splitlines()
    return log, {reference.digest(body): Rules.compile(reference.digest(body), reference.decode(body)) for body in bodies}


def fold_log(folder: Path, forget: bool = False) -> dict[str, Any]:
    """The final chain, and counts that tell a reader what changed when the chain differs."""
    log, rules = load(folder)
    line = MemoryLine(rules, forget)
    outcomes: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    sent_records = 0
    for record in log:
        headers = [(name, text.encode()) for name, text in record.headers]
        for sent in line.take(record.value.encode(), headers, record.recorded_at):
            sent_records += 1
            decoded = lifecycle.decode(sent.value)
            outcomes[decoded.outcome] += 1
            letters.update(letter.code for letter in sent.letters)
            facts.update(entry.step.fact for entry in decoded.done if entry.step is not None)
    return {
        "chain": line.position.chain.hex(),
        "records": len(log),
        "lifecycle": sent_records,
        "outcomes": dict(outcomes),
        "letters": dict(letters),
        "steps": dict(facts),
        "kept": len(line.states),
    }
