"""`make demo`: Huế's first fortnight through the whole system, the published figures beside the system's own."""

import argparse
import asyncio
import os
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import aiohttp

from contracts import instants
from lab import verdict
from lab.endings import interruptible
from lab.errors import LabError
from lab.figures import Figures
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.fortnight.facts import Facts
from lab.fortnight.writing import Reported
from lab.sender import Sender, Sent
from lab.stack import OWN_DIRECTORY, REPOSITORY, DemoStack, port_base

WORKING_HOUR_TICKS = range(8, 19, 2)
SATURDAY = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when every row is equal, 1 when one is not or the demo could not run."""
    chosen = _parser().parse_args(arguments)
    stack = DemoStack(chosen.state_dir, chosen.port_base)
    began = time.monotonic()
    try:
        stack.check_own()
        facts = published.read(chosen.facts)
        _say(facts.title)
        events = writing.fortnight(facts, REPOSITORY / "deploy" / "reference", chosen.seed)
        dossiers = len({each.subject for each in events})
        _say(f"  generated       {len(events):,} events of {dossiers:,} dossiers, seed {chosen.seed}")
        with interruptible():
            try:
                stack.start_anew()
                with stack.held():
                    rows = asyncio.run(replay(facts, events, stack.intake, stack.metrics))
            finally:
                if chosen.down:
                    stack.remove()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Interrupted. What was started still runs: {_stop_line(stack)}", file=sys.stderr)
        return 130
    print(verdict.table(rows))
    unequal = sum(not row.equal for row in rows)
    print(f"\n{len(rows) - unequal} of {len(rows)} rows equal, after {time.monotonic() - began:.0f} s.")
    if not chosen.down:
        _show_addresses(stack, facts)
    return 1 if unequal else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=1, help="another seed makes other lives with the same totals (default 1)"
    )
    parser.add_argument("--facts", type=Path, default=published.HUE_2025_07,
                        help="another file of published figures (default lab/facts/hue-2025-07.toml, which says how it is "
                        "written)")  # fmt: skip
    parser.add_argument("--port-base", type=port_base, default=os.environ.get("MOTCUA_PORT_BASE") or "8000",
                        help="where the ports of the stack begin (default MOTCUA_PORT_BASE, else 8000)")  # fmt: skip
    parser.add_argument("--state-dir", type=Path, default=Path(os.environ.get("MOTCUA_STATE_DIR") or OWN_DIRECTORY),
                        help=f"wiped first (default MOTCUA_STATE_DIR, else {OWN_DIRECTORY})")  # fmt: skip
    parser.set_defaults(down=False)
    after = parser.add_mutually_exclusive_group()
    after.add_argument("--keep", dest="down", action="store_false", help="leave the stack running (default)")
    after.add_argument("--down", action="store_true", help="stop the stack and remove its state at the end")
    return parser


async def replay(facts: Facts, events: Sequence[Reported], intake: str, metrics: str) -> list[verdict.Row]:
    """Sends everything in the order in which it was entered, with the ticks in between, and reads the figures."""
    began = time.monotonic()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        sender = Sender(session, intake)
        position = 0
        for tick in ticks(facts):
            start = position
            while position < len(events) and events[position].entered_at < tick:
                position += 1
            await sender.send(events[start:position])
            await sender.tick(tick)
            if position and instants.midnight(instants.day_number(tick)) == tick:
                _say(f"  sent            {_sent_line(sender.sent, tick, time.monotonic() - began)}")
        figures = Figures(session, metrics, _say)
        await figures.wait_counted(sender.sent.ends)
        seconds = time.monotonic() - began
        _say(f"  counted         {sender.sent.stored:,} events and the ticks, {seconds:.1f} s after the first one was sent")
        return verdict.rows(facts, await figures.answers(facts))


def ticks(facts: Facts) -> list[int]:
    """When time is said to pass: each midnight, every two hours from Monday to Friday, then the midnight after it all."""
    told = []
    day = facts.first
    while day <= facts.last:
        midnight = instants.midnight(instants.day_from_text(day.isoformat()))
        told.append(midnight)
        if day.weekday() < SATURDAY:
            told += [midnight + hour * instants.HOUR for hour in WORKING_HOUR_TICKS]
        day += timedelta(days=1)
    return [*told, instants.midnight(instants.day_from_text(day.isoformat()))]


def _sent_line(sent: Sent, tick: int, seconds: float) -> str:
    again = f", {sent.again} requests again" if sent.again else ""
    return f"{sent.stored:>7,} events, log clock {instants.show(tick)[:16]}, {seconds:.1f} s{again}"


def _show_addresses(stack: DemoStack, facts: Facts) -> None:
    print(f"\nIt goes on running, in {stack.directory}:")
    print(f"  counters        {stack.metrics}/v1/units?role=receiver&from={facts.first}&to={facts.last}")
    print(f"  board           {stack.metrics}/")
    print(f"  Prometheus      {stack.metrics}/metrics/dossiers")
    print(f"  report events   {stack.intake}/v1/events   (key: dev-<unit code>)")
    print(f"  verify          {_environment(stack)} make verify")
    print(f"  stop            {_stop_line(stack)}")


def _stop_line(stack: DemoStack) -> str:
    return f"{_environment(stack)} make wipe"


def _environment(stack: DemoStack) -> str:
    return f"MOTCUA_STATE_DIR={shlex.quote(str(stack.directory))} MOTCUA_PORT_BASE={stack.port_base}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
