"""What is known of the line to intake: the last answers, the pace that it bears, how far the clocks are apart."""

import time

from contracts import instants
from services.edge.domain import health, pace
from services.edge.domain.health import Line, LinkState
from services.edge.domain.pace import Bounds, Pace
from services.edge.store.steady import steady

DOWN_AFTER_FAILURES = 3


class LinkBook:
    """Kept up by the sender and by the heartbeats."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.pace: Pace = pace.first_pace(bounds)
        self.line = Line()
        # Of which sources intake will not hear how they stand, and the code of its reason.
        self.unheard: dict[str, str] = {}
        self._city_ahead_seconds: float | None = None

    @property
    def state(self) -> LinkState:
        """How the line stands."""
        return health.state(self.line, pace.is_slow(self.pace, self.bounds), DOWN_AFTER_FAILURES)

    @property
    def city_seconds(self) -> float | None:
        """Intake's clock now, in seconds since 1970, by the last `Date` that it sent."""
        return None if self._city_ahead_seconds is None else _steady_seconds() + self._city_ahead_seconds

    @property
    def clock_offset_seconds(self) -> float | None:
        """This clock less intake's."""
        return None if (city := self.city_seconds) is None else time.time() - city

    @property
    def requests_max(self) -> int:
        """How many requests may be under way."""
        return pace.in_flight_max(self.pace, self.bounds, self.line.failures)

    def heard(self, offset_seconds: float | None) -> None:
        """Intake has taken what it was sent."""
        self.line = health.answered(self.line)
        if offset_seconds is not None:
            # Against a clock that nobody sets: when this machine's is put right, the city's is still known.
            self._city_ahead_seconds = time.time() - offset_seconds - _steady_seconds()

    def missed(self, trouble: str) -> None:
        """It has not."""
        self.line = health.failed(self.line, trouble)


def _steady_seconds() -> float:
    return steady() / instants.SECOND
