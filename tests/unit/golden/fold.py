"""Folds a golden log and sums up what came out of it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contracts import lifecycle, reference
from services.processing.domain.line import Sent
from services.processing.domain.rules import Rules
from tests.unit.memory_line import MemoryLine


class Reported(Struct, array_like=True):
    """One record of the log: value, headers, `recorded_at` in microseconds."""

    value: str
    headers: list[tuple[str, str]]
    recorded_at: int


Golden = tuple[list[Reported], dict[str, Rules]]


def load(folder: Path) -> Golden:
    """The stored log and the rules by their digests."""
    log = [msgspec.json.decode(line, type=Reported) for line in (folder / "log.jsonl").read_bytes().splitlines()]
    bodies = (folder / "bodies.json").read_bytes().splitlines()
    return log, {reference.digest(body): Rules.compile(reference.digest(body), reference.decode(body)) for body in bodies}


def told(golden: Golden, line: MemoryLine) -> Iterator[list[Sent]]:
    """What each record of the log leaves in a line, one record at a time."""
    for record in golden[0]:
        headers = [(name, text.encode()) for name, text in record.headers]
        yield line.take(record.value.encode(), headers, record.recorded_at)


def fold_log(folder: Path, forget: bool = False) -> dict[str, Any]:
    """The final chain, and counts that tell a reader what changed when the chain differs."""
    golden = load(folder)
    line = MemoryLine(golden[1], forget)
    outcomes: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    sent_records = 0
    for left in told(golden, line):
        for sent in left:
            sent_records += 1
            decoded = lifecycle.decode(sent.value)
            outcomes[decoded.outcome] += 1
            letters.update(letter.code for letter in sent.letters)
            facts.update(entry.step.fact for entry in decoded.done if entry.step is not None)
    return {
        "chain": line.position.chain.hex(),
        "records": len(golden[0]),
        "lifecycle": sent_records,
        "outcomes": dict(outcomes),
        "letters": dict(letters),
        "steps": dict(facts),
        "kept": len(line.states),
    }
