"""Whether the wall clock goes as a clock goes that nobody can set: by no other may time be let pass.

A tick cannot be taken back, and what it lets expire or retire is gone. All instants and spans are in microseconds.
"""

from dataclasses import dataclass
from typing import Final

from contracts import instants

# More than a clock is corrected by where it is kept, less than does any harm.
JUMP: Final = 2 * 60 * instants.SECOND
# So long must a clock go right again that was set and set back: two that fight over it take turns.
SETTLED: Final = 5 * 60 * instants.SECOND


@dataclass(frozen=True)
class Going:
    """How the wall clock has gone: its lead on the steady one when it last went right, by how much it has been set since
    (0: it goes right), and since when on the steady clock it is back where it was."""

    lead: int
    jump: int = 0
    back_since: int | None = None

    @property
    def is_right(self) -> bool:
        """Whether time may be let pass by it."""
        return self.jump == 0


def begun(wall: int, steady: int) -> Going:
    """The first look: what the wall clock says now is believed, nobody here knows better."""
    return Going(wall - steady)


def looked(going: Going, wall: int, steady: int) -> Going:
    """The next look. A clock that was set stays wrong until it has been back for `SETTLED`, or somebody begins anew."""
    jump = wall - steady - going.lead
    if abs(jump) > JUMP:
        return Going(going.lead, jump)
    if going.is_right:
        # Small corrections are followed, each by itself.
        return Going(wall - steady)
    since = steady if going.back_since is None else going.back_since
    return Going(wall - steady) if steady - since >= SETTLED else Going(going.lead, going.jump, since)
