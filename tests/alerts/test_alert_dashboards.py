"""What an alert's dashboard owes whoever was woken: the figure that woke them, by the same line as the rule draws."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.grafana import reliability
from tests import dashboards
from tests.alerts import rules
from tests.alerts.programs import run
from tests.alerts.rules import Rule

ALERTS = rules.alerts()
RECORDED = {rule.name: rule.expr for rule in rules.rules() if not rule.is_alert}
# Prometheus' own, which the names of ours do not cover.
UP = re.compile(r"\bup\b")
ROLE = re.compile(r'role="(\w+)"')
BUDGET = re.compile(r"> (?:[\d.]+ \* )?(0\.\d+)")
ASKED = list(dashboards.queries(dashboards.dashboards()))
UNITS = (("a", "ít", 5, 5), ("b", "nhiều", 200, 180), ("c", "vừa", 120, 60))


def test_a_budget_on_the_page_is_the_one_that_alerts_burn() -> None:
    """Of each objective one budget: in its rules, on its panels, in its sentence, and in the table of OPERATIONS.md."""
    ruled: dict[str, set[float]] = {}
    for alert in ALERTS:
        if "slo" in alert.labels:
            ruled.setdefault(alert.labels["slo"], set()).update(map(float, BUDGET.findall(alert.expr)))
    assert ruled == {name: {budget} for name, _, budget, _ in reliability.OBJECTIVES}
    operations = (rules.REPOSITORY / "docs" / "OPERATIONS.md").read_text()
    for name, _, budget, sentence in reliability.OBJECTIVES:
        promise = f"{100 - 100 * budget:g} %"
        assert re.findall(r"[\d.]+ %", sentence) == [promise] * sentence.count("%"), name
        assert f"| {name} | {promise} of " in operations
        burning = [asked.expr for asked in ASKED if asked.dashboard == "reliability" and f"slo:{name}_bad:" in asked.expr]
        assert len(burning) == 4
        assert all(expr.endswith(f" / {budget}") for expr in burning), burning


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_dashboard_of_an_alert_shows_what_it_fires_by(alert: Rule) -> None:
    """At least one figure of its expression is asked for there, each traced to what services export."""
    page = alert.annotations["dashboard"].split("/d/motcua-")[1].split("?")[0]
    shown = {name for asked in ASKED if asked.dashboard == page for name in _exported(asked.expr)}
    assert set(_exported(alert.expr)) & shown


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_link_of_an_alert_about_one_role_opens_that_role(alert: Rule) -> None:
    """The page of a unit has two roles: the other one would show other figures than those that grew."""
    roles = set(ROLE.findall(alert.expr))
    told = re.findall(r"&var-role=(\w+)", alert.annotations["dashboard"])
    assert told == sorted(roles)
    assert len(roles) <= 1


@pytest.mark.parametrize(
    ("panel", "share", "of"),
    [
        ("Đúng hạn cao nhất", 'motcua_dossiers_completed{role="receiver",timeliness="%s"}', ("on_time", "late")),
        ("Trực tuyến cao nhất", 'motcua_dossiers_received{role="receiver",channel="%s"}', ("online", "counter")),
    ],
)
@pytest.mark.parametrize(("units", "best"), [(UNITS, ("b", "nhiều", 0.9)), (UNITS[:1], ("a", "ít", 1.0))])
def test_the_best_unit_is_one_unit(
    tmp_path: Path, panel: str, share: str, of: tuple[str, str], units: tuple[tuple[str, str, int, int], ...],
    best: tuple[str, str, float],
) -> None:  # fmt: skip
    """A unit with five dossiers does not stand beside the best of the large ones; alone it is the best."""
    [expr] = [asked.expr for asked in ASKED if (asked.dashboard, asked.panel) == ("city", panel)]
    series = []
    for code, name, all_of_them, good in units:
        labels = f'{{unit="{code}",'
        for value, number in zip(of, (good, all_of_them - good), strict=True):
            series.append({"series": (share % value).replace("{", labels), "values": str(number)})
        series.append({"series": f'motcua_unit_info{{unit="{code}",name="{name}",kind="ward"}}', "values": "1"})
    code, name, expected = best
    case = {
        "input_series": series,
        "promql_expr_test": [{
            "expr": expr.replace("$role", "receiver").replace("$tier", ".*"), "eval_time": "0s",
            "exp_samples": [{"labels": f'{{unit="{code}",name="{name}"}}', "value": expected}],
        }],
    }  # fmt: skip
    file = tmp_path / "case.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"rule_files": [], "tests": [case]}))
    run("promtool", "test", "rules", str(file))


def _exported(expr: str) -> Iterator[str]:
    """The names that services export, of which an expression is made."""
    for name in (*rules.names_in(expr), *UP.findall(expr)):
        if name in RECORDED:
            yield from _exported(RECORDED[name])
        else:
            yield name
