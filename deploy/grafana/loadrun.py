"""Load run: what is sent against what is counted, how long it takes, what it costs, and whether it stays exact."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.names import OUTCOMES
from deploy.grafana.pages import Row, page
from deploy.grafana.panels import ANY_IS_BAD, BAD, GOOD, PER_SECOND, figure, lines, where_known
from deploy.grafana.rates import LAG, RATE, quantiles, summed

STORED: Final = 'motcua_intake_events_total{outcome="stored"}'
# 0 where nothing has come to be counted, while it would be told.
STORING: Final = where_known("motcua_intake_ready")
COUNTING: Final = where_known("motcua_metrics_generation")


def dashboard() -> Dashboard:
    """`/d/motcua-load`."""
    text = "One load run, as the system sees it: choose the time of the run; the lab’s own report has what senders saw."
    rows = (_sum(), _rates(), _times(), _cost(), _exact())
    return page("load", "Một Cửa · Chạy tải", text, rows, (), since="now-30m")


def _sum() -> Row:
    return Row(
        "Trong khoảng thời gian đã chọn",
        (
            figure(
                "Đã lưu",
                "Events that intake has stored in the chosen time, as Prometheus works it out from scrapes.",
                f"sum(increase({STORED}[$__range])) {STORING}",
                instant=True,
            ),
            figure(
                "Đã đếm",
                "Events counted in within the chosen time; beside “stored” as soon as nothing trails.",
                f"sum(increase(motcua_lifecycle_by_unit_total[$__range])) {COUNTING}",
                instant=True,
            ),
            figure(
                "Nhanh nhất",
                "The highest rate of stored events over a minute.",
                f"max_over_time(sum(rate({STORED}[1m]))[$__range:15s]) {STORING}",
                PER_SECOND,
                instant=True,
            ),
            figure(
                "Trễ nhất",
                "The longest lag of counting behind what was reported.",
                "max(max_over_time(motcua_metrics_lag_seconds[$__range]))",
                "s",
                steps=LAG,
                instant=True,
            ),
            figure(
                "Từ chối, gửi lại",
                "Events refused, or to be sent again, in the chosen time.",
                f'sum(increase(motcua_intake_events_total{{outcome!="stored"}}[$__range])) {STORING}',
                instant=True,
            ),
            figure(
                "Trùng",
                "Duplicates that came in within the chosen time: each was counted once.",
                f'sum(increase(motcua_lifecycle_by_fact_total{{outcome="duplicate"}}[$__range])) {COUNTING}',
                instant=True,
            ),
        ),
        (4, 4, 4, 4, 4, 4),
        height=4,
    )


def _rates() -> Row:
    return Row(
        "Nhịp",
        (
            lines(
                "Từng chặng",
                "Events per second at each stage: stored, folded, counted. Lines that part are a stage that trails.",
                (
                    (summed(STORED), "đã lưu"),
                    (summed('motcua_processing_records_total{outcome!="tick"}'), "đã xử lý"),
                    (summed("motcua_lifecycle_by_unit_total"), "đã đếm"),
                ),
                PER_SECOND,
            ),
            lines(
                "Trễ từng chặng",
                "Seconds by which processing and counting trail what is stored.",
                (("max(motcua_processing_lag_seconds)", "xử lý"), ("max(motcua_metrics_lag_seconds)", "đếm")),
                "s",
                steps=LAG,
            ),
            lines(
                "Còn phải làm",
                "Records that wait: in the archive, in counting, in the outboxes of centres.",
                (
                    ("sum(motcua_processing_lag_records)", "chưa xử lý"),
                    ("sum(motcua_metrics_lag_records)", "chưa đếm"),
                    ("sum(motcua_unit_spool_events)", "trong hộp gửi"),
                ),
            ),
        ),
        (8, 8, 8),
    )


def _times() -> Row:
    return Row(
        "Thời gian trả lời",
        (
            lines(
                "Nhận bản tin",
                "Seconds of POST /v1/events, from its first byte to its answer.",
                quantiles("motcua_intake_request_seconds", 'route="/v1/events"'),
                "s",
                steps=((None, GOOD), (1, BAD)),
            ),
            lines(
                "Đọc số liệu",
                "Seconds to the beginning of an answer of the metrics API.",
                quantiles("motcua_metrics_api_request_seconds", 'route=~"/v1/.*"'),
                "s",
            ),
            lines(
                "Yêu cầu đang làm",
                "Requests of intake under way, records whose outcome Kafka has not told.",
                (
                    ("sum(motcua_intake_requests_in_flight)", "yêu cầu"),
                    ("sum(motcua_intake_produce_queue_events)", "bản tin"),
                ),
            ),
        ),
        (8, 8, 8),
    )


def _cost() -> Row:
    return Row(
        "Giá phải trả",
        (
            lines(
                "Bộ xử lý",
                "Processor seconds per second by process: 1 is one core.",
                ((f"sum by (job) (rate(process_cpu_seconds_total{RATE}))", "{{job}}"),),
                "short",
                stacked=True,
            ),
            lines(
                "Bộ nhớ",
                "Resident memory by process.",
                (("sum by (job) (process_resident_memory_bytes)", "{{job}}"),),
                "bytes",
                stacked=True,
            ),
            lines(
                "Tệp đang mở", "Open files and connections by process.", (("sum by (job) (process_open_fds)", "{{job}}"),)
            ),
        ),
        (8, 8, 8),
    )


def _exact() -> Row:
    return Row(
        "Vẫn đúng",
        (
            figure(
                "Sai khác",
                "Differences that the newest look of audit has found; a run that is fast and wrong has failed.",
                "sum(max by (check) (motcua_audit_differences))",
                steps=ANY_IS_BAD,
            ),
            figure(
                "Kiểm chứng trễ",
                "Seconds since the last record that audit has examined was reported.",
                "max(motcua_audit_lag_seconds)",
                "s",
            ),
            lines(
                "Bản tin theo tình trạng",
                "Reported records by how they stand.",
                (("max by (standing) (motcua_audit_standing_records)", "{{standing}}"),),
                names=OUTCOMES,
                stacked=True,
            ),
            lines(
                "Lỗi",
                "Answers of 5xx and errors of Kafka and Redis, per second; a run under faults has some, and stays exact.",
                (
                    (summed('motcua_intake_requests_total{status=~"5.."}'), "5xx"),
                    (
                        f"(sum(rate(motcua_processing_kafka_errors_total{RATE})) or vector(0)) + "
                        f"(sum(rate(motcua_metrics_kafka_errors_total{RATE})) or vector(0))",
                        "Kafka",
                    ),
                    (
                        f"(sum(rate(motcua_processing_redis_errors_total{RATE})) or vector(0)) + "
                        f"(sum(rate(motcua_metrics_redis_errors_total{RATE})) or vector(0))",
                        "Redis",
                    ),
                ),
                PER_SECOND,
            ),
        ),
        (4, 4, 8, 8),
        height=7,
    )
