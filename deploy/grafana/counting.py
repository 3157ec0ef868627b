"""Rows of the flow's page about the way from the log to a figure that is read: processing, metrics, their answers."""

from typing import Final

from deploy.grafana.names import DISPOSITIONS, OUTCOMES
from deploy.grafana.pages import Row
from deploy.grafana.panels import BAD, GOOD, PER_SECOND, lines, none_of, where_any
from deploy.grafana.rates import LAG, quantiles, summed

# What somebody asks for: not what watches over a process.
ASKED: Final = '{route!~"/metrics.*|/readyz|/healthz"}'


def processing() -> Row:
    """What is folded, how late, with which errors."""
    return Row(
        "3 · Xử lý (processing)",
        (
            lines(
                "Bản tin xử lý theo kết quả",
                "Records folded per second, by outcome: applied, duplicate, parked, rejected, …",
                ((where_any(summed("motcua_processing_records_total", "outcome"), "outcome"), "{{outcome}}"),),
                PER_SECOND,
                names=OUTCOMES,
                stacked=True,
            ),
            lines(
                "Xử lý trễ theo phân vùng",
                "0 at the end of a partition, else seconds since its last folded record was stored.",
                (("motcua_processing_lag_seconds", "{{partition}}"),),
                "s",
                steps=LAG,
            ),
            lines(
                "Bị loại và lỗi",
                "Dead letters, errors of Kafka and Redis, states found moved by somebody else, per second.",
                (
                    (summed("motcua_processing_rejected_total"), "bị loại"),
                    (summed("motcua_processing_kafka_errors_total"), "Kafka"),
                    (summed("motcua_processing_redis_errors_total"), "Redis"),
                    (summed("motcua_processing_fenced_total"), "bị rào"),
                ),
                PER_SECOND,
            ),
            lines(
                "Chờ xử lý",
                "Records that came in and are not folded, and that were sent and are not acknowledged.",
                (
                    ("sum(motcua_processing_queued_records)", "chưa xử lý"),
                    ("sum(motcua_processing_outstanding_records)", "chưa xác nhận"),
                    ("sum(motcua_processing_lag_records)", "còn trong sổ ghi"),
                ),
            ),
        ),
        (6, 6, 6, 6),
    )


def counting() -> Row:
    """What is counted, how late, with which errors."""
    return Row(
        "4 · Đếm (metrics)",
        (
            lines(
                "Bản ghi đã đếm",
                "Lifecycle records stored per second; redelivered ones are dropped.",
                ((summed("motcua_metrics_records_total", "disposition"), "{{disposition}}"),),
                PER_SECOND,
                names=DISPOSITIONS,
                stacked=True,
            ),
            lines(
                "Đếm trễ theo phân vùng",
                "Seconds since the last record counted was reported; 0 at the end of its log.",
                (("motcua_metrics_lag_seconds", "{{partition}}"),),
                "s",
                steps=LAG,
            ),
            lines(
                "Trùng, bị loại, đang chờ",
                "Per second on arrival, over the city: duplicates, rejected, parked.",
                tuple(
                    (summed(f'motcua_lifecycle_by_fact_total{{outcome="{outcome}"}}'), OUTCOMES[outcome][0])
                    for outcome in ("duplicate", "rejected", "parked")
                ),
                PER_SECOND,
            ),
            lines(
                "Bão hòa",
                "Records counted and not stored yet, steps that Redis refused, errors of Redis and Kafka.",
                (
                    ("sum(motcua_metrics_pending_records)", "chưa lưu"),
                    (summed("motcua_metrics_refused_flushes_total"), "Redis từ chối"),
                    (summed("motcua_metrics_redis_errors_total"), "lỗi Redis"),
                    (summed("motcua_metrics_kafka_errors_total"), "lỗi Kafka"),
                ),
                "short",
            ),
        ),
        (6, 6, 6, 6),
    )


def answers() -> Row:
    """What the APIs are asked, how fast they answer, and what they cannot."""
    return Row(
        "5 · Trả lời (API, bảng số liệu)",
        (
            lines(
                "Yêu cầu",
                "Requests of the metrics API per second, by route; its health and scrapes aside.",
                ((where_any(summed(f"motcua_metrics_api_requests_total{ASKED}", "route"), "route"), "{{route}}"),),
                "reqps",
                stacked=True,
            ),
            lines(
                "Thời gian đọc",
                "Seconds from a request’s arrival to the beginning of its answer.",
                quantiles("motcua_metrics_api_request_seconds"),
                "s",
            ),
            lines(
                "Đang xem trực tiếp",
                "Clients of /v1/stream, and seconds since the stream last looked at Redis.",
                (
                    ("sum(motcua_metrics_api_stream_clients)", "người xem"),
                    ("max(motcua_metrics_api_stream_age_seconds)", "giây"),
                ),
                "short",
            ),
            lines(
                "Hồ sơ và thời hạn",
                "Requests of processing’s API per second, by route; its health and scrapes aside.",
                ((where_any(summed(f"motcua_processing_api_requests_total{ASKED}", "route"), "route"), "{{route}}"),),
                "reqps",
                stacked=True,
            ),
            lines(
                "Không trả lời được",
                "Share of requests that an API could not answer in five minutes (5xx; its health and scrapes aside), "
                "and 1 while the exact figures, through which all centres are watched, are not answered.",
                (
                    (f"city:motcua_api_failed:ratio5m {none_of('job')}", "{{job}}"),
                    ('1 - max(up{job="dossiers"})', "số liệu cho Prometheus"),
                ),
                "percentunit",
                steps=((None, GOOD), (0.1, BAD)),
            ),
            lines(
                "Lỗi Redis, Kafka của API",
                "Reads that Redis or Kafka did not answer as they should, per second.",
                (
                    (summed("motcua_metrics_api_redis_errors_total"), "số liệu, Redis"),
                    (summed("motcua_metrics_api_kafka_errors_total"), "số liệu, Kafka"),
                    (summed("motcua_processing_api_redis_errors_total"), "hồ sơ, Redis"),
                    (summed("motcua_processing_api_kafka_errors_total"), "hồ sơ, Kafka"),
                ),
                PER_SECOND,
            ),
        ),
        (8, 8, 8, 8, 8, 8),
    )
