"""The counter table: every counter declared once, with its name, meaning, Vietnamese label and what adds one to it.

Flows count events on the business day of their `time`, and in total; stocks count dossiers as they stand now. A counter is
attributed to a *body* (role receiver: the dossier's receiver; role competent: the body competent when a flow's event
applied, the present one for a stock) or to the *source* that reported the event, alike in both roles.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

from contracts.lifecycle import Counted, Stand, Step

Kind = Literal["flow", "stock"]
Attributed = Literal["body", "source"]

SUSPENDED: Final = "suspended"
OPEN_STATES: Final = (1, 2, 4, 5, 6)
STATE_OF_HALTED: Final = 8


@dataclass(frozen=True)
class Counter:
    """What every counter says of itself; how it counts is up to its kind."""

    name: str
    label_vi: str
    help: str

    @property
    def kind(self) -> Kind:
        """Whether it counts events or dossiers."""
        return "flow" if isinstance(self, BodyFlow | SourceFlow) else "stock"

    @property
    def attributed(self) -> Attributed:
        """Whether it belongs to a receiving and a competent body, or to the code in `source`."""
        return "body" if isinstance(self, BodyFlow | BodyStock) else "source"


@dataclass(frozen=True)
class BodyFlow(Counter):
    """Counts steps; `contribution` sees the step and its dossier's channel."""

    contribution: Callable[[Step, str | None], bool]


@dataclass(frozen=True)
class SourceFlow(Counter):
    """Counts reported events as they stand."""

    contribution: Callable[[Counted], bool]


@dataclass(frozen=True)
class BodyStock(Counter):
    """Counts dossiers."""

    contribution: Callable[[Stand], bool]


@dataclass(frozen=True)
class SourceStock(Counter):
    """Counts what dossiers hold by source."""

    contribution: Callable[[Stand], Mapping[str, int]]


class RateValue(TypedDict):
    """A rate as it is answered; `percent` is null without a denominator."""

    numerator: int
    denominator: int
    percent: float | None


@dataclass(frozen=True)
class Rate:
    """A share of counters: the sum of `numerator` over the sum of `plus` less that of `minus`."""

    name: str
    label_vi: str
    help: str
    numerator: tuple[str, ...]
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()

    def of(self, counters: Mapping[str, int]) -> RateValue:
        """The rate of these counters, in per cent with two decimals, rounded half up."""
        top = sum(counters.get(name, 0) for name in self.numerator)
        bottom = sum(counters.get(name, 0) for name in self.plus) - sum(counters.get(name, 0) for name in self.minus)
        # In whole hundredths: no binary fraction decides about a half.
        percent = (20_000 * top + bottom) // (2 * bottom) / 100 if bottom > 0 else None
        return {"numerator": top, "denominator": bottom, "percent": percent}


def _fact(*facts: str) -> Callable[[Step, str | None], bool]:
    return lambda step, channel: step.fact in facts


def _received_by(wanted: str) -> Callable[[Step, str | None], bool]:
    return lambda step, channel: step.fact == "received" and channel == wanted


def _timeliness(timeliness: str) -> Callable[[Step, str | None], bool]:
    return lambda step, channel: step.timeliness == timeliness


def _standing(standing: str) -> Callable[[Counted], bool]:
    return lambda counted: counted.standing == standing


def _in_states(*states: int) -> Callable[[Stand], bool]:
    return lambda stand: stand.state in states


def _suspended(stand: Stand) -> bool:
    return stand.state == STATE_OF_HALTED and stand.state_detail == SUSPENDED


def is_open(stand: Stand) -> bool:
    """Whether the dossier is on somebody's desk: 1, 2, 4, 5, 6 or suspended."""
    return stand.state in OPEN_STATES or _suspended(stand)


