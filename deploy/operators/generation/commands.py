"""Generations without a local stack, in containers say: `… main generation topics|status|compare|drop GEN`."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from contracts import topics
from deploy.operators import progress
from deploy.operators import topics as topic_tool
from deploy.operators.errors import InUseError
from deploy.operators.generation import comparing, removal, saying
from deploy.operators.generation.speaking import Fold
from deploy.operators.settings import OperatorSettings
from deploy.operators.standing import Standing

DIFFERENT = 3
_HERE = Path(__file__).resolve().parents[3]


def describe(parser: argparse.ArgumentParser) -> None:
    """The subcommands; which generation is live, MOTCUA_LIVE_GEN says."""
    acts: dict[str, tuple[Callable[[OperatorSettings, argparse.Namespace], int], str]] = {
        "topics": (_topics, "make its topics, before its first worker"),
        "status": (_status, "how far it is, how fast, how long it takes"),
        "compare": (_compare, "hold it against the live one at the same positions; 3 when something differs"),
        "drop": (_drop, "remove its topics, keys and groups; its workers must have been stopped"),
    }
    parser.add_argument("part", choices=list(acts), help="; ".join(f"{name}: {told}" for name, (_, told) in acts.items()))
    parser.add_argument("gen", type=int, metavar="GEN", help="the generation beside the live one")
    parser.add_argument("--same-code", action="store_true", help="both are of the fold of this code: compare answers, too")
    parser.set_defaults(run=acts)


def run(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    """The subcommand that was chosen."""
    act, _ = chosen.run[chosen.part]
    done: int = act(settings, chosen)
    return done


def _topics(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    wanted = topics.lifecycle(chosen.gen), topics.rejected(chosen.gen)
    if chosen.gen != settings.live_gen and chosen.gen not in removal.present(settings.bootstrap):
        # Without a topic nobody has built it: what Redis holds of its number is of one that was removed.
        removal.keys(settings.redis_url, chosen.gen)
    created = topic_tool.create_missing(settings.bootstrap, wanted, settings.replication_factor)
    topic_tool.check(settings.bootstrap, wanted, settings.replication_factor)
    print(f"the topics of generation {chosen.gen} are there" + (f" (created: {', '.join(created)})" if created else ""))
    return 0


def _status(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    for each in progress.measure(Standing(settings.bootstrap, settings.redis_url, chosen.gen)):
        print(progress.line(each))
    return 0


def _compare(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    folds = (Fold(settings.live_gen, _HERE), Fold(chosen.gen, _HERE))
    environment = dict(os.environ) if chosen.same_code else None
    found = comparing.generations(settings.bootstrap, settings.redis_url, folds, environment, print)
    for line in saying.comparison(found):
        print(line)
    return 0 if found.is_equal else DIFFERENT


def _drop(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    if chosen.gen == settings.live_gen:
        raise InUseError(chosen.gen, "it is the live one")
    removed = removal.generation(settings.bootstrap, settings.redis_url, chosen.gen)
    print(f"generation {chosen.gen} is removed: {removed.keys:,} keys, {removed.topics} topics, {removed.groups} groups")
    return 0
