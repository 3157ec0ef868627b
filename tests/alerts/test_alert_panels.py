"""What panels draw, tried by Prometheus' own tool: a week ago beside today, and the lines at which somebody is told."""

import re
from collections.abc import Iterator
from pathlib import Path

from deploy.grafana import pages
from tests import dashboards, drawn
from tests.alerts import rules
from tests.alerts.programs import assert_case

PAGES = dashboards.dashboards()
SELECTOR = re.compile(r"\{[^{}]*\}")
# A figure as it stands, or how long ago something was, compared with a number.
NUMBER = r"(\d+(?:\.\d+)?)"
COMPARED = re.compile(rf"((?:time\(\) - )?[a-z_:0-9]+)\)? (?:>=|<=|>|<|==) {NUMBER}(?: \* {NUMBER})?(?! \*|[\w.])")
# A figure of which a look was missed is that of the look before.
KEPT = re.compile(r"last_over_time\(([a-z_:0-9]+)\[\w+\]\)")
DRAWN = re.compile(r"((?:time\(\) - )?)(?:(?:max|min|sum)(?: by \([a-z, ]+\))? ?\()?([a-z_:0-9]+)\)?")
# None at all, and yes or no: lines that need no number.
PLAIN = {0.0, 1.0}


def test_today_stands_beside_the_same_hour_of_a_week_ago(tmp_path: Path) -> None:
    """Once there is a week, and of the chosen tier alone; before, there is no line. No system that a test runs is so old."""
    title = "Tiếp nhận hôm nay và cùng giờ tuần trước"
    today, usual = (each.expr for each in dashboards.queries(PAGES) if each.panel == title)
    assert "offset 1w" in usual
    series = {
        'motcua_dossiers_today{unit="a",counter="received"}': "0+1x216",
        'motcua_dossiers_today{unit="b",counter="received"}': "0+10x216",
        'motcua_dossiers_today{unit="a",counter="refused"}': "7x216",
        'motcua_unit_info{unit="a",name="A",kind="ward"}': "1x216",
        'motcua_unit_info{unit="b",name="B",kind="commune"}': "1x216",
    }
    expected = [
        (today, ".*", "6d", 144 * 11), (usual, ".*", "6d", None),
        (today, ".*", "8d", 192 * 11), (usual, ".*", "8d", 24 * 11),
        (today, "ward", "8d", 192), (usual, "ward", "8d", 24),
    ]  # fmt: skip
    case = {
        "interval": "1h",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": drawn.filled(asked, {"tier": tier}), "eval_time": at,
             "exp_samples": [] if value is None else [{"labels": "{}", "value": value}]}
            for asked, tier, at, value in expected
        ],
    }  # fmt: skip
    assert_case(tmp_path, case)


def test_no_figure_is_a_number_while_figures_are_rebuilt(tmp_path: Path) -> None:
    """Names and lines of units are told all the same, so that neither proves that nothing was counted; the day that figures
    are back what has none is 0 again."""
    of_figures = re.compile(r"motcua_dossiers_|motcua_unit_silent|motcua_unit_last_event")
    asked = [
        (page, panel["title"], dashboards.Asked(page, panel["title"], panel["targets"][0]["expr"]))
        for page in ("city", "unit")
        for panel in dashboards.panels(PAGES[page])
        if panel["type"] == "stat" and of_figures.search(panel["targets"][0]["expr"]) and "topk" not in str(panel["targets"])
    ]
    assert len(asked) >= 22
    series = {
        'motcua_unit_info{unit="a",name="A",kind="ward"}': "1x20", "motcua_metrics_heartbeats_read": "1x20",
        'motcua_unit_link{unit="a",state="up"}': "1x20", "motcua_metrics_rebuilding": "1x10 0x10",
        "motcua_metrics_generation": "_x10 1x10",
    }  # fmt: skip
    values = {"tier": ".*", "role": "receiver", "unit": "a"}
    tests = []
    for _, _, each in asked:
        expr = drawn.filled(each.expr, values)
        # What is no number is above none.
        tests += [
            {"expr": f"absent(({expr}) > -2)", "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": 1}]},
            {"expr": f"absent(({expr}) > -2)", "eval_time": "15m", "exp_samples": []},
        ]
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": tests,
    }
    assert_case(tmp_path, case)


def test_a_drill_is_drawn_while_its_rule_lies_beside_the_others(tmp_path: Path) -> None:
    """And is no silence, nor a silence a drill: who restarts something on purpose holds none."""
    silence = [{"series": 'alertmanager_silences{state="active"}', "values": "0x9 1x20"}]
    cases = [
        (str(dashboards.OF_A_DRILL), pages.HELD, "4m", "city:motcua_drill:bool"), ("", pages.HELD, "4m", None),
        ("", pages.HELD, "15m", None), (str(dashboards.OF_A_DRILL), pages.SILENCED, "4m", None),
        ("", pages.SILENCED, "15m", "{}"),
    ]  # fmt: skip
    for rule, expr, at, labels in cases:
        told = [] if labels is None else [{"labels": labels, "value": 1}]
        asked = {"expr": expr, "eval_time": at, "exp_samples": told}
        case = {"interval": "1m", "input_series": silence, "promql_expr_test": [asked]}
        assert_case(tmp_path, case, [rule] if rule else [])


