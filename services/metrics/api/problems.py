"""What metrics' API says when it cannot answer now."""

from typing import Final

from contracts.face.problems import ProblemError

# Whoever waits this long finds a Redis that was only restarted.
RETRY_AFTER_SECONDS: Final = 2


def not_now(code: str, detail: str) -> ProblemError:
    """Not now, and not the request's fault: asked again later, it may go well."""
    return ProblemError(503, code, detail, retry_after_seconds=RETRY_AFTER_SECONDS)
