"""Runs of one scenario on two sides: what changed, and what of it is more than noise."""

import json
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import Any, TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from lab.errors import LabError
from lab.load import yardstick
from lab.load.counting import AUDIT, COUNTS
from lab.load.fresh import the_citys
from lab.load.kneesaid import interval_of
from lab.load.noise import RUNS_MAX, RUNS_MIN, counts_differ, differ, runs_differ
from lab.load.verdict import OUTSIDE
from lab.load.yardstick import Yardstick

COST_RATIO_MIN = 1.15
COLUMNS = {"p50": 2, "p99": 3}
MISSING = "missing"
# What these names mean has changed with the format of reports.
OF_ONE_FORMAT = ("fairness", "drained", "knee")
WORDS = ("broken", "invalid", "kept", "shown")  # the worst first

Document = dict[str, Any]
Side = Sequence[Document]


class Change(Struct, frozen=True, kw_only=True):
    """One figure on both sides; `more_than_noise` None: nobody can say, maybe `why`. `repeated`: measured often enough."""

    name: str
    before: str
    after: str
    more_than_noise: bool | None
    better: bool | None = None
    repeated: bool = True
    why: str = ""


def compare(before: Side, after: Side) -> list[Change]:
    """Verdicts, the knee, latencies, costs; LabError when the two are of different scenarios, or too many."""
    for one in (*before, *after):
        if one["scenario"] != before[0]["scenario"]:
            raise LabError(f"{before[0]['scenario']} and {one['scenario']} are different scenarios: nothing to compare")
    if max(len(before), len(after)) > RUNS_MAX:
        raise LabError(f"at most {RUNS_MAX} reports a side are compared, here are {len(before)} and {len(after)}")
    verdicts = _verdicts(before, after)
    times = [*_knee(before, after), *_latencies(before, after), *_costs(before, after)]
    if any(_spoiled(run) for run in (*before, *after)):
        # The generator or others on the machine took part of these times, nobody knows how much; counts stay counts.
        times = [_unknown(each) for each in times]
    counts = [each for each in verdicts if each.name in COUNTS or each.name == AUDIT]
    times = [*(each for each in verdicts if each not in counts), *times]
    sticks = [yardstick.of(run) for run in (*before, *after)]
    if why := _other_machine(sticks):
        times = [_unknown(each, why) for each in times]
    elif not all(_knows(stick) for stick in sticks):
        times = [_uncertain(each, "not every report knows how fast its machine was") for each in times]
    if len({run["format"] for run in (*before, *after)}) > 1:
        why = "the reports are of several formats, which mean different things by it"
        times = [_unknown(each, why) if each.name.startswith(OF_ONE_FORMAT) else each for each in times]
    return [*counts, *times]


def worse(changes: Iterable[Change]) -> list[Change]:
    """What is worse for certain: a figure that each side has but a few times may be by chance."""
    return [each for each in changes if each.more_than_noise and each.better is False and each.repeated]


def settings_changed(before: Side, after: Side) -> list[str]:
    """What else differs, the machine and the dossiers included: then a difference may be theirs."""
    told = []
    names = sorted({name for run in (*before, *after) for name in run["settings"]})
    asked: list[tuple[str, Callable[[Document], Any]]] = [(name, _member("settings", name)) for name in names]
    asked += [("manner", lambda run: run["manner"])]
    asked += [(name, _member("run", name)) for name in ("seed", "links_by")]
    asked += [(name, _member("machine", name)) for name in ("cores", "commit", "system", "python")]
    # Of packages those that every report names: what a newer lab tells besides differs from nothing.
    known = set.intersection(*(set(run["machine"].get("packages", {})) for run in (*before, *after)))
    asked += [("packages", lambda run: {name: run["machine"]["packages"][name] for name in known})]
    for name, of in asked:
        was, now = ({json.dumps(of(run), sort_keys=True) for run in side} for side in (before, after))
        if was != now:
            short = [", ".join(sorted(each)).replace('"', "") for each in (was, now)]
            told.append(f"{name} ({short[0]} → {short[1]})" if max(map(len, short)) <= 40 else name)
    return told


