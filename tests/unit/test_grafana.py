"""The dashboards of deploy/grafana: current, complete, laid out, and asking for nothing that is not there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import main
from lab.load import annotations as lab
from tests import drawn
from tests.dashboards import GRAFANA, RULES, Asked, Selection, dashboards, exported, panels, queries, selections, unknown

NAMES = ("city", "flow", "load", "reliability", "unit")
WIDTH = 24
VARIABLES = {"city": {"role", "tier"}, "unit": {"role", "tier", "unit"}}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    """As Grafana gets them."""
    return dashboards()


def test_the_files_are_what_the_code_generates() -> None:
    """Whoever changes a dashboard in Python and forgets `make dashboards` learns it here."""
    assert main.generated() == {path.name: path.read_text() for path in main.FOLDER.glob("*.json")}


def read_back(dashboard: dict[str, Any]) -> Any:
    """As the model of Grafana's makers holds it, which has no place for what it does not know."""
    register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


@pytest.mark.parametrize("name", NAMES)
def test_the_makers_own_model_reads_a_file_and_loses_nothing(found: dict[str, dict[str, Any]], name: str) -> None:
    """Each field of a dashboard, its panels' options and its queries is one that they know; a misspelled one is lost."""
    assert read_back(found[name]) == found[name]
    for place in ("panel", "options", "query", "field"):
        spoilt = json.loads(json.dumps(found[name]))
        panel = next(each for each in spoilt["panels"] if each["type"] == "timeseries")
        {"panel": panel, "options": panel["options"], "query": panel["targets"][0],
         "field": panel["fieldConfig"]["defaults"]["custom"]}[place]["misspelled"] = True  # fmt: skip
        assert read_back(spoilt) == found[name], place


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows(found: dict[str, dict[str, Any]], name: str) -> None:
    """A title, a description, a unit, thresholds, at least one query, and no title twice."""
    titles = [panel["title"] for panel in panels(found[name])]
    assert len(set(titles)) == len(titles)
    for panel in panels(found[name]):
        assert len(panel["description"]) > 20, panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"], panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["expr"].strip() for target in panel["targets"]), panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_lies_over_another_and_nothing_is_empty(found: dict[str, dict[str, Any]], name: str) -> None:
    """Each cell of the 24 columns belongs to one panel at most; each row of panels is filled and titled."""
    taken: dict[tuple[int, int], str] = {}
    for panel in found[name]["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= WIDTH, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies over {taken[x, y]}"
                taken[x, y] = panel["title"]
    bottom = max(y for _, y in taken) + 1
    assert len(taken) == WIDTH * bottom, "a hole in the page"
    kinds = [panel["type"] for panel in found[name]["panels"]]
    assert kinds[0] == "row"
    assert kinds[-1] != "row"
    assert not any(kinds[at] == kinds[at + 1] == "row" for at in range(len(kinds) - 1)), "a row without panels"
    ids = [panel["id"] for panel in found[name]["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_any_prometheus_will_do(found: dict[str, dict[str, Any]], name: str) -> None:
    """Whatever asks Prometheus asks the one that is chosen on the page; no id of anybody's is written down."""
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(found[name]):
        assert panel["datasource"] == chosen, panel["title"]
        assert all(target["datasource"] == chosen for target in panel["targets"]), panel["title"]
    for annotation in found[name]["annotations"]["list"]:
        own = {"type": "grafana", "uid": "-- Grafana --"}
        assert annotation["datasource"] == (chosen if "expr" in annotation else own)
    variables = {variable["name"]: variable for variable in found[name]["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert VARIABLES.get(name, set()) <= variables.keys()
    assert all(variable["datasource"] == chosen for variable in variables.values() if variable["type"] == "query")


@pytest.mark.parametrize("name", NAMES)
def test_pages_lead_to_each_other_and_show_what_happened(found: dict[str, dict[str, Any]], name: str) -> None:
    """Links to the other dashboards and the board; restarts, alerts, releases, drills, load runs are drawn in."""
    dashboard = found[name]
    assert dashboard["uid"] == f"motcua-{name}"
    assert [link["type"] for link in dashboard["links"]] == ["dashboards", "link"]
    assert dashboard["links"][0]["tags"] == dashboard["tags"] == ["motcua"]
    told = dashboard["annotations"]["list"]
    tags = [each["target"]["tags"] for each in told if "tags" in each.get("target", {})]
    # Only whoever has an account could write there: of the rest nothing depends on it.
    assert tags == [[lab.TAG]]
    assert [each["name"] for each in told if "expr" in each] == [
        "Khởi động lại", "Cảnh báo", "Phát hành", "Diễn tập", "Tạm im",
    ]  # fmt: skip


def test_every_metric_that_is_asked_for_is_exported(found: dict[str, dict[str, Any]]) -> None:
    """By a process of the system, or made by a recording rule; the panels that would die of a rename are named."""
    names = exported()
    dead = [(asked.dashboard, asked.panel, gone) for asked in queries(found) if (gone := unknown(asked, names))]
    assert not dead


def test_a_renamed_metric_is_noticed(found: dict[str, dict[str, Any]]) -> None:
    """Takes a name away, as a rename would: the panels that die are found, and only these."""
    names = exported() - {"motcua_processing_lag_seconds"}
    dead = {(asked.dashboard, asked.panel) for asked in queries(found) if unknown(asked, names)}
    assert ("flow", "Xử lý trễ") in dead
    assert ("load", "Trễ từng chặng") in dead
    assert {dashboard for dashboard, _ in dead} == {"flow", "load"}
    assert unknown(Asked("any", "any", "sum(motcua_no_such_thing_total)"), exported()) == ["motcua_no_such_thing_total"]


def test_what_a_panel_shows_where_there_is_nothing_proves_nothing() -> None:
    """It is taken away before data are looked for; within a subquery it is a figure of hours long past."""
    asked = Asked("any", "any", '(sum(rate(a{b!="c"}[1m])) or vector(0)) + max(d{e="f",g=~"h|i"}) or on () vector(-1)')
    assert asked.bare == '(sum(rate(a{b!="c"}[1m]))) + max(d{e="f",g=~"h|i"})'
    fallen_back = 'max(a{b="c"}) * 3 or max(a) * 0 or 0 * max(d{e="f"} and on () min(g) == 1) - 1 or on () vector(NaN)'
    assert Asked("any", "any", fallen_back).bare == 'max(a{b="c"}) * 3 or max(a) * 0'
    assert Asked("any", "any", "(sum(a) or 0 * max(b)) + sum(c)").bare == "(sum(a)) + sum(c)"
    assert Asked("any", "any", "avg_over_time((max(a) or vector(0))[30d:1h])").bare.endswith(
        "(max(a) or vector(0))[30d:1h])"
    )
    assert list(selections(asked.expr)) == [
        Selection("a", "b", "!=", "c"), Selection("d", "e", "=", "f"), Selection("d", "g", "=~", "h|i"),
    ]  # fmt: skip


def test_what_has_nothing_to_show_on_a_system_that_is_well_is_asked_too() -> None:
    """As it is drawn: it must be understood, and what it shows where there is nothing must be there. That nobody knows is
    no such thing."""
    errors = "sum(rate(motcua_metrics_redis_errors_total[1m]))"
    where = "or 0 * max(a == 1) or on () vector(NaN)"
    series: dict[str, list[str]] = {"sum(b)": [], "sum(b) or vector(0)": ["0"], f"{errors} or vector(0)": ["0"]}

    def silent(*exprs: str) -> list[str]:
        return [each.expr for each in drawn.silent([Asked("any", "any", expr) for expr in exprs], sent)]

    def sent(expr: str) -> list[str]:
        if expr == "max(":
            raise AssertionError(expr)
        return series.get(expr, [])

    assert silent(errors, f"{errors} or vector(0)") == []
    assert silent(f"{errors} {where}", "sum(b) or vector(0)") == [f"{errors} {where}", "sum(b) or vector(0)"]
    series[f"{errors} or 0 * max(a == 1)"] = ["0"]
    assert silent(f"{errors} {where}") == []
    with pytest.raises(AssertionError):
        silent("max(")


def test_a_choice_at_the_top_of_the_page_holds_for_every_panel_or_is_said_not_to(found: dict[str, dict[str, Any]]) -> None:
    """What is shown by the receiving unit alone says so, but for lines, which have no role; a tier is a tier everywhere."""
    for panel in panels(found["city"]):
        asked = " ".join(target["expr"] for target in panel["targets"])
        if "motcua_dossiers_" in asked or "motcua_cut_off" in asked:
            assert "$tier" in asked, panel["title"]
            assert "$role" in asked or "motcua_cut_off" in asked or "whatever role is chosen" in panel["description"]


def test_what_nobody_knows_does_not_look_well(found: dict[str, dict[str, Any]]) -> None:
    """A figure without a value says so in words, and none of what is asked of now is that of an hour ago."""
    figures = [(name, panel) for name, page in found.items() for panel in panels(page) if panel["type"] == "stat"]
    assert len(figures) > 40
    for name, panel in figures:
        told = panel["fieldConfig"]["defaults"]
        [special] = [each["options"] for each in told["mappings"] if each["type"] == "special"]
        assert (special["match"], special["result"]["text"]) == ("null+nan", "Không rõ")
        assert told["noValue"] == "Không rõ"
        assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
        [target] = panel["targets"]
        assert target.get("instant") or target["expr"].endswith(" or on () vector(NaN)"), (name, panel["title"])


def test_what_nobody_knows_is_no_number_either(found: dict[str, dict[str, Any]]) -> None:
    """A constant is always there, and what says that nothing is known would never come behind it; only of what Prometheus
    itself knows nothing is none. An hour of a month, within a subquery, is no figure of now."""
    figures = [(name, panel) for name, page in found.items() for panel in panels(page) if panel["type"] == "stat"]
    constant = {
        (name, panel["title"])
        for name, panel in figures
        for target in panel["targets"]
        if re.search(r"vector\(-?\d+\)(?!\)\[)", target["expr"]) and not re.search(r"\bup\b|ALERTS", target["expr"])
    }
    assert not constant


def test_nothing_is_divided_by_nothing(found: dict[str, dict[str, Any]]) -> None:
    """0 / 0 is the number that says that nobody knows, where it is known that nothing has come yet."""
    shares = [each for each in queries(found) if re.search(r"motcua_dossiers_\w+\{.* / ", each.expr)]
    assert len(shares) >= 7
    assert [each for each in shares if "> 0)" not in each.expr and "topk" not in each.expr] == []


def test_a_centre_is_not_said_to_be_well_while_nobody_hears_it(found: dict[str, dict[str, Any]]) -> None:
    """Of lines, outboxes and silences 0 is shown where it is known that there is nothing, which no constant knows."""
    of_centres = re.compile(r"motcua_unit_(?!info|last)|motcua_cut_off|units_cut_off|motcua_edge_(?!quarantined|store)")
    asked = [each for each in queries(found) if of_centres.search(each.expr)]
    assert len(asked) > 20
    assert [each for each in asked if re.search(r"vector\(-?\d+\)", each.expr)] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_chosen_by_can_be_chosen(found: dict[str, dict[str, Any]], name: str) -> None:
    """A page without a variable would ask for, or lead to, its bare name."""
    variables = {variable["name"] for variable in found[name]["templating"]["list"]}
    said = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps([found[name]["panels"], found[name]["links"]])))
    assert said
    assert said <= variables


def test_what_is_drawn_by_a_label_has_no_line_of_nobody(found: dict[str, dict[str, Any]]) -> None:
    """`or vector(0)` beside series with labels is one more of them, always; beside none of them it is the only one."""
    parted = [each for each in queries(found) if re.match(r"(sum|count|min|max) by \(\w", each.expr)]
    assert len(parted) > 15
    assert [each for each in parted if re.search(r"or vector", each.expr)] == []


def test_bars_stand_in_a_row(found: dict[str, dict[str, Any]]) -> None:
    """The largest first, where the lowest are asked for the lowest."""
    bars = [target["expr"] for page in found.values() for panel in panels(page) if panel["type"] == "bargauge"
            for target in panel["targets"]]  # fmt: skip
    assert len(bars) >= 4
    assert all(re.match(r"sort_desc\(topk\(|sort\(bottomk\(", expr) for expr in bars), bars


def test_one_thing_has_one_word_on_every_screen() -> None:
    """The outbox is *hộp gửi* and audit is *kiểm chứng* (docs/WORDS.md), in dashboards, on the board and in alerts."""
    board = RULES.parents[2] / "services" / "metrics" / "api" / "board"
    screens = [*main.FOLDER.glob("*.json"), *RULES.glob("*.yml"), board / "words.js", RULES.parents[2] / "docs" / "WORDS.md"]
    said = {path.name: path.read_text().lower() for path in screens}
    assert "hộp gửi" in said["WORDS.md"]
    assert "kiểm chứng" in said["WORDS.md"]
    others = ("hộp thư", "hàng đợi", "kiểm toán", "phán quyết")
    assert [(name, other) for name, text in said.items() for other in others if other in text] == []


def test_a_week_that_has_not_been_is_not_drawn(found: dict[str, dict[str, Any]]) -> None:
    """Today drawn twice would look like agreement with what is usual."""
    [usual] = [asked.expr for asked in queries(found) if "offset 1w" in asked.expr]
    assert " or " not in usual


def test_whoever_is_foremost_is_asked_of_now_alone(found: dict[str, dict[str, Any]]) -> None:
    """Over a time each step may have another foremost unit, and a figure of one place would show several."""
    asked = [
        (name, panel["title"], target)
        for name, dashboard in found.items()
        for panel in panels(dashboard)
        for target in panel["targets"]
        if re.search(r"\b(top|bottom)k\(", target["expr"])
    ]
    assert len(asked) >= 7
    for name, title, target in asked:
        assert target["instant"] is True, (name, title)
        assert target.get("range") is not True, (name, title)


def test_alerts_lead_to_dashboards_that_exist() -> None:
    """Each alert's dashboard is one of ours."""
    told = [
        rule["annotations"]["dashboard"]
        for path in RULES.glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert told
    for address in told:
        assert address.split("/d/motcua-")[1].split("?")[0] in NAMES, address


def test_what_is_provisioned_stands_where_it_is_looked_for() -> None:
    """One data source by the environment, one folder of dashboards that nobody can save over."""
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    assert [each["url"] for each in source["datasources"]] == ["${MOTCUA_PROMETHEUS_URL}"]
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/motcua.yml").read_text())
    [told] = provider["providers"]
    assert Path(told["options"]["path"]).name == main.FOLDER.name
    assert told["allowUiUpdates"] is False
