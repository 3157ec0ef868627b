"""What an edge says of times when its own clock is far from the city's: what intake takes, with the offset beside it."""

from msgspec import Struct

from contracts import instants

# Below this a difference is told and nothing else: `Date` has whole seconds, and answers take their time.
TOLERATED = instants.MINUTE
# Intake reads a heartbeat by its own clock, a little later or, after a correction, a little earlier.
MARGIN = instants.MINUTE


class Clocks(Struct, frozen=True):
    """This machine's clock and intake's at one moment, in microseconds; `city` is None while intake has shown none."""

    now: int
    city: int | None

    @property
    def offset(self) -> int:
        """This clock less intake's; 0 while nobody knows."""
        return 0 if self.city is None else self.now - self.city

    @property
    def at(self) -> int:
        """When a heartbeat was said. The city takes the newest: by a clock that is wrong, and later put right, what is said
        after that would be older than what was said before."""
        return self.now if self.city is None or abs(self.offset) <= TOLERATED else self.city

    def told(self, instant: int) -> int | None:
        """An instant of this clock as intake takes it: nothing from before its first, and never a day ahead of it."""
        if instant < instants.EARLIEST:
            return None
        return min(instant, self.at + instants.AHEAD - MARGIN)