def _member(part: str, name: str) -> Callable[[Document], Any]:
    return lambda run: run[part].get(name)


def _unknown(change: Change, why: str = "") -> Change:
    return replace(change, more_than_noise=None, better=None, why=why)


def _uncertain(change: Change, why: str) -> Change:
    return replace(change, repeated=False, why=why) if change.more_than_noise else change


def _knows(stick: Yardstick | None) -> TypeGuard[Yardstick]:
    """By the wall alone it is not known: that is what others left of it."""
    return stick is not None and stick.processor_before is not None and stick.processor_after is not None


def _other_machine(sticks: Sequence[Yardstick | None]) -> str:
    """In a sentence, by the fastest and the slowest of all that know it; empty where that was one machine in a like hour."""
    told = [fmean(stick.own) for stick in sticks if _knows(stick)]
    ratio = yardstick.ratio(min(told), max(told)) if told else 1.0
    if ratio <= yardstick.SAME_RATIO_MAX:
        return ""
    return f"the machine of one report was {ratio:.1f} times as fast as that of another"


def _verdicts(before: Side, after: Side) -> list[Change]:
    """Of the system: how the generator did is no change of it."""
    old, new = (_by_name(side) for side in (before, after))
    told = []
    for name in dict.fromkeys([*old, *new]):
        sides = [side.get(name, []) for side in (old, new)]
        if not any(each["word"] == "shown" for side in sides for each in side):
            told += _verdict(name, sides)
    return told


def _verdict(name: str, sides: list[list[Document]]) -> list[Change]:
    was, now = (_worst(side) for side in sides)
    words = [each["word"] for each in (was, now) if each is not None]
    if was is None or now is None or "invalid" in words:
        return [Change(name=name, before=_said(was), after=_said(now), more_than_noise=None)]
    if words[0] != words[1]:
        return [Change(
            name=name, before=_said(was), after=_said(now), more_than_noise=True, better=words[1] == "kept",
            repeated=name in COUNTS or name == AUDIT or _told_apart(sides),
        )]  # fmt: skip
    figures = was.get("figure") or 0, now.get("figure") or 0
    if words[0] == "broken" and name in COUNTS and figures[0] != figures[1]:
        # Broken before and after; how often is another question.
        certain, better = counts_differ(*figures), figures[1] < figures[0]
        return [Change(name=name, before=_said(was), after=_said(now), more_than_noise=certain, better=better)]
    return []


def _told_apart(sides: list[list[Document]]) -> bool:
    """A promise of time may be kept by a hair and broken by one: it changed when enough runs a side all say so."""
    was, now = ({each["word"] for each in side} for side in sides)
    return min(map(len, sides)) >= RUNS_MIN and not was & now


def _by_name(side: Side) -> dict[str, list[Document]]:
    told: dict[str, list[Document]] = {}
    for run in side:
        for each in run["verdicts"]:
            if each["name"] not in OUTSIDE:
                told.setdefault(each["name"], []).append(each)
    return told


def _worst(verdicts: Sequence[Document]) -> Document | None:
    return min(verdicts, key=lambda each: (WORDS.index(each["word"]), -(each.get("figure") or 0)), default=None)


def _said(verdict: Document | None) -> str:
    return MISSING if verdict is None else f"{verdict['word']}: {verdict['measured']}"


def _knee(before: Side, after: Side) -> list[Change]:
    """Another knee where what every repeat kept and what every repeat broke at lie apart; for certain by enough reports.

    Repeats of one report are no runs of their own: whatever befell the machine in that hour befell all of them.
    """
    old, new = (_interval(side) for side in (before, after))
    if old is None and new is None:
        return []
    apart: bool | None = None
    better: bool | None = None
    if old is not None and new is not None:
        is_higher = old[1] is not None and new[0] >= old[1]
        is_lower = new[1] is not None and new[1] <= old[0]
        apart = is_higher or is_lower
        better = is_higher if apart else None
    unit = next((run["knee"]["unit"] for run in (*before, *after) if "unit" in run.get("knee", {})), "events/s")
    reports = min(sum(1 for run in side if _ends([run])) for side in (before, after))
    return [Change(
        name="knee", before=_between(old, unit), after=_between(new, unit), more_than_noise=apart, better=better,
        repeated=reports >= RUNS_MIN,
    )]  # fmt: skip


