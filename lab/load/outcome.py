"""What a run has seen, from the plan to audit's verdict."""

from collections import Counter
from typing import Any

from msgspec import Struct

from lab.load.course import Stretch
from lab.load.generator import Manner
from lab.load.measures import Book, Latencies
from lab.load.scenario import Scenario
from lab.load.watch import Sample


class Outcome(Struct, kw_only=True):
    """Everything that a run has seen; verdicts are drawn from it alone."""

    scenario: Scenario
    manner: Manner
    seed: int
    real_seconds: float
    started_at: float
    links_by: str
    planned: int
    centres: int
    edges: int
    expected: dict[str, Counter[str]]
    counters: dict[str, dict[str, int]]
    total: dict[str, int]
    dues: dict[str, int]
    dues_told: dict[str, str | None]
    counts: Counter[str]
    refused: Counter[str]
    troubles: Counter[str]
    left: int
    unseen: int
    last_stored_at: dict[str, float]
    book: Book
    late: Latencies
    loop: Latencies
    generator_cores: list[float]
    samples: list[Sample]
    cpu_seconds: dict[str, float]
    stretches: list[Stretch]
    counted_after_seconds: float
    all_counted: bool
    records: int
    audit: dict[str, Any] | None = None
    archive_bytes: int | None = None
    # All topics that are kept for ever, the archive of reported records among them.
    kept_bytes: int | None = None
    # Real edges that did not say what they held when time was over.
    silent_edges: int = 0
    # Its processes are the lab's own to look at; somebody else's are not.
    own_city: bool = True
    # Of the dossiers asked for: what does not add up in the ledger's account, None when all does.
    ledgers: dict[str, str | None] = {}
