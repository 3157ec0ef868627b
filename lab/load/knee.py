"""find-the-knee: a steady rate, or a number of centres, raised until the counters are too late, then narrowed down."""

import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import cache, partial
from math import sqrt
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contracts import reference_files
from lab.errors import ScenarioError
from lab.load import lives
from lab.load import plan as planning
from lab.load.kneesaid import interval_of, sentence
from lab.load.outcome import Outcome
from lab.load.scenario import Knee, Scenario, Time, instant
from lab.load.steps import Step, judged, told
from lab.load.verdict import Verdict, spoiled
from lab.load.warp import hours_of
from lab.stack import REPOSITORY

NAME = "knee"
TRIAL_DOSSIERS = 300
REFERENCE = REPOSITORY / "deploy" / "reference"
# A step for each working day, with all weekends and holidays between them.
DAYS_AHEAD_MAX = 150
# Between the last rate that kept the promise and the first that broke it: twice in the middle, a quarter of a step is left.
NARROWINGS = 2
# Of all steps together, however the repeats go. A step is planned and drained in about so many seconds besides.
EVENTS_MAX = 600_000
SECONDS_MAX = 600.0
STEP_BESIDE_SECONDS = 3.0
# A queue that grows must have the time to show it.
STEP_SECONDS_LEAST = 12.0

Run = Callable[[Scenario, int, str], Awaitable[Outcome]]


class Found(Struct, frozen=True, kw_only=True):
    """Where the knee lies, by repeats: the highest step that kept the promise (0: none did) and the lowest that broke it,
    in `unit`: events a second, or centres.

    `broke_at` None: nothing broke within the steps, or somebody else ended the repeat. `interval`: that of all repeats which
    the system itself ended; its upper end is None where one of them never broke.
    """

    steps: list[Step]
    kept_up_to: list[float]
    broke_at: list[float | None]
    stages: dict[str, int]
    sentence: str
    unit: str = "events/s"
    interval: tuple[float, float | None] | None = None
    spoiled_repeats: int = 0
    # Time was over before the system had ended them.
    unfinished_repeats: int = 0


class Bounds(Struct, frozen=True):
    """What all steps come to where each repeat breaks at its last rate alone: then they are most."""

    steps: int
    seconds: float
    events: int


def knee_of(scenario: Scenario) -> Knee:
    """ScenarioError when the scenario has none."""
    if scenario.knee is None:
        raise ScenarioError(f"{scenario.name} has no [knee]")
    return scenario.knee


def bounds(knee: Knee) -> Bounds:
    """Of all repeats, before any of them."""
    asked = [knee.asked(number) for number in range(knee.steps_max)]
    low, high = asked[-2:]
    for _ in range(NARROWINGS):
        low = knee.whole(sqrt(low * high))
        asked.append(low)
    events = sum(knee.events_per_second(each) for each in asked) * knee.step_seconds * knee.repeats
    steps = len(asked) * knee.repeats
    return Bounds(steps, steps * (knee.step_seconds + STEP_BESIDE_SECONDS), round(events))


async def find(
    scenario: Scenario,
    reference: Path,
    seed: int,
    run: Run,
    say: Callable[[str], None],
    now: Callable[[], float] = time.monotonic,
) -> tuple[Found, list[Outcome]]:
    """All repeats, each until a step breaks the promise, and then between that and the one before."""
    knee = knee_of(scenario)
    per_dossier = _events_per_dossier(scenario, reference, seed)
    most = bounds(knee)
    say(
        f"at most {most.steps} steps of {knee.step_seconds:.0f} s, about {most.seconds / 60:.0f} minutes and "
        f"{most.events:,} events; none begins that would end after {SECONDS_MAX / 60:.0f} minutes"
    )
    steps: list[Step] = []
    outcomes: list[Outcome] = []
    until = now() + SECONDS_MAX - knee.step_seconds - STEP_BESIDE_SECONDS

    async def take(repeat: int, number: int, asked: float) -> Step:
        # One step is taken in any case: without it nothing could be told.
        if steps and now() > until:
            raise _TimeOverError
        day = len(steps)
        outcome = await run(at_rate(scenario, asked, per_dossier, day, reference), seed + day + 1, f"r{repeat}s{number}x")
        step = judged(outcome, repeat, asked, knee)
        outcomes.append(outcome)
        steps.append(step)
        say(told(step))
        return step

    done = 0
    with suppress(_TimeOverError):
        for repeat in range(knee.repeats):
            await _repeat(knee, partial(take, repeat))
            done += 1
    return found(steps, knee, done), outcomes


class _TimeOverError(Exception):
    """No step can begin any more."""


