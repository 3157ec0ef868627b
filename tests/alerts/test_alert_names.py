"""No rule, panel or page asks for a figure that nobody exports; a renamed metric is told with all that it would kill."""

import pytest

from tests import dashboards
from tests.alerts import rules

EXPORTED = dashboards.exported()


def test_every_name_that_is_asked_for_is_exported() -> None:
    """Else an alert would never fire again and a panel stay empty, in silence."""
    assert rules.dead(EXPORTED) == []


@pytest.mark.parametrize(
    ("renamed", "dies"),
    [
        ("motcua_unit_silent", {"rule centres.yml: UnitSilent: motcua_unit_silent"}),
        ("motcua_audit_clean", {"rule platform.yml: city:motcua_audit_clean:last: motcua_audit_clean",
                                "page docs/AUDIT.md: motcua_audit_clean"}),
        ("slo:intake_bad:ratio1h", {"rule objectives.yml: IntakeBudgetBurnsFast: slo:intake_bad:ratio1h"}),
    ],
)  # fmt: skip
def test_a_renamed_metric_is_told_with_everybody_who_asks_for_it(renamed: str, dies: set[str]) -> None:
    """The sabotage: the services call it otherwise from now on."""
    told = rules.dead(EXPORTED - {renamed} | {f"{renamed}_v2"})
    assert dies <= set(told)
    assert all(line.endswith(f": {renamed}") for line in told)


def test_each_metric_that_an_alert_needs_can_be_lost() -> None:
    """The detector is blind for none of them: every name in a rule is one that it would miss."""
    needed = {name for rule in rules.rules() for name in dashboards.NAME.findall(rule.expr)}
    assert len(needed) > 50
    for name in needed:
        assert any(line.startswith("rule ") for line in rules.dead(EXPORTED - {name})), name


def test_panels_and_pages_are_among_those_that_are_looked_at() -> None:
    """Dashboards of each name, and pages that name metrics."""
    kinds = {user.kind for user in rules.users() if dashboards.NAME.search(user.text)}
    assert kinds == {"rule", "panel", "page"}
