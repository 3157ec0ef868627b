"""`make wanted`: what the tests want beyond `.venv`, fetched into the user's cache; no root, nothing is installed."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping

from deploy.local import chromium, debs
from deploy.local.errors import DownloadError
from lab.errors import LinksError
from lab.links import program
from tests.browser.chromium import LEFT_OUT, NAMED


def main() -> int:
    """Says in a sentence what is not to be had, as its tests will again. The exit status is 0, for all others can be run."""
    for what, fetch in _steps().items():
        try:
            fetch()
        except (DownloadError, LinksError) as error:
            print(f"{what} will be missing in the tests: {error}", file=sys.stderr)
    return 0


def _steps() -> Mapping[str, Callable[[], object]]:
    """What to fetch where it is missing; what is named or left out is nobody's to fetch."""
    told: dict[str, Callable[[], object]] = {}
    if debs.missing() and os.environ.get("MOTCUA_TEST_NO_PROMETHEUS") != "1":
        told["Prometheus"] = debs.fetch
    if not (NAMED or LEFT_OUT):
        told["Chromium"] = chromium.ensure
    return {**told, "Toxiproxy": lambda: program.ensure(print)}


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.wanted", description=__doc__).parse_args()
    sys.exit(main())
