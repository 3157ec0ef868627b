"""Where the outbox lies, and what it shows of itself."""

from pathlib import Path

from msgspec import Struct

from contracts.heartbeats import Span
from services.edge.domain.fullness import Load

FILE = "outbox.sqlite3"


class Places(Struct, frozen=True):
    """Where the store lies."""

    directory: Path
    high_water: Path

    @property
    def file(self) -> Path:
        return self.directory / FILE


class LineStand(Struct, frozen=True):
    """How one source of one incarnation stands; of numbers, the first and last of each run."""

    incarnation: str
    source: str
    last_sequence: int
    unsent: int
    first_unsent: int | None
    oldest_entered_at: int | None
    quarantined: tuple[Span, ...]
    discarded: tuple[Span, ...] = ()

    @property
    def last_acknowledged(self) -> int:
        """Up to here everything was stored by intake, or refused by it."""
        return self.last_sequence if self.first_unsent is None else self.first_unsent - 1


class Stand(Struct, frozen=True):
    """How the outbox stands."""

    incarnation: str
    unsent: int
    load: Load
    oldest_age_seconds: float
    quarantine: dict[str, int]
    lines: tuple[LineStand, ...]
    reserve_in_place: bool
    has_room: bool


class Quarantined(Struct, frozen=True):
    """An event that intake refused."""

    position: int
    source: str
    incarnation: str
    sequence: int
    entered_at: int
    refused_at: int
    code: str
    detail: str
    body: bytes
