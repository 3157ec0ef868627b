"""The operators' tool: `python -m deploy.operators.main topics|open|check|activate|…`; `--help` names all."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from pydantic import ValidationError

from contracts import reference, topics
from contracts.heartbeats import Source
from deploy.operators import acts, carried, keymaking, progress, refolding
from deploy.operators.deadletters import workbench
from deploy.operators.errors import OperatorError
from deploy.operators.generation import commands as generation
from deploy.operators.log import UNREAD, Log
from deploy.operators.reader import unread_is_no_error
from deploy.operators.settings import OperatorSettings, complaint
from deploy.operators.standing import Standing
from services.audit.domain import sequences

WITHIN_SECONDS = 600.0
NEW_CODES_SHOWN_MAX = 5


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when it is done or all is well, 1 with one sentence when not."""
    chosen = _parser().parse_args(arguments)
    act: Callable[[OperatorSettings, argparse.Namespace], int] = chosen.act
    try:
        settings = OperatorSettings()
        if getattr(chosen, "directory", None) is not None:
            settings = settings.model_copy(update={"reference_dir": chosen.directory})
        return act(settings, chosen)
    except OperatorError as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        print(complaint(error), file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.operators.main", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, act: Callable[[OperatorSettings, argparse.Namespace], int], told: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=told, description=told)
        added.set_defaults(act=act)
        return added

    where = "directory of the reference files (default: MOTCUA_REFERENCE_DIR, else deploy/reference)"
    command("topics", _topics, "create the topics that are missing, then check all of them against the contract")
    command("open", _open, "open the archive: records 0 and 1 of each partition, with the present reference files")
    check = command("check", _check, "check the reference files and say their digest; Kafka is not asked")
    check.add_argument("directory", nargs="?", type=Path, help=where)
    activate = command(
        "activate", _activate, "publish reference files, let them rule from here on, wait until all is refolded"
    )
    which = activate.add_mutually_exclusive_group()
    which.add_argument("directory", nargs="?", type=Path, help=where)
    which.add_argument("--digest", help="a body that was published before, instead of files")
    activate.add_argument("--really", action="store_true", help="also files that lack codes which the rules in force know")
    activate.add_argument("--no-wait", action="store_true", help="do not wait until every dossier is folded anew")
    activate.add_argument("--within-seconds", type=float, default=WITHIN_SECONDS, metavar="N",
                          help=f"how long to wait (default {WITHIN_SECONDS:.0f})")  # fmt: skip
    command("rules", _rules, "the digest of the rules under which all partitions are folded now")
    command("progress", _progress, "how much processing and metrics have to work off, how fast, how long it takes")
    retire = command("retire-edge", _retire_edge, "an edge is gone for good: no figure is provisional for it any more")
    retire.add_argument("source", type=_source, help="/units/19753, or /units/19753/point")
    retire.add_argument("--really", action="store_true", help="also where events lie there that are not in the archive")
    keys = command("keys", _keys, "make random keys for the operator and each body, where a directory has none yet")
    keys.add_argument("into", type=Path, help=f"gets {keymaking.HASHED} for MOTCUA_KEYS_FILE and {keymaking.PLAIN}")
    keys.add_argument("--plain-into", type=Path, metavar="DIR", help="gets what is plain, instead of the other")
    keys.add_argument(
        "--edge-into", type=Path, metavar="DIR", help="gets a copy of the key that an edge shows for all bodies"
    )
    generation.describe(command("generation", generation.run, "a generation beside the live one, without a local stack"))
    workbench.describe(command("rejected", workbench.run, "dead letters: count them, show one, hand them in again"))
    carried.describe(
        command("import", carried.run, "load a signed file that a centre carried by hand, through intake's door")
    )
    return parser


def _keys(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    made = keymaking.make(chosen.into, acts.files(settings), chosen.plain_into, chosen.edge_into)
    print(f"{made} keys made in {chosen.into}" if made else f"{chosen.into} has its keys already")
    return 0


def _topics(settings: OperatorSettings, _: argparse.Namespace) -> int:
    created = acts.make_topics(settings)
    present = len(topics.all_topics(settings.live_gen))
    print(f"{present} topics are as the contract says" + (f" (created: {', '.join(created)})" if created else ""))
    return 0


def _open(settings: OperatorSettings, _: argparse.Namespace) -> int:
    opened = acts.open_archive(settings, acts.files(settings))
    done = f"opened in {opened.written} partitions" if opened.written else "was open already"
    print(f"archive {done}: CLOCK={settings.clock}, rules {opened.ruled_by}")
    if opened.is_outdated:
        print(f"the reference files are {opened.files} now: they rule only once `make reference-activate` has been run")
    return 0


def _check(settings: OperatorSettings, _: argparse.Namespace) -> int:
    body = acts.files(settings)
    digest = reference.digest(reference.encode(body))
    print(
        f"{settings.reference_dir}: {len(body.units)} units, {len(body.departments)} departments, "
        f"{len(body.procedures)} procedures, {len(body.calendar.days_off)} days off; digest {digest}"
    )
    print(acts.estimates(settings, body))
    print(f"the board's map shows {acts.tiles(settings, body)} of {len({unit.code for unit in body.units})} units")
    return 0


def _activate(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    began = time.monotonic()
    if chosen.digest is None:
        body = acts.files(settings)
        print(acts.estimates(settings, body), flush=True)
        activation = acts.activate_files(settings, body, chosen.really)
    else:
        activation = acts.activate_digest(settings, chosen.digest)
    if activation.is_uncompared:
        print("Nobody says which codes the rules in force know: they are not compared with those of the files.", flush=True)
    before = f"; before, {activation.former} ruled" if activation.former else ""
    print(f"rules {activation.digest} are activated in all {topics.REPORTED.partitions} partitions{before}", flush=True)
    try:
        if not chosen.no_wait:
            _follow(settings, activation, chosen.within_seconds, began)
    finally:
        if activation.added:
            print(_of_new_codes(sorted(activation.added)))
    return 0


def _follow(settings: OperatorSettings, activation: acts.Activation, within_seconds: float, began: float) -> None:
    standing = Standing(settings.bootstrap, settings.redis_url, settings.live_gen)
    told = refolding.follow(standing, activation.offsets, within_seconds, lambda line: print(line, flush=True))
    changed = "" if told.changed is None else f", {told.changed:,} of them stand or count otherwise now"
    print(f"{told.dossiers:,} dossiers folded anew and counted after {time.monotonic() - began:.1f} s{changed}")


def _of_new_codes(codes: list[str]) -> str:
    more = f" and {len(codes) - NEW_CODES_SHOWN_MAX} more" if len(codes) > NEW_CODES_SHOWN_MAX else ""
    return (
        f"new codes {', '.join(codes[:NEW_CODES_SHOWN_MAX])}{more}: each needs a key, and a place among the codes of the "
        f"one that speaks for every centre; intake and the edges refuse them until they are started anew with these files "
        f"(docs/OPERATIONS.md, Upgrade)"
    )


def _rules(settings: OperatorSettings, _: argparse.Namespace) -> int:
    print(acts.ruling(settings))
    return 0


def _progress(settings: OperatorSettings, _: argparse.Namespace) -> int:
    for each in progress.measure(Standing(settings.bootstrap, settings.redis_url, settings.live_gen)):
        print(progress.line(each))
    return 0


def _retire_edge(settings: OperatorSettings, chosen: argparse.Namespace) -> int:
    left = Log(settings.bootstrap).retire(chosen.source, chosen.really)
    told = ["nothing was ever heard of it"] if left.kept is None and not left.is_unread else []
    if left.kept is not None:
        told.append(f"{left.aside} events lay aside there and {left.unsent} were unsent")
    if left.is_unread:
        told.append(UNREAD)
    print(f"{chosen.source} is retired ({'; '.join(told)}); should its edge send a heartbeat again, it is back")
    lost = [] if left.kept is None else [*sequences.left_behind([left.kept]), *sequences.discarded([left.kept])]
    if lost:
        print("The audit lists what lay aside there or was thrown away until another machine takes this source's place and")
        print("is heard. It goes on listing it where this is set before (behind a comma, if there is something already):")
        print(f"MOTCUA_AUDIT_GIVEN_UP={sequences.as_given_up(lost)}")
    return 0


def _source(text: str) -> str:
    try:
        return msgspec.convert(text, Source)
    except msgspec.ValidationError as error:
        raise argparse.ArgumentTypeError("a source is written /units/19753 or /units/19753/point") from error


if __name__ == "__main__":
    unread_is_no_error()
    sys.exit(main())
