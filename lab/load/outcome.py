"""What a run has seen, from the plan to audit's verdict."""

from typing import Any

from msgspec import field

from lab.load.archived import Standing
from lab.load.course import Stretch
from lab.load.gathering import Gathered
from lab.load.generator import Manner
from lab.load.scenario import Scenario
from lab.load.watch import Sample
from lab.load.yardstick import Yardstick


class Outcome(Gathered, kw_only=True):
    """Everything that a run has seen; verdicts are drawn from it alone."""

    scenario: Scenario
    manner: Manner
    seed: int
    real_seconds: float
    started_at: float
    links_by: str
    edges: int
    counters: dict[str, dict[str, int]]
    total: dict[str, int]
    dues_told: dict[str, str | None]
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
    # Whether centres were on wires, whose rates and losses are not the proxy's.
    wires: bool = False
    # Real edges that did not say what they held when time was over.
    silent_edges: int = 0
    # Its processes are the lab's own to look at; somebody else's are not.
    own_city: bool = True
    # What fixed work told of the machine before and after; None where nobody measured it, as in a part of a run.
    yardstick: Yardstick | None = None
    # Where attempts have ids of their own: how planned events stand in the archive; None where nobody has read it.
    standing: Standing | None = None
    # Of the dossiers asked for: how each stands by the city's own word, None where it does not know one.
    stands_told: dict[str, str | None] = field(default_factory=dict)
    # Of the same: what does not add up in the ledger's account, None when all does.
    ledgers: dict[str, str | None] = field(default_factory=dict)
