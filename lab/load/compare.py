"""Two runs of one scenario: what changed, and what of it is more than noise."""

from collections.abc import Iterable
from random import Random
from statistics import fmean
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from lab.errors import LabError
from lab.load.judging import OUTSIDE

# Bins of a run are its repeats: shuffled between both runs, how often is their difference as large by chance alone?
SHUFFLES = 2_000
CHANCE_MAX = 0.01
# A difference can be certain and still too small to mind.
RATIO_MIN = 1.1
COST_RATIO_MIN = 1.15
BINS_MIN = 5
COLUMNS = {"p50": 2, "p99": 3}
MISSING = "missing"


class Change(Struct, frozen=True, kw_only=True):
    """One figure in both runs; `more_than_noise` None: nobody can say. `repeated`: it was measured more than once."""

    name: str
    before: str
    after: str
    more_than_noise: bool | None
    better: bool | None = None
    repeated: bool = True


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Verdicts, then latencies, then costs; LabError when the two are of different scenarios."""
    if before["scenario"] != after["scenario"]:
        raise LabError(f"{before['scenario']} and {after['scenario']} are different scenarios: nothing to compare")
    told = [*_verdicts(before, after), *_latencies(before, after), *_costs(before, after)]
    if not (_spoiled(before) or _spoiled(after)):
        return told
    # The generator or others on the machine took part of these times, nobody knows how much; counts stay counts.
    counted = {each["name"] for each in (*before["verdicts"], *after["verdicts"])}
    return [each if each.name in counted else replace(each, more_than_noise=None, better=None) for each in told]


def worse(changes: Iterable[Change]) -> list[Change]:
    """What is worse for certain: a figure that each run has but once may be by chance."""
    return [each for each in changes if each.more_than_noise and each.better is False and each.repeated]


def settings_changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Which parts of the settings differ: then a difference may be theirs."""
    names = sorted({*before["settings"], *after["settings"]})
    told = [name for name in names if before["settings"].get(name) != after["settings"].get(name)]
    return [*told, *(name for name in ("manner",) if before[name] != after[name])]


def _verdicts(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Of the system: how the generator did is no change of it."""
    old, new = ({each["name"]: each for each in run["verdicts"] if each["name"] not in OUTSIDE} for run in (before, after))
    told = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        words = [each["word"] for each in (was, now) if each is not None]
        if "shown" in words or (words[0] == words[-1] != "invalid" and len(words) == 2):
            continue
        said = len(words) == 2 and "invalid" not in words
        told.append(Change(
            name=name, before=_said(was), after=_said(now), more_than_noise=True if said else None,
            better=words[-1] == "kept" if said else None,
        ))  # fmt: skip
    return told


def _said(verdict: dict[str, Any] | None) -> str:
    return MISSING if verdict is None else f"{verdict['word']}: {verdict['measured']}"


def _latencies(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """By the bins' mean, which is what is shuffled; the whole run's percentile stands beside it."""
    told = []
    for name in sorted({*before["latencies"], *after["latencies"]}):
        for label, column in COLUMNS.items():
            old, new = ([row[column] for row in run["bins"].get(name, [])] for run in (before, after))
            was, now = (_latency(run["latencies"].get(name), label, bins) for run, bins in ((before, old), (after, new)))
            differs = differ(old, new)
            told.append(Change(
                name=f"{name} {label}", before=was, after=now, more_than_noise=differs,
                better=None if differs is None else fmean(new) < fmean(old),
            ))  # fmt: skip
    return told


def _latency(told: dict[str, Any] | None, label: str, bins: list[float]) -> str:
    if told is None:
        return MISSING
    return f"{told[label]:,.1f} ms" + (f" (bins {fmean(bins):,.1f})" if bins else "")


def _costs(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """One number a run: shown where it moved by more than usual, never certain."""
    old, new = before["cost"]["cpu_us_per_event"], after["cost"]["cpu_us_per_event"]
    told = []
    for name in sorted({*old, *new}):
        moved: bool | None = None
        if name in old and name in new:
            low, high = sorted((max(old[name], 0.1), max(new[name], 0.1)))
            moved = high / low >= COST_RATIO_MIN
        was, now = (f"{cost[name]:,.0f} µs an event" if name in cost else MISSING for cost in (old, new))
        told.append(Change(
            name=f"processor of {name}", before=was, after=now, more_than_noise=moved,
            better=None if moved is None else new[name] < old[name], repeated=False,
        ))  # fmt: skip
    return told


def _spoiled(run: dict[str, Any]) -> bool:
    return any(each["name"] in OUTSIDE and each["word"] == "broken" for each in run["verdicts"])


def differ(old: list[float], new: list[float]) -> bool | None:
    """Whether the means of these differ by a tenth and more, and by more than shuffling does; None with too few of them."""
    if min(len(old), len(new)) < BINS_MIN:
        return None
    low, high = sorted((max(fmean(old), 1e-9), max(fmean(new), 1e-9)))
    if high / low < RATIO_MIN:
        return False
    seen = abs(fmean(new) - fmean(old))
    both, chance = [*old, *new], Random(1)
    as_large = 0
    for _ in range(SHUFFLES):
        chance.shuffle(both)
        as_large += abs(fmean(both[: len(old)]) - fmean(both[len(old) :])) >= seen
    return as_large / SHUFFLES < CHANCE_MAX


def table(changes: list[Change]) -> str:
    """For people who look at a terminal."""
    rows = [("", "before", "after", "more than noise")]
    rows += [(each.name, each.before, each.after, _noise(each)) for each in changes]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _noise(change: Change) -> str:
    if change.more_than_noise is None:
        return "cannot say"
    if not change.more_than_noise:
        return "no"
    way = "better" if change.better else "worse"
    return f"yes, {way}" if change.repeated else f"perhaps, {way}: one figure a run"
