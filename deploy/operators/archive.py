"""The opening of an archive: which records 0 and 1 are to be written, and into which partitions."""

from dataclasses import dataclass

from contracts import events
from contracts.events import Activated, Control, Event, Opened
from deploy.operators.errors import ForeignArchiveError, OtherClockError, OtherClusterError

Beginning = tuple[Control | Event | None, ...]
"""The first records of a partition, at most two; None stands for one that cannot be read."""


@dataclass(frozen=True)
class Opening:
    """What has to be appended to each partition, and which rules the archive began with."""

    digest: str
    missing: dict[int, tuple[Control, ...]]


def plan(beginnings: dict[int, Beginning], wanted: Opened, digest: str) -> Opening:
    """Decides what to append so that each partition begins with `archive.opened` and `rules.activated`.

    An opening that was cut short is finished with the rules it was begun with, also when the files have changed since:
    all partitions of an archive begin alike. Anything that is not such a beginning is refused, never overwritten.
    """
    for partition, beginning in sorted(beginnings.items()):
        _check(partition, beginning, wanted)
    begun = next((_digest(each) for _, each in sorted(beginnings.items()) if len(each) > 1), None)
    first: tuple[Control, ...] = (wanted, Activated(begun or digest))
    return Opening(
        digest=begun or digest,
        missing={partition: first[len(each) :] for partition, each in sorted(beginnings.items()) if len(each) < len(first)},
    )


def _check(partition: int, beginning: Beginning, wanted: Opened) -> None:
    for offset, (found, kind) in enumerate(zip(beginning, (Opened, Activated), strict=False)):
        if not isinstance(found, kind):
            raise ForeignArchiveError(partition, offset, _shown(found))
        if isinstance(found, Opened) and found.clock != wanted.clock:
            raise OtherClockError(partition, found.clock, wanted.clock)
        if isinstance(found, Opened) and found.cluster != wanted.cluster:
            raise OtherClusterError(partition, found.cluster, wanted.cluster)


def _digest(beginning: Beginning) -> str:
    second = beginning[1]
    assert isinstance(second, Activated), "checked before"
    return second.digest


def _shown(found: Control | Event | None) -> str:
    if found is None:
        return "a record that cannot be read"
    if isinstance(found, Event):
        return f"an event ({events.TYPE_PREFIX}{found.fact}{events.TYPE_SUFFIX})"
    return f"a control record ({type(found).__name__.lower()})"
