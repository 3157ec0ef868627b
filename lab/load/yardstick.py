"""The yardstick of a machine: how much fixed work one of its cores does in a second, before a run and after it.

By the processor's time it tells what machine it is, in this hour; by the clock on the wall, what others leave of it. Whoever
compares times asks this first: the same code on the same machine took more than six times as long in another hour.
"""

import time
from hashlib import sha256
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct

# Each about 0.15 s of one core, and the middle one of five: one alone may be a neighbour's moment.
SAMPLES = 5
UNITS = 300
UNIT_LOOPS = 10_000
# Where the machine is that much slower, what was done by then is told.
SAMPLE_SECONDS_MAX = 0.8
# What lies within is the same machine in the same hour; within a run it may change by more and be one all the same.
SAME_RATIO_MAX = 1.15
DRIFT_RATIO_MAX = 1.35


class Speed(Struct, frozen=True):
    """Units a second: by the clock on the wall, and of the processor's own time."""

    wall: float
    processor: float


class Yardstick(Struct, frozen=True):
    """Units a second by the clock on the wall; of the processor's time, where a report knows that, too."""

    before: float
    after: float
    processor_before: float | None = None
    processor_after: float | None = None

    @property
    def own(self) -> tuple[float, float]:
        """Of the machine itself, before and after: by the wall where its processor's time is not known."""
        return self.processor_before or self.before, self.processor_after or self.after

    @property
    def drift(self) -> float:
        """How many times as fast the machine itself was at its better end; 1: the same."""
        return ratio(*self.own)

    @property
    def others(self) -> float:
        """The part of a core that others took at the end at which they took less: at one alone it may be a moment."""
        before, after = self.own
        return max(0.0, 1 - max(self.before / max(before, 1e-9), self.after / max(after, 1e-9)))


def between(before: Speed, after: Speed) -> Yardstick:
    """Of what was measured at both ends."""
    return Yardstick(before.wall, after.wall, before.processor, after.processor)


def measured() -> Speed:
    """One core at Python's own work, and hashing: the middle one of some samples."""
    samples = [_sample() for _ in range(SAMPLES)]
    return Speed(*(round(median(told), 1) for told in zip(*samples, strict=True)))


def ratio(one: float, other: float) -> float:
    """The larger by the smaller."""
    low, high = sorted((max(one, 1e-9), max(other, 1e-9)))
    return high / low


def times_slower(yardstick: Yardstick, units: float) -> float:
    """Than a machine that does so many units a second of its processor's time, at the worse end; 1: as fast, or faster."""
    return max(1.0, units / max(1e-9, min(yardstick.own)))


def of(document: dict[str, Any]) -> Yardstick | None:
    """Of a report; earlier ones do not know it."""
    told = document["machine"].get("yardstick")
    return None if told is None else msgspec.convert(told, Yardstick)


def _sample() -> tuple[float, float]:
    """By the wall, and of the processor's time."""
    began, spent = time.perf_counter(), time.process_time()
    taken, done = 0.0, 0
    kept = b""
    while done < UNITS and taken < SAMPLE_SECONDS_MAX:
        kept = _unit(kept)
        done += 1
        taken = time.perf_counter() - began
    return done / max(taken, 1e-6), done / max(time.process_time() - spent, 1e-6)


def _unit(kept: bytes) -> bytes:
    count = 0
    for number in range(UNIT_LOOPS):
        count += number % 7
    digest = sha256(kept)
    for _ in range(64):
        digest.update(b"%d" % count * 256)
    return digest.digest()
