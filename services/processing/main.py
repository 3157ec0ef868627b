"""Processing, put together: `python -m services.processing.main worker` folds, `… api` answers."""

import argparse
import logging
import sys

from pydantic import ValidationError

from contracts.face import logs
from services.processing.settings import Settings

MISCONFIGURED = 2
_log = logging.getLogger(__name__)


def main() -> None:
    """Read the command and the settings, refuse to start with one clear sentence, or serve until told to stop."""
    part = _arguments()
    with logs.begun("processing" if part == "worker" else "processing-api"):
        serve(part)


def serve(part: str) -> None:
    """Serves one part."""
    try:
        settings = Settings()
    except ValidationError as error:
        _log.critical("processing cannot start: %s", logs.misfits(error))
        sys.exit(MISCONFIGURED)
    # One process is one part: neither carries what only the other needs.
    if part == "worker":
        from services.processing.worker.serving import serve as serve_worker

        serve_worker(settings)
    else:
        from services.processing.api.serving import serve as serve_api

        serve_api(settings)


def _arguments() -> str:
    reading = argparse.ArgumentParser(prog="python -m services.processing.main", description=__doc__)
    parts = reading.add_subparsers(dest="part", required=True, metavar="worker|api")
    parts.add_parser("worker", help="folds reported records into dossiers and lifecycle records")
    parts.add_parser("api", help="answers for dossiers, deadlines, worklists, dead letters, parked events")
    return str(reading.parse_args().part)


if __name__ == "__main__":
    main()
