"""Names of the keys in Redis; all keys of one partition carry one hash tag, so that a cluster keeps them together."""

from typing import Final

from services.processing.domain.generation import GEN
from services.processing.domain.line import Position

# Indexes of a partition: sorted sets of dossier codes.
DUE: Final = "due"  # score: the instant (µs) at which a tick changes something
KEPT: Final = "kept"  # every dossier with a history, score 0: activations go through it by code
PARKED: Final = "parked"  # dossiers with an event that stands `parked` now, score 0
INDEXES: Final = (DUE, KEPT, PARKED)

POSITION: Final = "pos"

# Which sets are kept for the worklists, and how they are scored: another number is another layout.
LAYOUT: Final = 1


def prefix(partition: int, gen: int = GEN) -> str:
    """Beginning of every key of a partition."""
    return f"motcua:processing:g{gen}:{{{partition}}}:"


def written_by(gen: int) -> str:
    """What a partition says of its writer: the generation that it bears the name of, and the fold where that is another."""
    return str(gen) if gen == GEN else f"{gen}.{GEN}"


def position(partition: int, gen: int = GEN) -> str:
    """The hash that holds position, owner and epoch."""
    return prefix(partition, gen) + POSITION


def index(partition: int, name: str, gen: int = GEN) -> str:
    """One of the indexes."""
    return prefix(partition, gen) + name


def worklist(partition: int, name: str, gen: int = GEN) -> str:
    """A set of the worklists: dossier codes of one role, body and kind."""
    return f"{prefix(partition, gen)}wl:{name}"


def place(position: Position) -> str:
    """A position in short, as it is compared: between slices by how far they have come, also where nothing was sent."""
    at = f"{position.offset}.{position.index}"
    return at if position.scanned is None else f"{at}.{position.scanned}"


def lists_at(place: str) -> str:
    """What stands beside a position whose worklists belong to it. A version that knows none leaves it behind."""
    return f"{LAYOUT}:{place}"


def dossier(partition: int, code: str, gen: int = GEN) -> str:
    """The state bytes of one dossier."""
    return f"{prefix(partition, gen)}d:{code}"
