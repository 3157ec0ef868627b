"""Where the rules of the legal clock come from, so that a ledger says of each thing who decided it."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from contracts import instants

# Decree 118/2025/NĐ-CP replaced 61/2018/NĐ-CP (as amended by 107/2021/NĐ-CP) on this day; older facts keep the older one.
ONE_STOP_DECREE_SINCE: Final = instants.day_from_text("2025-07-01")
ONE_STOP_DECREE: Final = "118/2025/NĐ-CP"
FORMER_ONE_STOP_DECREE: Final = "61/2018/NĐ-CP, 107/2021/NĐ-CP"
CIVIL_CODE: Final = "91/2015/QH13"
WITH_ARTICLE: Final = ("Nghị định số {act}, Điều {article}.", "Decree {act}, article {article}.")
WITHOUT_ARTICLE: Final = (
    "Nghị định số {act}; hệ thống chưa ghi điều, khoản cụ thể.", "Decree {act}; which article is not on record here."
)  # fmt: skip
LABOUR_CODE: Final = "45/2019/QH14"
CERTIFICATION_DECREE: Final = "23/2015/NĐ-CP"
# An act that says the same of something else; that it holds here, too, is our reading, and said to be.
LIKEWISE: Final = {
    CIVIL_CODE: (
        "Bộ luật Dân sự số {act}, Điều {article}, quy định chung về thời hạn; áp dụng cho thủ tục hành chính là cách hiểu "
        "của hệ thống này.",
        "Civil Code {act}, article {article}, on time limits in general; that it holds for administrative procedures is how "
        "this system reads it.",
    ),
    LABOUR_CODE: (
        "Bộ luật Lao động số {act}, Điều {article}, quy định giờ làm việc bình thường của một ngày; tính thời hạn theo đó "
        "là cách hiểu của hệ thống này.",
        "Labour Code {act}, article {article}, on the normal hours of a day; that limits are counted by it is how this "
        "system reads it.",
    ),
    CERTIFICATION_DECREE: (
        "Nghị định số {act}, Điều {article}, quy định như vậy cho việc chứng thực tiếp nhận sau 15 giờ; áp dụng từ "
        "đúng 15 giờ và cho thủ tục khác giải quyết trong ngày là cách hiểu của hệ thống này.",
        "Decree {act}, article {article}, says so of certifications received after 15:00; that it holds from 15:00 sharp "
        "and for other same-day procedures is how this system reads it.",
    ),
}  # fmt: skip
WITHOUT_ACT: Final = {
    "inferred": (
        "Theo cách các hệ thống một cửa đang vận hành; chưa biết văn bản nào quy định điều này.",
        "As one-stop systems in use do it; no act is known that says so.",
    ),
    "configured": (
        "Theo dữ liệu tham chiếu của tỉnh, thành phố; dữ liệu đó không ghi văn bản làm căn cứ cho giờ làm việc.",
        "As the province's reference data have it; they name no act for office hours.",
    ),
    "ours": (
        "Theo quy ước của hệ thống này; không viện dẫn văn bản nào.", "A convention of this system; no act is cited for it.",
    ),
}  # fmt: skip
# A limit stands in the catalogue or came with the dossier; it is the ledger that knows which.
LIMIT: Final = {
    "catalogue": (
        "Theo danh mục thủ tục trong dữ liệu tham chiếu của tỉnh, thành phố; không ghi văn bản làm căn cứ cho thời hạn này.",
        "As the catalogue in the province's reference data has it; it names no act for this limit.",
    ),
    "act": ("{act}, theo danh mục thủ tục trong dữ liệu tham chiếu của tỉnh, thành phố.",
            "{act}, as the catalogue in the province's reference data says."),
    "event": (
        "Theo dữ liệu cơ quan gửi kèm hồ sơ; dữ liệu đó không ghi văn bản làm căn cứ.",
        "As the unit sent it with the dossier; its event names no act.",
    ),
}  # fmt: skip
RESTART: Final = (
    "Theo bản tin của cơ quan về việc bổ sung giấy tờ; bản tin không ghi văn bản làm căn cứ.",
    "As the unit's event of the supplement says; it names no act.",
)
CALENDAR: Final = (
    "Bộ luật Lao động số {act}, Điều {article}, về ngày nghỉ lễ, tết; ngày hoán đổi, làm bù và ngày nghỉ khác theo lịch "
    "trong dữ liệu tham chiếu của tỉnh, thành phố; văn bản, nếu có, được ghi trong tên của ngày.",
    "Labour Code {act}, article {article}, on public holidays; exchanges, make-up days and other days off as the calendar "
    "in the province's reference data has them: where an act is named, it stands in the day's own name.",
)


class Source(NamedTuple):
    """`basis`: `law` a published text decides it; `inferred` running systems do it so (an act beside it says the same of
    something else); `configured` the province's reference data or a unit's event has it so; `ours` decided where
    the sources leave room."""

    basis: str
    vi: str
    en: str
    act: str | None = None
    article: str | None = None
    is_one_stop: bool = False


SOURCES: Final[dict[str, Source]] = {
    "acceptance_limit": Source(
        "law", "Hồ sơ phải được tiếp nhận hoặc từ chối trong 8 giờ làm việc kể từ khi nộp.",
        "A dossier is accepted or refused within 8 working hours of its submission.", is_one_stop=True,
    ),
    "clock_starts_when_received": Source(
        "law", "Thời hạn tính từ khi hồ sơ được tiếp nhận, không phải từ khi nộp.",
        "The clock starts when the dossier is received, not when it is submitted.", is_one_stop=True,
    ),
    "apology_letter_once": Source(
        "law", "Cơ quan gửi phiếu xin lỗi và hẹn lại ngày trả kết quả một lần.",
        "An apology letter sets a new appointment, once.", is_one_stop=True,
    ),
    "limit_of_procedure": Source(
        "configured", "Thời hạn của thủ tục, theo danh mục hoặc theo hồ sơ.",
        "The procedure's time limit, from the catalogue or given with the dossier.",
    ),
    "office_hours": Source(
        "configured", "Giờ làm việc của cơ quan có thẩm quyền tại ngày tiếp nhận.",
        "Office hours of the body that was competent on the day of reception.",
    ),
    "office_hours_of_receiver": Source(
        "configured", "Giờ làm việc của nơi tiếp nhận tại ngày nộp.",
        "Office hours of the receiving unit on the day of submission.",
    ),
    "calendar_body": Source(
        "configured", "Ngày nghỉ, ngày nghỉ hoán đổi và ngày làm bù theo lịch đang áp dụng.",
        "Holidays, substitute days off and make-up days of the calendar in force.", LABOUR_CODE, "112",
    ),
    "working_day_of_8_hours": Source(
        "inferred", "Một ngày làm việc là 8 giờ làm việc.", "One working day is 8 working hours.", LABOUR_CODE, "105",
    ),
    "same_day": Source(
        "inferred", "Hồ sơ giải quyết trong ngày mà tiếp nhận từ 15 giờ thì hạn là cuối ngày làm việc tiếp theo.",
        "A same-day procedure received at 15:00 or later is due when the next working day closes.",
        CERTIFICATION_DECREE, "7",
    ),
    "first_day_not_counted": Source(
        "inferred", "Thời hạn tính bằng ngày, tháng bắt đầu từ ngày liền kề ngày tiếp nhận.",
        "Days and months are counted from the day after the reception.", CIVIL_CODE, "147",
    ),
    "month_without_the_day": Source(
        "inferred", "Tháng không có ngày tương ứng thì thời hạn kết thúc vào ngày cuối tháng.",
        "In a month without the day, the limit ends on the month's last day.", CIVIL_CODE, "148",
    ),
    "moved_off_days_off": Source(
        "inferred", "Ngày cuối là ngày nghỉ thì thời hạn kết thúc vào ngày làm việc tiếp theo.",
        "A limit that ends on a day off ends when the next working day closes.", CIVIL_CODE, "148",
    ),
    "pause_moves_due": Source(
        "inferred", "Thời gian chờ bổ sung giấy tờ, chờ thực hiện nghĩa vụ tài chính hoặc tạm dừng không tính vào thời hạn.",
        "Time spent waiting for papers, for payment or suspended is not counted.",
    ),
    "restart_after_supplement": Source(
        "configured", "Sau khi bổ sung giấy tờ, thời hạn được tính lại từ đầu.",
        "After the supplement the limit is counted anew.",
    ),
    "hand_over_keeps_due": Source(
        "ours", "Chuyển cơ quan giải quyết không làm thay đổi hạn trả kết quả.",
        "A hand-over to another competent body does not change the due.",
    ),
    "recall_runs_on": Source(
        "ours", "Thời gian từ khi giải quyết xong đến khi thu hồi vẫn tính vào thời hạn.",
        "The time between a completion and its recall runs on.",
    ),
    "on_time_by_instant": Source(
        "ours", "Đúng hạn là giải quyết xong không muộn hơn thời điểm hẹn.",
        "On time is completed at or before the instant of the due.",
    ),
    "late_told_apart": Source(
        "ours", "Tách bạch hồ sơ trễ do cơ quan, do đường truyền và do nhập muộn.",
        "Late by the unit, late by the link and late entry are told apart.",
    ),
}  # fmt: skip


def cited(
    rules: Iterable[tuple[str, int]], limit_from: str | None, legal_basis: str | None = None
) -> dict[str, dict[str, Any]]:
    """The rules that a ledger names, each with its source; of a rule named for several days, the act of the last of them.
    `legal_basis` is the act that the catalogue names for the procedure's limit."""
    told: dict[str, dict[str, Any]] = {}
    for code, day in sorted(rules):
        source = SOURCES[code]
        act = source.act
        if source.is_one_stop:
            act = ONE_STOP_DECREE if day >= ONE_STOP_DECREE_SINCE else FORMER_ONE_STOP_DECREE
        if code == "limit_of_procedure" and limit_from == "catalogue":
            act = legal_basis
        told[code] = {
            "basis": source.basis, "act": act, "article": source.article, "vi": source.vi, "en": source.en,
            "stands_on": _stands_on(code, source, act, limit_from),
        }  # fmt: skip
    return told


def _stands_on(code: str, source: Source, act: str | None, limit_from: str | None) -> dict[str, str]:
    """In words for a citizen who asks for the act: which it is, or that none is known or cited."""
    if code == "calendar_body":
        vi, en = (text.format(act=act, article=source.article) for text in CALENDAR)
    elif code == "limit_of_procedure" and act is not None:
        vi, en = (text.format(act=act) for text in LIMIT["act"])
    elif code == "limit_of_procedure":
        vi, en = LIMIT["catalogue" if limit_from == "catalogue" else "event"]
    elif code == "restart_after_supplement":
        vi, en = RESTART
    elif act is None:
        vi, en = WITHOUT_ACT[source.basis]
    elif source.basis == "inferred":
        vi, en = (text.format(act=act, article=source.article) for text in LIKEWISE[act])
    elif source.article is not None:
        vi, en = (text.format(act=act, article=source.article) for text in WITH_ARTICLE)
    else:
        vi, en = (text.format(act=act) for text in WITHOUT_ARTICLE)
    return {"vi": vi, "en": en}
