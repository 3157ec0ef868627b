"""Redis put back to an earlier dump: `make recover`; what came after it is read again from the logs."""

import argparse
import sys
import time
from collections.abc import Sequence

from pydantic import ValidationError

from deploy.local import beside, dumps, generations, recovery_files, statedir
from deploy.local.dumps import Dump
from deploy.local.errors import DumpError, StackError
from deploy.local.opening import up_and_open
from deploy.local.settings import StackSettings
from deploy.local.stack import Stack
from deploy.operators.errors import OperatorError
from deploy.operators.generation import removal
from deploy.operators.settings import complaint

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
            made = dumps.make(stack.settings, dumps.told(stack.environment).dumps_kept_max)
            _say(f"{made.name}, {made.size_bytes / MIB:.1f} MiB")
            return 0
        return _recover(stack, _chosen(stack.settings, chosen.dump))
    except (StackError, OperatorError) as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        print(complaint(error), file=sys.stderr)
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
    # In between nobody else starts anything here: a Redis that began with the former files would be left without them.
    with statedir.only_one(stack.directory):
        # All that can fail is done while Redis still runs.
        generations.code_of(stack.generations.live)
        recovery_files.lay_ready(stack.settings, dump)
        # Services may stay: they see that what Redis holds is not what they left there, and read on from what it holds.
        stack.stop("redis")
        recovery_files.put_back(stack.settings)
        _say(f"{dump.name} is put back; what was there is kept in {recovery_files.BEFORE}.")
        if stack.keeper_pid is not None:
            stack.start("redis")
    # Readers are ready only when something is to be read: first those who catch up, of which one may never be ready.
    stack.up(CATCHING_UP, after_servers=lambda: _forget_removed(stack))
    beside.follow(stack, beside.standing(stack, stack.generations.live.gen), _say)
    up_and_open(stack)
    _say(f"Recovered after {time.monotonic() - began:.1f} s.")
    return 0


def _forget_removed(stack: Stack) -> None:
    """A dump may hold a generation that was removed after it was made: nobody works on it, and nobody removes it."""
    running, settings = stack.generations, stack.settings
    theirs = {each.gen for each in (running.live, running.beside) if each is not None}
    for gen in sorted(removal.held(settings.redis_url) - removal.present(settings.bootstrap) - theirs):
        gone = removal.keys(settings.redis_url, gen)
        _say(f"Generation {gen}, which the dump still held, is removed once more: {gone:,} keys.")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