def _interval(side: Side) -> tuple[float, float | None] | None:
    """Of all repeats of all runs."""
    return interval_of(_ends(side))


def _ends(side: Side) -> list[tuple[float, float | None]]:
    """Of each report; earlier ones say it by repeats alone."""
    ends: list[tuple[float, float | None]] = []
    for run in side:
        found = run.get("knee", {})
        if "interval" in found:
            ends += [tuple(found["interval"])] if found["interval"] else []
        else:
            kept, broke = found.get("kept_up_to", ()), found.get("broke_at", ())
            ends += [(low or 0.0, high) for low, high in zip(kept, broke, strict=True)]
    return ends


def _between(interval: tuple[float, float | None] | None, unit: str) -> str:
    if interval is None:
        return MISSING
    low, high = interval
    return f"above {low:,.0f} {unit}" if high is None else f"{low:,.0f} to {high:,.0f} {unit}"


def _latencies(before: Side, after: Side) -> list[Change]:
    """By runs where there are enough on both sides; else by their bins, which cannot make it certain."""
    told = []
    for name in sorted({name for run in (*before, *after) for name in run["latencies"]}):
        for label, column in COLUMNS.items():
            runs = [[run["latencies"][name][label] for run in side if name in run["latencies"]] for side in (before, after)]
            bins = [[row[column] for run in side for row in run["bins"].get(name, [])] for side in (before, after)]
            differs, taken = runs_differ(*runs), runs
            is_repeated = differs is not None
            if not is_repeated:
                differs, taken = differ(*bins), bins
            was, now = (_latency(*each) for each in zip(runs, bins, strict=True))
            told.append(Change(
                name=f"{name} {label}", before=was, after=now, more_than_noise=differs,
                better=None if differs is None else fmean(taken[1]) < fmean(taken[0]), repeated=is_repeated,
            ))  # fmt: skip
    return told


def _latency(runs: list[float], bins: list[float]) -> str:
    """The whole run's percentile, the middle one of several; beside it the mean of the bins, which is what is shuffled."""
    if not runs:
        return MISSING
    beside = f"{len(runs)} runs" if len(runs) > 1 else f"bins {fmean(bins):,.1f}" if bins else ""
    return f"{median(runs):,.1f} ms" + (f" ({beside})" if beside else "")


def _costs(before: Side, after: Side) -> list[Change]:
    """One number a run: shown where it moved by more than usual, certain only by enough runs."""
    costs = [[run["cost"]["cpu_us_per_event"] for run in side] for side in (before, after)]
    told = []
    # What the lab itself took is no figure of the system.
    for name in sorted({name for side in costs for cost in side for name in cost if the_citys(name)}):
        old, new = ([cost[name] for cost in side if name in cost] for side in costs)
        moved, is_repeated = runs_differ(old, new), True
        if moved is None and old and new:
            low, high = sorted((max(fmean(old), 0.1), max(fmean(new), 0.1)))
            moved, is_repeated = high / low >= COST_RATIO_MIN, False
        was, now = (f"{median(each):,.0f} µs an event" if each else MISSING for each in (old, new))
        told.append(Change(
            name=f"processor of {name}", before=was, after=now, more_than_noise=moved,
            better=None if moved is None else fmean(new) < fmean(old), repeated=is_repeated,
        ))  # fmt: skip
    return told


def _spoiled(run: Document) -> bool:
    return any(each["name"] in OUTSIDE and each["word"] == "broken" for each in run["verdicts"])


def table(changes: list[Change]) -> str:
    """For people who look at a terminal."""
    rows = [("", "before", "after", "more than noise")]
    rows += [(each.name, each.before, each.after, _noise(each)) for each in changes]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _noise(change: Change) -> str:
    if change.more_than_noise is None:
        return f"cannot say: {change.why}" if change.why else "cannot say"
    if not change.more_than_noise:
        return "no"
    way = "better" if change.better else "worse"
    if change.repeated:
        return f"yes, {way}"
    return f"perhaps, {way}: {change.why or f'certain from {RUNS_MIN} runs a side on'}"
