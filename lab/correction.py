"""`make demo-correction`: on the running demo, a working day is off in hindsight; which figures move, and all of it back."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp

from lab import corrected_files, restatement
from lab.endings import interruptible
from lab.errors import LabError, NotMovedError, UnreachableError
from lab.fortnight import facts as published
from lab.restatement import Snapshot
from lab.stack import OWN_DIRECTORY, REPOSITORY, DemoStack, port_base

REFERENCE = REPOSITORY / "deploy" / "reference"
DAY = date(2025, 7, 9)
REASON = "Nghỉ bão (ví dụ)"
ROLES = ("receiver", "competent")
REQUESTS_AT_ONCE_MAX = 8
ANSWER_WITHIN_SECONDS = 30.0
UNITS_MAX = 4000


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when figures moved and all came back, 1 when not or when it could not run."""
    chosen = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        facts = published.read(chosen.facts)
        stack = DemoStack(chosen.state_dir, chosen.port_base)
        with interruptible():
            equal = _demonstrate(stack, chosen.day, (facts.first, facts.last), chosen.rows)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    print(f"After {time.monotonic() - began:.0f} s.")
    return 0 if equal else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.correction", description=__doc__)
    parser.add_argument("--day", type=date.fromisoformat, default=DAY, help=f"the day off in hindsight (default {DAY})")
    parser.add_argument("--rows", type=int, default=restatement.UNIT_ROWS_SHOWN, help="units and days to show (default 20)")
    parser.add_argument("--facts", type=Path, default=published.HUE_2025_07, help="the file whose period is looked at")
    parser.add_argument("--port-base", type=port_base, default=os.environ.get("MOTCUA_PORT_BASE") or "8000",
                        help="where the ports of the demo's stack begin (default MOTCUA_PORT_BASE, else 8000)")  # fmt: skip
    parser.add_argument("--state-dir", type=Path, default=Path(os.environ.get("MOTCUA_STATE_DIR") or OWN_DIRECTORY),
                        help=f"the demo's (default MOTCUA_STATE_DIR, else {OWN_DIRECTORY})")  # fmt: skip
    return parser


def _demonstrate(stack: DemoStack, day: date, period: tuple[date, date], rows: int) -> bool:
    stack.check_running()
    former = stack.operate("rules").strip()
    before = asyncio.run(_snapshot(stack, period))
    with tempfile.TemporaryDirectory(prefix="motcua-correction-") as directory:
        corrected = corrected_files.write(REFERENCE, Path(directory) / "reference", day, REASON)
        _say(f"{day:%A} {day} becomes a day off in hindsight; until now rules {former}")
        try:
            stack.operate("activate", str(corrected), say=_say)
            after = asyncio.run(_snapshot(stack, period))
        finally:
            _say("The former rules again")
            stack.operate("activate", "--digest", former, say=_say)
    again = asyncio.run(_snapshot(stack, period))
    return _tell(before, after, again, day, rows)


def _tell(before: Snapshot, after: Snapshot, again: Snapshot, day: date, rows: int) -> bool:
    differences = restatement.moved(before, after)
    if not differences:
        raise NotMovedError(f"no figure of this period depends on {day}: name another working day by --day")
    print(f"\nWith {day} as a day off, {len(differences):,} figures of units and days are others:\n")
    print(restatement.totals_table(differences, before))
    print(f"\n{restatement.units_table(before, after, differences, rows)}\n")
    print(f"{restatement.restated(before, after):,} days of units say by restated_at that they were restated.")
    left = restatement.moved(before, again)
    figures = sum(len(row) for row in again.counters.values())
    if not left:
        print(f"With the former rules again, all {figures:,} figures are as before.")
        return True
    print(f"With the former rules again, {len(left):,} of {figures:,} figures are NOT as before:")
    for each in left[:rows]:
        cell = each.cell
        print(f"  {cell.role} {cell.unit} {cell.day or 'now'} {each.counter}: {each.before:,}, now {each.after:,}")
    print("Was something reported meanwhile? If not, look at make verify.")
    return False


async def _snapshot(stack: DemoStack, period: tuple[date, date]) -> Snapshot:
    """Every figure of every unit, of the period's days and of now, in both roles."""
    turns = asyncio.Semaphore(REQUESTS_AT_ONCE_MAX)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWER_WITHIN_SECONDS)) as session:

        async def get(path: str) -> dict[str, Any]:
            async with turns:
                try:
                    async with session.get(stack.metrics + path, allow_redirects=False) as answer:
                        told: dict[str, Any] = await answer.json(content_type=None)
                        if answer.status == 200:
                            return told
                        why = f"{answer.status} {told.get('code')}"
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                    why = type(error).__name__
            raise UnreachableError(f"{stack.metrics}{path} gave no figures: {why}. Look at make status.")

        units = {role: await get(f"/v1/units?role={role}") for role in ROLES}
        wanted = [(role, row["unit"]) for role, answer in units.items() for row in answer["units"][:UNITS_MAX]]
        first, last = period
        found = await asyncio.gather(
            *(get(f"/v1/units/{unit}/days?role={role}&from={first}&to={last}") for role, unit in wanted)
        )
    return restatement.of_answers(units, {whose: told["days"] for whose, told in zip(wanted, found, strict=True)})


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
