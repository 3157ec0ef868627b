"""Which dead letters another try can help, and what is told of the others."""

from typing import Final

from deploy.operators.deadletters.letters import Row
from services.processing.domain.remedies import heals

# Not kept, and no fault of the event's: once the cause is gone the same event may come again.
REPLAYED: Final = frozenset({"internal_error", "too_many"})
SAME: Final = "nothing of its own: an earlier dead letter has the same event"


def is_replayable(row: Row) -> bool:
    """Whether another try of the same event can help."""
    return row.code in REPLAYED and row.standing == "rejected" and row.id is not None and row.dossier is not None


def remedy(row: Row) -> str:
    """What would heal it, in one sentence."""
    return heals(row.code, row.standing, row.fact)
