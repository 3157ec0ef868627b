"""Waits, each with its bound and with what was waited for."""

import time
from collections.abc import Callable

LOOK_EVERY_SECONDS = 0.1


class NotInTimeError(Exception):
    """Something that must come did not: the round has failed."""


def wait_until(reason: Callable[[], str | None], what: str, within_seconds: float) -> None:
    """Returns when `reason` has none left why it is not so yet; NotInTimeError with the last one."""
    deadline = time.monotonic() + within_seconds
    while (why := reason()) is not None:
        if time.monotonic() > deadline:
            raise NotInTimeError(f"{what}: not within {within_seconds:.0f} s, {why}")
        time.sleep(LOOK_EVERY_SECONDS)
