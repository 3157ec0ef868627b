"""`make load SCENARIO=…`: runs a scenario on a city of its own, draws verdicts, leaves a report; compares reports."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from deploy.local.settings import CONTROLLER_PORT
from lab.endings import interruptible
from lab.errors import LabError
from lab.load import annotations, capacity, compare, index, scenario
from lab.load.city import LoadStack
from lab.load.rehearsal import rehearse
from lab.load.report import leaving
from lab.load.session import Chosen, run

KEPT, BROKEN, COULD_NOT_RUN, INVALID = 0, 1, 2, 3
REPORTS = Path(".local-load-reports")
# The stack's highest port, and the last one that there is.
PORT_BASE_MOST = 65535 - CONTROLLER_PORT


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: all promises kept, 1: one was broken, 2: it could not run, 3: it cannot be judged, as the generator was
    late, others had the machine, or something was not measured. Of `compare`, 1: worse for certain."""
    chosen = _parser().parse_args(arguments)
    try:
        with interruptible():
            status: int = chosen.does(chosen)
    except LabError as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        print(_interrupted(chosen), file=sys.stderr)
        return 130
    except Exception as error:
        # A fault of the lab's own is no broken promise of the city's.
        last = traceback.extract_tb(error.__traceback__)[-1]
        print(f"The lab itself failed, {type(error).__name__} at {last.filename}:{last.lineno}: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    return status


def _run(chosen: argparse.Namespace) -> int:
    given = (chosen.intake, chosen.metrics, chosen.dossiers)
    if any(given) and not all(given):
        raise LabError("give --intake, --metrics and --dossiers together, or none of them")
    found = scenario.scaled(scenario.read(chosen.scenario), chosen.scale)
    # All of it before a city is wiped, started and waited for.
    rehearse(found, chosen.seed)
    told = run(Chosen(
        scenario=found, seed=chosen.seed, manner=chosen.manner, beside=chosen.with_paper, keep=chosen.keep,
        port_base=chosen.port_base, state_dir=chosen.state_dir, out=chosen.out, given=given if all(given) else None,
        wires=chosen.wires,
    ))  # fmt: skip
    if told.broken:
        return BROKEN
    return INVALID if told.invalid else KEPT


def _interrupted(chosen: argparse.Namespace) -> str:
    if chosen.command != "run" or chosen.intake is not None:
        return "Interrupted: what the lab had started is ended."
    if chosen.keep:
        stop = f"MOTCUA_STATE_DIR={chosen.state_dir} MOTCUA_PORT_BASE={chosen.port_base} make wipe"
        return f"Interrupted: the lab's own programs are ended; the city is kept, as --keep says. End it by {stop}"
    return "Interrupted: what was started is ended, and what it had stored is removed."


def _list(_: argparse.Namespace) -> int:
    for name in scenario.names():
        print(f"{name:<18} {scenario.read(name).title}")
    return KEPT


def _compare(chosen: argparse.Namespace) -> int:
    before, after = leaving.several(chosen.before), leaving.several(chosen.after)
    changes = compare.compare(before, after)
    if changed := compare.settings_changed(before, after):
        print(f"Settings differ: {', '.join(changed)}. What changed below may be theirs.\n")
    print(compare.table(changes))
    return BROKEN if compare.worse(changes) else KEPT


def _capacity(chosen: argparse.Namespace) -> int:
    print(capacity.sheet(*map(leaving.read, chosen.reports)), end="")
    return KEPT


def _index(chosen: argparse.Namespace) -> int:
    print(index.index(chosen.directory), end="")
    return KEPT


def _annotate(chosen: argparse.Namespace) -> int:
    token = os.environ.get("MOTCUA_GRAFANA_TOKEN", "")
    if not token:
        raise LabError("Grafana wants a token of an editor: put it into MOTCUA_GRAFANA_TOKEN")
    print(f"{annotations.mark(leaving.read(chosen.report), chosen.grafana, token)} annotations")
    return KEPT


def _port_base(text: str) -> int:
    """argparse says the sentence, whether it was an option or the environment's."""
    if not text.isdecimal() or not 1 <= (base := int(text)) <= PORT_BASE_MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no port base: a number from 1 to {PORT_BASE_MOST}, please")
    return base


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.load.main", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run a scenario and leave its report")
    running.add_argument("scenario", help=f"one of {', '.join(scenario.names())}, or the path of a TOML file")
    running.add_argument("--seed", type=int, default=1, help="another seed, other dossiers (default 1)")
    running.add_argument("--scale", type=float, help="a part of its dossiers, from 0.01 to 1 (default its file's, else 1)")
    running.add_argument("--manner", choices=("outbox", "paper"), default="outbox", help="how centres send (default outbox)")
    running.add_argument("--with-paper", action="store_true", help="and once more as in the paper era, side by side")
    running.add_argument("--wires", action="store_true",
                         help="lines that share a rate and lose packets, in a network namespace (Linux, root)")  # fmt: skip
    running.add_argument("--keep", action="store_true", help="leave the stack running")
    running.add_argument("--out", type=Path, default=REPORTS, help=f"where reports go (default {REPORTS})")
    running.add_argument("--port-base", type=_port_base, default=os.environ.get("MOTCUA_PORT_BASE", "8000"),
                         help="where the ports of the lab's stack begin (default MOTCUA_PORT_BASE, else 8000)")  # fmt: skip
    running.add_argument("--state-dir", type=Path, default=Path(os.environ.get("MOTCUA_STATE_DIR", LoadStack.own_directory)),
                         help=f"wiped first (default MOTCUA_STATE_DIR, else {LoadStack.own_directory})")  # fmt: skip
    for name in ("intake", "metrics", "dossiers"):
        running.add_argument(
            f"--{name}", metavar="URL", help="of a running stack with MOTCUA_CLOCK=log, instead of one of its own"
        )
    running.set_defaults(does=_run)
    commands.add_parser("list", help="the scenarios that are here").set_defaults(does=_list)
    comparing = commands.add_parser("compare", help="what changed between two reports beyond noise")
    comparing.add_argument("before", type=Path, help="a report, or a directory with reports of several runs")
    comparing.add_argument("after", type=Path, help="the same, of the other side")
    comparing.set_defaults(does=_compare)
    sheet = commands.add_parser("capacity", help="machines for a city, a province, the nation, from reports of the knee")
    sheet.add_argument("reports", metavar="report", type=Path, nargs="+", help="several: from the least to the most")
    sheet.set_defaults(does=_capacity)
    listing = commands.add_parser("index", help="the reports of a directory as one table")
    listing.add_argument("directory", type=Path)
    listing.set_defaults(does=_index)
    marking = commands.add_parser("annotate", help="mark a run and what went wrong in it in Grafana's dashboards")
    marking.add_argument("report", type=Path)
    marking.add_argument("grafana", metavar="URL", help="of this machine, or of a host named in MOTCUA_LOAD_HOSTS")
    marking.set_defaults(does=_annotate)
    return parser


if __name__ == "__main__":
    sys.exit(main())
