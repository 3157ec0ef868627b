"""What processing's API says when it cannot answer now."""

from typing import Final

from contracts.face.problems import ProblemError

# Whoever waits this long finds a Redis or a broker that was only restarted.
RETRY_AFTER_SECONDS: Final = 2


def unavailable(detail: str) -> ProblemError:
    """Not now, and not the request's fault."""
    return ProblemError(503, "unavailable", detail, retry_after_seconds=RETRY_AFTER_SECONDS)
