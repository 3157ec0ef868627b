"""The local stack from the command line: `python -m deploy.local.main up|status|logs|down|wipe`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from pydantic import ValidationError

from deploy.local import logs, programs, statedir
from deploy.local.checks import check_python
from deploy.local.errors import StackError, UnknownServiceError
from deploy.local.opening import up_and_open
from deploy.local.processes import resident_bytes
from deploy.local.settings import StackSettings, moved_ports
from deploy.local.stack import Row, Stack
from deploy.operators import progress
from deploy.operators.errors import OperatorError
from deploy.operators.reader import unread_is_no_error
from deploy.operators.settings import complaint
from deploy.operators.standing import Standing

MIB = 1024 * 1024
# Who starts the others, and writes down how each of them ended.
KEEPER = "supervisor"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when it is done (for `status`: when all is ready), 1 with one sentence when not."""
    chosen = _parser().parse_args(arguments)
    try:
        check_python(sys.version_info[:2])
        kept = None if chosen.command == "up" else statedir.kept_environment(StackSettings().directory)
        stack = Stack(port_base=_port_base(chosen.command), say=lambda line: print(line, flush=True), kept=kept)
        return {"up": _up, "down": _down, "wipe": _wipe, "status": _status, "logs": _logs}[chosen.command](stack, chosen)
    except (StackError, OperatorError) as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        print(complaint(error), file=sys.stderr)
    return 1


def _port_base(command: str) -> int | None:
    """For a look at a stack that exists, the base it ran with last, unless one is asked for."""
    if command == "up" or os.environ.get("MOTCUA_PORT_BASE"):
        return None
    marker = statedir.read(StackSettings().directory)
    return None if marker is None else marker.port_base


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.main", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what is missing and wait until all of it is ready")
    up.add_argument("--only", metavar="NAME,…", help=f"only these of {', '.join(programs.NAMES)}")
    down = commands.add_parser("down", help="stop everything; what is stored stays")
    down.add_argument("--wipe", action="store_true", help="and remove the state directory whole")
    commands.add_parser("wipe", help="stop everything and remove the state directory whole")
    commands.add_parser("status", help="what runs, where, whether it is ready, how much memory it holds")
    shown = commands.add_parser("logs", help="the last lines of the logs")
    shown.add_argument("services", nargs="*", help=f"all programs when none is named; {KEEPER} alone when it is named")
    shown.add_argument("-n", "--lines", type=int, default=20)
    shown.add_argument("-f", "--follow", action="store_true", help="go on showing new lines until interrupted")
    return parser


def _up(stack: Stack, chosen: argparse.Namespace) -> int:
    only = None if chosen.only is None else tuple(name.strip() for name in chosen.only.split(",") if name.strip())
    began = time.monotonic()
    settings = stack.settings
    print(f"Một Cửa in {stack.directory}, ports {settings.port_base}+, CLOCK={settings.clock}", flush=True)
    for name in ("MOTCUA_KAFKA", "MOTCUA_REDIS"):
        if (os.environ.get(name) or stack.environment[name]) != stack.environment[name]:
            print(f"  {name} is set to another server: this stack runs its own, at {stack.environment[name]}", flush=True)
    for name in moved_ports():
        print(f"  {name} is passed over: the ports of a local stack follow MOTCUA_PORT_BASE", flush=True)
    up_and_open(stack, only)
    print(f"Up after {time.monotonic() - began:.1f} s.")
    if only is None:
        counters = stack.address("metrics-api")
        print(f"  report events   {stack.address('intake')}/v1/events   (key: {_key(stack)})")
        print(f"  counters        {counters}/v1/units?role=receiver")
        print(f"  board           {counters}/")
        print(f"  dossiers        {stack.address('processing-api')}/v1/dossiers/<code>")
        print(f"  audit           {stack.address('audit')}/v1/audit")
        for name in (each for each in programs.WATCHERS if each not in stack.left_out):
            print(f"  {name:<15} {stack.address(name)}")
        if "edge" not in stack.names:
            print("  left out        edge: it has no key of its own; set MOTCUA_EDGE_INTAKE_KEY_FILE, then this again")
        if stack.left_out:
            print(f"  left out        {', '.join(stack.left_out)}: not installed; run `make prometheus`, then this again")
        print(f"  for Prometheus  {counters}/metrics/dossiers")
        print("  make status · make logs · make down")
    return 0


