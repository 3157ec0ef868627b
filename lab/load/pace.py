"""How many events go into a batch: more while that pays, half after each failure, as an edge does it."""

FIRST_EVENTS = 50
TARGET_SECONDS = 2.0


class Pace:
    """The size of the next batch."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.events = min(FIRST_EVENTS, most)

    def answered(self, sent: int, seconds: float) -> None:
        """A batch of so many events was taken within these seconds."""
        if seconds > TARGET_SECONDS:
            self.events = max(1, int(sent * max(0.5, TARGET_SECONDS / seconds)))
        elif sent >= self.events:
            self.events = min(self._most, self.events * 2)

    def broke(self, sent: int) -> None:
        """A batch came to nothing."""
        self.events = max(1, min(self.events, sent // 2))
