"""Two runs of one scenario: what changed, and what of it is more than noise."""

from random import Random
from statistics import fmean
from typing import Any

from msgspec import Struct

from lab.errors import LabError

# Bins of a run are its repeats: shuffled between both runs, how often is their difference as large by chance alone?
SHUFFLES = 2_000
CHANCE_MAX = 0.01
# A difference can be certain and still too small to mind.
RATIO_MIN = 1.1
COST_RATIO_MIN = 1.15
BINS_MIN = 5
COLUMNS = {"p50": 2, "p99": 3}


class Change(Struct, frozen=True, kw_only=True):
    """One figure in both runs; `more_than_noise` None: there are too few bins to say."""

    name: str
    before: str
    after: str
    more_than_noise: bool | None
    better: bool | None = None


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Verdicts, then latencies, then costs; LabError when the two are of different scenarios."""
    if before["scenario"] != after["scenario"]:
        raise LabError(f"{before['scenario']} and {after['scenario']} are different scenarios: nothing to compare")
    return [*_verdicts(before, after), *_latencies(before, after), *_costs(before, after)]


def settings_changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Which parts of the settings differ: then a difference may be theirs."""
    names = sorted({*before["settings"], *after["settings"]})
    told = [name for name in names if before["settings"].get(name) != after["settings"].get(name)]
    return [*told, *(name for name in ("manner",) if before[name] != after[name])]


def _verdicts(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    old = {each["name"]: each for each in before["verdicts"]}
    told = []
    for each in after["verdicts"]:
        was = old.get(each["name"])
        if was is None or was["word"] == each["word"] or "shown" in (was["word"], each["word"]):
            continue
        told.append(Change(name=each["name"], before=f"{was['word']}: {was['measured']}",
                           after=f"{each['word']}: {each['measured']}", more_than_noise=True,
                           better=each["word"] == "kept"))  # fmt: skip
    return told


def _latencies(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    told = []
    for name in sorted(set(before["latencies"]) & set(after["latencies"])):
        for label, column in COLUMNS.items():
            old = [row[column] for row in before["bins"].get(name, [])]
            new = [row[column] for row in after["bins"].get(name, [])]
            was, now = before["latencies"][name][label], after["latencies"][name][label]
            told.append(Change(
                name=f"{name} {label}", before=f"{was:,.1f} ms", after=f"{now:,.1f} ms",
                more_than_noise=differ(old, new), better=now < was,
            ))  # fmt: skip
    return told


def _costs(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    old, new = before["cost"]["cpu_us_per_event"], after["cost"]["cpu_us_per_event"]
    told = []
    for name in sorted(set(old) & set(new)):
        low, high = sorted((max(old[name], 0.1), max(new[name], 0.1)))
        told.append(Change(
            name=f"processor of {name}", before=f"{old[name]:,.0f} µs an event", after=f"{new[name]:,.0f} µs an event",
            more_than_noise=high / low >= COST_RATIO_MIN, better=new[name] < old[name],
        ))  # fmt: skip
    return told


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
    for each in changes:
        noise = {True: "yes, " + ("better" if each.better else "worse"), False: "no", None: "too few bins"}
        rows.append((each.name, each.before, each.after, noise[each.more_than_noise]))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
