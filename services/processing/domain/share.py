"""The share of rejected records among the last ones of a partition: when so much is bad that folding on would be wrong."""

from typing import Final

from msgspec import Struct

PERCENT: Final = 100


class Recent(Struct, frozen=True):
    """The last records of a partition by commits, oldest first, as (rejected, records)."""

    commits: tuple[tuple[int, int], ...] = ()
    rejected: int = 0
    records: int = 0


def after(recent: Recent, rejected: int, records: int, window_records: int) -> Recent:
    """One commit more; the oldest ones are left out as long as the others hold the whole window."""
    commits = [*recent.commits, (rejected, records)]
    bad, whole = recent.rejected + rejected, recent.records + records
    while len(commits) > 1 and whole - commits[0][1] >= window_records:
        bad, whole = bad - commits[0][0], whole - commits[0][1]
        del commits[0]
    return Recent(tuple(commits), bad, whole)


def is_too_much(recent: Recent, window_records: int, percent_max: float) -> bool:
    """Whether more than that share is rejected; never before the window is full, since a few records say nothing."""
    return recent.records >= window_records and recent.rejected * PERCENT > percent_max * recent.records
