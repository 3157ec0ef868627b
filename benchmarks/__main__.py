"""`make bench`: every benchmark, one after the other, those of the whole line on a stack of their own; then a table."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import table
from deploy.local.checks import free_port_base
from deploy.local.opening import up_and_open
from deploy.local.stack import Stack

REPOSITORY = Path(__file__).resolve().parents[1]
WITHIN_SECONDS = 900.0
# For a benchmark that took too long: to end what it has started.
END_WITHIN_SECONDS = 60.0
# Of the shell: generations of another stack; a benchmark's own stack is at its first.
GENERATIONS = ("MOTCUA_GEN", "MOTCUA_LIVE_GEN")
# name -> whether it wants a running stack of its own
BENCHMARKS: dict[str, bool] = {
    "deadlines": False,
    "lifecycle_codec": False,
    "intake": True,
    "freshness": True,
    "processing": False,  # it starts servers of its own, to fill the archive before the worker
    "two_workers": False,
    "metrics": True,
    "edge": True,
    "audit": True,
    "memory": False,
    "against": False,
    "rebuild": False,
}
# Those that are another benchmark with arguments.
COMMANDS: dict[str, tuple[str, ...]] = {"two_workers": ("processing", "--workers", "2", "--fortnights", "4")}


def main() -> int:
    """Exit status 0 when every benchmark came to its end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(BENCHMARKS)}")
    chosen = parser.parse_args().names or list(BENCHMARKS)
    if unknown := [name for name in chosen if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        rows = Path(directory) / "rows"
        os.environ[table.FILE] = str(rows)
        failed = [name for name in chosen if _run(name) != 0]
        print(f"\n{table.of(rows)}", end="")
    if failed:
        print(f"did not come to their end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str) -> int:
    print(f"\n== {name}", flush=True)
    if not BENCHMARKS[name]:
        return _measure(name, {})
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        stack = Stack(Path(directory) / "state", free_port_base(), "log", say=lambda line: None)
        try:
            up_and_open(stack)
            return _measure(name, stack.environment)
        finally:
            stack.down()


def _measure(name: str, environment: dict[str, str]) -> int:
    module, *arguments = COMMANDS.get(name, (name,))
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    told = {each: value for each, value in {**os.environ, **environment}.items() if each not in GENERATIONS}
    # It is ended as by Ctrl-C, from here alone and once: a second one would break off its cleaning up.
    running = subprocess.Popen(command, cwd=REPOSITORY, env=told, start_new_session=True, preexec_fn=_hear_interrupts)
    try:
        return running.wait(WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"{name} took more than {WITHIN_SECONDS:.0f} s", file=sys.stderr)
        return 1
    finally:
        _end(running)


def _end(running: "subprocess.Popen[bytes]") -> None:
    """Lets it end the servers that it has started; kills it when it does not come to an end."""
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
        try:
            running.wait(END_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _hear_interrupts() -> None:
    # Also where whoever started all this does not listen to Ctrl-C (`make bench &`).
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    sys.exit(main())
