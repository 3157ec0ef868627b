"""What of a difference may be chance: between bins of two runs, between runs of two sides, between two counts."""

from itertools import combinations
from math import sqrt
from random import Random
from statistics import fmean

# Shuffled between both sides, how often is their difference as large by chance alone?
SHUFFLES = 2_000
CHANCE_MAX = 0.01
# A difference can be certain and still too small to mind.
RATIO_MIN = 1.1
BINS_MIN = 5
# Of four runs a side, one split in 35 is as extreme as any can be: too often to be certain. Nine are 48,620 splits.
RUNS_MIN, RUNS_MAX = 5, 9
# Counts of rare things scatter by the root of their number, and events are lost by the batch.
COUNT_DEVIATIONS = 3.0
COUNT_RATIO_MIN = 3.0


def differ(old: list[float], new: list[float]) -> bool | None:
    """Whether the means of bins differ by a tenth and more, and by more than shuffling does; None with too few of them.

    Bins of one run share whatever befell that run, so that this says nothing about the next one.
    """
    if min(len(old), len(new)) < BINS_MIN:
        return None
    if not _is_large(old, new):
        return False
    seen = abs(fmean(new) - fmean(old))
    both, chance = [*old, *new], Random(1)
    as_large = 0
    for _ in range(SHUFFLES):
        chance.shuffle(both)
        as_large += abs(fmean(both[: len(old)]) - fmean(both[len(old) :])) >= seen
    return as_large / SHUFFLES < CHANCE_MAX


def runs_differ(old: list[float], new: list[float]) -> bool | None:
    """The same of whole runs, by every way of dealing them to two sides; None with too few of them."""
    if min(len(old), len(new)) < RUNS_MIN:
        return None
    if not _is_large(old, new):
        return False
    both = [*old, *new]
    whole, seen = sum(both), abs(fmean(new) - fmean(old))
    as_large = splits = 0
    for dealt in combinations(both, len(old)):
        part = sum(dealt)
        splits += 1
        as_large += abs(part / len(old) - (whole - part) / len(new)) >= seen * (1 - 1e-9)
    return as_large / splits < CHANCE_MAX


def counts_differ(old: float, new: float) -> bool:
    """Whether one count is another one for certain: lost 1 and lost 90 are, 50 and 100 are not: a batch more, or less."""
    low, high = sorted((old, new))
    return high >= COUNT_RATIO_MIN * low and high - low > COUNT_DEVIATIONS * sqrt(old + new)


def _is_large(old: list[float], new: list[float]) -> bool:
    low, high = sorted((max(fmean(old), 1e-9), max(fmean(new), 1e-9)))
    return high / low >= RATIO_MIN
