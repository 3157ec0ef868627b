"""The answer about a deadline promises to keep to its published form, whatever a dossier lived through."""

import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.processing.api import forms
from services.processing.domain.dossier import Dossier, keep
from services.processing.domain.ledger import deadline_view
from services.processing.domain.sources import SOURCES
from tests.unit.fold_world import event
from tests.unit.ledger_world import REASON, told
from tests.unit.legal_clock_world import RULES, any_life
from tests.unit.oracle_minutes import MINUTE

FOUR_DAYS = 4 * 1440 * MINUTE


def validator() -> Any:
    """The published form of the ledger's part: what the log adds to every answer is left out."""
    components = forms.components()
    deadline = dict(components["schemas"]["Deadline"])
    deadline["properties"] = {
        **{name: form for name, form in deadline["properties"].items() if name not in ("code", "as_of", "lag_seconds")},
        "dossier": {"type": "string"},
    }
    deadline["required"] = list(deadline["properties"])
    return Draft202012Validator({**deadline, "components": components})


@pytest.mark.slow
def test_every_view_keeps_to_the_form_and_every_rule_is_named_by_one() -> None:
    form, chance = validator(), random.Random("forms")
    named: set[str] = set()
    views: list[dict[str, Any]] = [deadline_view(Dossier("X", ()), None, RULES)]
    for number in range(250):
        life = any_life(chance)
        reported = [event(each.fact, each.at, source=f"/units/{life.receiver}", **each.data) for each in life.told]
        kept = tuple(keep(each, offset, each.time, None) for offset, each in enumerate(reported))
        views.append(deadline_view(Dossier("X", kept), None if number % 2 else kept[-1].time + FOUR_DAYS, RULES))
    for fact, data in (("refused", REASON), ("withdrawn", {})):
        views.append(
            told(None, ("submitted", "2025-07-07 08:00", {}), (fact, "2025-07-08 08:00", data), now="2025-07-09 08:00")
        )
    views.append(
        told(None, ("received", "2025-07-07 08:00", {}), ("halted", "2025-07-08 08:00", REASON), now="2025-07-09 08:00")
    )
    for view in views:
        form.validate(view)
        named |= view["rules"].keys()
    assert named == set(SOURCES), "a rule that no ledger names is no rule of the clock"
