"""What a record did to a dossier: the fold's answer, before it becomes a lifecycle record."""

from msgspec import Struct

from contracts.lifecycle import Entry, Outcome, Stand
from services.processing.domain.dossier import Dossier, Retired


class Moment(Struct, frozen=True, kw_only=True, gc=False):
    """When and where a reported record arrived. `first_clock` is the first tick of the partition, None before it."""

    offset: int
    recorded_at: int
    log_clock: int | None
    first_clock: int | None


class Letter(Struct, frozen=True, gc=False):
    """A dead letter that is due: the reported record at `offset`, with its code; `detail` never echoes values."""

    offset: int
    code: str
    detail: str


class Effect(Struct, frozen=True, kw_only=True, gc=False):
    """`dossier` is the state after it (None: nothing is kept of this code); `due_at` the next instant at which a tick
    would change something (None: never); stands and entries as in a lifecycle record."""

    outcome: Outcome
    dossier: Dossier | Retired | None
    was: Stand | None = None
    now: Stand | None = None
    undone: tuple[Entry, ...] = ()
    done: tuple[Entry, ...] = ()
    letters: tuple[Letter, ...] = ()
    due_at: int | None = None
    internal_error: bool = False