async def _repeat(knee: Knee, take: Callable[[int, float], Awaitable[Step]]) -> None:
    """Up until it breaks, then halving the way between; whoever else is at fault ends it."""
    low, high = 0.0, 0.0
    for number in range(knee.steps_max):
        asked = knee.asked(number)
        step = await take(number, asked)
        if not step.kept:
            high = asked if step.valid else 0.0
            break
        low = asked
    for number in range(NARROWINGS if low and high else 0):
        asked = knee.whole(sqrt(low * high))
        if asked in (low, high):
            return
        step = await take(knee.steps_max + number, asked)
        if step.kept:
            low = asked
        elif step.valid:
            high = asked
        else:
            return


def at_rate(scenario: Scenario, asked: float, per_dossier: float, day: int, reference: Path = REFERENCE) -> Scenario:
    """One step: the same hours of another working day each time, since the archive's clock never goes back. `asked`:
    events a second of all centres together, or how many centres there are."""
    knee = knee_of(scenario)
    centres = scenario.centres
    if knee.is_of_centres:
        centres = [msgspec.structs.replace(each, count=round(asked)) for each in centres]
    dossiers = max(1, round(knee.events_per_second(asked) * knee.step_seconds / per_dossier))
    span = timedelta(seconds=knee.step_seconds * scenario.time.speed)
    days = _open_days(scenario.time, span, reference)
    if day >= len(days):
        raise ScenarioError(
            f"{scenario.name}: step {day + 1} has no day, offices are open at these hours on {len(days)} of {DAYS_AHEAD_MAX}"
        )
    starts = scenario.time.starts + timedelta(days=days[day])
    return msgspec.structs.replace(
        scenario,
        centres=centres,
        time=msgspec.structs.replace(scenario.time, starts=starts, ends=starts + span),
        arrivals=msgspec.structs.replace(scenario.arrivals, dossiers=dossiers),
    )


def found(steps: list[Step], knee: Knee, done: int | None = None) -> Found:
    """All repeats together, in a sentence; `done`: so many came to their end, None: all of them."""
    kept: list[float] = []
    broke: list[float | None] = []
    ends: list[tuple[float, float | None]] = []
    stages: dict[str, int] = {}
    spoiled = unfinished = 0
    for repeat in range(knee.repeats):
        mine = [step for step in steps if step.repeat == repeat]
        broken = [step for step in mine if not step.kept and step.valid]
        first = min(broken, key=lambda step: step.asked, default=None)
        kept.append(max((step.reached for step in mine if step.kept), default=0.0))
        broke.append(None if first is None else first.reached)
        is_spoiled = any(not step.kept and not step.valid for step in mine)
        spoiled += is_spoiled
        is_unfinished = done is not None and repeat >= done and first is None and not is_spoiled
        unfinished += is_unfinished
        # Ended by somebody else, or by time, before the system was: what it kept until then is all that is known of it.
        if first is not None or not (is_spoiled or is_unfinished):
            ends.append(_in_order(kept[-1], broke[-1]))
        if first is not None:
            stages[first.stage] = stages.get(first.stage, 0) + 1
    interval = interval_of(ends)
    return Found(
        steps=steps, kept_up_to=kept, broke_at=broke, stages=stages, interval=interval, spoiled_repeats=spoiled,
        unfinished_repeats=unfinished, unit=knee.unit, sentence=sentence(ends, interval, stages, spoiled, unfinished, knee),
    )  # fmt: skip


def verdict(found: Found, beside: Iterable[Verdict] = ()) -> Verdict:
    """Shown, for nobody promised a rate; invalid where somebody else than the system, or time, ended a repeat.

    `beside`: the other verdicts of the search, by which the generator or the machine was at fault in all of it, maybe.
    """
    is_spoiled = spoiled(beside)
    why = "; the generator or the machine was at fault in the search as a whole" if is_spoiled else ""
    return Verdict(
        name=NAME, promise="—", measured=found.sentence + why,
        word="invalid" if found.spoiled_repeats or found.unfinished_repeats or is_spoiled else "shown",
        figure=None if found.interval is None else found.interval[0],
    )  # fmt: skip


def document(found: Found) -> dict[str, Any]:
    """For the report."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told


def _in_order(low: float, high: float | None) -> tuple[float, float | None]:
    """Plans at rates that lie near each other may come to the contrary of what was asked: the knee is between them still."""
    return (low, high) if high is None else (min(low, high), max(low, high))


def _events_per_dossier(scenario: Scenario, reference: Path, seed: int) -> float:
    knee = knee_of(scenario)
    asked = TRIAL_DOSSIERS / knee.step_seconds / (knee.first_events_per_second if knee.is_of_centres else 1.0)
    trial = at_rate(scenario, max(1.0, asked), 1.0, 0, reference)
    return max(0.5, planning.plan(trial, reference, seed, "trial").events / trial.arrivals.dossiers)


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
