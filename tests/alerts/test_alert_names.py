"""No rule, panel or page asks for a figure that nobody exports; a renamed metric is told with all that it would kill."""

import pytest

from tests import dashboards
from tests.alerts import rules

EXPORTED = dashboards.exported()
# As if all were well: a name that is missing today is told by the first test alone.
KNOWN = EXPORTED.union(*(rules.names_in(user.text) for user in rules.users()))


def test_every_name_that_is_asked_for_is_exported() -> None:
    """Else an alert would never fire again and a panel stay empty, in silence."""
    if told := rules.died(EXPORTED):
        # Whole: of an assertion that fails pytest shows the first line.
        pytest.fail(told, pytrace=False)


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
    told = rules.dead(KNOWN - {renamed} | {f"{renamed}_v2"})
    assert dies <= set(told)
    assert all(line.endswith(f": {renamed}") for line in told)


def test_each_metric_that_an_alert_needs_can_be_lost() -> None:
    """The detector is blind for none of them: every name in a rule is one that it would miss."""
    needed = {name for rule in rules.rules() for name in dashboards.NAME.findall(rule.expr)}
    assert len(needed) > 50
    for name in needed:
        assert any(line.startswith("rule ") for line in rules.dead(KNOWN - {name})), name


def test_who_asks_for_what_is_recorded_of_a_renamed_metric_is_told_too() -> None:
    """Rules and panels that never name it themselves, with the record by which they die, each once."""
    told = rules.died(KNOWN - {"motcua_processing_owned_partitions"}).splitlines()
    assert told[0] == "Nobody exports motcua_processing_owned_partitions. It is asked for by"
    assert "  rule figures.yml: city:motcua_owned_partitions:well" in told
    assert "  rule flow.yml: PartitionsUnowned, by city:motcua_owned_partitions:well" in told
    assert "  rule flow.yml: ProcessingLag, by city:motcua_workers_well:count" in told
    assert "  page docs/runbooks/FreshnessBudgetBurnsFast.md, by slo:freshness_untold:ratio1h" in told
    of_audit = rules.died(KNOWN - {"motcua_audit_clean"}).splitlines()
    assert any(line.startswith("  panel reliability: ") and ", by slo:audit_bad:ratio" in line for line in of_audit)
    assert len(told) == len(set(told))
    assert rules.died(KNOWN) == ""


def test_panels_and_pages_are_among_those_that_are_looked_at() -> None:
    """Dashboards of each name, and pages that name metrics."""
    kinds = {user.kind for user in rules.users() if dashboards.NAME.search(user.text)}
    assert kinds == {"rule", "panel", "page"}
