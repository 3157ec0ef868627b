"""Unit: one unit with all its counters, its deadlines, its line and outbox, its dead letters."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.names import CHANNELS, OUTCOMES, RUST, STATES, TIMELINESS, WITHIN
from deploy.grafana.pages import Row, page
from deploy.grafana.panels import (
    ANY_IS_BAD,
    BAD,
    FAIR,
    GOOD,
    LINES_ARE_READ,
    MOMENT,
    NOT_YET,
    PER_SECOND,
    SPOOLED,
    UNSENT,
    Steps,
    Words,
    figure,
    lines,
    where_known,
)
from services.metrics.domain.counters import COUNTERS

# As the board and docs/COUNTERS.md name them.
LABELS: Final = {counter.name: counter.label_vi for counter in COUNTERS}
OF: Final = 'unit="$unit",role="$role"'
# Units of which figures are told; names are told during a rebuild, too.
KNOWN: Final = 'motcua_unit_info{unit="$unit"} and on () motcua_metrics_generation'
MINE: Final = 'unit="$unit",role="receiver"'
ON_TIME: Final[Steps] = ((None, BAD), (0.8, FAIR), (0.95, GOOD))
LINKS: Final[Words] = {
    -1: ("Gửi thẳng", GOOD),
    0: ("Tốt", GOOD),
    1: ("Chậm", FAIR),
    2: ("Không rõ", FAIR),
    3: ("Mất", BAD),
}
YES_NO: Final[Words] = {0: ("Không", GOOD), 1: ("Có", BAD)}
SILENCES: Final[Words] = {**YES_NO, -1: ("Chưa từng báo", FAIR)}
WITHOUT_EDGE: Final = where_known(LINES_ARE_READ)
DIRECT: Final = where_known(LINES_ARE_READ, -1)
# What was never counted is 0, and has no share and no age.
NOTHING: Final = where_known(KNOWN)
NONE_YET: Final = where_known(KNOWN, -1)


def dashboard() -> Dashboard:
    """`/d/motcua-unit`."""
    text = "One unit: what it received and finished, what is due, how its line stands, what of its reports was refused."
    rows = (_now(), _line(), _deadlines(), _work(), _reports(), _counters())
    return page("unit", "Một Cửa · Đơn vị", text, rows, ("role", "tier", "unit"))


def _now() -> Row:
    received = f"sum(motcua_dossiers_received{{{OF}}})"
    due = f'sum(motcua_dossiers_completed{{{OF},timeliness=~"early|on_time|late"}})'
    return Row(
        "Hiện nay",
        (
            figure("Tiếp nhận", "Dossiers received since the log began.", f"{received} {NOTHING}"),
            figure(
                "Trực tuyến",
                "Share of the received dossiers that came online.",
                f'sum(motcua_dossiers_received{{{OF},channel="online"}}) / ({received} > 0) {NONE_YET}',
                "percentunit",
                words=NOT_YET,
            ),
            figure(
                "Đúng hạn",
                "Completed early or on time among those completed that had a due date.",
                f'sum(motcua_dossiers_completed{{{OF},timeliness=~"early|on_time"}}) / ({due} > 0) {NONE_YET}',
                "percentunit",
                words=NOT_YET,
                steps=ON_TIME,
            ),
            figure(
                "Đang mở",
                "Dossiers that wait for somebody now.",
                f"sum(motcua_dossiers_open{{{OF}}}) {NOTHING}",
            ),
            figure(
                "Quá hạn",
                "Open dossiers past their due with a running clock.",
                f"sum(motcua_dossiers_overdue{{{OF}}}) {NOTHING}",
                steps=ANY_IS_BAD,
            ),
            figure(
                "Tạm tính",
                "Whether the unit’s figures are provisional: its outbox is not empty, or nobody can say so; unknown while "
                "no heartbeats are read.",
                f'max(motcua_unit_provisional{{unit="$unit"}}) {WITHOUT_EDGE}',
                words=YES_NO,
            ),
            figure(
                "Đầy đủ đến",
                "Up to when the unit’s edges have delivered all that they hold; none of a unit without an edge, unknown "
                "while no heartbeats are read.",
                f'max(motcua_unit_complete_until_timestamp_seconds{{unit="$unit"}}) * 1000 {DIRECT}',
                MOMENT,
                words=NOT_YET,
            ),
        ),
        (4, 3, 3, 4, 3, 3, 4),
        height=4,
    )


def _line() -> Row:
    link = " or ".join(
        f'max(motcua_unit_link{{unit="$unit",state="{state}"}}) * {number}'
        for number, state in ((3, "down"), (2, "unknown"), (1, "degraded"), (0, "up"))
    )
    return Row(
        "Đường truyền và hộp gửi",
        (
            figure(
                "Đường truyền",
                "The line of the unit’s edges, the worst of them; a unit without an edge reports directly.",
                f"{link} {DIRECT}",
                words=LINKS,
            ),
            figure(
                "Im lặng",
                "Whether nothing has come for too much of the unit’s own working time.",
                f'max(motcua_unit_silent{{unit="$unit"}}) {NONE_YET}',
                words=SILENCES,
            ),
            figure(
                "Bản tin cuối",
                "Time since intake stored the unit’s last event.",
                f'time() - max(motcua_unit_last_event_timestamp_seconds{{unit="$unit"}}) {NONE_YET}',
                "s",
                words=NOT_YET,
            ),
            lines(
                "Chờ trong hộp gửi",
                "Events in the unit’s outboxes by their newest heartbeats; 0 without an outbox, none while nobody knows. "
                "Beyond 200 that do not become fewer, somebody is told.",
                ((f'sum(motcua_unit_spool_events{{unit="$unit"}}) {WITHOUT_EDGE}', "bản tin"),),
                steps=SPOOLED,
            ),
            lines(
                "Cũ nhất chưa gửi",
                "Age of the oldest event in the unit’s outboxes; 0 while they are empty, none while nobody knows. Beyond "
                "four hours somebody is told.",
                ((f'time() - min(motcua_unit_oldest_unsent_timestamp_seconds{{unit="$unit"}}) {WITHOUT_EDGE}', "tuổi"),),
                "s",
                steps=UNSENT,
            ),
            figure(
                "Bị từ chối, nằm lại",
                "Events that intake refused and the unit’s edges keep aside: no figure knows of them; 0 without an outbox.",
                f'sum(motcua_unit_quarantined_events{{unit="$unit"}}) {WITHOUT_EDGE}',
                steps=ANY_IS_BAD,
            ),
        ),
        (3, 3, 4, 5, 5, 4),
        height=7,
    )


def _deadlines() -> Row:
    return Row(
        "Thời hạn",
        (
            lines(
                "Quá hạn và sắp đến hạn",
                "Open dossiers past their due, and due within 24 and 72 hours by the clock; 72 hours include 24.",
                (
                    (f"sum(motcua_dossiers_overdue{{{OF}}})", "quá hạn"),
                    (f"sum by (within) (motcua_dossiers_due{{{OF}}})", "{{within}}"),
                ),
                names={**WITHIN, "quá hạn": ("quá hạn", RUST)},
            ),
            figure(
                "Quá hạn tiếp nhận",
                "Submitted dossiers neither accepted nor refused within 8 working hours.",
                f"sum(motcua_dossiers_acceptance_overdue{{{OF}}}) {NOTHING}",
                steps=ANY_IS_BAD,
            ),
            figure(
                "Xin lỗi và hẹn lại",
                "Apology letters that set a new appointment, since the log began.",
                f"sum(motcua_dossiers_rescheduled{{{OF}}}) {NOTHING}",
            ),
            figure(
                "Báo trễ do đường truyền",
                "Completed in time, entered in time, and reported after the due because "
                "the line was down: a part of on time.",
                f"sum(motcua_dossiers_late_by_link{{{OF}}}) {NOTHING}",
            ),
            figure(
                "Nhập liệu trễ",
                "Completed in time by its own statement, entered after the due: worth a look, since "
                "back-dating is the oldest trick.",
                f"sum(motcua_dossiers_late_entry{{{OF}}}) {NOTHING}",
                steps=((None, GOOD), (1, FAIR)),
            ),
        ),
        (7, 4, 4, 5, 4),
        height=7,
    )


def _work() -> Row:
    return Row(
        "Công việc",
        (
            lines(
                "Tiếp nhận theo kênh",
                "Dossiers received since the log began, by channel; the course may go down when figures are restated.",
                ((f"sum by (channel) (motcua_dossiers_received{{{OF}}})", "{{channel}}"),),
                names=CHANNELS,
                stacked=True,
            ),
            lines(
                "Hoàn thành theo thời hạn",
                "Dossiers completed since the log began, by timeliness.",
                ((f"sum by (timeliness) (motcua_dossiers_completed{{{OF}}})", "{{timeliness}}"),),
                names=TIMELINESS,
                stacked=True,
            ),
            lines(
                "Đang mở theo trạng thái",
                "Open dossiers by state: 1 submitted, 2 received, 4 in processing, 5 waits for "
                "papers, 6 waits for payment, 8 suspended.",
                ((f"sum by (state) (motcua_dossiers_open{{{OF}}})", "{{state}}"),),
                names=STATES,
                stacked=True,
            ),
        ),
        (8, 8, 8),
    )


def _reports() -> Row:
    return Row(
        "Bản tin của đơn vị",
        (
            lines(
                "Bản tin đến",
                "Events of this unit per second, by what became of them on arrival.",
                (
                    (
                        'sum by (outcome) (rate(motcua_lifecycle_by_unit_total{unit="$unit"}[$__rate_interval]))',
                        "{{outcome}}",
                    ),
                ),
                PER_SECOND,
                names=OUTCOMES,
                stacked=True,
            ),
            figure(
                "Bị loại",
                "Events of this unit that could not be applied (dead letters), since the log began; what to do "
                "stands in docs/DEAD_LETTERS.md.",
                f"sum(motcua_dossiers_rejected{{{MINE}}}) {NOTHING}",
                steps=ANY_IS_BAD,
            ),
            figure(
                "Đang chờ",
                "Events of this unit that wait for a predecessor; after seven days they become dead letters.",
                f"sum(motcua_dossiers_parked_now{{{MINE}}}) {NOTHING}",
                steps=((None, GOOD), (1, FAIR)),
            ),
            figure(
                "Trùng",
                "Events of this unit that repeat one that is known.",
                f"sum(motcua_dossiers_duplicates{{{MINE}}}) {NOTHING}",
            ),
            figure(
                "Ghi lùi",
                "Kept events entered more than 60 minutes after their time.",
                f"sum(motcua_dossiers_backdated{{{MINE}}}) {NOTHING}",
                steps=((None, GOOD), (1, FAIR)),
            ),
        ),
        (8, 4, 4, 4, 4),
        height=7,
    )


def _counters() -> Row:
    def told(*names: str) -> tuple[tuple[str, str], ...]:
        return tuple((f"sum(motcua_dossiers_{name}{{{OF}}})", LABELS[name]) for name in names)

    return Row(
        "Mọi số đếm còn lại",
        (
            lines(
                "Số hóa, điện tử, thanh toán",
                "Digitised dossiers, electronic results and payments online since the log began.",
                told("digitised", "electronic_result", "paid_online"),
            ),
            lines(
                "Đường vòng",
                "Refused, withdrawn, halted, recalled, handed over since the log began.",
                told("refused", "withdrawn", "halted", "recalled", "handed_over"),
            ),
            lines(
                "Nộp, tiếp nhận, trả",
                "Submitted, cases, legs of joint procedures and returned results since the log began.",
                told("submitted", "cases", "legs", "returned"),
            ),
            lines(
                "Sửa và lệch giờ",
                "Annulled events, and events whose time was ahead of their recording, since the log began.",
                tuple((f"sum(motcua_dossiers_{name}{{{MINE}}})", LABELS[name]) for name in ("annulled", "skewed")),
            ),
        ),
        (6, 6, 6, 6),
    )
