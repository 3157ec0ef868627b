"""Outcomes of runs as they might have been, made by hand: what verdicts, reports and comparisons are tried on."""

from collections import Counter
from functools import cache

from lab.load import scenario as scenarios
from lab.load.course import Stretch
from lab.load.flow import Backlog, Flow
from lab.load.measures import Book, Latencies
from lab.load.outcome import Outcome
from lab.load.watch import Sample

UNIT = "20044"
EXPECTED = {
    "submitted": 40, "received": 100, "received_online": 40, "received_direct": 60, "completed": 80, "completed_late": 5,
    "returned": 70, "withdrawn": 3, "handed_over": 4, "open": 17, "overdue_open": 2,
}  # fmt: skip
# What audit counts: 300 events beside twelve ticks, each with a number.
ARCHIVED = {
    "reported_records": 312, "sequence_numbers": 300, "standing_applied": 299, "standing_parked": 1, "standing_tick": 12,
    "standing_renamed": 0,
}  # fmt: skip
FIBRE_MS, MOUNTAIN_MS = 120.0, 4_000.0


def outcome(**changed: object) -> Outcome:
    """A run of the mountain link in which every promise was kept; `changed` says what was otherwise."""
    made = Outcome(**{**_kept(), **changed})  # type: ignore[arg-type]
    return made


def book(fibre_ms: float = FIBRE_MS, mountain_ms: float = MOUNTAIN_MS) -> Book:
    """Latencies with a little spread, over ten bins of three seconds."""
    made = Book(3.0)
    for number in range(300):
        at, spread = number / 10, 1 + (number % 7) / 50
        made.record("fresh fibre", at, fibre_ms * spread)
        made.record("fresh mountain", at, mountain_ms * spread)
        made.record("stored fibre", at, fibre_ms / 2 * spread)
        made.record("stored mountain", at, mountain_ms / 2 * spread)
        made.record("accepted edge", at, 12 * spread)
    return made


def punctual(ms: float = 2.0) -> Latencies:
    """How late the generator was."""
    made = Latencies()
    for _ in range(100):
        made.record(ms)
    return made


def samples(machine_cores: float = 1.0, intake_cores: float = 0.4) -> list[Sample]:
    """Thirty seconds; the mountain's outboxes fill while its link is cut from 10 to 15 s and drain within 4 s."""
    return [
        Sample(
            at=float(at), cores={"intake": intake_cores, "kafka": 0.3}, mib={"intake": 90.0, "kafka": 400.0},
            waits={"lag_processing": 3.0, "lag_metrics": 1.0}, outboxes={"mountain": _waiting(at), "fibre": 0},
            due=10 * at, stored=10 * at - _waiting(at), machine_cores=machine_cores,
        )
        for at in range(31)
    ]  # fmt: skip


def flows() -> dict[str, Flow]:
    """Ten a second on each link; what the mountain's cut holds up goes through as in `samples`."""
    waits = [_waiting(at) for at in range(31)]
    mountain = [10 + was - now for was, now in zip([0, *waits[:-1]], waits, strict=True)]
    return {"mountain": Flow([10] * 30, mountain), "fibre": Flow([10] * 30, [10] * 30)}


def _waiting(at: int) -> int:
    if 10 <= at < 15:
        return (at - 9) * 10
    return max(0, 60 - (at - 14) * 15) if at >= 15 else 0


@cache
def _scenario() -> scenarios.Scenario:
    return scenarios.read("mountain-link")


def _kept() -> dict[str, object]:
    return {
        "scenario": _scenario(), "manner": "outbox", "seed": 1, "real_seconds": 30.0, "started_at": 1_764_126_000.0,
        "links_by": "nothing", "planned": 300, "centres": 14, "edges": 2, "expected": {UNIT: Counter(EXPECTED)},
        "counters": {UNIT: dict(EXPECTED)}, "total": {**EXPECTED, "duplicates": 3, "late_by_link": 6, "rejected": 0},
        "dues": {"D-1": 1751414425000000}, "dues_told": {"D-1": "2025-07-02T07:00:25+07:00"},
        "ledgers": {"D-1": None}, "stands": {"D-1": "in time"}, "stands_told": {"D-1": "in time"},
        "counts": Counter(due=300, stored=300, requests=30, bytes=30_000), "refused": Counter(), "troubles": Counter(),
        "left": 0, "unseen": 0, "last_stored_at": {"fibre": 30.0, "mountain": 30.5}, "book": book(),
        "backlogs": [Backlog("mountain", 15.0, 75, 75, 19.0)], "flows": flows(),
        "late": punctual(), "loop": punctual(), "generator_cores": [0.2], "samples": samples(),
        "cpu_seconds": {"intake": 4.0, "kafka": 6.0, "generator 0": 3.0},
        "stretches": [Stretch("cut", "mountain", 10.0, 15.0)], "counted_after_seconds": 0.4, "all_counted": True,
        "records": 312, "audit": {"exit": 0, "failed": [], "counts": {**ARCHIVED}, "why": None},
        "archive_bytes": 150_000,
    }  # fmt: skip
