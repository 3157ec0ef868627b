"""An edge whose wall clock a file shifts: the only way to let one process's clock jump without touching the machine's."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

CLOCK_FILE = "MOTCUA_TEST_CLOCK_FILE"
SECOND_NS = 1_000_000_000


def main() -> None:
    """Is the edge, by a shifted clock."""
    shift_wall_clock()
    from services.edge.main import main as edge

    sys.argv = sys.argv[:1]
    edge()


def shift_wall_clock() -> None:
    """From here on `time` says of the wall what the file adds; the monotonic clock is left alone."""
    real = time.time_ns
    shift = _shift(Path(os.environ[CLOCK_FILE]))
    time.time_ns = lambda: real() + shift()
    time.time = lambda: (real() + shift()) / SECOND_NS


def _shift(file: Path) -> Callable[[], int]:
    """The shift in nanoseconds, read again whenever the file is a new one."""
    seen: list[int] = [-1, 0]

    def now() -> int:
        try:
            changed = file.stat().st_mtime_ns
            if changed != seen[0]:
                seen[:] = [changed, int(float(file.read_text()) * SECOND_NS)]
        except (OSError, ValueError):
            pass
        return seen[1]

    return now


if __name__ == "__main__":
    main()
