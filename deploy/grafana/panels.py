"""The kinds of panels that dashboards are made of, each with its queries, unit, thresholds and description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.names import COLOURS, Names

# Whichever Prometheus is chosen at the top of the page: no panel knows its id.
SOURCE: Final = kinds.DataSourceRef("prometheus", "${datasource}")
# Dossiers and events are counted, not estimated: to the digit, grouped as the reader's browser groups.
COUNT: Final = "locale"
PER_SECOND: Final = "suffix:/s"
MOMENT: Final = "time:HH:mm DD/MM/YYYY"
DECIMALS: Final = {COUNT: 0, "percentunit": 2}
# How far an axis reaches at least, where no line of a threshold says it: else Grafana draws nothing but zeros up to 100.
LEAST: Final = {COUNT: 5.0, PER_SECOND: 1.0, "reqps": 1.0, "s": 1.0, "short": 1.0}
# Told apart with any eyes; what is bad is also a number beyond its line.
GOOD, FAIR, BAD = "blue", "orange", "red"

# What a link to a unit's page says of its role.
CHOSEN, RECEIVER = "${role:queryparam}", "var-role=receiver"

Panel = stat.Panel | timeseries.Panel | bargauge.Panel | table.Panel
# Value from which a colour holds; None: from the lowest.
Steps = Sequence[tuple[float | None, str]]
PLAIN: Final[Steps] = ((None, GOOD),)
# What a figure says when nobody says it now. Asked over a time it is told so: what was known last would else stand there for
# as long as the page looks back.
NOT_KNOWN: Final = ("Không rõ", FAIR)
OF_NOW: Final = "or on () vector(NaN)"
# What an empty cell of a table says; else it says what the whole table does where it has no rows.
NO_CELL: Final = "–"
# Who is drawn where nobody is.
NOBODY: Final = "không có"
# Told beside the lines themselves, so of the same moment; else it is not known either who has no edge.
LINES_ARE_READ: Final = "motcua_metrics_heartbeats_read == 1"
ANY_IS_BAD: Final[Steps] = ((None, GOOD), (1, BAD))
# Where somebody is told of a unit's outbox, as in deploy/prometheus/rules/centres.yml: events, seconds.
SPOOLED: Final[Steps] = ((None, GOOD), (200, BAD))
UNSENT: Final[Steps] = ((None, GOOD), (4 * 3600, BAD))
Words = Mapping[int, tuple[str, str]]
# What a share or an age says where it is known that there is nothing yet to have one.
NOT_YET: Final[Words] = {-1: ("Chưa có", GOOD)}


@dataclass(frozen=True)
class Column:
    """A column of a table: what it is called, what it asks, how its numbers are written."""

    title: str
    expr: str
    unit: str = COUNT
    steps: Steps | None = None
    words: Words | None = None


def figure(
    title: str,
    text: str,
    expr: str,
    unit: str = COUNT,
    *,
    steps: Steps = PLAIN,
    legend: str = "",
    words: Words | None = None,
    instant: bool = False,
) -> stat.Panel:
    """One number; `instant`: of now alone, where whose it is may change. The way that it went is not behind it: of what only
    grows that says nothing, of a share it makes mountains of hundredths, and it makes the number small."""
    panel = stat.Panel().title(title).description(text).unit(unit).datasource(SOURCE)
    panel = panel.with_target(asked(expr if instant else f"{expr} {OF_NOW}", legend, instant=instant))
    panel = panel.thresholds(_thresholds(steps)).color_mode(kinds.BigValueColorMode.VALUE)
    panel = panel.graph_mode(kinds.BigValueGraphMode.NONE)
    panel = panel.text_mode(kinds.BigValueTextMode.VALUE_AND_NAME if legend else kinds.BigValueTextMode.VALUE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["last"])).no_value(NOT_KNOWN[0])
    if unit in DECIMALS:
        panel = panel.decimals(DECIMALS[unit])
    return panel.mappings([*([_words(words)] if words else []), _not_known()])


def lines(
    title: str,
    text: str,
    asks: Sequence[tuple[str, str]],
    unit: str = COUNT,
    *,
    steps: Steps | None = None,
    names: Names | None = None,
    stacked: bool = False,
    most: float | None = None,
    legend: bool = True,
) -> timeseries.Panel:
    """Courses over time; `asks` are (expression, legend), `names` those of a label's values, `most` how far the axis reaches
    at least; a panel of many lines shows no `legend`: whoever points at one is told its name."""
    panel = timeseries.Panel().title(title).description(text).unit(unit).datasource(SOURCE).no_value("Không có số liệu")
    panel = panel.line_width(2).fill_opacity(35 if stacked else 8).show_points(kinds.VisibilityMode.NEVER)
    panel = panel.legend(
        common.VizLegendOptions()
        .show_legend(legend)
        .placement(kinds.LegendPlacement.BOTTOM)
        .display_mode(kinds.LegendDisplayMode.LIST)
    ).tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
    if unit == COUNT:
        panel = panel.decimals(0)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL))
    panel = panel.thresholds(_thresholds(steps or PLAIN))
    # That there should be none is on the floor already, and a line at 1 would hide what lies there.
    if steps and steps is not ANY_IS_BAD:
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED))
    # Where there are lines to stay below they are in sight, and what is far below them lies flat, as it should.
    drawn = [value for value, _ in steps or () if value is not None]
    reach = max(drawn, default=LEAST.get(unit)) if most is None else most
    panel = panel.axis_soft_min(min(0.0, *drawn) if drawn else 0.0)
    if reach is not None:
        panel = panel.axis_soft_max(reach)
    for number, (expr, told) in enumerate(asks):
        panel = panel.with_target(asked(expr, told, ref=chr(ord("A") + number)))
    fixed = {told: (told, COLOURS[at % len(COLOURS)]) for at, (_, told) in enumerate(asks) if "{{" not in told}
    for said, (name, colour) in {**fixed, **(names or {})}.items():
        renamed = [] if said == name else [_set("displayName", name)]
        panel = panel.override_by_name(said, [*renamed, _drawn_in(colour)])
    # Where there is somebody it has no points: stacked, its line would be drawn on top of theirs.
    alone = [_set("custom.stacking", {"mode": "none"})] if stacked else []
    nobody = [_drawn_in(COLOURS[-1]), *alone]
    return panel.override_by_regexp(f"/^{NOBODY}/", nobody) if NOBODY in str(asks) else panel


def ranking(
    title: str, text: str, expr: str, unit: str = COUNT, *, steps: Steps = PLAIN, role: str = CHOSEN, lowest: bool = False
) -> bargauge.Panel:
    """Bars, the longest first, or the lowest; each leads to its unit, in the role that is chosen or named."""
    panel = bargauge.Panel().title(title).description(text).unit(unit).datasource(SOURCE).min(0)
    panel = panel.decimals(DECIMALS[unit]).no_value("Không có số liệu")
    if unit == "percentunit":
        panel = panel.max(1)
    panel = panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel = panel.value_mode(kinds.BarGaugeValueMode.TEXT).thresholds(_thresholds(steps))
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    # Prometheus puts them in order: for Grafana each bar is a table of its own, in which there is nothing to sort.
    panel = panel.with_target(asked(f"{'sort' if lowest else 'sort_desc'}({expr})", "{{name}}", instant=True))
    return panel.data_links([_to_unit("${__field.labels.unit}", role)])


def units_table(title: str, text: str, columns: Sequence[Column]) -> table.Panel:
    """A row for each unit, a column for each thing asked, put together by unit."""
    panel = table.Panel().title(title).description(text).datasource(SOURCE).filterable(True).unit(COUNT)
    panel = panel.thresholds(_thresholds(PLAIN)).no_value("Không có số liệu")
    names = {"name": "Đơn vị", "unit": "Mã"}
    for number, column in enumerate(columns):
        ref = chr(ord("A") + number)
        names[f"Value #{ref}"] = column.title
        panel = panel.with_target(asked(column.expr, ref=ref, instant=True, as_table=True))
        panel = panel.override_by_name(column.title, _look(column))
    link = _link("Xem đơn vị", _unit_url("${__data.fields.unit}", CHOSEN))
    panel = panel.override_by_name("Đơn vị", [_set("links", [link]), _set("custom.minWidth", 220)])
    # Digits, and no number.
    panel = panel.override_by_name("Mã", [_set("unit", "string"), _set("custom.width", 90)])
    arranged = {"excludeByName": {"Time": True}, "renameByName": names, "indexByName": {"name": 0, "unit": 1}}
    return (
        panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(models.DataTransformerConfig(id_val="organize", options=arranged))
        .sort_by([common.TableSortByFieldState().display_name(columns[0].title).desc(True)])
    )


def alerts_table(title: str, text: str, columns: Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]]) -> table.Panel:
    """What fires, how often, for how long at most; `columns` are labels of alerts, each with its title and the words for its
    values. By the first that has words, then the newest first: what began just now is what somebody was called for."""
    panel = table.Panel().title(title).description(text).datasource(SOURCE).filterable(True).unit("string")
    panel = panel.thresholds(_thresholds(PLAIN)).no_value("Không có cảnh báo nào")
    firing = 'ALERTS{alertstate="firing",severity=~"page|ticket"}'
    by = ", ".join(columns)
    # When it was first seen; that it has lasted long enough is said by the other alone.
    begun = f"ALERTS_FOR_STATE and ignoring (alertstate) {firing}"
    for ref, expr in (("A", f"count by ({by}) ({firing})"), ("B", f"time() - min by ({by}) ({begun})")):
        panel = panel.with_target(asked(expr, ref=ref, instant=True, as_table=True))
    for said, words in columns.values():
        look = [_set("noValue", NO_CELL)]
        if words:
            told = {"type": "value", "options": _told(words)}
            look += [_set("mappings", [told]), _set("custom.cellOptions", {"type": "color-text"}), _set("custom.width", 130)]
        panel = panel.override_by_name(said, look)
    arranged = {
        "excludeByName": {"Time": True},
        "renameByName": {
            **{label: said for label, (said, _) in columns.items()},
            "Value #A": "Số",
            "Value #B": "Đã bao lâu",
        },
        "indexByName": {label: number for number, label in enumerate((*columns, "Value #A", "Value #B"))},
    }
    panel = panel.override_by_name("Số", [_set("unit", COUNT), _set("decimals", 0), _set("custom.width", 70)])
    panel = panel.override_by_name("Đã bao lâu", [_set("unit", "s"), _set("decimals", 0), _set("custom.width", 130)])
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=arranged))
    first = next(said for said, words in columns.values() if words)
    return panel.sort_by([common.TableSortByFieldState().display_name(each).desc(False) for each in (first, "Đã bao lâu")])


def where_known(known: str, number: int = 0) -> str:
    """The end of an expression: `number` where there is nothing to count, while `known` says that it would be known."""
    return f"or 0 * max({known})" + (f" {'-' if number < 0 else '+'} {abs(number)}" if number else "")


def where_any(expr: str, label: str) -> str:
    """Of many series those that are above 0, which leaves the legend to them; where none is, one that says so."""
    return f"{expr} > 0 {none_of(label)}"


def none_of(label: str) -> str:
    """The end of an expression: 0, by a name, where there is no series; no series is no trouble, and a panel that says
    nothing is not believed."""
    return f'or on () label_replace(vector(0), "{label}", "{NOBODY}", "", "")'


def asked(expr: str, legend: str = "", *, ref: str = "A", instant: bool = False, as_table: bool = False) -> Dataquery:
    """A query of the Prometheus that is chosen."""
    query = Dataquery().datasource(SOURCE).expr(expr).ref_id(ref)
    query = query.instant() if instant else query.range()
    if legend:
        query = query.legend_format(legend)
    return query.format(PromQueryFormat.TABLE) if as_table else query


def _thresholds(steps: Steps) -> builders.ThresholdsConfig:
    return (
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _words(words: Words) -> models.ValueMap:
    options = {
        str(value): models.ValueMappingResult(text=text, color=colour, index=number)
        for number, (value, (text, colour)) in enumerate(words.items())
    }
    return models.ValueMap(options=options)


def _told(words: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    return {
        value: {"text": text, "color": colour, "index": number}
        for number, (value, (text, colour)) in enumerate(words.items())
    }


def _not_known() -> models.SpecialValueMap:
    text, colour = NOT_KNOWN
    told = models.ValueMappingResult(text=text, color=colour)
    nothing = models.SpecialValueMatch.NULL_AND_NAN
    return models.SpecialValueMap(models.DashboardSpecialValueMapOptions(match=nothing, result=told))


def _look(column: Column) -> list[models.DynamicConfigValue]:
    told = [
        _set("unit", column.unit),
        _set("noValue", NO_CELL),
        _set("custom.minWidth", 140 if column.unit == MOMENT else 118),
    ]
    if column.unit in DECIMALS:
        told.append(_set("decimals", DECIMALS[column.unit]))
    if column.words:
        options = _told({str(value): word for value, word in column.words.items()})
        told += [
            _set("mappings", [{"type": "value", "options": options}]),
            _set("custom.cellOptions", {"type": "color-text"}),
        ]
    if column.steps:
        steps = [{"value": value, "color": colour} for value, colour in column.steps]
        told.append(_set("thresholds", {"mode": "absolute", "steps": steps}))
        told.append(_set("custom.cellOptions", {"type": "color-text"}))
    return told


def _set(name: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=name, value=value)


def _drawn_in(colour: str) -> models.DynamicConfigValue:
    return _set("color", {"mode": "fixed", "fixedColor": colour})


def _unit_url(code: str, role: str) -> str:
    return f"/d/motcua-unit?var-unit={code}&{role}&${{__url_time_range}}"


def _link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "url": url, "targetBlank": False}


def _to_unit(code: str, role: str) -> builders.DashboardLink:
    return builders.DashboardLink("Xem đơn vị").url(_unit_url(code, role)).type(models.DashboardLinkType.LINK)
