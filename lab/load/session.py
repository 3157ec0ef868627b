"""A scenario from the command line to its report: the city, the runs that it asks for, what is printed and left."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from contracts import instants, reference_files
from lab.errors import ScenarioError
from lab.links.captive import Portal
from lab.links.wires import Wires
from lab.load import judging, knee, yardstick
from lab.load import plan as planning
from lab.load.city import City, LoadStack
from lab.load.conductor import Lab
from lab.load.generator import Manner
from lab.load.live import View
from lab.load.outcome import Outcome
from lab.load.report import leaving
from lab.load.report.document import commit, document
from lab.load.scenario import Scenario
from lab.load.steps import told
from lab.load.table import side_by_side, table
from lab.load.verdict import Verdict, broken, spoiled
from lab.load.whole import whole
from lab.stack import REPOSITORY


class Chosen(Struct, frozen=True, kw_only=True):
    """What was asked for; `given`: addresses of intake, metrics and dossiers of a running stack."""

    scenario: Scenario
    seed: int
    manner: Manner
    beside: bool
    keep: bool
    port_base: int
    state_dir: Path
    out: Path
    given: tuple[str, str, str] | None
    wires: bool = False


class Told(Struct, frozen=True):
    """How it ended."""

    broken: bool
    invalid: bool
    files: list[Path]


def run(chosen: Chosen) -> Told:
    """All of it; LabError when it cannot."""
    began, load = instants.show(time.time_ns() // 1000)[:19], os.getloadavg()[0]
    manners: list[Manner] = ["outbox", "paper"] if chosen.beside else [chosen.manner]
    documents: list[dict[str, Any]] = []
    drawn: list[list[Verdict]] = []
    files: list[Path] = []
    _check(chosen)
    # Before anything runs: what is changed meanwhile has not run.
    commit()
    for manner in manners:
        # Before anything of the lab runs, and when all of it has ended.
        before = yardstick.measured()
        with View(f"{chosen.scenario.title} ({manner})" if chosen.beside else chosen.scenario.title) as view:
            outcome, found = asyncio.run(_city(chosen, manner, view))
        outcome = replace(outcome, yardstick=yardstick.between(before, yardstick.measured()))
        verdicts = judging.verdicts(outcome)
        verdicts += [] if found is None else [knee.verdict(found, verdicts)]
        drawn.append(verdicts)
        report = document(outcome, began, load, verdicts)
        if found is not None:
            report[knee.NAME] = knee.document(found)
        documents.append(report)
        # Each run is kept as soon as it is over: the next one may not come to its end.
        files = leaving.leave(chosen.out, documents)
        _print(chosen.scenario, manner, verdicts, found)
    if len(drawn) == 2:
        print(f"\n{side_by_side(drawn[0], drawn[1], documents[0]['late_by'])}")
    print("\n" + "\n".join(f"  {file}" for file in files))
    first = drawn[0]
    invalid = any(each.word == "invalid" for each in first) or spoiled(first)
    return Told(bool(broken(first)), invalid, files)


def _check(chosen: Chosen) -> None:
    """What would fail in the middle or at the end of a run is refused before it."""
    if chosen.given is not None and chosen.scenario.faults:
        raise ScenarioError(
            f"{chosen.scenario.name} has faults, which happen to a city of the lab's own alone: give no addresses, "
            "or a scenario without [[faults]]"
        )
    if chosen.wires and chosen.scenario.one_line:
        raise ScenarioError(f"{chosen.scenario.name} has one line for all, which is laid without wires: no --wires, please")
    if chosen.wires:
        Wires(chosen.port_base).check(planning.lines(chosen.scenario, reference_files.read(knee.REFERENCE)))
    leaving.check(chosen.out, chosen.scenario.name)


async def _city(chosen: Chosen, manner: Manner, view: View) -> tuple[Outcome, knee.Found | None]:
    if chosen.given is not None:
        directory = Path(chosen.state_dir if chosen.state_dir.is_absolute() else REPOSITORY / chosen.state_dir)
        return await _links(chosen, manner, view, City.at(*chosen.given), directory / "lab")
    stack = LoadStack(chosen.state_dir, chosen.port_base, chosen.scenario.stack)
    stack.check_own()
    try:
        view.say(f"a city of its own in {stack.directory}, ports {chosen.port_base}+")
        await asyncio.to_thread(stack.start_anew)
        return await _links(chosen, manner, view, City.own(stack), stack.directory / "lab")
    finally:
        if not chosen.keep:
            await asyncio.to_thread(stack.remove)


async def _links(
    chosen: Chosen, manner: Manner, view: View, city: City, directory: Path
) -> tuple[Outcome, knee.Found | None]:
    scenario = chosen.scenario
    async with Portal() as portal:
        wires = Wires(chosen.port_base) if chosen.wires else None
        lab = Lab(city, directory, chosen.port_base, view.say, wires=wires)
        try:
            await lab.open(scenario, portal)
            if scenario.knee is None:
                return await lab.run(scenario, chosen.seed, "a", manner, tell=view.show), None

            async def step(one: Scenario, seed: int, name: str) -> Outcome:
                return await lab.run(one, seed, name, manner, audit=False, tell=view.show)

            found, outcomes = await knee.find(scenario, knee.REFERENCE, chosen.seed, step, view.say)
            return whole(scenario, chosen.seed, outcomes, await lab.audit(knee.NAME)), found
        finally:
            lab.close()


def _print(scenario: Scenario, manner: Manner, verdicts: list[Verdict], found: knee.Found | None) -> None:
    print(f"\n{scenario.title}" + (" (paper era)" if manner == "paper" else ""))
    if found is not None:
        print("\n".join(f"  {told(step)}" for step in found.steps))
        print(f"  the knee: {found.sentence}")
    print(table(verdicts), flush=True)
    sys.stdout.flush()
