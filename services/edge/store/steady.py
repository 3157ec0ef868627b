"""A clock that nobody sets: for how long something took, whatever happens to the other one meanwhile."""

import time
from typing import Final

# Rises also while the machine sleeps, where the system has such a clock.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> int:
    """Microseconds since some moment before this process began."""
    return time.clock_gettime_ns(_STEADY) // 1000
