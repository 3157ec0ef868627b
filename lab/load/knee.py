"""find-the-knee: a steady rate, raised step by step until the counters are too late, again and again; which stage it was."""

from bisect import bisect_left
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct

from contracts import reference_files
from lab.errors import ScenarioError
from lab.load import judging, lives
from lab.load import plan as planning
from lab.load.outcome import Outcome
from lab.load.scenario import Knee, Scenario, Time, instant
from lab.load.warp import hours_of
from lab.load.watch import CORES, Sample
from lab.stack import REPOSITORY

OUTSIDE = "nothing of the system"
TRIAL_DOSSIERS = 300
REFERENCE = REPOSITORY / "deploy" / "reference"
# A step for each working day, with all weekends and holidays between them.
DAYS_AHEAD_MAX = 150
# A stage that lets this part of the promise pass by itself is the one that broke it.
ITS_SHARE = 0.5
FULL_MACHINE = 0.95

Run = Callable[[Scenario, int, str], Awaitable[Outcome]]


class Step(Struct, frozen=True, kw_only=True):
    """One rate, held for some seconds."""

    repeat: int
    asked: float
    reported: float
    fresh_p50_ms: float
    fresh_p99_ms: float
    stored_p99_ms: float
    lag_processing: float
    lag_metrics: float
    cores: dict[str, float]
    machine_cores: float
    valid: bool
    kept: bool
    stage: str = ""
    evidence: str = ""


class Found(Struct, frozen=True, kw_only=True):
    """Where the knee is: the last rate that kept the promise, by repeats; None when even the first broke it."""

    steps: list[Step]
    kept_up_to: list[float | None]
    broke_at: list[float | None]
    stages: dict[str, int]
    sentence: str


def knee_of(scenario: Scenario) -> Knee:
    """ScenarioError when the scenario has none."""
    if scenario.knee is None:
        raise ScenarioError(f"{scenario.name} has no [knee]")
    return scenario.knee


async def find(
    scenario: Scenario, reference: Path, seed: int, run: Run, say: Callable[[str], None]
) -> tuple[Found, list[Outcome]]:
    """All repeats, each until a step breaks the promise."""
    knee = knee_of(scenario)
    per_dossier = _events_per_dossier(scenario, reference, seed)
    steps: list[Step] = []
    outcomes: list[Outcome] = []
    day = 0
    for repeat in range(knee.repeats):
        for number in range(knee.steps_max):
            asked = knee.first_events_per_second * knee.growth**number
            one = at_rate(scenario, asked, per_dossier, day, reference)
            day += 1
            outcome = await run(one, seed + day, f"r{repeat}s{number}x")
            outcomes.append(outcome)
            step = judged(outcome, repeat, asked, knee)
            steps.append(step)
            say(told(step))
            if not step.kept:
                break
    return found(steps, knee), outcomes


def at_rate(scenario: Scenario, asked: float, per_dossier: float, day: int, reference: Path = REFERENCE) -> Scenario:
    """One step: the same hours of another working day each time, since the archive's clock never goes back."""
    knee = knee_of(scenario)
    dossiers = max(1, round(asked * knee.step_seconds / per_dossier))
    span = timedelta(seconds=knee.step_seconds * scenario.time.speed)
    days = _open_days(scenario.time, span, reference)
    if day >= len(days):
        raise ScenarioError(
            f"{scenario.name}: step {day + 1} has no day, offices are open at these hours on {len(days)} of {DAYS_AHEAD_MAX}"
        )
    starts = scenario.time.starts + timedelta(days=days[day])
    return msgspec.structs.replace(
        scenario,
        time=msgspec.structs.replace(scenario.time, starts=starts, ends=starts + span),
        arrivals=msgspec.structs.replace(scenario.arrivals, dossiers=dossiers),
    )


