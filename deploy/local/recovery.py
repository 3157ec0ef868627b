"""Redis put back to an earlier dump: `make recover`; what came after it is read again from the logs."""

import argparse
import sys
import time
from collections.abc import Sequence

from deploy.local import beside, dumps
from deploy.local.dumps import Dump
from deploy.local.errors import DumpError, StackError
from deploy.local.opening import up_and_open
from deploy.local.settings import StackSettings
from deploy.local.stack import Stack
from deploy.operators.errors import OperatorError

MIB = 1024 * 1024
CATCHING_UP = ("redis", "kafka", "processing", "metrics")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when all is caught up again, 1 with a sentence when not."""
    parser = argparse.ArgumentParser(prog="make recover", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="the dumps there are")
    which.add_argument("--dump", metavar="NAME", help="another than the newest")
    which.add_argument("--make", action="store_true", help="make one now, and put nothing back")
    chosen = parser.parse_args(arguments)
    try:
        stack = beside.stack_here(_say)
        if chosen.list:
            return _list(stack.settings)
        if chosen.make:
            made = dumps.make(stack.settings, dumps.DumpSettings().dumps_kept_max)
            _say(f"{made.name}, {made.size_bytes / MIB:.1f} MiB")
            return 0
        return _recover(stack, _chosen(stack.settings, chosen.dump))
    except (StackError, OperatorError) as error:
        print(error, file=sys.stderr)
    return 1


def _list(settings: StackSettings) -> int:
    for dump in dumps.found(settings):
        _say(f"{dump.name}   {dump.size_bytes / MIB:8.1f} MiB")
    return 0


def _chosen(settings: StackSettings, name: str | None) -> Dump:
    found = dumps.found(settings)
    if name is None and found:
        return found[-1]
    for each in found:
        if each.name == name:
            return each
    where = dumps.directory(settings)
    raise DumpError(f"There is no dump {name} in {where}." if name else f"There is no dump in {where}.")


def _recover(stack: Stack, dump: Dump) -> int:
    began = time.monotonic()
    # All that can fail is done while Redis still runs.
    dumps.lay_ready(stack.settings, dump)
    # Services may stay: they see that what Redis holds is not what they left there, and read on from what it holds.
    stack.stop("redis")
    dumps.put_back(stack.settings)
    _say(f"{dump.name} is put back; what was there is kept in {dumps.BEFORE}.")
    # Readers are ready only when something is to be read: first those who catch up.
    stack.up(CATCHING_UP)
    beside.follow(stack, beside.standing(stack, stack.generations.live.gen), _say)
    up_and_open(stack)
    _say(f"Recovered after {time.monotonic() - began:.1f} s.")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