def _key(stack: Stack) -> str:
    return f"one of {stack.settings.keys_file}" if stack.settings.keys_file else "dev-<unit code>, or dev-operator"


def _down(stack: Stack, chosen: argparse.Namespace) -> int:
    if chosen.wipe:
        return _wipe(stack, chosen)
    if stack.down():
        print(f"Down. What was stored stays in {stack.directory} (make wipe removes it).")
    else:
        print(f"There is no stack in {stack.directory}.")
    return 0


def _wipe(stack: Stack, _: argparse.Namespace) -> int:
    print(f"{stack.directory} removed." if stack.wipe() else f"There is no {stack.directory}.")
    return 0


def _status(stack: Stack, _: argparse.Namespace) -> int:
    rows = stack.status()
    print(table(rows, stack.keeper_pid))
    runs = {row.name for row in rows if row.pid is not None}
    if {"kafka", "redis"} <= {row.name for row in rows if row.ready} and runs & {"processing", "metrics"}:
        print("\n".join(["", *_progress(stack)]))
    return 0 if all(row.ready for row in rows if programs.program(row.name).kind != "beside") else 1


def _progress(stack: Stack) -> list[str]:
    """How far processing and metrics are: after an outage or an emptied Redis they take up by themselves, and this tells."""
    settings = stack.settings
    live_gen = stack.generations.live.gen
    try:
        return [progress.line(each) for each in progress.measure(Standing(settings.bootstrap, settings.redis_url, live_gen))]
    except OperatorError as error:
        return [str(error)]


def table(rows: Sequence[Row], keeper_pid: int | None) -> str:
    """The rows as `make status` shows them, supervisor and the sum below."""
    lines = [f"{'SERVICE':<15} {'PID':>8} {'PORT':>6} {'MEMORY':>10}  READY"]
    for row in rows:
        lines.append(
            _line(row.name, row.pid, str(row.port or ""), row.resident_bytes, "yes" if row.ready else f"no: {row.reason}")
        )
    keeper_bytes = None if keeper_pid is None else resident_bytes(keeper_pid)
    lines.append(_line(KEEPER, keeper_pid, "", keeper_bytes, "" if keeper_pid else "no: is not running"))
    total = sum(row.resident_bytes or 0 for row in rows) + (keeper_bytes or 0)
    lines.append(_line("total", None, "", total, ""))
    return "\n".join(lines)


def _line(name: str, pid: int | None, port: str, held: int | None, ready: str) -> str:
    memory = "" if held is None else f"{held / MIB:.0f} MiB"
    return f"{name:<15} {pid or '':>8} {port:>6} {memory:>10}  {ready}".rstrip()


def _logs(stack: Stack, chosen: argparse.Namespace) -> int:
    known = {**{name: stack.log_file(name) for name in programs.NAMES}, KEEPER: stack.log_file("supervisord")}
    if unknown := [name for name in chosen.services if name not in known]:
        raise UnknownServiceError(unknown[0], tuple(known))
    files = {name: known[name] for name in tuple(chosen.services) or programs.NAMES}
    if not chosen.follow and not any(file.exists() for file in files.values()):
        print(f"There are no logs in {stack.directory}: make up starts a stack.", file=sys.stderr)
        return 1
    logs.show(files, chosen.lines)
    if chosen.follow:
        logs.follow(files)
    return 0


if __name__ == "__main__":
    unread_is_no_error()
    sys.exit(main())
