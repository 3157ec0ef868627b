"""What an alert's dashboard owes whoever was woken: the figure that woke them, by the same line as the rule draws."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.grafana import pages, reliability
from tests import dashboards
from tests.alerts import rules
from tests.alerts.programs import assert_case
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
        burning = [asked.bare for asked in ASKED if asked.dashboard == "reliability" and f"slo:{name}_bad:" in asked.expr]
        assert len(burning) == 5
        assert all(expr.endswith(f" / {budget}") for expr in burning), burning


@pytest.mark.parametrize(
    ("name", "series", "left"),
    [
        # An hour of 100 requests with an eighth bad and one of 300 without: 1/32 of all requests.
        ("intake", {
            'motcua_intake_requests_total{route="/v1/events",status="202"}': "0+25x4 175+75x3 400x2872",
            "slo:intake_bad:ratio1h": "0x3 0.125 0x2876", "city:motcua_intake_away:ratio5m": "0x2880",
        }, 1 - 0.03125 / 0.001),
        # Nobody asked, as nobody answered: six hours of thirty days.
        ("intake", {
            'motcua_intake_requests_total{route="/v1/events",status="202"}': "0x2880",
            "slo:intake_bad:ratio1h": "0x1000 1x23 0x1860", "city:motcua_intake_away:ratio5m": "0x999 1x24 0x1856",
        }, None),
        # A quarter of six days; of the 24 before nothing is known, which is held against nobody.
        ("freshness", {"slo:freshness_bad:ratio1h": "_x2303 0.25x577"}, 1 - 0.25 * 145 / 721 / 0.01),
        ("audit", {"slo:audit_bad:ratio1h": "0x2880"}, 1.0),
    ],
)  # fmt: skip
def test_what_is_left_of_thirty_days_is_shown(tmp_path: Path, name: str, series: dict[str, str], left: float | None) -> None:
    """The objective itself: a panel of thirty days, by whichever share is larger, of requests or of time."""
    [title] = [title for each, title, _, _ in reliability.OBJECTIVES if each == name]
    [expr] = [asked.expr for asked in ASKED if asked.panel == f"{title}: 30 ngày"]
    # None: a promise broken by time alone, six hours where 0.72 are allowed.
    # Whether the first of 721 hours counts in is all one.
    check = f"{expr} < bool -7" if left is None else f"abs(({expr}) - ({left})) < bool 0.02"
    case = {
        "interval": "15m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": check, "eval_time": "30d", "exp_samples": [{"labels": "{}", "value": 1}]}],
    }
    assert_case(tmp_path, case)


def test_a_release_is_drawn_when_it_takes_over(tmp_path: Path) -> None:
    """Not when a watch begins, and not again while one process after the other follows."""
    former, newer = ('motcua_build_info{job="%s",version="1",commit="a",sources="x"}',
                     'motcua_build_info{job="%s",version="2",commit="b",sources="y"}')  # fmt: skip
    series = {
        former % "intake": "1x40 stale", newer % "intake": "_x41 1x200",
        former % "metrics": "1x60 stale", newer % "metrics": "_x65 1x200",
    }  # fmt: skip
    drawn = {"2m": False, "10m15s": True, "14m": True, "16m30s": False, "40m": False}
    told = [{"labels": '{version="2",commit="b",sources="y"}', "value": 1}]
    case = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": pages.RELEASED, "eval_time": at, "exp_samples": told if is_drawn else []}
            for at, is_drawn in drawn.items()
        ],
    }
    assert_case(tmp_path, case)


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
    assert_case(tmp_path, case)


def test_what_is_known_to_be_nothing_is_not_unknown(tmp_path: Path) -> None:
    """Of a unit that has never reported, or never decided; a partition that stands still counts, whoever else is away."""
    series = {
        'motcua_unit_info{unit="a"}': "1x10 stale", "motcua_metrics_generation": "1x10 stale",
        'motcua_dossiers_received{unit="a",role="receiver",channel="online"}': "0x10 stale",
        'motcua_dossiers_completed{unit="a",role="receiver",timeliness="on_time"}': "0x10 stale",
        'motcua_processing_stopped{job="processing",partition="3"}': "_x5 1x15 stale",
        'motcua_processing_ready': "0x20 stale", "motcua_metrics_worker_ready": "1x10 stale",
    }  # fmt: skip
    of_unit = {"Tiếp nhận": 0, "Quá hạn": 0, "Bị loại": 0, "Trực tuyến": -1, "Đúng hạn": -1, "Bản tin cuối": -1}
    expected = [
        ("unit", panel, role, at, value if at == "5m" else None)
        for panel, value in of_unit.items()
        for role in ("receiver", "competent")
        for at in ("5m", "12m")
    ]
    stopped = {"4m": 0, "8m": 1, "15m": 1, "25m": None}
    expected += [("flow", "Phân vùng đã dừng", "", at, value) for at, value in stopped.items()]
    tests = []
    for page, panel, role, at, value in expected:
        [expr] = [each.expr for each in ASKED if (each.dashboard, each.panel) == (page, panel)]
        asked = expr.replace("$unit", "a").replace("$role", role)
        # What is no number is above none.
        told = f"absent(({asked}) > -2)" if value is None else asked
        samples = [{"labels": "{}", "value": 1 if value is None else value}]
        tests.append({"expr": told, "eval_time": at, "exp_samples": samples})
    given = [{"series": name, "values": values} for name, values in series.items()]
    case = {"interval": "1m", "input_series": given, "promql_expr_test": tests}
    assert_case(tmp_path, case)


def test_a_unit_s_line_is_unknown_while_nobody_hears_any(tmp_path: Path) -> None:
    """0, or a direct report, is what a unit without an edge has while others' heartbeats are read; else there is nothing.
    How long it is silent is known by figures."""
    edge = {
        'motcua_unit_link{unit="a",state="down"}': "1x10 stale", 'motcua_unit_provisional{unit="a"}': "1x10 stale",
        'motcua_unit_spool_events{unit="a"}': "7x10 stale", 'motcua_unit_quarantined_events{unit="a"}': "2x10 stale",
        'motcua_unit_silent{unit="a"}': "0x10 stale", 'motcua_unit_info{unit="a"}': "1x15 stale",
        'motcua_unit_info{unit="b"}': "1x15 stale", "motcua_metrics_heartbeats_read": "1x10 0x9 stale",
        "motcua_metrics_generation": "1x15 stale",
        'motcua_unit_oldest_unsent_timestamp_seconds{unit="a"}': "0x10 stale",
        'motcua_unit_complete_until_timestamp_seconds{unit="a"}': "60x10 stale",
    }  # fmt: skip
    told = {
        "Đường truyền": (3, -1), "Tạm tính": (1, 0), "Chờ trong hộp gửi": (7, 0), "Bị từ chối, nằm lại": (2, 0),
        "Cũ nhất chưa gửi": (120, 0), "Im lặng": (0, -1), "Đầy đủ đến": (60_000, -1),
    }  # fmt: skip
    asked = {panel: [each.expr for each in ASKED if (each.dashboard, each.panel) == ("unit", panel)] for panel in told}
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in edge.items()],
        "promql_expr_test": [
            {"expr": expr.replace("$unit", unit), "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
            for panel, [expr] in asked.items()
            for unit, at, value in (("a", "2m", told[panel][0]), ("b", "2m", told[panel][1]))
        ] + [
            {"expr": f"absent(({expr.replace('$unit', unit)}) > -2)", "eval_time": at,
             "exp_samples": [{"labels": "{}", "value": 1}]}
            for panel, [expr] in asked.items()
            for unit in ("a", "b")
            for at in ("11m", "21m")
            if (panel, at) != ("Im lặng", "11m")
        ],
    }  # fmt: skip
    assert_case(tmp_path, case)


def _exported(expr: str) -> Iterator[str]:
    """The names that services export, of which an expression is made."""
    for name in (*rules.names_in(expr), *UP.findall(expr)):
        if name in RECORDED:
            # What hands on its own past is made of the rest.
            yield from _exported(RECORDED[name].replace(name, ""))
        else:
            yield name
