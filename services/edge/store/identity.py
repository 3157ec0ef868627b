"""Whether a store that is opened again under a living process is the very one that it left: only that may go on.

Positions that were read from it are still out on the line. In another store they name other events, and those would be
deleted when intake speaks of the first; a new one made on the disk beneath a lost mount would hide the old one.
"""

from pathlib import Path

from msgspec import Struct

from services.edge.domain.incarnations import HighWater
from services.edge.store.errors import MovedError


def former_of(high_water: Path) -> Path:
    """The mark of a store that is gone for good: what is made in its place sorts behind it, whatever the clock shows."""
    return high_water.with_name(f"{high_water.name}.former")


class Totals(Struct, frozen=True):
    """What a store says of itself: how far it has counted, and what it holds."""

    position: int
    events: int
    bytes: int


class Known(Struct, frozen=True):
    """The store that this process has, or had, open.

    `attempted` is what its last transaction would have left: one whose commit failed may lie on the disk all the same.
    """

    inode: int
    incarnation: str
    committed: Totals
    attempted: Totals


def check_not_lost(file: Path, high_water: Path, mark: HighWater | None) -> None:
    """MovedError where a mark says that there was a store, and there is none: its disk may not be mounted, and whatever a
    new one took would be hidden when it is."""
    if mark is not None and not file.exists():
        raise MovedError(
            f"{file} is not there, and {high_water} says that it was: mount its disk, or put it back; where it is gone for "
            f"good, rename {high_water} to {former_of(high_water).name}, and a new one begins"
        )


def check_file(file: Path, inode: int) -> None:
    """MovedError unless the file is there and is the same one."""
    try:
        found = file.stat().st_ino
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MovedError(f"{file} was taken away while it was in use: put it back, or start the edge anew") from error
    if found != inode:
        raise MovedError(f"{file} was replaced while it was in use: put the former one back, or start the edge anew")


def check_content(file: Path, known: Known, incarnation: str, totals: Totals) -> None:
    """MovedError unless it stands as this process left it."""
    if incarnation != known.incarnation or totals not in (known.committed, known.attempted):
        raise MovedError(f"{file} was written over while it was in use: start the edge anew")
