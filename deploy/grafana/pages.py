"""What every dashboard has alike: variables, annotations, links to the others, panels laid out in rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.panels import SOURCE, Panel, asked

TAG: Final = "motcua"
# What the load lab writes down: the tag that its annotations have.
LOAD: Final = "load lab"
# A program that answers now, and did not in the hour before: drawn for five minutes, whichever process took it first. Not
# where nothing is known of that hour: a Prometheus that was just begun has seen no release.
BUILDS: Final = "count by (version, commit, sources) (%s)"
FORMER: Final = "last_over_time(motcua_build_info[1h] offset 5m)"
RELEASED: Final = f"{BUILDS % 'motcua_build_info'} unless {BUILDS % FORMER} and on () count({FORMER})"
# Whoever holds a drill lays deploy/drill/drill.yml beside the rules.
HELD: Final = "city:motcua_drill:bool"
# Work that was planned: whoever does it silences the alerts that it will raise.
SILENCED: Final = 'sum(alertmanager_silences{state="active"}) > 0'
WIDTH: Final = 24
# Grafana's own store of annotations. Only the load lab writes there, and wants an editor's token for it: the shipped Grafana
# has no account and gives none. All else that is drawn comes from Prometheus.
OWN: Final = kinds.DataSourceRef("grafana", "-- Grafana --")


@dataclass(frozen=True)
class Row:
    """Panels beside each other, of one height; `widths` are in 24ths, and those of each line make 24 together."""

    title: str
    panels: Sequence[Panel]
    widths: Sequence[int]
    height: int = 8


def page(
    name: str, title: str, text: str, rows: Sequence[Row], variables: Sequence[str], *, since: str = "now-6h"
) -> builders.Dashboard:
    """A dashboard whose address is `/d/motcua-<name>`."""
    made = builders.Dashboard(title).uid(f"motcua-{name}").description(text).tags([TAG]).readonly()
    made = made.timezone("Asia/Ho_Chi_Minh").time(since, "now").refresh("30s").week_start("monday")
    made = made.tooltip(models.DashboardCursorSync.CROSSHAIR).with_variable(_datasource())
    for variable in variables:
        made = made.with_variable(VARIABLES[variable]())
    made = made.with_variable(_address()).link(_others()).link(_board(name))
    made = made.annotation(_restarts()).annotation(_alerts())
    made = made.annotation(_drawn("Phát hành", RELEASED, "green", "{{version}} {{commit}} {{sources}}", "version,commit"))
    made = made.annotation(_drawn("Diễn tập", HELD, "purple", "Đang diễn tập", ""))
    made = made.annotation(_drawn("Tạm im", SILENCED, "super-light-purple", "Có cảnh báo được tạm tắt", ""))
    made = made.annotation(_tagged((LOAD,), "Chạy tải", "blue"))
    _lay(made, rows)
    return made


def _lay(made: builders.Dashboard, rows: Sequence[Row]) -> None:
    top = number = 0
    for row in rows:
        number += 1
        made.with_row(builders.Row(row.title).id(number).grid_pos(models.GridPos(h=1, w=WIDTH, x=0, y=top)))
        top, left = top + 1, 0
        for panel, width in zip(row.panels, row.widths, strict=True):
            number += 1
            made.with_panel(panel.id(number).grid_pos(models.GridPos(h=row.height, w=width, x=left, y=top)))
            left += width
            if left == WIDTH:
                top, left = top + row.height, 0
        assert left == 0, f"{row.title}: a line is {WIDTH} wide"


def _datasource() -> builders.DatasourceVariable:
    return builders.DatasourceVariable("datasource").label("Nguồn").type("prometheus")


def _role() -> builders.CustomVariable:
    texts = (("Nơi tiếp nhận", "receiver"), ("Cơ quan giải quyết", "competent"))
    made = builders.CustomVariable("role").label("Vai trò").values(",".join(f"{text} : {value}" for text, value in texts))
    return made.current(models.VariableOption(selected=True, text=texts[0][0], value=texts[0][1]))


def _tier() -> builders.QueryVariable:
    made = builders.QueryVariable("tier").label("Cấp").datasource(SOURCE).query("label_values(motcua_unit_info, kind)")
    made = made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).include_all(True).all_value(".*").multi(True)
    return made.current(models.VariableOption(selected=True, text="All", value="$__all"))


def _unit() -> builders.QueryVariable:
    # A unit is chosen by its name; queries have its code.
    made = builders.QueryVariable("unit").label("Đơn vị").datasource(SOURCE)
    made = made.query('query_result(motcua_unit_info{kind=~"$tier"})')
    made = made.regex('/name="(?<text>[^"]+)".*unit="(?<value>[^"]+)"/').sort(models.VariableSort.ALPHABETICAL_ASC)
    return made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)


VARIABLES: Final = {"role": _role, "tier": _tier, "unit": _unit}


def _address() -> builders.TextBoxVariable:
    return builders.TextBoxVariable("board").label("Địa chỉ bảng số liệu").default_value("http://127.0.0.1:8003")


def _others() -> builders.DashboardLink:
    made = builders.DashboardLink("Bảng khác").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    return made.as_dropdown(False).include_vars(True).keep_time(True)


def _board(name: str) -> builders.DashboardLink:
    query = "?unit=${unit}&role=${role}" if name == "unit" else ""
    made = builders.DashboardLink("Bảng số liệu trực tiếp").type(models.DashboardLinkType.LINK)
    return made.url(f"${{board}}/{query}").target_blank(True).tooltip("The live board of metrics")


def _restarts() -> builders.AnnotationQuery:
    made = builders.AnnotationQuery().name("Khởi động lại").datasource(SOURCE).enable(True).icon_color("orange")
    expr = "process_start_time_seconds * 1000"
    made = made.expr(expr).target(asked(expr)).use_value_for_time(True).step("30s")
    return made.title_format("{{job}} khởi động").tag_keys("job")


def _alerts() -> builders.AnnotationQuery:
    return _drawn("Cảnh báo", 'ALERTS{alertstate="firing",severity="page"}', "red", "{{alertname}}", "severity,owner")


def _drawn(label: str, expr: str, colour: str, title: str, tags: str) -> builders.AnnotationQuery:
    """For as long as the expression has a value."""
    made = builders.AnnotationQuery().name(label).datasource(SOURCE).enable(True).icon_color(colour).step("30s")
    return made.expr(expr).target(asked(expr)).title_format(title).tag_keys(tags)


def _tagged(tags: Sequence[str], label: str, colour: str) -> builders.AnnotationQuery:
    made = builders.AnnotationQuery().name(label).datasource(OWN).enable(True).icon_color(colour)
    # The generator's types know targets of data sources alone; Grafana's own store is asked by tags.
    target = cast("Dataquery", builders.AnnotationTarget().limit(100).match_any(False).tags(list(tags)).type("tags"))
    return made.target(target)
