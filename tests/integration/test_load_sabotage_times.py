"""Sabotage of time on a real city: centres turned away, somebody else on the machine, too many centres on one line."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.local.checks import free_port_base, give_back
from lab.links.captive import Portal
from lab.load import judging, knee
from lab.load import scenario as scenarios
from lab.load.city import City
from lab.load.conductor import Lab
from lab.load.outcome import Outcome
from lab.load.scenario import Knee, Promises, Scenario
from lab.load.timing import FAIRNESS, timed
from lab.load.verdict import GENERATOR, MACHINE, broken
from lab.load.watch import CORES
from tests.conftest import NewProvince
from tests.integration.load_city import city_of, run
from tests.integration.load_saboteur import Saboteur

# Where nobody has done so before, the first of these builds Toxiproxy.
pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(700)]

SABOTAGE = scenarios.read(str(Path(__file__).resolve().parents[1] / "load_scenarios" / "sabotage.toml"))
MOUNTAIN = scenarios.read("knee-mountain")
FAIR = Promises(slowest_link_share=0.4, freshness_p99_ms={"all": 600_000})
JOIN_SECONDS = 10.0


def test_who_is_turned_away_while_others_are_served_breaks_fairness(new_province: NewProvince, tmp_path: Path) -> None:
    """For twenty seconds, and then at once: at the end all have long been through. The door is what was at its limit."""
    city = city_of(new_province())
    saboteur = Saboteur(city.intake, "starve", SABOTAGE.time.speed)
    # Half a minute, so that others have something to report while some are turned away.
    scenario = replace(SABOTAGE, course=[], promises=FAIR, time=replace(SABOTAGE.time, speed=240))

    async def through_it() -> Outcome:
        async with saboteur.listening() as door:
            return await run(city, scenario, tmp_path, door=door)

    outcome = asyncio.run(through_it())
    assert saboteur.done["starve"] > 0
    assert outcome.counts["stored"] == outcome.planned
    told = {each.name: each for each in timed(outcome)}
    assert told[FAIRNESS].word == "broken", told[FAIRNESS].measured
    assert told[FAIRNESS].measured.startswith("city-4g ")
    assert {each.word for name, each in told.items() if name != FAIRNESS} == {"kept", "shown"}
    saturated = {each.name: each for each in judging.verdicts(outcome)}["first to saturate"]
    assert "intake's door at " in saturated.measured
    assert " with 503) in " in saturated.measured


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """So many processes that take whatever they get."""
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_spin, daemon=True) for _ in range(count)]
    try:
        for each in running:
            each.start()
        yield
    finally:
        for each in running:
            each.kill()
            each.join(JOIN_SECONDS)


def _spin() -> None:
    while True:
        pass


def test_somebody_else_on_the_machine_spoils_times_and_no_count(new_province: NewProvince, tmp_path: Path) -> None:
    """Whatever a time has become, it is no verdict on the city; counts are what they are."""
    city = city_of(new_province())
    impossible = replace(SABOTAGE, promises=Promises(freshness_p99_ms={"all": 1}, drain_seconds=0.001))
    with _busy(2 * CORES):
        outcome = asyncio.run(run(city, impossible, tmp_path))
    told = {each.name: each for each in judging.verdicts(outcome)}
    assert told[MACHINE].word == "broken", told[MACHINE].measured
    assert {told[each.name].word for each in timed(outcome)} <= {"invalid", "shown"}
    assert {each.word for each in timed(outcome)} & {"broken"}, "else nothing was spoilt"
    assert broken(told.values()) == []
    assert {told[name].word for name in ("lost", "double", "wrongly overdue")} == {"kept"}


def test_a_knee_of_centres_is_where_their_line_is_full(new_province: NewProvince, tmp_path: Path) -> None:
    """Two of them fit on a line of sixteen kilobits, eight do not; what broke it is the line, and not what intake holds."""
    narrow = replace(MOUNTAIN.profiles["mountain"], up_kbps=16, down_kbps=24, round_trip_ms=40, jitter_ms=0, loss_percent=0)
    wanted = Knee(
        step="centres", first_centres=2, first_events_per_second=2, one_line=True, growth=4, steps_max=2,
        step_seconds=12, repeats=1, freshness_p99_ms=4_000,
    )  # fmt: skip
    scenario = replace(MOUNTAIN, knee=wanted, profiles={"mountain": narrow})
    found, outcomes = asyncio.run(_search(city_of(new_province()), scenario, tmp_path))
    print(found.sentence, *found.steps, sep="\n")
    assert found.interval is not None
    low, high = found.interval
    assert 2 <= low < (high or 0) <= 8
    assert set(found.stages) == {"the line (mountain)"}
    assert knee.verdict(found).word == "shown"
    [broke, *_] = [each for each in found.steps if not each.kept]
    assert "the line that all centres on mountain share: full in" in broke.evidence
    assert [each.counts["stored"] for each in outcomes] == [each.planned for each in outcomes]
    assert {each.centres for each in outcomes} == {each.centres for each in found.steps}


async def _search(city: City, scenario: Scenario, directory: Path) -> tuple[knee.Found, list[Outcome]]:
    """As if nobody else had the machine: what others take of it is no question here."""
    async with Portal() as portal:
        base = free_port_base()
        lab = Lab(city, directory / "lab", base, print)

        async def step(one: Scenario, seed: int, name: str) -> Outcome:
            outcome = await lab.run(one, seed, name, audit=False)
            alone = [replace(each, machine_cores=min(0.7 * CORES, sum(each.cores.values()))) for each in outcome.samples]
            told = {each.name: each.word for each in judging.verdicts(replace(outcome, samples=alone))}
            assert told[MACHINE] == "kept"
            assert told[GENERATOR] == "kept", "the machine is too busy for a generator: no knee can be judged on it"
            return replace(outcome, samples=alone)

        try:
            await lab.open(scenario, portal)
            return await knee.find(scenario, knee.REFERENCE, 1, step, print)
        finally:
            lab.close()
            give_back(base)
