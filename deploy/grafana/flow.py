"""Flow: the way of an event from the edge to the counter, stage by stage: rate, lag in seconds, errors, saturation."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana import arriving, counting, health
from deploy.grafana.pages import Row, page
from deploy.grafana.panels import ANY_IS_BAD, PER_SECOND, figure, lines, where_known
from deploy.grafana.rates import LAG, RATE


def dashboard() -> Dashboard:
    """`/d/motcua-flow`."""
    text = "edge → intake → Kafka → processing → metrics: where events are, how late, what goes wrong on the way."
    before = (_now(), health.standing(), arriving.edge(), arriving.aside(), arriving.intake())
    behind = (counting.processing(), health.letters(), counting.counting(), counting.answers(), _machines())
    return page("flow", "Một Cửa · Dòng bản tin", text, (*before, *behind), (), since="now-1h")


def _now() -> Row:
    return Row(
        "Hiện nay",
        (
            figure(
                "Nhận",
                "Events stored by intake, per second.",
                'sum(rate(motcua_intake_events_total{outcome="stored"}[$__rate_interval])) '
                f"{where_known('motcua_intake_ready')}",
                PER_SECOND,
            ),
            figure(
                "Đếm",
                "Events counted in, per second.",
                f"sum(rate(motcua_lifecycle_by_unit_total[$__rate_interval])) {where_known('motcua_metrics_generation')}",
                PER_SECOND,
            ),
            figure(
                "Xử lý trễ",
                "Seconds by which the slowest partition of processing trails what is stored.",
                "max(motcua_processing_lag_seconds)",
                "s",
                steps=LAG,
            ),
            figure(
                "Đếm trễ",
                "Seconds by which the slowest partition of counting trails.",
                "max(motcua_metrics_lag_seconds)",
                "s",
                steps=LAG,
            ),
            figure(
                "Phân vùng đã dừng",
                "Partitions that are folded or counted no further, by whoever tells of any; each has a reason and an alert.",
                "sum((motcua_processing_stopped or motcua_metrics_stopped_partitions) > 0) "
                f"{where_known('motcua_processing_ready and on () motcua_metrics_worker_ready')}",
                steps=ANY_IS_BAD,
            ),
            figure(
                "Không trả lời",
                "Processes that Prometheus cannot reach; which ones stands below.",
                "count(up == 0) or vector(0)",
                steps=ANY_IS_BAD,
            ),
        ),
        (4, 4, 4, 4, 4, 4),
        height=4,
    )


def _machines() -> Row:
    return Row(
        "Bộ nhớ, bộ xử lý, khởi động lại",
        (
            lines(
                "Bộ nhớ",
                "Resident memory by process.",
                (("sum by (job) (process_resident_memory_bytes)", "{{job}}"),),
                "bytes",
            ),
            lines(
                "Bộ xử lý",
                "Processor seconds per second by process: 1 is one core.",
                ((f"sum by (job) (rate(process_cpu_seconds_total{RATE}))", "{{job}}"),),
                "short",
            ),
            lines(
                "Tuổi của tiến trình",
                "Seconds since each process began: a fall is a restart.",
                (("time() - max by (job) (process_start_time_seconds)", "{{job}}"),),
                "s",
            ),
        ),
        (8, 8, 8),
    )
