"""What would be refused in the middle of a run is refused before it: a scenario is planned in small, nothing is touched."""

from datetime import date, datetime
from pathlib import Path

from msgspec.structs import replace

from contracts import reference_files
from lab.errors import ScenarioError
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.load import knee
from lab.load import plan as planning
from lab.load.scenario import EVENTS_PLANNED_MAX, Knee, Scenario, instant

TRIAL_DOSSIERS = 400


def rehearse(scenario: Scenario, seed: int, reference: Path = knee.REFERENCE) -> None:
    """LabError with the sentence that the run itself would have ended with, after a city had been wiped for it."""
    body = reference_files.read(reference)
    planning.warp_of(scenario, body)
    units = tuple(unit.code for unit in body.units)
    planning.slots(scenario, units)
    _together(scenario)
    if scenario.arrivals.facts is not None:
        _replay(scenario, reference, seed)
    elif scenario.knee is not None:
        steps = _search(scenario.name, scenario.knee)
        most = scenario.knee.asked(scenario.knee.steps_max - 1)
        # An event more or less for each dossier changes nothing about the days on which there are steps.
        step = knee.at_rate(scenario, most, _per_dossier(scenario, reference, seed), steps - 1, reference)
        _bounded(step, _per_dossier(step, reference, seed))
    else:
        _bounded(scenario, _per_dossier(scenario, reference, seed))


def _together(scenario: Scenario) -> None:
    """Parts of a scenario that would come at another moment than they say."""
    if scenario.knee is not None and (scenario.faults or scenario.course):
        raise ScenarioError(f"{scenario.name}: [knee] tries one thing alone: no faults and no course beside it")


def _search(name: str, wanted: Knee) -> int:
    """How many steps it may take; all of them have a bound of their own, since each has one for itself alone."""
    if wanted.step_seconds < knee.STEP_SECONDS_LEAST:
        raise ScenarioError(
            f"{name}: a step of {wanted.step_seconds:.0f} s cannot show whether it falls behind: set [knee] `step_seconds` "
            f"to {knee.STEP_SECONDS_LEAST:.0f} at least"
        )
    most = knee.bounds(wanted)
    if most.seconds > knee.SECONDS_MAX:
        raise ScenarioError(
            f"{name}: {most.steps} steps may take {most.seconds:,.0f} s, more than {knee.SECONDS_MAX:.0f}: fewer or shorter "
            "ones, please ([knee] `steps_max`, `repeats`, `step_seconds`)"
        )
    if most.events > knee.EVENTS_MAX:
        raise ScenarioError(
            f"{name}: its steps may have {most.events:,} events together, more than {knee.EVENTS_MAX:,}: lower or fewer "
            "rates, please ([knee] `first_events_per_second`, `growth`, `steps_max`, `repeats`)"
        )
    return most.steps


def _per_dossier(scenario: Scenario, reference: Path, seed: int) -> float:
    """Events of a dossier, by some hundred of them; whatever a plan refuses is raised."""
    dossiers = min(TRIAL_DOSSIERS, scenario.arrivals.dossiers)
    small = replace(scenario, scale=1.0, arrivals=replace(scenario.arrivals, dossiers=dossiers))
    return planning.plan(small, reference, seed, "trial").events / dossiers


def _bounded(scenario: Scenario, per_dossier: float) -> None:
    events = scenario.arrivals.dossiers * scenario.scale * per_dossier
    if events > EVENTS_PLANNED_MAX:
        raise ScenarioError(
            f"{scenario.name} plans about {events:,.0f} events, more than {EVENTS_PLANNED_MAX:,}: fewer dossiers, please"
        )


def _replay(scenario: Scenario, reference: Path, seed: int) -> None:
    """Figures that contradict each other, a file that is not there, days on which the scenario does not play."""
    facts = published.read(planning.FACTS_DIRECTORY / str(scenario.arrivals.facts))
    planning.part_of([unit.code for unit in writing.planned(facts, reference, seed)], scenario)
    first, last = (instant(moment) for moment in (scenario.time.starts, scenario.time.ends))
    if not (first <= _midnight(facts.first) and _midnight(facts.last) < last):
        raise ScenarioError(
            f"{scenario.name}: [time] must hold the days of {scenario.arrivals.facts}, {facts.first} to {facts.last}"
        )
    if edged := [each.link for each in scenario.centres if each.edges]:
        raise ScenarioError(f"{scenario.name}: published figures know no edges, and {', '.join(edged)} has some")


def _midnight(day: date) -> int:
    return instant(datetime.combine(day, datetime.min.time()))
