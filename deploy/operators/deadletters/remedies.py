"""Which dead letters another try can help, and what is told of the others."""

from typing import Final

from deploy.operators.deadletters.letters import Row
from services.processing.domain.remedies import REPLAYED, heals

SAME: Final = "nothing of its own: an earlier dead letter has the same event"


def is_replayable(row: Row) -> bool:
    """Whether another try of the same event can help."""
    return row.code in REPLAYED and row.standing == "rejected" and row.id is not None and row.dossier is not None


def remedy(row: Row) -> str:
    """What would heal it, in one sentence."""
    return heals(row.code, row.standing, row.fact)
