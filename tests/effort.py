"""How much is tried: enough to notice a break in `make test`, many times that in `make test-all`."""

import os

FULL = bool(os.environ.get("MOTCUA_TEST_FULL"))


def examples(usual: int, full: int) -> int:
    """How many examples a property is tried with."""
    return full if FULL else usual
