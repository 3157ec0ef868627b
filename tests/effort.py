"""How much is tried: a quarter in `make test-fast`, enough to notice a break in `make test`, more in `make test-all`, and
other examples each time: there alone, so that the same code never passes once and fails once."""

import os

from hypothesis import HealthCheck, settings

FULL = bool(os.environ.get("MOTCUA_TEST_FULL"))
QUICK = bool(os.environ.get("MOTCUA_TEST_QUICK"))
USUAL = 100


def examples(usual: int, full: int) -> int:
    """How many examples a property is tried with."""
    return full if FULL else max(1, usual // 4) if QUICK else usual


# For properties that say nothing of their own. No example fails for being slow: a busy machine would be a failed test.
PROFILE = "effort"
settings.register_profile(
    PROFILE, max_examples=examples(USUAL, 5 * USUAL), deadline=None, derandomize=not FULL,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
