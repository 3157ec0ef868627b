"""Flow: the way of an event from the edge to the counter, stage by stage: rate, lag in seconds, errors, saturation."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana import health
from deploy.grafana.pages import Row, page
from deploy.grafana.panels import (
    ANY_IS_BAD,
    BAD,
    FAIR,
    GOOD,
    LINES_ARE_READ,
    SPOOLED,
    UNSENT,
    Steps,
    figure,
    lines,
    where_known,
)

LAG: Final[Steps] = ((None, GOOD), (30, FAIR), (120, BAD))
RATE: Final = "[$__rate_interval]"


def dashboard() -> Dashboard:
    """`/d/motcua-flow`."""
    text = "edge → intake → Kafka → processing → metrics: where events are, how late, what goes wrong on the way."
    before = (_now(), health.standing(), _edge(), _aside(), _intake())
    behind = (_processing(), health.letters(), _counting(), _answers(), _machines())
    return page("flow", "Một Cửa · Dòng bản tin", text, (*before, *behind), (), since="now-1h")


def summed(metric: str, by: str = "") -> str:
    """The rate of a counter; 0 where nothing has been counted yet."""
    return f"sum by ({by}) (rate({metric}{RATE}))" if by else f"sum(rate({metric}{RATE})) or vector(0)"


def quantiles(metric: str, where: str = "") -> Sequence[tuple[str, str]]:
    """Half, nine in ten and ninety-nine in a hundred were faster; only what is known of them is drawn."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{where}}}[5m]))"
    return tuple(
        (f"histogram_quantile({share}, {buckets})", name)
        for share, name in (("0.5", "một nửa"), ("0.9", "9 trên 10"), ("0.99", "99 trên 100"))
    )


def _now() -> Row:
    return Row(
        "Hiện nay",
        (
            figure(
                "Nhận",
                "Events stored by intake, per second.",
                'sum(rate(motcua_intake_events_total{outcome="stored"}[$__rate_interval])) '
                f"{where_known('motcua_intake_ready')}",
                "ops",
            ),
            figure(
                "Đếm",
                "Events counted in, per second.",
                f"sum(rate(motcua_lifecycle_by_unit_total[$__rate_interval])) {where_known('motcua_metrics_generation')}",
                "ops",
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
                "Không trả lời", "Processes that Prometheus cannot reach.", "count(up == 0) or vector(0)", steps=ANY_IS_BAD
            ),
        ),
        (4, 4, 4, 4, 4, 4),
        height=5,
    )


def _edge() -> Row:
    return Row(
        "1 · Trung tâm: hộp gửi",
        (
            lines(
                "Chờ trong các hộp gửi",
                "Events in the outboxes of all centres by their newest heartbeats. Beyond 200 of one unit that become more, "
                "somebody is told.",
                (
                    ("sum(motcua_unit_spool_events)", "cả thành phố"),
                    ("max(motcua_unit_spool_events)", "nhiều nhất một đơn vị"),
                ),
                steps=SPOOLED,
            ),
            lines(
                "Cũ nhất chưa gửi",
                "Age of the oldest event in any outbox; 0 while all are empty. Beyond four hours somebody is told.",
                ((f"time() - min(motcua_unit_oldest_unsent_timestamp_seconds) {where_known(LINES_ARE_READ)}", "tuổi"),),
                "s",
                steps=UNSENT,
            ),
            lines(
                "Đường truyền",
                "Units by the state of their line, and units whose figures are provisional or that are silent.",
                (
                    ("count by (state) (motcua_unit_link)", "{{state}}"),
                    ("sum(motcua_unit_provisional)", "tạm tính"),
                    ("sum(motcua_unit_silent)", "im lặng"),
                ),
            ),
            lines(
                "Mức đầy của hộp gửi",
                "The largest share of a limit that a scraped edge has used up: at 1 it refuses events.",
                (
                    ("motcua_edge_outbox_fill_ratio", "{{instance}}"),
                    ("sum(motcua_edge_outbox_alarm)", "đang báo động"),
                ),
                steps=((None, GOOD), (0.8, BAD)),
            ),
        ),
        (6, 6, 6, 6),
    )