def judged(outcome: Outcome, repeat: int, asked: float, knee: Knee) -> Step:
    """What a step showed, and if it broke the promise, the stage that did."""
    fresh, stored = outcome.book.together("fresh "), outcome.book.together("stored ")
    samples = [each for each in outcome.samples if each.at <= outcome.real_seconds + 1] or outcome.samples
    p99 = fresh.at(99)
    short = _short(outcome, fresh.count)
    kept = p99 <= knee.freshness_p99_ms and not short
    half = samples[len(samples) // 2 :]
    step = Step(
        repeat=repeat, asked=round(asked, 1), reported=round(outcome.counts["due"] / max(0.001, outcome.real_seconds), 1),
        fresh_p50_ms=fresh.at(50), fresh_p99_ms=p99, stored_p99_ms=stored.at(99),
        lag_processing=_most(half, "lag_processing"), lag_metrics=_most(half, "lag_metrics"),
        cores=_cores(half),
        machine_cores=round(median(each.machine_cores for each in half), 2) if half else 0.0,
        valid=not judging.spoiled([judging.generator(outcome), *judging.machine(outcome)]), kept=kept,
    )  # fmt: skip
    if kept:
        return step
    stage, evidence = blamed(step, knee, short)
    return msgspec.structs.replace(step, stage=stage, evidence=evidence)


def blamed(step: Step, knee: Knee, short: str = "") -> tuple[str, str]:
    """The stage at which events waited, with what shows it; `short`: what never came through."""
    cores = ", ".join(f"{name} {took:.2f}" for name, took in sorted(step.cores.items(), key=lambda pair: -pair[1])[:4])
    machine = (f"; {short}" if short else "") + f"; cores taken: {cores}; the machine {step.machine_cores:.2f} of {CORES}"
    if not step.valid:
        return OUTSIDE, f"the generator was late or others had the machine: it says nothing about the system{machine}"
    if step.stored_p99_ms > knee.freshness_p99_ms * ITS_SHARE:
        return "intake", (
            f"{step.stored_p99_ms:,.0f} ms p99 until stored, of {step.fresh_p99_ms:,.0f} ms until counted{machine}"
        )
    waits = f"{step.lag_processing:,.0f} records waited to be folded, {step.lag_metrics:,.0f} to be counted"
    return ("processing" if step.lag_processing >= step.lag_metrics else "metrics"), waits + machine


def _short(outcome: Outcome, measured: int) -> str:
    """What is missing from a step that did all that was asked of it; empty when nothing is."""
    refused, stored = sum(outcome.refused.values()), outcome.counts["stored"]
    told = [f"{refused:,} refused"] if refused else []
    if not outcome.planned == outcome.counts["due"] == stored:
        told.append(f"{stored:,} of {outcome.planned:,} stored")
    told += [f"{outcome.left:,} still waiting"] if outcome.left else []
    told += [f"{outcome.unseen:,} never seen counted"] if outcome.unseen else []
    told += [f"{outcome.silent_edges} edges silent"] if outcome.silent_edges else []
    told += [] if outcome.all_counted else [judging.NOT_COUNTED]
    told += [] if measured else [judging.NOTHING]
    return ", ".join(told)


def found(steps: list[Step], knee: Knee) -> Found:
    """All repeats together, in a sentence."""
    kept: list[float | None] = []
    broke: list[float | None] = []
    stages: dict[str, int] = {}
    for repeat in range(knee.repeats):
        mine = [step for step in steps if step.repeat == repeat]
        kept.append(max((step.reported for step in mine if step.kept), default=None))
        first = next((step for step in mine if not step.kept), None)
        broke.append(None if first is None else first.reported)
        if first is not None:
            stages[first.stage] = stages.get(first.stage, 0) + 1
    held = sorted(each for each in kept if each is not None)
    blame = ", ".join(f"{stage} ({times} of {knee.repeats})" for stage, times in sorted(stages.items(), key=lambda p: -p[1]))
    if not held:
        sentence = f"even the first rate broke the promise: {blame}"
    else:
        spread = f"{held[0]:,.0f} to {held[-1]:,.0f}" if held[0] != held[-1] else f"{held[0]:,.0f}"
        sentence = f"{median(held):,.0f} events/s keep p99 ≤ {knee.freshness_p99_ms:,.0f} ms (repeats: {spread})"
        sentence += f"; what broke it: {blame}" if blame else "; nothing broke within the steps"
    return Found(steps=steps, kept_up_to=kept, broke_at=broke, stages=stages, sentence=sentence)


def told(step: Step) -> str:
    """One line."""
    line = f"repeat {step.repeat + 1}: {step.reported:,.0f} events/s, "
    line += f"p50 {step.fresh_p50_ms:,.0f} ms, p99 {step.fresh_p99_ms:,.0f} ms"
    return line + ("" if step.kept else f": BROKEN at {step.stage}: {step.evidence}")


def document(found: Found) -> dict[str, Any]:
    """For the report."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told


def _events_per_dossier(scenario: Scenario, reference: Path, seed: int) -> float:
    trial = at_rate(scenario, TRIAL_DOSSIERS / knee_of(scenario).step_seconds, 1.0, 0, reference)
    return max(0.5, planning.plan(trial, reference, seed, "trial").events / TRIAL_DOSSIERS)


@cache
def _open_days(time: Time, span: timedelta, reference: Path) -> tuple[int, ...]:
    """How many days later the same hours have working time in them, by the calendar."""
    last = msgspec.structs.replace(time, ends=time.starts + timedelta(days=DAYS_AHEAD_MAX) + span)
    hours = hours_of(last, reference_files.read(reference).calendar)
    opens = [hours.instant(worked) for worked in range(0, hours.total, lives.BIN_SECONDS)]
    told = []
    for number in range(DAYS_AHEAD_MAX):
        starts = time.starts + timedelta(days=number)
        if bisect_left(opens, instant(starts)) < bisect_left(opens, instant(starts + span)):
            told.append(number)
    return tuple(told)


def _cores(samples: list[Sample]) -> dict[str, float]:
    names = sorted({name for each in samples for name in each.cores})
    return {name: round(median(each.cores.get(name, 0.0) for each in samples), 2) for name in names}


def _most(samples: list[Sample], name: str) -> float:
    return max((each.waits.get(name, 0.0) for each in samples), default=0.0)
