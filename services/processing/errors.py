"""What can go wrong around the fold, named for its remedy.

ProcessingError
├── UnavailableError     the world's fault: the process ends uncommitted with 1, whoever keeps it running starts it anew
├── MisconfiguredError   starting again cannot help: it ends with 2 and one sentence that says what to correct
├── DivergedError        the fold disagrees with what was sent before: that partition stops, with an alarm
└── TornError            a partition's state in Redis cannot be trusted: it is wiped and folded from the start
"""


class ProcessingError(Exception):
    """Anything below."""


class UnavailableError(ProcessingError):
    """Kafka or Redis did not do its part within its bound."""


class MisconfiguredError(ProcessingError):
    """A setting, a topic or the reference data contradicts what this process was told."""


class DivergedError(ProcessingError):
    """What was worked out is not what the lifecycle topic holds."""


class TornError(ProcessingError):
    """The stored state of one partition is not as a commit leaves it."""

    def __init__(self, partition: int, detail: str) -> None:
        super().__init__(f"partition {partition}: {detail}")
        self.partition = partition
