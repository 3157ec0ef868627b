"""When the owner of a partition lets time pass: every minute, when a deadline falls due, right after midnight."""

from typing import Final

from contracts import instants

EVERY: Final = 60 * instants.SECOND
AT_MOST_EVERY: Final = 15 * instants.SECOND


def is_due(now: int, last: int | None, first_due: float) -> bool:
    """Whether a tick is owed at `now`; `last` is the latest tick known (None: there was none), `first_due` a lower bound
    of the instants at which a tick would change a dossier. All in microseconds since 1970."""
    if last is None or now - last >= EVERY:
        return True
    if instants.day_number(now) > instants.day_number(last):
        return True
    return first_due <= now and now - last >= AT_MOST_EVERY
