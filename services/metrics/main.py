"""Metrics, put together: `python -m services.metrics.main worker` counts, `… api` answers."""

import argparse
import sys

from pydantic import ValidationError

from contracts.face import logs
from services.metrics.settings import Settings


def main() -> None:
    """Read the command and the settings, refuse to start with one clear sentence, or serve until told to stop."""
    part = _arguments()
    with logs.begun("metrics" if part == "worker" else "metrics-api"):
        serve(part)


def serve(part: str) -> None:
    """Serves one part."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"metrics cannot start: {logs.misfits(error)}")
    # One process is one part: the worker's clients are of no use to the API, nor its server to the worker.
    if part == "worker":
        from services.metrics.worker.serving import serve as serve_worker

        serve_worker(settings)
    else:
        from services.metrics.api.serving import serve as serve_api

        serve_api(settings)


def _arguments() -> str:
    reading = argparse.ArgumentParser(prog="python -m services.metrics.main", description=__doc__)
    parts = reading.add_subparsers(dest="part", required=True, metavar="worker|api")
    parts.add_parser("worker", help="counts lifecycle records into Redis")
    parts.add_parser("api", help="answers for what is counted: /v1/…, the board, /metrics/dossiers")
    return str(reading.parse_args().part)


if __name__ == "__main__":
    main()
