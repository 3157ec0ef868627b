"""Where metrics keeps its figures and positions in Redis, by generation."""

from typing import Final, Literal

Place = Literal["live", "beside", "former"]

# Hashes whose names do not depend on days or partitions; `build` says which build of the figures this is, and the sizes
# of all hashes in it.
FIXED: Final = ("total", "split", "states", "outcomes", "seen", "restated")
BY_DAY: Final = ("day", "daysplit")
BUILD: Final = "build"
DAYS: Final = "days"


def prefix(gen: int, place: Place = "live") -> str:
    """What every key of a generation begins with: of the figures that are shown, built beside them, or replaced by them."""
    return f"motcua:metrics:g{gen}{'' if place == 'live' else f'.{place}'}:"


def position(partition: int) -> str:
    """The hash of a lifecycle partition, behind the prefix."""
    return f"p:{partition}"


def is_ours(name: str) -> bool:
    """Whether a name behind the prefix is part of the figures, their days and positions."""
    return name in (*FIXED, BUILD, DAYS) or name.split(":", 1)[0] in ("p", *BY_DAY)
