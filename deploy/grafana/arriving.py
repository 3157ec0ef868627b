"""Rows of the flow's page about the way to the log: outboxes of centres, what they keep aside, the city's door."""

from deploy.grafana import health
from deploy.grafana.names import LINKS, PINK, SEA, STORED
from deploy.grafana.pages import Row
from deploy.grafana.panels import (
    ANY_IS_BAD,
    BAD,
    GOOD,
    LINES_ARE_READ,
    PER_SECOND,
    SPOOLED,
    UNSENT,
    lines,
    none_of,
    where_any,
    where_known,
)
from deploy.grafana.rates import quantiles, summed


def edge() -> Row:
    """What lies in the outboxes, and how the lines stand."""
    return Row(
        "1 · Trung tâm: hộp gửi",
        (
            lines(
                "Chờ trong các hộp gửi",
                "Events in the outboxes of all centres by their newest heartbeats. Beyond 200 of one unit that do not "
                "become fewer, somebody is told.",
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
                names={**LINKS, "tạm tính": ("tạm tính", SEA), "im lặng": ("im lặng", PINK)},
            ),
            lines(
                "Mức đầy của hộp gửi",
                "The largest share of a limit that a scraped edge has used up: at 1 it refuses events.",
                (
                    ("motcua_edge_outbox_fill_ratio", "{{instance}}"),
                    ("sum(motcua_edge_outbox_alarm)", "đang báo động"),
                ),
                "short",
                steps=((None, GOOD), (0.8, BAD)),
                most=1,
            ),
        ),
        (6, 6, 6, 6),
    )


def aside() -> Row:
    """What an edge keeps aside or cannot send, its clock, and how many centres are cut off."""
    return Row(
        "1b · Trung tâm: bị từ chối, giữ lại, đồng hồ, mất liên lạc",
        (
            lines(
                "Bị từ chối, nằm lại ở trung tâm",
                "Events that intake refused and edges keep aside: of all centres by heartbeats, of scraped edges by code.",
                (
                    ("sum(motcua_unit_quarantined_events)", "cả thành phố"),
                    (f"sum by (instance, code) (motcua_edge_quarantined_events) {none_of('code')}", "{{code}} {{instance}}"),
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
                    (f"{summed('motcua_edge_store_errors_total', 'code')} {none_of('code')}", "lỗi ổ đĩa: {{code}}"),
                ),
                steps=ANY_IS_BAD,
            ),
            lines(
                "Đồng hồ trung tâm, máy chủ",
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
        (12, 12, 12, 12),
        height=6,
    )


def intake() -> Row:
    """What intake answers, how fast, and what it waits for."""
    return Row(
        "2 · Tiếp nhận bản tin (intake)",
        (
            lines(
                "Bị từ chối trong một giờ",
                "Events that intake would not take among those handed in within an hour; no figure of the city knows of "
                "them. More than one in twenty is a ticket; it wakes somebody where events come to lie aside at three "
                "centres, or a city at work has more refused than taken.",
                ((f"max(city:motcua_refused:ratio1h) {health.ZERO}", "cả thành phố"),),
                "percentunit",
                steps=((None, GOOD), (0.05, BAD)),
            ),
            lines(
                "Bản tin nhận theo kết quả",
                "Events answered per second, by outcome: stored, or the code of a refusal.",
                ((where_any(summed("motcua_intake_events_total", "outcome"), "outcome"), "{{outcome}}"),),
                PER_SECOND,
                names=STORED,
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
                PER_SECOND,
            ),
            lines(
                "Đang chờ Kafka",
                "Requests under way, records whose outcome is not known, and how old the oldest is (seconds).",
                (
                    ("sum(motcua_intake_requests_in_flight)", "yêu cầu"),
                    ("sum(motcua_intake_produce_queue_events)", "bản tin"),
                    ("max(motcua_intake_oldest_unacknowledged_seconds)", "giây, cũ nhất"),
                ),
                "short",
            ),
        ),
        (6, 9, 9, 12, 12),
    )
