"""Audit's front door: `python -m services.audit.main verify`; exit 0 clean, 1 differences, 2 could not run."""

import argparse
import sys
from pathlib import Path

from confluent_kafka import KafkaException

from services.audit import verdict
from services.audit.archive import CouldNotRunError
from services.audit.settings import Settings
from services.audit.verification import Verification

CLEAN, DIFFERENCES, COULD_NOT_RUN = 0, 1, 2


def verify(settings: Settings, json_file: Path | None) -> int:
    """One audit, told on stdout; what kept it from a verdict, on stderr."""
    verification = Verification(settings)
    why: str | None = None
    try:
        verification.run()
    except CouldNotRunError as error:
        why = str(error)
    except KafkaException as error:
        why = f"Kafka at {settings.bootstrap} failed: {error.args[0]}"
    finally:
        verification.close()
    code = CLEAN if why is None else COULD_NOT_RUN
    if not verification.findings.clean:
        code = DIFFERENCES
    counts = verification.counts()
    if counts["lifecycle_records"]:
        print(verdict.table(verification.findings, counts))
    if why is not None:
        print(f"audit could not finish: {why}", file=sys.stderr)
    if json_file is not None:
        verdict.write_json(json_file, verification.findings, counts, code, why)
    if why is None:
        print("\nclean: every stage equals the next" if code == CLEAN else "\nDIFFERENCES: see FAIL above")
    return code


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m services.audit.main", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verify_command = commands.add_parser("verify", help="recount the logs and compare every stage with the next")
    verify_command.add_argument("--json", type=Path, metavar="FILE", help="write the verdict for machines as well")
    arguments = parser.parse_args()
    sys.exit(verify(Settings(), arguments.json))


if __name__ == "__main__":
    main()
