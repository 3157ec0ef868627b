"""Who is late by a clock that never stops, as today's systems have it, and who is by the law; from the plan alone."""

from collections import Counter
from collections.abc import Sequence

from contracts import instants
from contracts.data import Received, Submitted
from lab.load.lives import Life, Step

LAW, CLOCK = "law", "clock"


def late_by(life: Life, ends: int) -> Counter[str]:
    """What a dossier adds to those who are late by the law, and by the clock, when the period ends."""
    told: Counter[str] = Counter()
    told[LAW] = life.expected["completed_late"] + life.expected["overdue_open"]
    told[CLOCK] = int(is_late(life.steps, ends))
    return told


def is_late(steps: Sequence[Step], ends: int) -> bool:
    """Nights, days off, lunch and pauses are hours like all others: from the reception to the result, else until now."""
    at = {each.fact: each.at for each in steps}
    if not steps or "received" not in at or at.keys() & {"withdrawn", "refused"}:
        return False
    birth = steps[0].data
    assert isinstance(birth, Submitted | Received)
    assert birth.time_limit is not None, "every dossier of the lab has a limit of its own"
    end = at.get("completed", at.get("returned", ends))
    return end - at["received"] >= birth.time_limit.amount * instants.HOUR
