"""How the dashboards of deploy/grafana look, as far as their files say it: digits, names, colours, axes, titles, order.

Each of these was seen to be wrong once they were drawn (tests/grafana_pictures).
"""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from contracts.data import Channel
from contracts.lifecycle import Outcome, Timeliness
from deploy.grafana import names
from deploy.grafana.panels import COUNT, MOMENT, NO_CELL, NOBODY
from services.metrics.api.instruments import WITHIN
from services.metrics.domain.delivery import LINKS
from services.processing.domain.arrows import PAUSED, RUNNING, SUBMITTED, public
from tests.alerts import rules
from tests.dashboards import NAME, dashboards, panels

PAGES = dashboards()
PANELS = [(name, panel) for name, page in PAGES.items() for panel in panels(page)]
# A narrow screen without Grafana's menu: the page's edges, the gap between panels, what a title leaves to its mark, and
# how wide a letter of it is on average, as measured on the longest.
SCREEN_PIXELS, EDGES_PIXELS, GAP_PIXELS, MARK_PIXELS, LETTER_PIXELS = 1366, 32, 8, 50, 7.2
COLUMNS = 24
# What codes a label may say, and what they are called.
CALLED = {
    "state": (names.STATES, {str(public(state)[0]) for state in {SUBMITTED} | RUNNING | PAUSED}),
    "channel": (names.CHANNELS, set(get_args(Channel))),
    "timeliness": (names.TIMELINESS, set(get_args(Timeliness))),
    "within": (names.WITHIN, set(WITHIN)),
    "standing": (names.OUTCOMES, {*get_args(Outcome), "none"}),
    "owner": (names.OWNERS, {rule.labels["owner"] for rule in rules.alerts()}),
    "link": (names.LINKS, set(LINKS)),
}


def wide(columns: int) -> float:
    """Pixels of a panel on the narrow screen."""
    column = (SCREEN_PIXELS - EDGES_PIXELS - GAP_PIXELS * (COLUMNS - 1)) / COLUMNS
    return column * columns + GAP_PIXELS * (columns - 1)


def drawn(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, panel) for name, panel in PANELS if panel["type"] == kind]


