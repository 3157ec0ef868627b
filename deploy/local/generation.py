"""A second generation of the fold beside the live one: `make generation ARGS=start|status|compare|switch|drop|abort`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import structs
from pydantic import ValidationError

from contracts import topics
from deploy.local import beside, dumps, generation_report, generations
from deploy.local.beside import standing
from deploy.local.errors import GenerationError, NotReadyError, StackError
from deploy.local.generations import Generation, Generations
from deploy.local.stack import Stack
from deploy.operators import progress
from deploy.operators import topics as topic_tool
from deploy.operators.errors import OperatorError
from deploy.operators.generation import comparing, removal, saying, since
from deploy.operators.reader import unread_is_no_error
from deploy.operators.settings import OperatorSettings, complaint
from services.processing.domain.generation import GEN

DIFFERENT = 3
GOING = "is being removed; where that was interrupted, make generation ARGS=drop ends it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when it is done, 1 with a sentence when not; `compare` ends with 3 when something differs."""
    chosen = _parser().parse_args(arguments)
    act: Callable[[Stack, argparse.Namespace], int] = chosen.act
    try:
        # Where the code of a generation lies is said before its stack is started.
        found = beside.stack_here if act is _former else beside.running_here
        return act(found(_say), chosen)
    except (StackError, OperatorError) as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        print(complaint(error), file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted: make generation ARGS=status says how it stands.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make generation ARGS=…", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, act: Callable[[Stack, argparse.Namespace], int], told: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=told, description=told)
        added.set_defaults(act=act)
        return added

    start = command("start", _start, "build one beside the live one, and follow it until it has caught up")
    start.add_argument("--code", type=Path, metavar="DIR", help="a checkout with the new fold; without one, this code")
    start.add_argument("--no-wait", action="store_true", help="do not follow it")
    command("status", _status, "what is live, what is beside it, how far, how fast, how long it takes")
    command("compare", _compare, "hold both against each other at the same positions, and name the dossiers that differ")
    switch = command("switch", _switch, "the one beside becomes the live one; the former goes on beside it, until `drop`")
    switch.add_argument("--accept-differences", action="store_true", help="the comparison found some, and they are meant")
    command("drop", _drop, "remove the generation beside the live one, one that was live before it too")
    command("abort", _abort, "remove a generation that was never live")
    former = command("former", _former, "name the directory of the code of a generation, live or beside, of an earlier fold")
    former.add_argument("--code", type=Path, metavar="DIR", required=True)
    return parser


def _start(stack: Stack, chosen: argparse.Namespace) -> int:
    running = stack.generations
    settings = stack.settings
    code = None if chosen.code is None else chosen.code.expanduser().resolve()
    if running.beside is None:
        fold = GEN if code is None else generations.fold_of(code)
        if code is None and fold < running.live.fold:
            # This checkout is the older one: once more means the fold that is live.
            fold, code = running.live.fold, generations.code_of(running.live)
        elif code is not None and fold <= running.live.fold:
            raise GenerationError(
                f"The fold in {code} is number {fold}, and the live one is {running.live.fold}: another fold wants a higher "
                f"number (services/processing/domain/generation.py)."
            )
        gen = generations.following(running, fold, removal.present(settings.bootstrap))
        wanted = topics.lifecycle(gen), topics.rejected(gen)
        # A dump that was put back, or a removal that was interrupted, may have left something under this number.
        removal.keys(settings.redis_url, gen)
        # Before the first process that wants them; whoever is interrupted here begins with the next number.
        topic_tool.create_missing(settings.bootstrap, wanted, OperatorSettings().replication_factor)
        topic_tool.check(settings.bootstrap, wanted, OperatorSettings().replication_factor)
        began = Generation(gen, fold, None if code is None or fold == GEN else str(code))

        def begun(now: Generations) -> Generations:
            if now.beside is not None:
                raise GenerationError(f"Another command has begun generation {now.beside.gen} meanwhile: run it again.")
            return structs.replace(now, beside=began)

        stack.take(begun)
        same = ", the same fold once more" if fold == running.live.fold else ""
        _say(f"Generation {gen} (fold {fold}{same}) is built beside generation {running.live.gen}, which stays live.")
    else:
        stack.take(_staying)
        _say(f"Generation {running.beside.gen} is being built already.")
    if not chosen.no_wait:
        try:
            beside.follow(stack, standing(stack, beside.beside(stack.generations).gen), _say)
        except KeyboardInterrupt:
            print("It goes on by itself: make generation ARGS=status says how far it is.", file=sys.stderr)
            return 1
    return 0


def _status(stack: Stack, _: argparse.Namespace) -> int:
    running = stack.generations
    for whose, of in (("live", running.live), ("beside", running.beside)):
        if of is None:
            _say("beside          none")
            continue
        _say(f"{whose:<15} generation {of.gen}, fold {of.fold}" + (f", code in {of.code}" if of.code else ""))
        if of is running.beside and running.going:
            _say(f"  It {GOING}")
            continue
        if (lack := generations.lacking(of)) is not None:
            _say(f"  {lack}")
        for each in progress.measure(standing(stack, of.gen)):
            _say("  " + progress.line(each))
    if running.beside is not None:
        told = generation_report.read(generation_report.file_of(stack, running))
        found = "not yet" if told is None else "nothing differed" if told.equal else "something differed, or was left out"
        _say(f"compared        {found}")
    return 0


def _compare(stack: Stack, _: argparse.Namespace) -> int:
    running = _staying(stack.generations)
    folds = (beside.fold(running.live), beside.fold(beside.beside(running)))
    settings = stack.settings
    found = comparing.generations(settings.bootstrap, settings.redis_url, folds, stack.environment, _say)
    for line in saying.comparison(found):
        _say(line)
    file = generation_report.file_of(stack, running)
    generation_report.keep(file, found.told())
    _say(f"  written to  {file}")
    return 0 if found.is_equal else DIFFERENT


def _switch(stack: Stack, chosen: argparse.Namespace) -> int:
    running = _staying(stack.generations)
    coming = beside.beside(running)
    generations.code_of(coming)
    if not beside.has_caught_up(standing(stack, coming.gen)):
        raise GenerationError(f"Generation {coming.gen} has not caught up: make generation ARGS=status says how far it is.")
    if not coming.was_live:
        _check_compared(stack, running, chosen.accept_differences)
    try:
        stack.take(lambda now: generations.switched(_staying(_still(now, coming))))
    except (NotReadyError, KeyboardInterrupt) as error:
        if stack.generations.live.gen != coming.gen:
            raise
        told = "Interrupted. The" if isinstance(error, KeyboardInterrupt) else f"{error} That"
        raise GenerationError(
            f"{told} command is `make up` now: generation {coming.gen} is live already, and not all of it is ready. "
            f"One more `switch` leads back to generation {running.live.gen}."
        ) from error
    _say(f"Generation {coming.gen} is live.")
    # `take` starts nothing that did not run, be it that somebody interrupted an earlier one.
    if idle := [name for name in generations.CONCERNED if name in stack.names and name not in stack.pids]:
        _say(f"{', '.join(idle)} did not run and does not now: `make up` starts what is missing.")
    # The dumps there are hold nothing of it, or little.
    _say(f"Dump {dumps.make(stack.settings, dumps.told(stack.environment).dumps_kept_max).name} holds it.")
    _say(f"Generation {running.live.gen} goes on beside it: `switch` leads back, `drop` removes it.")
    return 0


def _check_compared(stack: Stack, running: Generations, accept_differences: bool) -> None:
    report = generation_report.read(generation_report.file_of(stack, running))
    if report is None:
        raise GenerationError("The two were not compared yet: make generation ARGS=compare.")
    found = since.look(stack.settings.bootstrap, report.positions, generation_report.records_allowed)
    if (why := generation_report.reason_outdated(found)) is not None:
        raise GenerationError(f"The comparison is outdated: {why}. Compare once more: make generation ARGS=compare.")
    if not report.equal and not accept_differences:
        raise GenerationError("Not all is equal: read the comparison, then `switch --accept-differences` if that is meant.")


def _drop(stack: Stack, _: argparse.Namespace) -> int:
    return _remove(stack, beside.beside(stack.generations))


def _abort(stack: Stack, _: argparse.Namespace) -> int:
    gone = beside.beside(stack.generations)
    if gone.was_live:
        raise GenerationError(f"Generation {gone.gen} was live once: `drop` removes it for good.")
    return _remove(stack, gone)


def _remove(stack: Stack, gone: Generation) -> int:
    running, settings = stack.generations, stack.settings
    # Marked first: then nothing of it runs, and nobody switches to it. Only when nothing is left of it is it struck off, so
    # that whoever is interrupted can repeat it.
    stack.take(lambda now: structs.replace(_still(now, gone), going=True))
    removed = removal.generation(settings.bootstrap, settings.redis_url, gone.gen)
    generation_report.file_of(stack, running).unlink(missing_ok=True)
    stack.take(lambda now: generations.without(_still(now, gone), gone))
    _say(
        f"Generation {gone.gen} is removed: {removed.keys:,} keys, {removed.topics} topics, {removed.groups} groups. "
        f"Generation {running.live.gen} is live."
    )
    return 0


def _former(stack: Stack, chosen: argparse.Namespace) -> int:
    code = chosen.code.expanduser().resolve()
    fold = generations.fold_of(code)
    running = stack.generations
    mine = [of for of in (running.live, running.beside) if of is not None and of.fold == fold]
    if not mine:
        folds = " and ".join(f"generation {of.gen} of fold {of.fold}" for of in (running.live, running.beside) if of)
        raise GenerationError(f"{code} is fold {fold}, and there is {folds}.")
    stack.note(lambda now: generations.named(now, fold, code))
    for of in mine:
        _say(f"Generation {of.gen} is worked out by the code in {code} (from the next `make up` on).")
    return 0


def _still(now: Generations, of: Generation) -> Generations:
    """What runs now, when that one is still beside; somebody else may have given a command while this one waited."""
    if now.beside is None or now.beside.gen != of.gen:
        raise GenerationError(f"Generation {of.gen} is beside the live one no more: look (make generation), then repeat.")
    return now


def _staying(now: Generations) -> Generations:
    """What runs now, when the one beside is not being removed."""
    if now.beside is not None and now.going:
        raise GenerationError(f"Generation {now.beside.gen} {GOING}")
    return now


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    unread_is_no_error()
    sys.exit(main())
