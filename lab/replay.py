"""The Huế fortnight through a system that runs already and is empty: `python -m lab.replay`; compose's profile `demo`."""

import argparse
import asyncio
import sys
import urllib.error
from collections.abc import Sequence

from contracts import direct
from lab import verdict
from lab.demo import replay
from lab.errors import LabError, UnreachableError
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.stack import REPOSITORY

READY_SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when every row is equal; 1 when one is not, nobody is there, or the archive lives by the wall clock."""
    parser = argparse.ArgumentParser(prog="python -m lab.replay", description=__doc__)
    parser.add_argument("--intake", default="http://127.0.0.1:8001", help="where events are reported (default %(default)s)")
    parser.add_argument("--metrics", default="http://127.0.0.1:8003", help="where figures are read (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="other lives with the same totals (default 1)")
    chosen = parser.parse_args(arguments)
    try:
        for address in (chosen.intake, chosen.metrics):
            _check_ready(address)
        facts = published.read(published.HUE_2025_07)
        events = writing.fortnight(facts, REPOSITORY / "deploy" / "reference", chosen.seed)
        rows = asyncio.run(replay(facts, events, chosen.intake, chosen.metrics))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: what was stored stays stored; the fortnight wants an empty system again.", file=sys.stderr)
        return 130
    print(verdict.table(rows))
    return 0 if all(row.equal for row in rows) else 1


def _check_ready(address: str) -> None:
    try:
        with direct.OPENER.open(f"{address}/readyz", timeout=READY_SECONDS):
            return
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise UnreachableError(f"{address} is not ready ({error}): start the system first") from error


if __name__ == "__main__":
    sys.exit(main())