def defaults(panel: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = panel["fieldConfig"]["defaults"]
    return found


def overrides(panel: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for override in panel["fieldConfig"]["overrides"]:
        yield override["matcher"]["options"], {each["id"]: each["value"] for each in override["properties"]}


def asked(panel: dict[str, Any]) -> str:
    return " ".join(target["expr"] for target in panel["targets"])


def test_what_is_counted_is_shown_to_the_digit() -> None:
    """17.7 K for 17,710 dossiers is an estimate; so is 2 K for 1,758, and 70 % for 69.96 % beside the press's 91.42 %."""
    for name, panel in [*drawn("stat"), *drawn("bargauge")]:
        told = defaults(panel)
        assert told["unit"] != "short", (name, panel["title"])
        assert told.get("decimals") == {COUNT: 0, "percentunit": 2}.get(told["unit"]), (name, panel["title"])
    for name, panel in drawn("timeseries"):
        if "motcua_dossiers_" in asked(panel):
            assert (defaults(panel)["unit"], defaults(panel)["decimals"]) == (COUNT, 0), (name, panel["title"])
    [(_, table)] = [(name, panel) for name, panel in drawn("table") if name == "city"]
    columns = dict(overrides(table))
    assert {each["unit"]: each.get("decimals") for each in columns.values() if "unit" in each} == {
        COUNT: 0, "percentunit": 2, "string": None, MOMENT: None,
    }  # fmt: skip
    # Else a unit's code is 19.8 K.
    assert columns["Mã"]["unit"] == "string"


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=lambda each: each["title"] if isinstance(each, dict) else each)
def test_a_title_is_not_cut_off_on_a_narrow_screen(name: str, panel: dict[str, Any]) -> None:
    """By a count of its letters."""
    assert len(panel["title"]) * LETTER_PIXELS <= wide(panel["gridPos"]["w"]) - MARK_PIXELS


@pytest.mark.parametrize("label", CALLED)
def test_a_code_has_a_name_and_a_colour_of_its_own(label: str) -> None:
    """Every value that the code can say, and no other."""
    told, said = CALLED[label]
    assert set(told) == said
    assert len({text for text, _ in told.values()}) == len({colour for _, colour in told.values()}) == len(told)


def test_a_legend_says_names_and_no_codes() -> None:
    """Wherever a line is called by such a label, its panel renames all values of it."""
    found = set()
    for name, panel in drawn("timeseries"):
        for target in panel["targets"]:
            for label in re.findall(r"^\{\{(\w+)\}\}$", target.get("legendFormat", "")):
                # On these two pages a line's state is that of links.
                kind = "link" if label == "state" and "motcua_unit_link" in target["expr"] else label
                if kind in CALLED:
                    found.add(kind)
                    renamed = {said: each.get("displayName", said) for said, each in overrides(panel)}
                    assert {code: text for code, (text, _) in CALLED[kind][0].items()}.items() <= renamed.items(), (
                        name, panel["title"],
                    )  # fmt: skip
    assert found == set(CALLED)


def test_nothing_for_nobody_is_a_line_with_a_name() -> None:
    """`or vector(0)` has no labels: beside a legend made of some it would be called nothing, or the label's own name."""
    by_labels = [target for _, panel in drawn("timeseries") for target in panel["targets"] if "{{" in target["legendFormat"]]
    assert len(by_labels) > 20
    bare = [
        target["expr"] for target in by_labels if "vector(0)" in re.sub(r"label_replace\(vector\(0\)", "", target["expr"])
    ]
    assert not bare
    named = [target["expr"] for target in by_labels if NOBODY in target["expr"]]
    assert len(named) >= 8
    for expr in named:
        [label] = re.findall(rf'label_replace\(vector\(0\), "(\w+)", "{NOBODY}", "", ""\)$', expr)
        assert label


def test_nothing_for_nobody_is_not_laid_on_top_of_somebody() -> None:
    """Stacked, a line without a point now is drawn along the sum of the others, in the colour of there being none."""
    stacked = [
        panel
        for _, panel in drawn("timeseries")
        if NOBODY in asked(panel) and defaults(panel)["custom"].get("stacking", {}).get("mode") == "normal"
    ]
    assert len(stacked) >= 7
    for panel in stacked:
        assert dict(overrides(panel))[f"/^{NOBODY}/"]["custom.stacking"] == {"mode": "none"}, panel["title"]


def test_no_line_is_drawn_twice_under_one_name() -> None:
    """A series with labels of its own and a 0 without any are two series: put together they are one."""
    for name, panel in drawn("timeseries"):
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert len(set(legends)) == len(legends), (name, panel["title"])
        for target in panel["targets"]:
            if re.search(r"or (?:on \(\) )?vector\(", target["expr"]):
                assert re.match(r"\(*(?:sum|max|min|count)\(", target["expr"]), (name, panel["title"])


def test_an_axis_shows_the_line_to_stay_below_and_does_not_make_much_of_nothing() -> None:
    """Zeros alone would else be drawn up to 100, shares up to 10000 %, and a line at 1 on the floor."""
    for name, panel in drawn("timeseries"):
        custom = defaults(panel)["custom"]
        steps = [step["value"] for step in defaults(panel)["thresholds"]["steps"] if step["value"] is not None]
        assert custom["axisSoftMin"] <= min(0, *steps) if steps else custom["axisSoftMin"] == 0, (name, panel["title"])
        if steps:
            assert custom["axisSoftMax"] >= max(steps), (name, panel["title"])
        else:
            assert defaults(panel)["unit"] == "bytes" or custom["axisSoftMax"] <= 5, (name, panel["title"])


def test_a_line_to_stay_below_is_drawn_but_for_one_at_the_first_of_anything() -> None:
    """There it would hide what it is about; a second is another thing than one."""
    for name, panel in drawn("timeseries"):
        steps = [(step["value"], step["color"]) for step in defaults(panel)["thresholds"]["steps"]]
        is_any = steps[1:] == [(1, "red")] and defaults(panel)["unit"] != "s"
        style = defaults(panel)["custom"].get("thresholdsStyle", {}).get("mode")
        assert style == (None if len(steps) == 1 or is_any else "dashed"), (name, panel["title"])


def test_nothing_is_drawn_behind_a_number() -> None:
    """The course of a count since the log began says nothing, that of a share makes mountains of hundredths."""
    assert {panel["options"]["graphMode"] for _, panel in drawn("stat")} == {"none"}


def test_bars_have_the_colour_of_their_end_and_shares_their_whole_for_a_measure() -> None:
    for name, panel in drawn("bargauge"):
        assert panel["options"]["displayMode"] == "basic", (name, panel["title"])
        assert defaults(panel).get("max") == {"percentunit": 1}.get(defaults(panel)["unit"]), (name, panel["title"])


def test_what_is_wrong_and_whose_it_is_stands_on_the_first_screen() -> None:
    """Of those who are woken; a unit's line, of whoever answers for it; which units are cut off, of the city."""
    [first] = [panel for panel in panels(PAGES["reliability"]) if panel["type"] == "table"]
    assert first["gridPos"]["y"] == 1
    assert all(label in first["targets"][0]["expr"] for label in ("alertname", "severity", "owner", "name"))
    assert defaults(first)["noValue"] == "Không có cảnh báo nào"
    # A cell without a unit or a process would say that there is no alert.
    labels = [said for said, told in overrides(first) if said not in ("Số", "Đã bao lâu")]
    assert len(labels) == 5
    assert all(dict(overrides(first))[said]["noValue"] == NO_CELL for said in labels)
    # Prometheus knows neither what Alertmanager hushes nor who was told.
    for panel in panels(PAGES["reliability"]):
        if 'ALERTS{alertstate="firing"' in asked(panel):
            assert "hushes" in panel["description"], panel["title"]
    # Within those that wake the newest.
    assert [each["displayName"] for each in first["options"]["sortBy"]] == ["Mức", "Đã bao lâu"]
    assert {each["desc"] for each in first["options"]["sortBy"]} == {False}
    places = {panel["title"]: panel["gridPos"]["y"] for panel in panels(PAGES["unit"])}
    assert places["Đường truyền"] == min(set(places.values()) - {1})
    [table] = [panel for panel in panels(PAGES["city"]) if panel["type"] == "table"]
    assert "unit:motcua_cut_off:bool" in asked(table)
    # Whoever is woken because a city fell silent is sent there (CitySilent).
    assert {"motcua_unit_silent", "motcua_unit_last_event_timestamp_seconds"} <= set(NAME.findall(asked(table)))
    [silent] = [panel for panel in panels(PAGES["city"]) if "motcua_unit_silent" in asked(panel) and panel["type"] == "stat"]
    assert silent["gridPos"]["y"] == 1
    today = [panel["title"] for panel in panels(PAGES["city"]) if panel["type"] == "stat" and "_today" in asked(panel)]
    assert len(today) == 4


def test_a_verdict_is_the_city_s_however_many_audits_there_are() -> None:
    """Two that look at the same are no twice as many differences, nor does one that found none make up for the other."""
    asked_of_audit = [
        target["expr"] for _, panel in PANELS for target in panel["targets"] if "motcua_audit_" in target["expr"]
    ]
    assert len(asked_of_audit) >= 13
    added = re.compile(r"sum(?: by \(\w+\))? \(motcua_audit_|sum\(motcua_audit_")
    assert [expr for expr in asked_of_audit if added.search(expr) or re.search(r"\bmotcua_audit_clean\b(?!:)", expr)] == []
    [verdict] = [asked(panel) for _, panel in drawn("stat") if panel["title"] == "Kết luận"]
    assert verdict.startswith("min(city:motcua_audit_clean:last)")


def test_no_column_of_a_table_lies_beyond_a_narrow_screen() -> None:
    """A column takes 150 pixels where nobody says how few will do; one without a number is no table without rows."""
    [table] = [panel for panel in panels(PAGES["city"]) if panel["type"] == "table"]
    columns = dict(overrides(table))
    assert len(columns) == len(table["targets"]) + 2
    least = [told.get("custom.width", told.get("custom.minWidth", 150)) for told in columns.values()]
    assert sum(least) <= wide(COLUMNS) - 2 * GAP_PIXELS
    assert {told["noValue"] for told in columns.values() if "decimals" in told or told.get("unit") == MOMENT} == {NO_CELL}


def test_where_the_watch_fails_has_a_panel_of_its_own_near_the_alerts() -> None:
    """Beside how many targets answer, of which one more is better, what is bad from the first would lie on the floor."""
    [watch] = [(name, panel) for name, panel in drawn("timeseries") if "notifications_failed" in asked(panel)]
    name, panel = watch
    assert name == "reliability"
    assert len(panel["targets"]) == 3
    assert "prometheus_rule_evaluation_failures_total" in asked(panel)
    # Each is 0 while all is well.
    assert re.search(r"1 - min\(.*_last_reload_successful", asked(panel))
    assert "up" not in re.findall(r"\b\w+\b", asked(panel))
    assert [(step["value"], step["color"]) for step in defaults(panel)["thresholds"]["steps"]][1:] == [(1, "red")]
    rows = [panel["gridPos"]["y"] for panel in PAGES["reliability"]["panels"] if panel["type"] == "row"]
    assert rows[0] < panel["gridPos"]["y"] < rows[1]


def test_colours_of_lines_are_told_apart_with_any_eyes() -> None:
    """No other than those of one set that was made for it; one more for what never is."""
    known = {*names.COLOURS, names.OUTCOMES["none"][1]}
    said = set(re.findall(r'"fixedColor": "([^"]+)"', json.dumps(PAGES)))
    assert said <= known
    assert len(said) > 5