FLOWS: Final[tuple[BodyFlow | SourceFlow, ...]] = (
    BodyFlow("submitted", "Hồ sơ nộp", "Dossiers submitted.", _fact("submitted")),
    BodyFlow("received", "Hồ sơ tiếp nhận", "Dossiers received, so that their time limit runs.", _fact("received")),
    BodyFlow("received_direct", "Tiếp nhận trực tiếp", "Dossiers received at the counter.", _received_by("direct")),
    BodyFlow("received_online", "Tiếp nhận trực tuyến", "Dossiers received online.", _received_by("online")),
    BodyFlow("received_post", "Tiếp nhận qua bưu chính", "Dossiers received by public post.", _received_by("post")),
    BodyFlow("cases", "Hồ sơ công dân", "Citizens' cases: dossiers born without a parent.",
        lambda step, channel: step.birth == "case"),
    BodyFlow("legs", "Hồ sơ thành phần liên thông", "Legs of joint procedures: dossiers born with a parent.",
        lambda step, channel: step.birth == "leg"),
    BodyFlow("refused", "Không được tiếp nhận", "Dossiers refused, also because a supplement did not come in time.",
        _fact("refused", "supplement_lapsed")),
    BodyFlow("completed", "Đã xử lý xong", "Dossiers completed; a recall takes the completion back.",
        lambda step, channel: step.timeliness is not None),
    BodyFlow("completed_early", "Xử lý xong trước hạn", "Dossiers completed 480 working minutes or more before their due.",
        _timeliness("early")),
    BodyFlow("completed_on_time", "Xử lý xong đúng hạn", "Dossiers completed by their due, but not early.",
        _timeliness("on_time")),
    BodyFlow("completed_late", "Xử lý xong quá hạn", "Dossiers completed after their due.", _timeliness("late")),
    BodyFlow("completed_without_due", "Xử lý xong, không có hạn", "Dossiers completed that have no due; part of no rate.",
        _timeliness("without_due")),
    BodyFlow("returned", "Đã trả kết quả", "Results returned to citizens.", _fact("returned")),
    BodyFlow("withdrawn", "Công dân rút hồ sơ", "Dossiers withdrawn by their citizens.", _fact("withdrawn")),
    BodyFlow("halted", "Dừng xử lý", "Dossiers halted for good.", _fact("halted")),
    BodyFlow("recalled", "Thu hồi để sửa", "Completed dossiers recalled for correction.", _fact("recalled")),
    BodyFlow("handed_over", "Chuyển cơ quan giải quyết",
        "Hand-overs to another competent body, counted for the one that gives up.", _fact("handed_over")),
    BodyFlow("rescheduled", "Xin lỗi và hẹn lại", "Apology letters that set a new appointment.", _fact("rescheduled")),
    BodyFlow("late_by_link", "Đúng hạn, báo trễ do đường truyền",
        "Completions in time, entered in time, that came too late; part of early and on time.",
        lambda step, channel: step.late == "by_link"),
    BodyFlow("late_entry", "Đúng hạn, nhập liệu trễ",
        "Completions in time, entered after the due or without saying when; part of early and on time.",
        lambda step, channel: step.late == "entry"),
    BodyFlow("digitised", "Đã số hóa", "Dossiers received with their components digitised.",
        lambda step, channel: step.digitised),
    BodyFlow("electronic_result", "Kết quả điện tử", "Standing completions with an electronic result.",
        lambda step, channel: step.electronic_result),
    BodyFlow("paid_online", "Thanh toán trực tuyến", "Payments made online.", lambda step, channel: step.paid_online),
    SourceFlow("duplicates", "Bản tin trùng", "Reported events that repeat one that is known.", _standing("duplicate")),
    SourceFlow("rejected", "Bản tin bị loại", "Reported events that could not be applied.", _standing("rejected")),
    SourceFlow("skewed", "Giờ báo lệch trước", "Kept events whose time was more than 5 minutes ahead of their recording.",
        lambda counted: counted.skewed),
    SourceFlow("backdated", "Ghi lùi thời gian", "Kept events entered more than 60 minutes after their time.",
        lambda counted: counted.backdated),
    SourceFlow("annulled", "Bản tin bị hủy", "Reported events taken out by an annulment.", _standing("annulled")),
)  # fmt: skip

STOCKS: Final[tuple[BodyStock | SourceStock, ...]] = (
    BodyStock("open", "Hồ sơ đang mở",
        "Dossiers that wait for somebody: submitted, received, in processing, paused or suspended.", is_open),
    BodyStock("open_in_processing", "Đang xử lý", "Dossiers received or in processing: their clock runs.", _in_states(2, 4)),
    BodyStock("open_waiting_supplement", "Chờ bổ sung giấy tờ", "Dossiers that wait for a supplement from the citizen.",
        _in_states(5)),
    BodyStock("open_waiting_payment", "Chờ nghĩa vụ tài chính", "Dossiers that wait for a payment.", _in_states(6)),
    BodyStock("open_suspended", "Tạm dừng xử lý", "Dossiers whose processing is suspended.", _suspended),
    BodyStock("overdue_open", "Quá hạn chưa xong", "Open dossiers past their due with a running clock.",
        lambda stand: stand.overdue),
    BodyStock("due_in_24h", "Đến hạn trong 24 giờ", "Open dossiers due within 24 hours by the clock.",
        lambda stand: stand.due_in_24h),
    BodyStock("due_in_72h", "Đến hạn trong 72 giờ",
        "Open dossiers due within 72 hours by the clock, those within 24 among them.", lambda stand: stand.due_in_72h),
    BodyStock("acceptance_overdue", "Quá hạn tiếp nhận",
        "Submitted dossiers neither accepted nor refused within 8 working hours.", lambda stand: stand.acceptance_overdue),
    SourceStock("parked_now", "Bản tin đang chờ", "Reported events that wait for a predecessor.",
        lambda stand: stand.parked),
)  # fmt: skip

COUNTERS: Final[tuple[Counter, ...]] = (*FLOWS, *STOCKS)

RATES: Final = (
    Rate(
        "online", "Tỷ lệ trực tuyến", "Dossiers received online among those received.", ("received_online",), ("received",),
    ),
    Rate(
        "on_time", "Tỷ lệ đúng hạn", "Dossiers completed early or on time among those completed that have a due.",
        ("completed_early", "completed_on_time"), ("completed",), ("completed_without_due",),
    ),
)  # fmt: skip
