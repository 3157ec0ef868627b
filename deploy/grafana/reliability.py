"""Reliability: the three objectives, what is left of their budgets, what audit proves, which alerts fire."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana import proof
from deploy.grafana.names import OWNERS
from deploy.grafana.pages import Row, page
from deploy.grafana.panels import (
    ANY_IS_BAD,
    BAD,
    FAIR,
    GOOD,
    Steps,
    alerts_table,
    figure,
    lines,
    none_of,
)

# As in deploy/prometheus/rules/objectives.yml: an objective's name, what it promises, what is shown of it.
OBJECTIVES: Final = (
    (
        "intake",
        "Nhận bản tin",
        0.001,
        "99.9 % of the requests with events and heartbeats are answered without a fault of ours, 99.9 % of the events "
        "need not be sent again, and 99.9 % of the time an intake answers: the largest bad share counts.",
    ),
    ("freshness", "Số liệu mới", 0.01, "99 % of the time figures are no more than a minute behind what was stored."),
    ("audit", "Kiểm chứng sạch", 0.01, "99 % of the time the newest verdict of audit is clean and young."),
)
# Whom it tells where a budget burns 14.4 times too fast for an hour, or 6 times for six hours.
BURNT: Final = {
    "intake": "14.4 for an hour or 6 for six hours wakes somebody, an outage aside that IntakeAway or KafkaDown tells of.",
    "freshness": "14.4 for an hour or 6 for six hours of what no other alert tells of wakes somebody.",
    "audit": "14.4 for an hour or 6 for six hours of what no other alert tells of is a ticket.",
}
# Of these alerts go by what no other one tells of.
UNTOLD: Final = ("freshness", "audit")
LEFT: Final[Steps] = ((None, BAD), (0.1, FAIR), (0.5, GOOD))
BURN: Final[Steps] = ((None, GOOD), (1, FAIR), (6, BAD))
# Of those who watch.
RELOADED: Final = "prometheus_config_last_reload_successful or alertmanager_config_last_reload_successful"
LEVELS: Final = {"page": ("Đánh thức", BAD), "ticket": ("Phiếu việc", FAIR)}


def dashboard() -> Dashboard:
    """`/d/motcua-reliability`."""
    text = "Whether the promises hold: intake takes, figures are fresh, audit finds every stage equal to the next."
    rows = (_alerts(), _promises(), _budgets(), _burning(), proof.audit(), proof.looks(), _disks())
    return page("reliability", "Một Cửa · Độ tin cậy", text, rows, (), since="now-24h")


def bad(name: str, window: str) -> str:
    """The bad share of an objective."""
    return f"slo:{name}_bad:ratio{window}"


def bad_of_the_month(name: str) -> str:
    """The bad share of an objective over its own thirty days; time before this Prometheus was there is held against nobody.

    Asked of a few hundred points and of now alone: recorded every 15 s it would cost more than it is looked at.
    """
    if name != "intake":
        return f"avg_over_time((max({bad(name, '1h')}) or vector(0))[30d:1h])"
    # The larger of two shares: of requests, each hour weighing as much as it was asked, and of time.
    asked = 'sum(increase(motcua_intake_requests_total{route=~"/v1/events|/v1/heartbeats"}[1h]))'
    of_requests = f"sum_over_time((max({bad(name, '1h')}) * {asked})[30d:1h]) / (sum_over_time({asked}[30d:1h]) > 0)"
    of_time = "avg_over_time((max(avg_over_time(city:motcua_intake_away:ratio5m[1h])) or vector(0))[30d:1h])"
    # A label of its own: else `or` would take the first alone.
    return f'max(label_replace({of_requests}, "of", "requests", "", "") or label_replace({of_time}, "of", "time", "", ""))'


def _promises() -> Row:
    return Row(
        "Ba cam kết: ngân sách lỗi còn lại của 30 ngày",
        tuple(
            figure(
                f"{title}: 30 ngày",
                f"{promise} Shown: what is left of the budget of the last 30 days, which is the objective itself; "
                "100 % is untouched, below 0 the promise is broken.",
                f"1 - ({bad_of_the_month(name)}) / {budget}",
                "percentunit",
                steps=LEFT,
                instant=True,
            )
            for name, title, budget, promise in OBJECTIVES
        ),
        (8, 8, 8),
        height=4,
    )


def _budgets() -> Row:
    return Row(
        "Ngân sách lỗi còn lại của ba ngày",
        tuple(
            figure(
                f"{title}: còn lại",
                f"{promise} Shown: what is left of three days’ budget; 100 % is untouched, below 0 it is overspent.",
                f"1 - {bad(name, '3d')} / {budget}",
                "percentunit",
                steps=LEFT,
            )
            for name, title, budget, promise in OBJECTIVES
        ),
        (8, 8, 8),
        height=4,
    )


def _burning() -> Row:
    return Row(
        "Tốc độ tiêu ngân sách",
        tuple(
            lines(
                title,
                f"{promise} How many times faster than allowed its budget burns, over five minutes, an hour and six hours. "
                + BURNT[name],
                (
                    *((f"{bad(name, window)} / {budget}", window) for window in ("5m", "1h", "6h")),
                    *((f"slo:{each}_untold:ratio1h / {budget}", "1h, chưa báo riêng") for each in UNTOLD if each == name),
                ),
                "short",
                steps=BURN,
            )
            for name, title, budget, promise in OBJECTIVES
        ),
        (8, 8, 8),
    )


def _disks() -> Row:
    return Row(
        "Ổ đĩa, bộ nhớ",
        (
            lines(
                "Dung lượng trống theo nơi",
                "Bytes that can still be written, by place: a steady slope is the archive, a step is something else.",
                (("min by (place) (motcua_audit_disk_free_bytes)", "{{place}}"),),
                "bytes",
            ),
            lines(
                "Tỷ lệ trống theo nơi",
                "Free share of the file system of each place: below a fifth is a ticket, below a half one if it would be "
                "full within four days; below a twentieth wakes somebody, and below a fifth if it would be full within four "
                "hours.",
                (("min by (place) (motcua_audit_disk_free_ratio)", "{{place}}"),),
                "percentunit",
                steps=((None, BAD), (0.05, FAIR), (0.2, GOOD), (0.5, GOOD)),
            ),
            lines(
                "Tiến trình trả lời Prometheus",
                "Targets that answer, and Prometheus itself: where its line is broken nobody was watching.",
                (("count(up == 1)", "trả lời"), ('max(up{job="prometheus"})', "Prometheus")),
            ),
            lines(
                "Bộ nhớ Redis",
                "Bytes that Redis has taken, and at which it refuses writes (0: no bound but the machine's): above four "
                "fifths is a ticket, above 95 % a page.",
                (("max(motcua_metrics_redis_used_bytes)", "đã dùng"), ("max(motcua_metrics_redis_max_bytes)", "được phép")),
                "bytes",
            ),
        ),
        (6, 6, 6, 6),
        height=7,
    )


def _alerts() -> Row:
    return Row(
        "Cảnh báo",
        (
            figure(
                "Đang báo động",
                "Alerts that fire and would wake somebody, also those that another one, or a silence, hushes.",
                'count(ALERTS{alertstate="firing",severity="page"}) or vector(0)',
                steps=ANY_IS_BAD,
            ),
            figure(
                "Phiếu việc",
                "Alerts that fire and wait for working hours, also those that another one, or a silence, hushes.",
                'count(ALERTS{alertstate="firing",severity="ticket"}) or vector(0)',
                steps=((None, GOOD), (1, FAIR)),
            ),
            alerts_table(
                "Cảnh báo nào, của ai",
                "What fires now, how often and for how long, the newest first: whether it would wake, whose it is, of whom. "
                "Also what another alert, or a silence, hushes: while a city is cut off each of its centres is here. "
                "docs/runbooks has a page for each.",
                {
                    "severity": ("Mức", LEVELS),
                    "alertname": ("Cảnh báo", {}),
                    "owner": ("Ai lo", OWNERS),
                    "name": ("Đơn vị", {}),
                    "job": ("Tiến trình", {}),
                },
            ),
            lines(
                "Cảnh báo theo chủ",
                "Alerts that fire, by their owner, also those that another one hushes; 0 while none does.",
                ((f'sum by (owner) (ALERTS{{alertstate="firing",severity!="none"}}) {none_of("owner")}', "{{owner}}"),),
                names=OWNERS,
                stacked=True,
            ),
            lines(
                "Số liệu cũ, chưa chứng minh",
                "1 while figures are missing or more than a minute behind, and while audit has no "
                "clean verdict younger than half an hour.",
                (("city:motcua_stale:bool", "cũ"), ("city:motcua_unproven:bool", "chưa chứng minh")),
                most=1,
            ),
            lines(
                "Hệ thống cảnh báo trục trặc",
                "Notices given up within a quarter of an hour, rules that could not be worked out within five minutes, and "
                "1 while Prometheus or Alertmanager could not read its newest configuration: each of it hides alerts.",
                (
                    ("sum(increase(alertmanager_notifications_failed_total[15m]))", "thông báo không gửi được"),
                    ("sum(increase(prometheus_rule_evaluation_failures_total[5m]))", "quy tắc không tính được"),
                    (f"1 - min({RELOADED})", "cấu hình mới chưa có hiệu lực"),
                ),
                steps=ANY_IS_BAD,
            ),
        ),
        (3, 3, 18, 8, 8, 8),
        height=7,
    )
