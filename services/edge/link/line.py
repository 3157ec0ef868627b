"""What is known of the line to intake: the last answers, the pace that it bears, how far the clocks are apart."""

from services.edge.domain import health, pace
from services.edge.domain.health import Line, LinkState
from services.edge.domain.pace import Bounds, Pace

DOWN_AFTER_FAILURES = 3


class LinkBook:
    """Kept up by the sender and by the heartbeats."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.pace: Pace = pace.first_pace(bounds)
        self.line = Line()
        self.clock_offset_seconds: float | None = None

    @property
    def state(self) -> LinkState:
        """How the line stands."""
        return health.state(self.line, pace.is_slow(self.pace, self.bounds), DOWN_AFTER_FAILURES)

    @property
    def requests_max(self) -> int:
        """How many requests may be under way."""
        return pace.in_flight_max(self.pace, self.bounds, self.line.failures)

    def heard(self, offset_seconds: float | None) -> None:
        """Intake has taken what it was sent."""
        self.line = health.answered(self.line)
        if offset_seconds is not None:
            self.clock_offset_seconds = offset_seconds

    def missed(self, trouble: str) -> None:
        """It has not."""
        self.line = health.failed(self.line, trouble)
