"""The yardstick of a machine: how much fixed work one of its cores does in a second, before a run and after it.

Neither the load before nor who took the cores tells what a shared host gives: the same code on the same machine took up to
six times as long in another hour. Whoever compares times asks this first.
"""

import time
from collections.abc import Iterable
from hashlib import sha256
from statistics import fmean
from typing import Any

from msgspec import Struct

# About 0.3 s of one core; where the machine is that much slower, what was done by then is told.
UNITS = 700
UNIT_LOOPS = 10_000
SECONDS_MAX = 3.0
# What lies within is the same machine in the same hour; within a run it may change by more and be one all the same.
SAME_RATIO_MAX = 1.15
DRIFT_RATIO_MAX = 1.35


class Yardstick(Struct, frozen=True):
    """Units a second."""

    before: float
    after: float

    @property
    def drift(self) -> float:
        """How many times as fast it was at its better end; 1: the same."""
        return ratio(self.before, self.after)


def measured() -> float:
    """Units a second of one core: Python's own work, and hashing."""
    began = time.perf_counter()
    taken, done = 0.0, 0
    kept = b""
    while done < UNITS and taken < SECONDS_MAX:
        kept = _unit(kept)
        done += 1
        taken = time.perf_counter() - began
    return round(done / max(taken, 1e-6), 1)


def ratio(one: float, other: float) -> float:
    """The larger by the smaller."""
    low, high = sorted((max(one, 1e-9), max(other, 1e-9)))
    return high / low


def of(documents: Iterable[dict[str, Any]]) -> float | None:
    """The mean of some reports; None where one of them does not know it, as earlier ones."""
    told = [each["machine"].get("yardstick") for each in documents]
    if not told or None in told:
        return None
    return fmean(float(each[when]) for each in told for when in ("before", "after"))


def _unit(kept: bytes) -> bytes:
    count = 0
    for number in range(UNIT_LOOPS):
        count += number % 7
    digest = sha256(kept)
    for _ in range(64):
        digest.update(b"%d" % count * 256)
    return digest.digest()
