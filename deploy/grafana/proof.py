"""Rows of reliability's page about audit: its verdict, and how far behind it is."""

from typing import Final

from deploy.grafana.names import LOOKS, OUTCOMES
from deploy.grafana.pages import Row
from deploy.grafana.panels import ANY_IS_BAD, BAD, FAIR, GOOD, Words, figure, lines, where_any

CLEAN: Final[Words] = {1: ("Khớp", GOOD), 0: ("Có sai khác", BAD)}


def audit() -> Row:
    """What the newest verdict says, and how old it is."""
    return Row(
        "Kiểm chứng",
        (
            figure(
                "Kết luận",
                "Whether the newest look, of however many audits, found every stage equal to the next: AuditMismatch "
                "goes by it.",
                "min(city:motcua_audit_clean:last)",
                words=CLEAN,
            ),
            figure(
                "Tuổi kết luận",
                "Seconds since the newest look that came to a verdict ended, also before a restart.",
                "time() - max(city:motcua_audit_last_look_timestamp_seconds:last)",
                "s",
                steps=((None, GOOD), (600, FAIR), (1800, BAD)),
            ),
            lines(
                "Sai khác theo phép kiểm",
                "Differences in the newest verdict, by check; none is the promise.",
                ((where_any("max by (check) (motcua_audit_differences)", "check"), "{{check}}"),),
                steps=ANY_IS_BAD,
            ),
            lines(
                "Đã kiểm",
                "What the newest verdict has examined, by check; pointed at, a line says which.",
                (("max by (check) (motcua_audit_examined)", "{{check}}"),),
                legend=False,
            ),
            lines(
                "Bản tin theo tình trạng",
                "Reported records by how they stand: applied, parked, duplicate, rejected, annulled, "
                "ticks and controls. Together they are all that was ever stored.",
                (("max by (standing) (motcua_audit_standing_records)", "{{standing}}"),),
                names=OUTCOMES,
                stacked=True,
            ),
        ),
        (4, 4, 5, 5, 6),
    )


def looks() -> Row:
    """How often audit looks, how long a look takes, what it has not seen yet."""
    return Row(
        "Lượt kiểm và độ trễ của kiểm chứng",
        (
            lines(
                "Lượt kiểm theo kết quả",
                "Looks of audit within an hour, by outcome: clean, differences, or could not run.",
                ((where_any("sum by (outcome) (increase(motcua_audit_looks_total[1h]))", "outcome"), "{{outcome}}"),),
                names=LOOKS,
                stacked=True,
            ),
            lines(
                "Thời gian một lượt kiểm",
                "Seconds that the newest finished look took.",
                (("max(motcua_audit_look_seconds)", "giây"),),
                "s",
            ),
            lines(
                "Kiểm chứng trễ",
                "Seconds since the last record that audit has examined was reported; 0 at the end of the log.",
                (("max(motcua_audit_lag_seconds)", "trễ"),),
                "s",
            ),
            lines(
                "Bản tin chưa kiểm",
                "Reported records that audit has not examined yet, and those of which it remembers something.",
                (("max(motcua_audit_lag_records)", "chưa kiểm"), ("max(motcua_audit_remembered_records)", "đã nhớ")),
            ),
        ),
        (6, 6, 6, 6),
        height=7,
    )
