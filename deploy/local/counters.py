"""The counters once more from the log, beside those that are shown: `make rebuild-counters` builds, compares, switches."""

import argparse
import sys
import time
from collections.abc import Sequence

import redis
from msgspec import structs
from pydantic import ValidationError

from contracts.topics import PARTITIONS
from deploy.local import beside, dumps, generations
from deploy.local.errors import GenerationError, StackError
from deploy.local.stack import Stack
from deploy.operators.errors import OperatorError, RedisUnavailableError
from deploy.operators.generation import comparing, removal, saying
from deploy.operators.settings import complaint
from services.metrics.store.swap import swap

DIFFERENT = 3
CALL_SECONDS = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when it is done, 1 with a sentence when not, 3 when the counters differ and none were replaced."""
    parser = argparse.ArgumentParser(prog="make rebuild-counters", description=__doc__)
    parser.add_argument("act", nargs="?", choices=("run", "abort"), default="run", help="abort: remove what is half built")
    parser.add_argument("--replace", action="store_true", help="take the new counters also where they differ")
    chosen = parser.parse_args(arguments)
    try:
        stack = beside.running_here(_say)
        return _abort(stack) if chosen.act == "abort" else _run(stack, chosen.replace)
    except (StackError, OperatorError) as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        print(complaint(error), file=sys.stderr)
    except KeyboardInterrupt:
        print("It goes on by itself: run it again, or `make rebuild-counters ARGS=abort`.", file=sys.stderr)
    return 1


def _run(stack: Stack, replace: bool) -> int:
    running, settings = stack.generations, stack.settings
    gen, began = running.live.gen, time.monotonic()
    if not running.counters:
        removal.counters(settings.bootstrap, settings.redis_url, gen)
        stack.take(lambda now: structs.replace(now, counters=True))
        _say(f"The counters of generation {gen} are built once more; those that are there go on answering.")
    else:
        # Whoever was interrupted may have left the builder stopped.
        stack.take(lambda now: now)
    beside.follow(stack, beside.standing(stack, gen, "beside"), _say, with_fold=False)
    found = comparing.counters(settings.bootstrap, settings.redis_url, gen, ("live", "beside"))
    for line in saying.figures(found):
        _say(line)
    if found.left_out and not replace:
        _say("So nothing can be compared. The new ones have not stopped: `make rebuild-counters ARGS=--replace` takes them,")
        _say("`ARGS=abort` removes them.")
        return DIFFERENT
    if found.differences and not replace:
        _say("They differ. `make verify` says which are right; `make rebuild-counters ARGS=--replace` takes the new ones,")
        _say("`ARGS=abort` removes them.")
        return DIFFERENT
    # The builder ends before its figures move away under it; what has come since, the live worker counts.
    stack.rest("counters-beside")
    _swap(settings.redis_url, gen)
    stack.take(lambda now: structs.replace(now, counters=False))
    removed = removal.counters(settings.bootstrap, settings.redis_url, gen)
    _say(f"Switched after {time.monotonic() - began:.1f} s in one step; the former ones are dropped ({removed.keys} keys).")
    # The dumps there are hold the former ones: `make recover` would bring them back.
    try:
        made = dumps.make(stack.settings, dumps.told(stack.environment).dumps_kept_max)
    except StackError as error:
        _say(f"{error} Until the next hourly one, `make recover` would bring the former ones back.")
        return 0
    _say(f"Dump {made.name} holds the new ones.")
    return 0


def _abort(stack: Stack) -> int:
    running, settings = stack.generations, stack.settings
    generations.code_of(running.live)  # else it is found when all is removed, and not struck off
    stack.rest("counters-beside")
    removed = removal.counters(settings.bootstrap, settings.redis_url, running.live.gen)
    stack.take(lambda now: structs.replace(now, counters=False))
    _say(f"Removed: {removed.keys} keys. The counters that were there are as they were.")
    return 0


def _swap(url: str, gen: int) -> None:
    try:
        with redis.Redis.from_url(url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS) as client:
            removal.former(url, gen)
            refused = swap(client, gen, PARTITIONS)
    except redis.RedisError as error:
        raise RedisUnavailableError(url, type(error).__name__) from error
    if refused is not None:
        raise GenerationError(f"The counters were not switched: {refused}. Run it again.")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
