"""A dossier in a few lines, as the ledger tells it, for tests of what it says."""

from typing import Any

from services.processing.domain.dossier import Dossier
from services.processing.domain.ledger import deadline_view
from tests.unit.fold_world import Desk, event
from tests.unit.legal_clock_world import RULES
from tests.unit.oracle_minutes import local

REASON: dict[str, Any] = {"reason": "incomplete"}
BIRTH: dict[str, Any] = {"procedure": "p", "channel": "online", "receiver": "default", "competent": "default"}


def told(limit: str | None, *events: tuple[str, str, dict[str, Any]], now: str) -> dict[str, Any]:
    """A dossier whose first event is its birth, as the ledger tells it at a log clock."""
    desk = Desk(RULES)
    for place, (fact, when, data) in enumerate(events):
        birth = BIRTH if place == 0 else {}
        if place == 0 and limit is not None:
            amount, unit = limit.split(" ")
            birth = birth | {"time_limit": {"amount": int(amount), "unit": unit}}
        assert desk.report(event(fact, local(when), source="/units/default", **birth, **data)).outcome == "applied"
    assert isinstance(desk.dossier, Dossier)
    return deadline_view(desk.dossier, local(now), RULES)
