"""How long to wait before the next attempt: exponential, full jitter, a ceiling, and never sooner than intake asked."""

from msgspec import Struct

_DOUBLINGS_MAX = 30


class Patience(Struct, frozen=True):
    """The bounds of a wait."""

    first_seconds: float
    most_seconds: float
    asked_most_seconds: float


def wait_seconds(patience: Patience, failures: int, chance: float, asked_seconds: float | None = None) -> float:
    """Seconds to wait after so many failures in a row (1 is the first); `chance` in [0, 1) spreads centres that
    lost their line at the same moment. What intake asked for is waited in full, plus a spread."""
    ceiling = min(patience.most_seconds, patience.first_seconds * 2.0 ** min(max(failures - 1, 0), _DOUBLINGS_MAX))
    asked = 0.0 if asked_seconds is None else min(max(asked_seconds, 0.0), patience.asked_most_seconds)
    return asked + chance * ceiling