def _aside() -> Row:
    return Row(
        "1b · Trung tâm: bị từ chối, giữ lại, đồng hồ, mất liên lạc",
        (
            lines(
                "Bị từ chối, nằm lại ở trung tâm",
                "Events that intake refused and edges keep aside: of all centres by heartbeats, of scraped edges by code.",
                (
                    ("sum(motcua_unit_quarantined_events)", "cả thành phố"),
                    (f"sum by (instance, code) (motcua_edge_quarantined_events) {health.ZERO}", "{{instance}} {{code}}"),
                ),
                steps=ANY_IS_BAD,
            ),
            lines(
                "Không đi được",
                "Of scraped edges: events held back while others pass, sources of whose state intake refuses to hear, and "
                "outboxes that take nothing.",
                (
                    ("motcua_edge_held_events", "giữ lại {{instance}}"),
                    ("motcua_edge_heartbeats_refused", "không nghe {{instance}}"),
                    ("motcua_edge_ready == bool 0", "không nhận {{instance}}"),
                    (f"{summed('motcua_edge_store_errors_total', 'code')} {health.ZERO}", "ổ đĩa {{code}}"),
                ),
                steps=ANY_IS_BAD,
            ),
            lines(
                "Đồng hồ trung tâm, đồng hồ máy chủ",
                "Seconds by which the clock of a scraped edge is off, and by which the processing worker’s was set. Of an "
                "edge that is more than five minutes off somebody is told.",
                (
                    ("motcua_edge_clock_offset_seconds", "{{instance}}"),
                    ("max(motcua_processing_clock_jump_seconds)", "xử lý"),
                ),
                "s",
                steps=((None, BAD), (-300, GOOD), (300, BAD)),
            ),
            lines(
                "Trung tâm mất liên lạc",
                "Share of the units at work that are cut off, and of those that have been at work for twenty minutes: "
                "alerts go by the latter.",
                (
                    ("city:motcua_units_cut_off:ratio", "đang làm việc"),
                    ("city:motcua_settled_units_cut_off:ratio", "đã mở cửa 20 phút"),
                ),
                "percentunit",
                steps=((None, GOOD), (0.5, BAD)),
            ),
        ),
        (6, 6, 6, 6),
    )


def _intake() -> Row:
    return Row(
        "2 · Tiếp nhận bản tin (intake)",
        (
            lines(
                "Tỷ lệ bị từ chối trong một giờ",
                "Events that intake would not take among those handed in within an hour; more than one in twenty wakes "
                "somebody. No figure of the city knows of them.",
                ((f"city:motcua_refused:ratio1h {health.ZERO}", "cả thành phố"),),
                "percentunit",
                steps=((None, GOOD), (0.05, BAD)),
            ),
            lines(
                "Bản tin nhận theo kết quả",
                "Events answered per second, by outcome: stored, or the code of a refusal.",
                ((summed("motcua_intake_events_total", "outcome"), "{{outcome}}"),),
                "ops",
                stacked=True,
            ),
            lines(
                "Thời gian nhận",
                "Seconds from a request’s first byte to its answer.",
                quantiles("motcua_intake_request_seconds", 'route="/v1/events"'),
                "s",
                steps=((None, GOOD), (1, BAD)),
            ),
            lines(
                "Lỗi và hạn mức",
                "Answers of 5xx, those to bodies that came too slowly, errors of Kafka’s client, over quota, per second.",
                (
                    (summed('motcua_intake_requests_total{status=~"5.."}'), "5xx"),
                    (summed("motcua_intake_slow_bodies_total"), "gửi quá chậm"),
                    (summed("motcua_intake_kafka_errors_total"), "Kafka"),
                    (summed("motcua_intake_over_quota_total"), "quá hạn mức"),
                ),
                "ops",
            ),
            lines(
                "Đang chờ Kafka",
                "Requests under way, records whose outcome is not known, and how old the oldest is (seconds).",
                (
                    ("sum(motcua_intake_requests_in_flight)", "yêu cầu"),
                    ("sum(motcua_intake_produce_queue_events)", "bản tin"),
                    ("max(motcua_intake_oldest_unacknowledged_seconds)", "giây, cũ nhất"),
                ),
            ),
        ),
        (4, 5, 5, 5, 5),
    )


def _processing() -> Row:
    return Row(
        "3 · Xử lý (processing)",
        (
            lines(
                "Bản tin xử lý theo kết quả",
                "Records folded per second, by outcome: applied, duplicate, parked, rejected, …",
                ((summed("motcua_processing_records_total", "outcome"), "{{outcome}}"),),
                "ops",
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
                "ops",
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


def _counting() -> Row:
    return Row(
        "4 · Đếm (metrics)",
        (
            lines(
                "Bản ghi đã đếm",
                "Lifecycle records stored per second; redelivered ones are dropped.",
                ((summed("motcua_metrics_records_total", "disposition"), "{{disposition}}"),),
                "ops",
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
                "Per unit of time on arrival, over the city: duplicates, rejected, parked.",
                tuple(
                    (summed(f'motcua_lifecycle_by_fact_total{{outcome="{outcome}"}}'), outcome)
                    for outcome in ("duplicate", "rejected", "parked")
                ),
                "ops",
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
            ),
        ),
        (6, 6, 6, 6),
    )


def _answers() -> Row:
    return Row(
        "5 · Trả lời (API, bảng số liệu)",
        (
            lines(
                "Yêu cầu",
                "Requests of the metrics API per second, by route.",
                ((summed("motcua_metrics_api_requests_total", "route"), "{{route}}"),),
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
            ),
            lines(
                "Hồ sơ và thời hạn",
                "Requests of processing’s API per second, by route.",
                ((summed("motcua_processing_api_requests_total", "route"), "{{route}}"),),
                "reqps",
                stacked=True,
            ),
            lines(
                "Không trả lời được",
                "Share of requests that an API could not answer in five minutes (5xx; its health and scrapes aside), "
                "and 1 while the exact figures, through which all centres are watched, are not answered.",
                (
                    (f"city:motcua_api_failed:ratio5m {health.ZERO}", "{{job}}"),
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
                "ops",
            ),
        ),
        (4, 4, 4, 4, 4, 4),
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
