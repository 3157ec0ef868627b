"""City: what came in, how much of it online and on time, what is overdue, today against usual, who stands where."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.names import STATES
from deploy.grafana.pages import Row, page
from deploy.grafana.panels import (
    ANY_IS_BAD,
    BAD,
    FAIR,
    GOOD,
    LINES_ARE_READ,
    MOMENT,
    NOT_YET,
    Column,
    Steps,
    Words,
    figure,
    lines,
    ranking,
    units_table,
    where_known,
)

NAMED: Final = '* on (unit) group_left (name) motcua_unit_info{kind=~"$tier"}'
RECEIVED: Final = f'sum by (unit, name) (motcua_dossiers_received{{role="$role"}} {NAMED})'
ONLINE: Final = f'sum by (unit, name) (motcua_dossiers_received{{role="$role",channel="online"}} {NAMED})'
DUE: Final = f'sum by (unit, name) (motcua_dossiers_completed{{role="$role",timeliness=~"early|on_time|late"}} {NAMED})'
IN_TIME: Final = f'sum by (unit, name) (motcua_dossiers_completed{{role="$role",timeliness=~"early|on_time"}} {NAMED})'
OPEN: Final = f'sum by (unit, name) (motcua_dossiers_open{{role="$role"}} {NAMED})'
OVERDUE: Final = f'sum by (unit, name) (motcua_dossiers_overdue{{role="$role"}} {NAMED})'
# Units of which figures are told: what was never counted there is 0, and has no share. Names are told during a rebuild, too.
KNOWN: Final = 'motcua_unit_info{kind=~"$tier"} and on () motcua_metrics_generation'
NOTHING: Final = where_known(KNOWN)
NONE_YET: Final = where_known(KNOWN, -1)
SHARES: Final[Steps] = ((None, BAD), (0.5, FAIR), (0.8, GOOD))
ON_TIME: Final[Steps] = ((None, BAD), (0.8, FAIR), (0.95, GOOD))
YES_NO: Final[Words] = {0: ("Không", GOOD), 1: ("Có", BAD)}
TODAY: Final = "{} on the day of the log clock. Of the chosen tier; by the receiving unit, whatever role is chosen."


def dashboard() -> Dashboard:
    """`/d/motcua-city`."""
    text = "The whole city at a glance; exact figures as of the newest scrape, which may be restated downwards."
    rows = (_now(), _today(), _courses(), _article(), _ranked(), _each())
    return page("city", "Một Cửa · Thành phố", text, rows, ("role", "tier"))


def _now() -> Row:
    return Row(
        "Hiện nay",
        (
            figure(
                "Tiếp nhận", "Dossiers received since the log began, by the role chosen above.", f"sum({RECEIVED}) {NOTHING}"
            ),
            figure(
                "Trực tuyến",
                "Share of the received dossiers that came online.",
                f"sum({ONLINE}) / (sum({RECEIVED}) > 0) {NONE_YET}",
                "percentunit",
                steps=SHARES,
                words=NOT_YET,
            ),
            figure(
                "Đúng hạn",
                "Completed early or on time among those completed that had a due date. Open overdue dossiers are "
                "not in it: they stand beside it.",
                f"sum({IN_TIME}) / (sum({DUE}) > 0) {NONE_YET}",
                "percentunit",
                steps=ON_TIME,
                words=NOT_YET,
            ),
            figure("Đang mở", "Dossiers that wait for somebody now.", f"sum({OPEN}) {NOTHING}"),
            figure(
                "Quá hạn",
                "Open dossiers past their due with a running clock.",
                f"sum({OVERDUE}) {NOTHING}",
                steps=ANY_IS_BAD,
            ),
            figure(
                "Trung tâm mất liên lạc",
                "Centres of the chosen tier nobody hears though they should be at work; their figures are provisional. "
                "The table below says which.",
                f"sum(unit:motcua_cut_off:bool {NAMED}) {where_known(LINES_ARE_READ)}",
                steps=ANY_IS_BAD,
            ),
            figure(
                "Đơn vị im lặng",
                "Units of the chosen tier of which nothing has come for too much of their own working time. The table below "
                "says which, and when each was last heard of.",
                f"sum(motcua_unit_silent {NAMED}) {NOTHING}",
                steps=ANY_IS_BAD,
            ),
        ),
        (4, 3, 3, 4, 3, 4, 3),
        height=4,
    )


def _of_today(name: str) -> str:
    return f'motcua_dossiers_today{{counter="{name}"}}'


def _today() -> Row:
    told = (
        ("Tiếp nhận hôm nay", "received", "Received"),
        ("Hoàn thành hôm nay", "completed", "Completed"),
        ("Trả kết quả hôm nay", "returned", "Returned"),
        ("Không tiếp nhận hôm nay", "refused", "Refused, that is not accepted,"),
    )
    return Row(
        "Hôm nay",
        tuple(figure(title, TODAY.format(text), f"sum({_of_today(name)} {NAMED}) {NOTHING}") for title, name, text in told),
        (6, 6, 6, 6),
        height=4,
    )


def _courses() -> Row:
    received, completed, returned, refused = map(_of_today, ("received", "completed", "returned", "refused"))
    return Row(
        "Hôm nay so với thường lệ",
        (
            lines(
                "Tiếp nhận hôm nay và cùng giờ tuần trước",
                "Received on the day of the log clock, beside the same hour a week ago, which is not drawn while there "
                "is no week yet. Of the chosen tier; by the receiving unit, whatever role is chosen.",
                (
                    (f"sum({received} {NAMED})", "hôm nay"),
                    (f"sum({received} offset 1w {NAMED})", "cùng giờ tuần trước"),
                ),
            ),
            lines(
                "Kết quả hôm nay",
                TODAY.format("Completed, returned and refused"),
                (
                    (f"sum({completed} {NAMED})", "hoàn thành"),
                    (f"sum({returned} {NAMED})", "trả kết quả"),
                    (f"sum({refused} {NAMED})", "không tiếp nhận"),
                ),
            ),
            lines(
                "Đang mở theo trạng thái",
                "Open dossiers by state of the national portal: 1 submitted, 2 received, 4 in "
                "processing, 5 waits for papers, 6 waits for payment, 8 suspended.",
                ((f'sum by (state) (motcua_dossiers_open{{role="$role"}} {NAMED})', "{{state}}"),),
                names=STATES,
                stacked=True,
            ),
        ),
        (8, 8, 8),
    )


def _article() -> Row:
    least = "and on (unit) ({} >= 100)"
    return Row(
        "Các con số đã công bố",
        (
            figure(
                "Tiếp nhận nhiều nhất",
                "The unit that received most. For 1–14 July 2025 the press named Phú Xuân: 1,758 of 17,710.",
                f"topk(1, {RECEIVED})",
                legend="{{name}}",
                instant=True,
            ),
            figure(
                "Đúng hạn cao nhất",
                "The best share of completions in time among units with at least 100 of them. For 1–14 "
                "July 2025 the press named Hương An: 309 of 338.",
                f"topk(1, ({IN_TIME} / {DUE}) {least.format(DUE)}) or on () topk(1, {IN_TIME} / {DUE})",
                "percentunit",
                legend="{{name}}",
                instant=True,
            ),
            figure(
                "Trực tuyến cao nhất",
                "The best online share among units that received at least 100. For 1–14 July 2025 the "
                "press named Phú Vang: 491 of 493.",
                f"topk(1, ({ONLINE} / {RECEIVED}) {least.format(RECEIVED)}) or on () topk(1, {ONLINE} / {RECEIVED})",
                "percentunit",
                legend="{{name}}",
                instant=True,
            ),
            figure(
                "Hồ sơ công dân",
                "Citizens’ cases: a joint procedure counts once.",
                f'sum(motcua_dossiers_cases{{role="$role"}} {NAMED}) {NOTHING}',
            ),
        ),
        (6, 6, 6, 6),
        height=4,
    )


def _ranked() -> Row:
    return Row(
        "Xếp hạng",
        (
            ranking("Mười nơi tiếp nhận nhiều nhất", "The ten units that received most.", f"topk(10, {RECEIVED})"),
            ranking(
                "Mười nơi quá hạn nhiều nhất",
                "The ten units with most open dossiers past their due.",
                f"topk(10, {OVERDUE})",
                steps=ANY_IS_BAD,
            ),
            ranking(
                "Mười nơi đúng hạn thấp nhất",
                "The ten units with the lowest share of completions in time.",
                f"bottomk(10, {IN_TIME} / ({DUE} > 0))",
                "percentunit",
                steps=ON_TIME,
                lowest=True,
            ),
        ),
        (8, 8, 8),
        height=10,
    )


def _each() -> Row:
    return Row(
        "Từng đơn vị",
        (
            units_table(
                "Tất cả đơn vị",
                "Every unit of the chosen tier with the exact figures of now, and when intake stored its last event; a name "
                "leads to its page.",
                (
                    Column("Tiếp nhận", RECEIVED),
                    Column("Trực tuyến", f"{ONLINE} / ({RECEIVED} > 0)", "percentunit", SHARES),
                    Column("Đúng hạn", f"{IN_TIME} / ({DUE} > 0)", "percentunit", ON_TIME),
                    Column("Đang mở", OPEN),
                    Column("Quá hạn", OVERDUE, steps=ANY_IS_BAD),
                    Column("Mất liên lạc", f"sum by (unit, name) (unit:motcua_cut_off:bool {NAMED})", words=YES_NO),
                    Column("Im lặng", f"sum by (unit, name) (motcua_unit_silent {NAMED})", words=YES_NO),
                    Column(
                        "Bản tin cuối",
                        f"max by (unit, name) (motcua_unit_last_event_timestamp_seconds {NAMED}) * 1000",
                        MOMENT,
                    ),
                ),
            ),
        ),
        (24,),
        height=24,
    )
