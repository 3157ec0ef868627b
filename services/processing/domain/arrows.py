"""The table of arrows: which fact leads from which state to which (the national portal's ten; docs/EVENTS.md)."""

from typing import Final, Literal

SUBMITTED: Final = 1
RECEIVED: Final = 2
REFUSED: Final = 3
IN_PROCESSING: Final = 4
SUPPLEMENT: Final = 5
PAYMENT: Final = 6
WITHDRAWN: Final = 7
SUSPENDED: Final = 8
COMPLETED: Final = 9
RETURNED: Final = 10
# The portal's 8 has two meanings; the terminal one is a state of its own here and is shown as 8 with its detail.
TERMINAL: Final = 18

UNBORN: Final = 0
BEFORE: Final = -1  # the state in which the pause found it
SAME: Final = -2

ARROWS: dict[str, dict[int, int]] = {
    "submitted": {UNBORN: SUBMITTED},
    "received": {UNBORN: RECEIVED, SUBMITTED: RECEIVED},
    "refused": {SUBMITTED: REFUSED},
    "processing_started": {RECEIVED: IN_PROCESSING},
    "supplement_requested": {SUBMITTED: SUPPLEMENT, RECEIVED: SUPPLEMENT, IN_PROCESSING: SUPPLEMENT},
    "supplement_provided": {SUPPLEMENT: BEFORE},
    "supplement_lapsed": {SUPPLEMENT: REFUSED},
    "payment_requested": {RECEIVED: PAYMENT, IN_PROCESSING: PAYMENT},
    "payment_made": {PAYMENT: BEFORE},
    "suspended": {IN_PROCESSING: SUSPENDED},
    "resumed": {SUSPENDED: BEFORE},
    "halted": dict.fromkeys((RECEIVED, IN_PROCESSING, SUPPLEMENT, PAYMENT, SUSPENDED), TERMINAL),
    "withdrawn": dict.fromkeys((SUBMITTED, RECEIVED, IN_PROCESSING, SUPPLEMENT, PAYMENT), WITHDRAWN),
    "completed": {RECEIVED: COMPLETED, IN_PROCESSING: COMPLETED},
    "returned": {COMPLETED: RETURNED, RECEIVED: RETURNED, IN_PROCESSING: RETURNED},
    "recalled": {COMPLETED: IN_PROCESSING},
    "handed_over": dict.fromkeys((SUBMITTED, RECEIVED, IN_PROCESSING, SUPPLEMENT, PAYMENT, SUSPENDED), SAME),
    "rescheduled": {RECEIVED: SAME, IN_PROCESSING: SAME},
}

RUNNING: Final = frozenset({RECEIVED, IN_PROCESSING})
PAUSED: Final = frozenset({SUPPLEMENT, PAYMENT, SUSPENDED})
FINAL: Final = frozenset({REFUSED, WITHDRAWN, TERMINAL, RETURNED})
# Facts that change who or when, not where a dossier stands: a repeat is judged as if they had not been.
ASIDE: Final = frozenset({"handed_over", "rescheduled"})

NAMES: dict[int, tuple[str, str]] = {
    SUBMITTED: ("Mới đăng ký", "submitted"),
    RECEIVED: ("Được tiếp nhận", "received"),
    REFUSED: ("Không được tiếp nhận", "refused"),
    IN_PROCESSING: ("Đang xử lý", "in processing"),
    SUPPLEMENT: ("Yêu cầu bổ sung giấy tờ", "supplement requested"),
    PAYMENT: ("Yêu cầu thực hiện nghĩa vụ tài chính", "payment requested"),
    WITHDRAWN: ("Công dân yêu cầu rút hồ sơ", "withdrawn"),
    SUSPENDED: ("Tạm dừng xử lý", "suspended"),
    COMPLETED: ("Đã xử lý xong", "completed"),
    RETURNED: ("Đã trả kết quả", "result returned"),
    TERMINAL: ("Dừng xử lý", "halted"),
}


def public(state: int) -> tuple[int, Literal["suspended", "terminal"] | None]:
    """The portal's state code with its detail."""
    if state == SUSPENDED:
        return 8, "suspended"
    if state == TERMINAL:
        return 8, "terminal"
    return state, None
