"""What a local stack builds beside what it shows: followed until it has caught up, with its rate and an estimate."""

import time
from collections.abc import Callable
from dataclasses import replace

from deploy.local import generations, statedir
from deploy.local.errors import GenerationError, NotRunningError
from deploy.local.generations import Generation, Generations
from deploy.local.settings import REPOSITORY, StackSettings
from deploy.local.stack import Stack
from deploy.operators import progress
from deploy.operators.errors import KafkaUnavailableError, RedisUnavailableError
from deploy.operators.generation.speaking import Fold
from deploy.operators.progress import Progress
from deploy.operators.standing import Standing
from services.metrics.store import keys

SAY_EVERY_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.5
# A live archive grows while it is folded: so few records, and so small a share, are no lag.
CAUGHT_UP_RECORDS, CAUGHT_UP_PERCENT = 100, 1
_PATIENCE_SECONDS = 300.0
_AWAY_SECONDS = 60.0


def stack_here(say: Callable[[str], None]) -> Stack:
    """The stack of the state directory as it was started, whatever the settings of whoever gives this command."""
    directory = StackSettings().directory
    if (marker := statedir.read(directory)) is None:
        return Stack(say=say)
    return Stack(None, marker.port_base, marker.clock, say, kept=statedir.kept_environment(directory))


def running_here(say: Callable[[str], None]) -> Stack:
    """`stack_here` for what only a stack that runs can answer; NotRunningError when it does not."""
    stack = stack_here(say)
    if stack.keeper_pid is None and not stack.pids:
        raise NotRunningError(stack.directory)
    return stack


def beside(running: Generations) -> Generation:
    """The generation beside the live one; GenerationError when there is none."""
    if running.beside is None:
        raise GenerationError("No generation is built beside the live one: make generation ARGS=start begins one.")
    return running.beside


def standing(stack: Stack, gen: int, place: keys.Place = "live") -> Standing:
    """How far a generation is, or the counters built beside."""
    return Standing(stack.settings.bootstrap, stack.settings.redis_url, gen, place)


def has_caught_up(of: Standing, with_fold: bool = True) -> bool:
    """Whether it is at the ends of its logs, as far as one can be in an archive that grows."""
    return not any(map(_is_behind, _looked(of, with_fold)))


def follow(stack: Stack, of: Standing, say: Callable[[str], None], with_fold: bool = True) -> None:
    """Says how far it is until it has caught up, then at which rate. GenerationError when nothing moves for long."""
    first = shown = last = _looked_patiently(of, with_fold)
    began = said = moved = time.monotonic()
    while any(map(_is_behind, last)):
        time.sleep(LOOK_EVERY_SECONDS)
        now, seen = time.monotonic(), _looked_patiently(of, with_fold)
        if now - moved > _PATIENCE_SECONDS:
            raise GenerationError(
                f"Nothing moved for {_PATIENCE_SECONDS:.0f} s: look at the logs (make logs SERVICE=metrics-beside). It goes "
                f"on by itself; `abort` takes it away."
            )
        if last == first and seen != first:
            began = now - LOOK_EVERY_SECONDS  # starting a process is no part of its rate
        if seen != last:
            moved, last = now, seen
        if now - said >= SAY_EVERY_SECONDS:
            for before, each in zip(shown, seen, strict=True):
                say("  " + progress.line(replace(each, rate=(each.done - before.done) / (now - said))))
            said, shown = now, seen
    seconds = max(time.monotonic() - began, 0.001)
    for before, each in zip(first, last, strict=True):
        records = each.done - before.done
        rate = f"{records / seconds:,.0f} records/s"
        say(f"  {each.service:<15} {each.done:,} records, {records:,} of them in {seconds:.1f} s: {rate}")


def fold(of: Generation) -> Fold:
    """The code of a generation; GenerationError when it is not to be had."""
    code = generations.code_of(of)
    return Fold(of.gen, code or REPOSITORY, generations.interpreter(code))


def _looked(of: Standing, with_fold: bool) -> list[Progress]:
    return [each for each in progress.look(of) if with_fold or each.service == "metrics"]


def _looked_patiently(of: Standing, with_fold: bool) -> list[Progress]:
    """A topic that was made just now has no leader for a moment, and Redis may be busy: the next look tells."""
    deadline = time.monotonic() + _AWAY_SECONDS
    while True:
        try:
            return _looked(of, with_fold)
        except (RedisUnavailableError, KafkaUnavailableError):
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_EVERY_SECONDS)


def _is_behind(of: Progress) -> bool:
    return of.left > min(CAUGHT_UP_RECORDS, of.end * CAUGHT_UP_PERCENT // 100)