def test_what_fires_is_told_with_how_long_it_has_been_so(tmp_path: Path) -> None:
    """Of several of one kind the longest; not of what only threatens to fire."""
    labels = 'alertname="ServiceDown",severity="page",owner="platform",job="intake"'
    series = {
        f'ALERTS{{{labels},instance="1",alertstate="firing"}}': "1x30",
        f'ALERTS_FOR_STATE{{{labels},instance="1"}}': "120x30",
        f'ALERTS{{{labels},instance="2",alertstate="firing"}}': "1x30",
        f'ALERTS_FOR_STATE{{{labels},instance="2"}}': "600x30",
        'ALERTS{alertname="KafkaDown",severity="page",owner="platform",alertstate="pending"}': "1x30",
        'ALERTS_FOR_STATE{alertname="KafkaDown",severity="page",owner="platform"}': "60x30",
        'ALERTS{alertname="Watchdog",severity="none",owner="platform",alertstate="firing"}': "1x30",
        'ALERTS_FOR_STATE{alertname="Watchdog",severity="none",owner="platform"}': "0x30",
    }  # fmt: skip
    [panel] = [panel for panel in dashboards.panels(PAGES["reliability"]) if panel["type"] == "table"]
    told = [(target["expr"], value) for target, value in zip(panel["targets"], (2, 1200 - 120), strict=True)]
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": "20m", "exp_samples": [{"labels": f"{{{labels}}}", "value": value}]}
            for expr, value in told
        ],
    }
    assert_case(tmp_path, case)


def test_a_figure_has_a_line_where_somebody_is_told_of_it() -> None:
    """Where an alert compares it with a number: that number is among the steps of each panel that draws it alone, or beside
    others of its unit."""
    told: dict[str, dict[float, str]] = {}
    for alert in rules.alerts():
        for figure, said, times in _compared(alert):
            told.setdefault(figure, {})[float(said) * float(times or 1)] = alert.name
    found = set()
    lacking = []
    for page, title, figure, steps in _figures():
        for number in told.get(figure, {}).keys() - PLAIN:
            found.add((page, title))
            if number not in steps:
                lacking.append(f"{page}, {title}: no line at {number:g} ({told[figure][number]})")
    assert {("unit", "Cũ nhất chưa gửi"), ("unit", "Chờ trong hộp gửi"), ("flow", "Cũ nhất chưa gửi"),
            ("flow", "Chờ trong các hộp gửi"), ("reliability", "Tỷ lệ trống theo nơi")} <= found  # fmt: skip
    assert not lacking, lacking


def test_what_a_panel_says_to_wake_somebody_does_by_what_it_draws() -> None:
    """Of such a panel some figure is compared with a number by an alert that is a page, and not by a ticket alone."""
    waking = {figure for alert in rules.alerts() if alert.labels["severity"] == "page" for figure, _, _ in _compared(alert)}
    said = []
    for name, page in PAGES.items():
        for panel in dashboards.panels(page):
            if re.search(r"\bwakes somebody", panel["description"]):
                drawn_here = {found for target in panel["targets"] for found in dashboards.NAME.findall(target["expr"])}
                assert drawn_here & waking, (name, panel["title"])
                said.append(panel["title"])
    assert len(said) >= 5, said


def _compared(alert: rules.Rule) -> list[tuple[str, str, str]]:
    """A figure, the number that it is compared with, and how many times that."""
    found: list[tuple[str, str, str]] = COMPARED.findall(KEPT.sub(r"\1", SELECTOR.sub("", alert.expr)))
    return found


def _figures() -> Iterator[tuple[str, str, str, set[float]]]:
    """Page, panel, what it draws, where its colours change; where nothing else is drawn in it that is counted otherwise."""
    for name, page in PAGES.items():
        for panel in dashboards.panels(page):
            asked = [dashboards.Asked(name, panel["title"], target["expr"]) for target in panel["targets"]]
            drawn_figures = [found for each in asked if (found := DRAWN.fullmatch(SELECTOR.sub("", each.bare)))]
            defaults = panel["fieldConfig"]["defaults"]
            metrics = {found[2] for found in drawn_figures}
            if defaults["unit"] in ("locale", "short") and (len(metrics) != 1 or len(drawn_figures) != len(asked)):
                continue
            steps = {step["value"] for step in defaults["thresholds"]["steps"]} - {None}
            for found in drawn_figures:
                yield name, panel["title"], found[1] + found[2], steps
