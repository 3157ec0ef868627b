"""Audit's front door: `python -m services.audit.main verify` (exit 0 clean, 1 differences, 2 could not run), `… serve`."""

import argparse
import gc
import logging
import secrets
import sys
from pathlib import Path

from confluent_kafka import KafkaException
from pydantic import ValidationError

from contracts.face import logs
from services.audit import verdict
from services.audit.archive import CouldNotRunError
from services.audit.domain.notes import SHOWN_MAX
from services.audit.looking import Scope
from services.audit.progress import Progress
from services.audit.settings import Settings
from services.audit.verification import Verification

CLEAN, DIFFERENCES, COULD_NOT_RUN = 0, 1, 2
# Records hold no cycles: looking for some in them takes a thirtieth of a recount, as seldom as this nothing.
COLLECT_AFTER = (50_000, 20, 100)
log = logging.getLogger(__name__)


def verify(settings: Settings, size: int | None, seed: int, json_file: Path | None, shown_max: int = SHOWN_MAX) -> int:
    """One audit, told on stdout; what kept it from a verdict, on stderr. The file names so many events of each list."""
    progress = Progress()
    verification = Verification(settings, size, seed, progress.tell, shown_max)
    why: str | None = None
    try:
        verification.run(Scope())
    except CouldNotRunError as error:
        why = str(error)
    except KafkaException as error:
        why = f"Kafka at {settings.bootstrap} failed: {error.args[0]}"
    except Exception as error:
        log.exception("audit failed")
        why = f"audit itself failed ({type(error).__name__}), as its log tells"
    finally:
        progress.done()
        verification.close()
    code = CLEAN if why is None else COULD_NOT_RUN
    if not verification.findings.clean:
        code = DIFFERENCES
    counts = verification.counts()
    if counts["lifecycle_records"]:
        print(verdict.table(verification.findings, counts, verification.lists()))
    if why is not None:
        print(f"audit could not finish: {why}", file=sys.stderr)
    if json_file is not None:
        told = verdict.told(verification.findings, counts, verification.lists())
        verdict.write_json(json_file, {"exit": code, "could_not_run": why, **told})
    if why is None:
        if not verification.asks_dossiers:
            print("\nprocessing's answers about dossiers were not compared: no key opens its door (MOTCUA_AUDIT_KEY)")
        print("\nclean: every stage equals the next" if code == CLEAN else "\nDIFFERENCES: see FAIL above")
    return code


def main() -> None:
    """Reads the command line."""
    gc.set_threshold(*COLLECT_AFTER)
    chosen = _arguments()
    try:
        settings = Settings()
    except ValidationError as error:
        print(f"audit cannot start: {logs.misfits(error)}", file=sys.stderr)
        sys.exit(COULD_NOT_RUN)
    seed = settings.audit_seed if chosen.seed is None else chosen.seed
    if seed is None:
        seed = secrets.randbelow(1 << 31)
    if chosen.command == "serve":
        # What only the service needs is loaded by the service alone.
        from services.audit.serving import serve

        with logs.begun("audit"):
            serve(settings, seed)
    else:
        size = settings.audit_sample_dossiers if chosen.sample is None else chosen.sample
        try:
            # No list is longer than there are records.
            shown_max = settings.audit_records_max if chosen.entries is None else chosen.entries
            code = verify(settings, None if chosen.all else size, seed, chosen.json, shown_max)
        except Exception as error:
            # Such as a verdict that cannot be written: Python's own exit code for it would be that of differences.
            log.exception("audit failed")
            print(f"audit could not finish: it failed itself ({type(error).__name__})", file=sys.stderr)
            code = COULD_NOT_RUN
        sys.exit(code)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.audit.main", description=__doc__)
    parser.set_defaults(seed=None)
    commands = parser.add_subparsers(dest="command", required=True)
    verifying = commands.add_parser("verify", help="recount the logs and compare every stage with the next")
    verifying.add_argument("--json", type=Path, metavar="FILE", help="write the verdict for machines as well")
    verifying.add_argument("--sample", type=_count, metavar="N", help="dossiers to derive from nothing")
    verifying.add_argument("--all", action="store_true", help="derive every dossier from nothing")
    verifying.add_argument("--seed", type=_count, metavar="N", help="choose the dossiers of an earlier verdict again")
    verifying.add_argument("--entries", type=_entries, default=SHOWN_MAX, metavar="N|all",
                           help=f"so many events of each unit's lists in that file (default {SHOWN_MAX})")  # fmt: skip
    commands.add_parser("serve", help="go on verifying, and tell the newest verdict over HTTP")
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _entries(text: str) -> int | None:
    """None: all."""
    if text == "all":
        return None
    if (number := _count(text)) == 0:
        raise ValueError
    return number


if __name__ == "__main__":
    main()
