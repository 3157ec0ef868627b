"""`make load SCENARIO=…`: a scenario on a city of its own, its verdicts, a report to look at and one for machines."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.links.captive import Portal
from lab.load import judging, scenario
from lab.load.city import City, LoadStack
from lab.load.conductor import Lab, Outcome
from lab.load.live import View
from lab.load.scenario import Scenario
from lab.load.table import table

KEPT, BROKEN, COULD_NOT_RUN, INVALID = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: all kept, 1: a promise was broken, 2: it could not run, 3: the generator was at fault."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run(chosen)
    except LabError as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        print("Interrupted: what was started is ended; the stack's state goes with the next run.", file=sys.stderr)
        return 130


def _run(chosen: argparse.Namespace) -> int:
    found = scenario.read(chosen.scenario)
    print(f"{found.title}", file=sys.stderr)
    with View(found.title) as view:
        outcome = asyncio.run(_once(found, chosen, view))
    told = judging.verdicts(outcome)
    print(table(told))
    return BROKEN if judging.broken(told) else KEPT


async def _once(found: Scenario, chosen: argparse.Namespace, view: View) -> Outcome:
    stack = LoadStack(chosen.state_dir, chosen.port_base, found.stack)
    await asyncio.to_thread(stack.start_anew)
    try:
        async with Portal() as portal:
            lab = Lab(City.own(stack), stack.directory / "lab", chosen.port_base, view.say)
            try:
                await lab.open(found, portal)
                return await lab.run(found, chosen.seed, "a", chosen.manner, tell=view.show)
            finally:
                lab.close()
    finally:
        if not chosen.keep:
            await asyncio.to_thread(stack.remove)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.load.main", description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--manner", choices=("outbox", "paper"), default="outbox")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--port-base", type=int, default=int(os.environ.get("MOTCUA_PORT_BASE", "8000")))
    parser.add_argument("--state-dir", type=Path, default=Path(os.environ.get("MOTCUA_STATE_DIR", LoadStack.own_directory)))
    return parser


if __name__ == "__main__":
    sys.exit(main())
