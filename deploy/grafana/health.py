"""Rows of the flow's page about what alerts wake for: who can do its job, who owns what, which keys, dead letters."""

from typing import Final

from deploy.grafana.pages import Row
from deploy.grafana.panels import ANY_IS_BAD, BAD, GOOD, RECEIVER, lines, ranking, where_any

# No series is no trouble, and a panel that says nothing is not believed.
ZERO: Final = "or on () vector(0)"
READY: Final = (
    "motcua_intake_ready or motcua_processing_ready or motcua_metrics_worker_ready "
    "or motcua_processing_api_ready or motcua_metrics_api_ready"
)
KEYS_BROKEN: Final = (
    "motcua_intake_keys_file_broken or motcua_edge_keys_file_broken or motcua_processing_api_keys_file_broken"
)


def standing() -> Row:
    """Whether each process can do its job, whom it cannot reach, and which partitions it owns."""
    return Row(
        "Sẵn sàng, phụ trách, khóa",
        (
            lines(
                "Không sẵn sàng",
                "1 for each process that cannot do its job, whose /readyz has the reasons, or that does not answer.",
                ((where_any(f"1 - ({READY} or up)", "job"), "{{job}} {{instance}}"),),
                steps=ANY_IS_BAD,
                stacked=True,
            ),
            lines(
                "Máy chủ không trả lời",
                "1 while processing or intake is not answered by Kafka or Redis, or the board does not read heartbeats.",
                (
                    ("max by (server) (motcua_processing_unreachable)", "xử lý → {{server}}"),
                    ("max(motcua_intake_kafka_unreachable)", "intake → kafka"),
                    ("1 - min(motcua_metrics_api_heartbeats_read)", "bảng số liệu → báo cáo trung tâm"),
                ),
                steps=ANY_IS_BAD,
            ),
            lines(
                "Phân vùng phụ trách",
                "Partitions that each worker owns; those of a job make twelve together.",
                (("motcua_processing_owned_partitions or motcua_metrics_partitions", "{{job}} {{instance}}"),),
                stacked=True,
            ),
            lines(
                "Dựng lại, lỗi phần mềm",
                "1 while figures are being rebuilt, and failures of the fold within an hour.",
                (
                    ("max(motcua_metrics_rebuilding)", "đang dựng lại"),
                    (f"max(motcua_processing_internal_errors_recent) {ZERO}", "lỗi, một phân vùng"),
                ),
                steps=ANY_IS_BAD,
            ),
            lines(
                "Tệp khóa hỏng",
                "1 while a process of a service cannot read its keys file and former keys, revoked ones too, stay in force.",
                ((f"max by (job) ({KEYS_BROKEN})", "{{job}}"),),
                steps=ANY_IS_BAD,
            ),
        ),
        (8, 8, 8, 12, 12),
        height=7,
    )


def letters() -> Row:
    """Dead letters by code and by unit: one code everywhere, or one unit."""
    rejected = "(unit:motcua_rejected:increase1h or unit:motcua_events:rate5m * 0)"
    return Row(
        "3b · Bản tin bị loại",
        (
            lines(
                "Tỷ lệ bị loại trong một giờ",
                "Dead letters of an hour's events, and those that wait, also without the worst unit: more than one in 20, "
                "or one in 5, without that unit, wakes somebody.",
                (
                    (f"max(city:motcua_rejected:ratio1h) {ZERO}", "bị loại"),
                    (f"max(city:motcua_parked:ratio1h) {ZERO}", "nằm chờ"),
                    (f"max(city:motcua_rejected_elsewhere:ratio1h) {ZERO}", "bị loại, trừ nơi nhiều nhất"),
                    (f"max(city:motcua_parked_elsewhere:ratio1h) {ZERO}", "nằm chờ, trừ nơi nhiều nhất"),
                ),
                "percentunit",
                steps=((None, GOOD), (0.05, BAD), (0.2, BAD)),
            ),
            lines(
                "Bị loại theo mã",
                "Dead letters within an hour, by the code that says why.",
                ((where_any("sum by (code) (increase(motcua_processing_rejected_total[1h]))", "code"), "{{code}}"),),
                stacked=True,
            ),
            ranking(
                "Bị loại theo đơn vị",
                "The ten units with most dead letters within an hour.",
                f"topk(10, {rejected} * on (unit) group_left (name) motcua_unit_info)",
                steps=ANY_IS_BAD,
                role=RECEIVER,
            ),
        ),
        (8, 8, 8),
        height=9,
    )
