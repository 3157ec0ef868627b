"""The ledger's sentences promise a clerk plain words to read out: when, by when, why then, what now, and nobody's name."""

import re
from typing import Any

import pytest

from services.processing.domain.dossier import Dossier
from services.processing.domain.ledger import deadline_view
from tests.unit.fold_world import Desk, event
from tests.unit.ledger_world import BIRTH, REASON, told
from tests.unit.legal_clock_world import RULES
from tests.unit.oracle_minutes import local

SENTENCES: list[tuple[str | None, list[tuple[str, str, dict[str, Any]]], str, str, str]] = [
    (
        "8 working_hours", [("submitted", "2025-07-07 16:00", {})], "2025-07-07 17:00",
        "Hồ sơ được nộp lúc 16:00 ngày 07/07/2025, cơ quan tiếp nhận hoặc từ chối chậm nhất lúc 16:00 ngày 08/07/2025.",
        "The dossier was submitted at 16:00 on 07/07/2025 and is to be accepted or refused by 16:00 on 08/07/2025.",
    ),
    (
        "1 working_days", [("received", "2025-07-07 16:30", {})], "2025-07-08 08:00",
        "Hồ sơ được tiếp nhận lúc 16:30 ngày 07/07/2025, thời hạn 1 ngày làm việc, hạn trả kết quả là 16:30 ngày "
        "08/07/2025.",
        "The dossier was received at 16:30 on 07/07/2025, the limit is 1 working day, the result is due by 16:30 on "
        "08/07/2025.",
    ),
    (
        "3 working_hours", [("received", "2025-08-29 15:30", {})], "2025-08-29 16:00",
        "Hồ sơ được tiếp nhận lúc 15:30 ngày 29/08/2025, thời hạn 3 giờ làm việc, hạn trả kết quả là 08:30 ngày 03/09/2025. "
        "Không tính ngày nghỉ: Quốc khánh (01/09/2025, 02/09/2025).",
        "The dossier was received at 15:30 on 29/08/2025, the limit is 3 working hours, the result is due by 08:30 on "
        "03/09/2025. Not counted, being holidays: Quốc khánh (01/09/2025, 02/09/2025).",
    ),
    (
        "12 calendar_days", [("received", "2025-08-21 08:00", {})], "2025-08-21 16:00",
        "Hồ sơ được tiếp nhận lúc 08:00 ngày 21/08/2025, thời hạn 12 ngày, hạn trả kết quả là 17:00 ngày 03/09/2025. "
        "Ngày 02/09/2025 là ngày nghỉ (Quốc khánh) nên hạn chuyển sang ngày làm việc tiếp theo, 03/09/2025.",
        "The dossier was received at 08:00 on 21/08/2025, the limit is 12 calendar days, the result is due by 17:00 on "
        "03/09/2025. The day 02/09/2025 is off (Quốc khánh), so the due moves to the next working day, 03/09/2025.",
    ),
    (
        "1 working_days",
        [
            ("received", "2025-07-07 08:00", {}),
            ("supplement_requested", "2025-07-07 10:00", REASON),
            ("supplement_provided", "2025-07-07 15:00", {}),
        ],
        "2025-07-09 09:00",
        "Hồ sơ được tiếp nhận lúc 08:00 ngày 07/07/2025, thời hạn 1 ngày làm việc, hạn trả kết quả là 11:00 ngày "
        "08/07/2025. "
        "Thời hạn tạm dừng từ 10:00 ngày 07/07/2025 đến 15:00 ngày 07/07/2025 (chờ bổ sung giấy tờ), cộng thêm 3 giờ làm "
        "việc. "
        "Tính đến 09:00 ngày 09/07/2025, hồ sơ đã quá hạn trả kết quả 6 giờ làm việc. "
        "Cơ quan thành thật xin lỗi ông/bà về sự chậm trễ này.",
        "The dossier was received at 08:00 on 07/07/2025, the limit is 1 working day, the result is due by 11:00 on "
        "08/07/2025. "
        "The clock was paused from 10:00 on 07/07/2025 to 15:00 on 07/07/2025 while papers were awaited, which adds 3 "
        "hours of "
        "working time. As of 09:00 on 09/07/2025, it is overdue by 6 hours of working time. We apologise for the delay.",
    ),
    (
        "2 working_days", [("received", "2025-07-07 08:00", {}), ("payment_requested", "2025-07-07 10:00", {})],
        "2025-07-20 09:00",
        "Hồ sơ được tiếp nhận lúc 08:00 ngày 07/07/2025, thời hạn 2 ngày làm việc, hạn trả kết quả là 08:00 ngày "
        "09/07/2025. "
        "Thời hạn đang tạm dừng từ 10:00 ngày 07/07/2025 (chờ thực hiện nghĩa vụ tài chính), hạn sẽ được tính thêm khi "
        "hồ sơ "
        "tiếp tục.",
        "The dossier was received at 08:00 on 07/07/2025, the limit is 2 working days, the result is due by 08:00 on "
        "09/07/2025. "
        "The clock has been paused since 10:00 on 07/07/2025 while a payment is awaited; the due will move when the dossier "
        "goes on.",
    ),
    (
        "2 working_days",
        [
            ("received", "2025-07-07 17:30", {}),
            ("rescheduled", "2025-07-08 10:00", {"due": "2025-07-11T16:30:00+07:00"}),
            ("completed", "2025-07-11 16:30", {}),
            ("returned", "2025-07-14 08:00", {}),
        ],
        "2025-07-20 09:00",
        "Hồ sơ được tiếp nhận lúc 17:30 ngày 07/07/2025, thời hạn 2 ngày làm việc, hạn trả kết quả là 16:30 ngày "
        "11/07/2025. "
        "Thời hạn bắt đầu tính từ 07:00 ngày 08/07/2025 vì khi đó cơ quan mới mở cửa. "
        "Cơ quan đã gửi phiếu xin lỗi và hẹn lại ngày trả kết quả; hạn khi chưa hẹn lại là 17:00 ngày 09/07/2025. "
        "Hồ sơ đã giải quyết xong lúc 16:30 ngày 11/07/2025, đúng hạn. Kết quả đã trả lúc 08:00 ngày 14/07/2025.",
        "The dossier was received at 17:30 on 07/07/2025, the limit is 2 working days, the result is due by 16:30 on "
        "11/07/2025. "
        "The clock starts at 07:00 on 08/07/2025, when the office opens next. "
        "An apology letter set this new appointment; without it the due was 17:00 on 09/07/2025. "
        "The dossier was completed at 16:30 on 11/07/2025, on time. The result was returned at 08:00 on 14/07/2025.",
    ),
    (
        "0 working_days", [("received", "2025-07-07 08:00", {}), ("completed", "2025-07-07 18:15", {})], "2025-07-08 08:00",
        "Hồ sơ được tiếp nhận lúc 08:00 ngày 07/07/2025, thời hạn trong ngày, hạn trả kết quả là 17:00 ngày 07/07/2025. "
        "Hồ sơ đã giải quyết xong lúc 18:15 ngày 07/07/2025, trễ hạn 1 giờ 15 phút ngoài giờ làm việc. "
        "Cơ quan thành thật xin lỗi ông/bà về sự chậm trễ này.",
        "The dossier was received at 08:00 on 07/07/2025, the limit is the same day, the result is due by 17:00 on "
        "07/07/2025. "
        "The dossier was completed at 18:15 on 07/07/2025, late by 1 hour 15 minutes outside office hours. "
        "We apologise for the delay.",
    ),
    (
        "5 working_days", [("received", "2025-07-07 07:00", {}), ("completed", "2025-07-09 08:00", {})], "2025-07-10 08:00",
        "Hồ sơ được tiếp nhận lúc 07:00 ngày 07/07/2025, thời hạn 5 ngày làm việc, hạn trả kết quả là 17:00 ngày "
        "11/07/2025. "
        "Hồ sơ đã giải quyết xong lúc 08:00 ngày 09/07/2025, trước hạn 2 ngày 7 giờ làm việc.",
        "The dossier was received at 07:00 on 07/07/2025, the limit is 5 working days, the result is due by 17:00 on "
        "11/07/2025. "
        "The dossier was completed at 08:00 on 09/07/2025, 2 working days 7 hours before the due.",
    ),
    (
        "5 working_days", [("submitted", "2025-07-07 07:00", {}), ("refused", "2025-07-07 08:00", {"reason": "wrong_form"})],
        "2025-07-10 08:00",
        "Hồ sơ được nộp lúc 07:00 ngày 07/07/2025. Cơ quan đã từ chối tiếp nhận hồ sơ lúc 08:00 ngày 07/07/2025.",
        "The dossier was submitted at 07:00 on 07/07/2025. The dossier was refused at 08:00 on 07/07/2025.",
    ),
    (
        "5 working_days",
        [("received", "2025-07-07 07:00", {}), ("supplement_requested", "2025-07-07 09:00", REASON),
         ("supplement_lapsed", "2025-08-07 09:00", {})],
        "2025-08-10 08:00",
        "Hồ sơ được tiếp nhận lúc 07:00 ngày 07/07/2025, thời hạn 5 ngày làm việc, hạn trả kết quả là 17:00 ngày "
        "11/07/2025. Thời hạn đã tạm dừng từ 09:00 ngày 07/07/2025 (chờ bổ sung giấy tờ). "
        "Hồ sơ kết thúc lúc 09:00 ngày 07/08/2025 vì quá thời gian bổ sung giấy tờ.",
        "The dossier was received at 07:00 on 07/07/2025, the limit is 5 working days, the result is due by 17:00 on "
        "11/07/2025. The clock had been paused since 09:00 on 07/07/2025 while papers were awaited. "
        "The dossier was closed at 09:00 on 07/08/2025, as the time to send more papers had passed.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "events", "now", "vi", "en"), SENTENCES)
def test_a_clerk_can_read_it_out(
    limit: str | None, events: list[tuple[str, str, dict[str, Any]]], now: str, vi: str, en: str
) -> None:
    assert told(limit, *events, now=now)["sentence"] == {"vi": vi, "en": en}


def test_a_holiday_within_a_pause_moved_nothing_and_is_not_named() -> None:
    view = told(
        "1 working_days",
        ("received", "2025-08-29 08:00", {}),
        ("supplement_requested", "2025-08-29 09:00", REASON),
        ("supplement_provided", "2025-09-03 09:00", {}),
        now="2025-09-03 10:00",
    )
    assert view["due_current"] == "2025-09-04T08:00:00+07:00"
    assert "Quốc khánh" not in view["sentence"]["vi"]


def test_a_holiday_after_a_pause_is_named() -> None:
    view = told(
        "2 working_days",
        ("received", "2025-08-28 08:00", {}),
        ("payment_requested", "2025-08-28 09:00", {}),
        ("payment_made", "2025-08-28 10:00", {}),
        now="2025-08-29 10:00",
    )
    assert view["due_current"] == "2025-09-03T09:00:00+07:00"
    assert "Quốc khánh (01/09/2025, 02/09/2025)" in view["sentence"]["vi"]


def test_many_pauses_are_named_three_at_most_and_all_added() -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [("received", "2025-07-07 07:00", {})]
    for day in range(8, 12):
        events += [("payment_requested", f"2025-07-{day:02} 08:00", {}), ("payment_made", f"2025-07-{day:02} 09:00", {})]
        events += [("supplement_requested", f"2025-07-{day:02} 10:00", REASON)]
        events += [("supplement_provided", f"2025-07-{day:02} 10:30", {})]
    vi = told("10 working_days", *events, now="2025-07-12 08:00")["sentence"]["vi"]
    assert vi.count("Thời hạn tạm dừng từ") == 3
    assert "Thời hạn còn tạm dừng 5 lần khác, cộng thêm 3 giờ 30 phút làm việc." in vi


@pytest.mark.parametrize(
    ("begins", "vi", "en"),
    [
        (
            ("07 16:00", "08 09:00", "08 09:30", "08 10:00", "08 10:30"),
            "Thời hạn còn tạm dừng 2 lần khác, khi hạn lúc đó đã qua, cộng thêm 20 phút làm việc.",
            "The clock was paused 2 more times, when the due of that time had passed, which adds 20 minutes of working "
            "time.",
        ),
        (
            ("07 13:30", "07 14:00", "07 14:30", "07 15:00", "08 09:00"),
            "Thời hạn còn tạm dừng 2 lần khác, trong đó 1 lần khi hạn lúc đó đã qua, cộng thêm 20 phút làm việc.",
            "The clock was paused 2 more times, 1 of them when the due of that time had passed, which adds 20 minutes of "
            "working time.",
        ),
        (
            ("07 13:30", "07 14:00", "07 14:30", "07 15:00", "07 15:30"),
            "Thời hạn còn tạm dừng 2 lần khác, cộng thêm 20 phút làm việc.",
            "The clock was paused 2 more times, which adds 20 minutes of working time.",
        ),
    ],
)  # fmt: skip
def test_pauses_that_are_not_named_say_how_many_began_after_the_due(begins: tuple[str, ...], vi: str, en: str) -> None:
    """Of a day that ends at 17:00 on the 7th; each pause is of ten minutes."""
    events: list[tuple[str, str, dict[str, Any]]] = [("received", "2025-07-07 08:00", {})]
    for begin in begins:
        hour_and_ten = f"{begin[:-2]}{int(begin[-2:]) + 10}"
        events += [("payment_requested", f"2025-07-{begin}", {}), ("payment_made", f"2025-07-{hour_and_ten}", {})]
    said = told("0 working_days", *events, now="2025-07-08 11:00")["sentence"]
    assert vi in said["vi"]
    assert en in said["en"]


@pytest.mark.parametrize(
    ("paused", "resumed", "vi", "en"),
    [
        (
            "2025-07-08 09:00", "2025-07-08 10:00",
            "Thời hạn tạm dừng từ 09:00 ngày 08/07/2025 đến 10:00 ngày 08/07/2025 (chờ thực hiện nghĩa vụ tài chính), khi "
            "hạn lúc đó đã qua, cộng thêm 1 giờ làm việc.",
            "The clock was paused from 09:00 on 08/07/2025 to 10:00 on 08/07/2025 while a payment was awaited, when the due "
            "of that time had passed, which adds 1 hour of working time.",
        ),
        (
            "2025-07-07 16:00", "2025-07-07 16:30",
            "(chờ thực hiện nghĩa vụ tài chính), cộng thêm 30 phút làm việc.",
            "while a payment was awaited, which adds 30 minutes of working time.",
        ),
    ],
)  # fmt: skip
def test_a_pause_after_the_due_says_that_it_had_passed(paused: str, resumed: str, vi: str, en: str) -> None:
    """The due above has moved to before that pause: 08:00 on the 8th, of a day that ended at 17:00 on the 7th."""
    events: list[tuple[str, str, dict[str, Any]]] = [("payment_requested", paused, {}), ("payment_made", resumed, {})]
    said = told("0 working_days", ("received", "2025-07-07 08:00", {}), *events, now="2025-07-08 11:00")["sentence"]
    assert vi in said["vi"]
    assert en in said["en"]


def test_a_pause_after_the_time_of_acceptance_says_that_it_had_passed() -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [("submitted", "2025-07-07 08:00", {})]
    for day in ("08", "09"):
        events += [
            ("supplement_requested", f"2025-07-{day} 07:30", REASON),
            ("supplement_provided", f"2025-07-{day} 08:30", {}),
        ]
    en = told("5 working_days", *events, now="2025-07-09 09:00")["sentence"]["en"]
    assert "to 08:30 on 08/07/2025 while papers were awaited, which adds 1 hour" in en
    assert "while papers were awaited, when the due of that time had passed" not in en.split("09/07/2025", 1)[0]
    assert "to 08:30 on 09/07/2025 while papers were awaited, which adds" not in en
    assert "to 08:30 on 09/07/2025 while papers were awaited, when the due of that time had passed, which adds 1 hour" in en


@pytest.mark.parametrize(
    ("limit", "pauses", "vi", "en"),
    [
        ("5 calendar_days", [("09:00", "10:00"), ("14:00", "15:00")],
         "2 lần tạm dừng trong cùng một ngày không làm thay đổi hạn, vì thời hạn này tính theo ngày.",
         "2 pauses within a single day moved nothing, as this limit is counted by dates."),
        ("2 working_days", [("12:00", "13:00")],
         "1 lần tạm dừng ngoài giờ làm việc không làm thay đổi hạn.", "1 pause outside office hours moved nothing."),
        ("2 working_days", [("09:00", "10:00")], None, None),
        ("2 working_days", [("09:00", "09:00")], None, None),
    ],
)  # fmt: skip
def test_a_pause_that_moved_nothing_is_not_passed_over(
    limit: str, pauses: list[tuple[str, str]], vi: str | None, en: str | None
) -> None:
    """Who was asked for papers, and finds no pause in what is read out, would ask."""
    events: list[tuple[str, str, dict[str, Any]]] = [("received", "2025-07-07 08:00", {})]
    for begin, end in pauses:
        events += [("payment_requested", f"2025-07-07 {begin}", {}), ("payment_made", f"2025-07-07 {end}", {})]
    said = told(limit, *events, now="2025-07-08 11:00")["sentence"]
    assert ("moved nothing" in said["en"]) == (en is not None)
    assert ("không làm thay đổi hạn" in said["vi"]) == (vi is not None)
    assert (vi or "") in said["vi"]
    assert (en or "") in said["en"]


def test_a_day_off_without_a_name_is_called_by_its_weekday() -> None:
    said = told("6 calendar_days", ("received", "2025-07-07 08:00", {}), now="2025-07-08 11:00")["sentence"]
    assert "Ngày 13/07/2025 là ngày nghỉ (Chủ Nhật) nên hạn chuyển sang" in said["vi"]
    assert "The day 13/07/2025 is off (Sunday), so the due moves" in said["en"]


def test_no_code_of_a_dossier_a_body_or_a_reason_stands_in_a_sentence() -> None:
    view = told("1 working_days", ("received", "2025-07-07 08:00", {}), ("supplement_requested", "2025-07-07 09:00", REASON),
                now="2025-07-08 08:00")  # fmt: skip
    for text in view["sentence"].values():
        assert not re.search(r"\bX\b|default|incomplete|_", text)


def test_a_pause_without_a_limit_promises_no_due() -> None:
    view = told(None, ("received", "2025-07-07 08:00", {}), ("supplement_requested", "2025-07-07 10:00", REASON),
                now="2025-07-08 08:00")  # fmt: skip
    assert view["sentence"]["vi"].endswith("Hồ sơ đang tạm dừng từ 10:00 ngày 07/07/2025 (chờ bổ sung giấy tờ).")
    assert view["sentence"]["en"].endswith("It has been paused since 10:00 on 07/07/2025 while papers are awaited.")


def test_a_letter_whose_day_a_pause_has_moved_is_told_with_its_own_day() -> None:
    view = told(
        "2 working_days",
        ("received", "2025-07-07 08:00", {}),
        ("rescheduled", "2025-07-08 10:00", {"due": "2025-07-11T16:30:00+07:00"}),
        ("supplement_requested", "2025-07-10 10:00", REASON),
        ("supplement_provided", "2025-07-10 14:00", {}),
        now="2025-07-11 08:00",
    )
    assert view["due_current"] == "2025-07-14T08:30:00+07:00"
    assert (
        "An apology letter set a new appointment, 16:30 on 11/07/2025; without it the due was 10:00 on 09/07/2025."
        in view["sentence"]["en"]
    )
    assert (
        "Cơ quan đã gửi phiếu xin lỗi và hẹn lại ngày trả kết quả, hẹn đến 16:30 ngày 11/07/2025; "
        "hạn khi chưa hẹn lại là 10:00 ngày 09/07/2025." in view["sentence"]["vi"]
    )


@pytest.mark.parametrize(("received", "is_said"), [("14:59", False), ("15:00", True), ("18:00", False)])
def test_a_same_day_that_is_the_next_says_from_which_hour_on(received: str, is_said: bool) -> None:
    """What is received after hours has its day on the next of itself."""
    said = told("0 working_days", ("received", f"2025-07-07 {received}", {}), now="2025-07-07 19:00")["sentence"]
    assert ("What is received at 15:00 or later is due by the next working day's closing." in said["en"]) == is_said
    assert ("từ 15 giờ trở đi có hạn là cuối giờ làm việc của ngày làm việc tiếp theo." in said["vi"]) == is_said


def test_an_acceptance_that_a_pause_moved_says_by_how_much() -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("submitted", "2025-07-07 08:00", {}),
        ("supplement_requested", "2025-07-07 10:00", REASON),
        ("supplement_provided", "2025-07-07 15:00", {}),
    ]
    assert told("5 calendar_days", *events, now="2025-07-07 16:00")["sentence"] == {
        "vi": "Hồ sơ được nộp lúc 08:00 ngày 07/07/2025, cơ quan tiếp nhận hoặc từ chối chậm nhất lúc 11:00 ngày "
        "08/07/2025. Thời hạn tạm dừng từ 10:00 ngày 07/07/2025 đến 15:00 ngày 07/07/2025 (chờ bổ sung giấy tờ), cộng thêm "
        "3 giờ làm việc.",
        "en": "The dossier was submitted at 08:00 on 07/07/2025 and is to be accepted or refused by 11:00 on 08/07/2025. "
        "The clock was paused from 10:00 on 07/07/2025 to 15:00 on 07/07/2025 while papers were awaited, which adds 3 hours "
        "of working time.",
    }


@pytest.mark.parametrize(
    ("received", "paused", "resumed", "named"),
    [
        ("2025-08-29 08:00", "2025-08-29 17:30", "2025-09-02 20:00", None),  # until after what would have been closing
        ("2025-08-29 08:00", "2025-08-29 17:30", "2025-09-02 15:00", "02/09/2025"),  # an afternoon of it was left
        ("2025-09-02 18:00", None, None, None),  # the office would have closed before
        ("2025-09-02 16:00", None, None, "02/09/2025"),
    ],
)
def test_a_holiday_is_named_if_an_hour_of_it_was_missed(
    received: str, paused: str | None, resumed: str | None, named: str | None
) -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [("received", received, {})]
    if paused is not None and resumed is not None:
        events += [("supplement_requested", paused, REASON), ("supplement_provided", resumed, {})]
    said = told("1 working_days", *events, now="2025-09-03 10:00")["sentence"]["vi"]
    assert (f"Quốc khánh ({named})" in said) if named else ("Quốc khánh" not in said), said


@pytest.mark.parametrize(("amount", "is_said"), [("3600 working_days", False), ("200 months", True), ("3650 months", True)])
def test_a_due_in_a_year_without_holidays_yet_says_so(amount: str, is_said: bool) -> None:
    said = told(amount, ("received", "2025-07-07 10:00", {}), now="2025-07-08 08:00")["sentence"]
    assert ("The calendar names days off up to the end of 2040 only." in said["en"]) == is_said
    assert ("Lịch hiện mới ghi ngày nghỉ đến hết năm 2040." in said["vi"]) == is_said
    beyond = amount == "3650 months"
    assert ("Dues are worked out up to the end of 2050 only; the true one may be later." in said["en"]) == beyond
    assert ("Hệ thống chỉ tính được hạn đến hết năm 2050; hạn thực tế có thể muộn hơn." in said["vi"]) == beyond


@pytest.mark.parametrize(
    ("limit", "received", "opens"),
    [
        ("5 calendar_days", "2025-07-07 19:00", "Ngày tiếp nhận được tính là 08/07/2025 vì khi đó cơ quan mới mở cửa."),
        ("1 months", "2025-07-05 09:00", "Ngày tiếp nhận được tính là 07/07/2025 vì khi đó cơ quan mới mở cửa."),
        ("5 calendar_days", "2025-07-07 12:00", None),
        (
            "1 working_days",
            "2025-07-07 12:00",
            "Thời hạn bắt đầu tính từ 13:30 ngày 07/07/2025 vì khi đó cơ quan mới mở cửa.",
        ),
    ],
)
def test_a_limit_by_dates_waits_for_another_day_alone(limit: str, received: str, opens: str | None) -> None:
    """Its first day is not counted: that its clock starts then would have whoever counts end a day too early."""
    said = told(limit, ("received", received, {}), now="2025-07-07 20:00")["sentence"]["vi"]
    assert (opens in said) if opens else ("mở cửa" not in said), said


def test_a_same_day_that_was_counted_anew_speaks_of_the_supplement() -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 10:00", {}),
        ("supplement_requested", "2025-07-07 10:10", REASON),
        ("supplement_provided", "2025-07-14 15:30", {"restart": True}),
    ]
    said = told("0 working_days", *events, now="2025-07-14 16:00")["sentence"]
    assert "Hồ sơ giải quyết trong ngày mà bổ sung giấy tờ từ 15 giờ trở đi có hạn là cuối giờ làm việc" in said["vi"]
    assert "What is supplemented at 15:00 or later is due by" in said["en"]


@pytest.mark.parametrize(
    ("limit", "letter", "begun", "vi", "en"),
    [
        ("2 working_days", None, "2025-07-10 11:00", "quá hạn trả kết quả 1 ngày 1 giờ làm việc", "1 working day 1 hour"),
        ("2 calendar_days", None, "2025-07-11 11:00", "quá hạn trả kết quả 2 ngày", "2 days"),
        ("2 working_days", None, "2025-07-09 10:00", None, None),
        ("2 working_days", "2025-07-18T10:00:00+07:00", "2025-07-11 10:00", None, None),
        (None, None, "2025-07-10 11:00", None, None),
    ],
)
def test_a_pause_hides_no_delay_from_before_it(
    limit: str | None, letter: str | None, begun: str, vi: str | None, en: str | None
) -> None:
    """Nor makes one up of a due that an apology letter had moved."""
    events: list[tuple[str, str, dict[str, Any]]] = [("received", "2025-07-07 10:00", {}), ("payment_requested", begun, {})]
    if letter is not None:
        events.insert(1, ("rescheduled", "2025-07-08 10:00", {"due": letter}))
    said = told(limit, *events, now="2025-07-20 08:00")["sentence"]
    assert ("Khi tạm dừng" in said["vi"], "We apologise" in said["en"]) == (vi is not None, vi is not None)
    if vi is not None:
        assert f"Khi tạm dừng, hồ sơ đã {vi}. Cơ quan thành thật xin lỗi" in said["vi"]
        assert f"When it was paused, it was already overdue by {en}. We apologise" in said["en"]


def test_a_pause_hides_no_delay_of_the_acceptance() -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("submitted", "2025-07-07 09:00", {}),
        ("supplement_requested", "2025-07-10 11:00", REASON),
    ]
    said = told(None, *events, now="2025-07-12 08:00")["sentence"]
    assert "Khi tạm dừng, hồ sơ đã quá hạn tiếp nhận 2 ngày 2 giờ làm việc." in said["vi"]
    assert "When it was paused, the acceptance was already overdue by 2 working days 2 hours." in said["en"]


@pytest.mark.parametrize(("fact", "data"), [("withdrawn", {}), ("halted", REASON), ("supplement_lapsed", {})])
def test_an_end_within_a_pause_does_not_look_late(fact: str, data: dict[str, Any]) -> None:
    """The due passes while the clock stands: without the pause it would be the office that had missed it."""
    paused: list[tuple[str, str, dict[str, Any]]] = [("supplement_requested", "2025-07-07 11:00", REASON)]
    for limit, pause in (("1 working_days", paused), ("1 working_days", []), (None, paused)):
        if fact == "supplement_lapsed" and not pause:
            continue
        said = told(limit, ("received", "2025-07-07 10:00", {}), *pause, (fact, "2025-07-18 11:00", data),
                    now="2025-07-19 08:00")["sentence"]  # fmt: skip
        is_said = limit is not None and bool(pause)
        assert ("Thời hạn đã tạm dừng từ 11:00 ngày 07/07/2025 (chờ bổ sung giấy tờ). Hồ sơ" in said["vi"]) == is_said
        assert ("had been paused since 11:00 on 07/07/2025 while papers were awaited. The dossier" in said["en"]) == is_said


@pytest.mark.parametrize(("ended", "is_said"), [("10:59", False), ("11:00", False), ("11:01", True)])
def test_no_pause_is_told_to_have_begun_after_the_end(ended: str, is_said: bool) -> None:
    """A supplement that lapsed before it was asked for, by the clocks of two desks."""
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 10:00", {}),
        ("supplement_requested", "2025-07-07 11:00", REASON),
        ("supplement_lapsed", f"2025-07-07 {ended}", {}),
    ]
    said = told("1 working_days", *events, now="2025-07-08 08:00")["sentence"]
    assert ("Thời hạn đã tạm dừng từ" in said["vi"], "had been paused since" in said["en"]) == (is_said, is_said)
    assert f"Hồ sơ kết thúc lúc {ended} ngày 07/07/2025" in said["vi"]
    assert f"The dossier was closed at {ended} on 07/07/2025" in said["en"]


@pytest.mark.parametrize("is_anew", [False, True])
def test_a_recall_is_told_as_long_as_the_due_counts_the_time_before_it(is_anew: bool) -> None:
    events: list[tuple[str, str, dict[str, Any]]] = [
        ("received", "2025-07-07 10:00", {}),
        ("completed", "2025-07-08 10:00", {}),
        ("recalled", "2025-07-09 10:00", REASON),
        ("supplement_requested", "2025-07-09 11:00", REASON),
        ("supplement_provided", "2025-07-10 11:00", {"restart": is_anew}),
    ]
    said = told("5 working_days", *events, now="2025-07-10 14:00")["sentence"]
    assert ("Kết quả đã được thu hồi để sửa lúc 10:00 ngày 09/07/2025; thời gian từ khi giải quyết xong vẫn tính vào hạn."
            in said["vi"]) == (not is_anew)  # fmt: skip
    assert ("The result was recalled for correction at 10:00 on 09/07/2025;" in said["en"]) == (not is_anew)


def test_of_a_return_alone_nothing_is_said_of_a_completion() -> None:
    said = told("1 working_days", ("received", "2025-07-07 10:00", {}), ("returned", "2025-07-08 09:00", {}),
                now="2025-07-09 08:00")["sentence"]  # fmt: skip
    assert said["vi"].endswith(" Kết quả đã trả lúc 09:00 ngày 08/07/2025, đúng hạn.")
    assert said["en"].endswith(" The result was returned at 09:00 on 08/07/2025, on time.")


@pytest.mark.parametrize(
    ("entered", "vi", "en"),
    [
        ("2025-07-08 09:05", "Kết quả được ghi nhận đúng hạn tại cơ quan", "It was entered in time at the office"),
        ("2025-07-08 11:00", "Kết quả được nhập vào hệ thống sau khi đã hết hạn.", "It was entered into the system after"),
        (None, "không rõ được nhập lúc nào.", "when it was entered is not known."),
    ],
)
def test_nobody_is_said_to_have_entered_late_what_does_not_say_when(entered: str | None, vi: str, en: str) -> None:
    desk = Desk(RULES)
    birth = BIRTH | {"time_limit": {"amount": 1, "unit": "working_days"}}
    desk.report(event("received", local("2025-07-07 10:00"), source="/units/default", **birth))
    desk.tick(local("2025-07-08 12:00"))
    at = None if entered is None else local(entered)
    desk.report(event("completed", local("2025-07-08 09:00"), source="/units/default", entered=at))
    assert isinstance(desk.dossier, Dossier)
    said = deadline_view(desk.dossier, local("2025-07-09 08:00"), RULES)["sentence"]
    assert vi in said["vi"]
    assert en in said["en"]


@pytest.mark.parametrize(
    ("limit", "is_said"), [("3 working_hours", True), ("1 calendar_days", True), ("2 working_days", False)]
)
def test_a_due_on_a_made_up_saturday_says_that_the_office_works(limit: str, is_said: bool) -> None:
    said = told(limit, ("received", "2025-04-25 16:00", {}), now="2025-04-25 17:00")["sentence"]
    assert ("Ngày 26/04/2025 là ngày làm bù, cơ quan vẫn làm việc." in said["vi"]) == is_said
    assert ("The office works on 26/04/2025, in exchange for a day off." in said["en"]) == is_said


def test_more_holidays_than_are_named_end_in_words() -> None:
    said = told("200 working_days", ("received", "2025-07-07 10:00", {}), now="2025-07-08 08:00")["sentence"]
    assert " và các ngày khác. " in f"{said['vi']} "
    assert " and others. " in f"{said['en']} "
    assert "; Tết Dương lịch (01/01/2026); " in said["vi"]


def test_a_limit_that_nobody_told_is_not_said_not_to_exist() -> None:
    said = told(None, ("received", "2025-07-07 10:00", {}), now="2025-07-08 08:00")["sentence"]
    assert said["vi"].endswith("; hệ thống không có thời hạn giải quyết của thủ tục này.")
    assert said["en"].endswith("; no time limit of its procedure is on record.")


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([("completed", {})], "parked"),
        ([("received", {})], "parked"),  # the data of its birth are still to come
        ([("submitted", BIRTH | {"receiver": "GHOST"})], "parked"),  # a unit that nobody knows
        ([("received", BIRTH), ("annulled", {"event": "0", "reason": "typing_error"})], "applied"),
    ],
    ids=["none", "without_birth_data", "unknown_unit", "annulled"],
)
def test_before_a_birth_counts_none_is_said_not_to_have_been_recorded(
    facts: list[tuple[str, dict[str, Any]]], outcome: str
) -> None:
    desk = Desk(RULES)
    for place, (fact, data) in enumerate(facts):
        reported = event(fact, local(f"2025-07-08 09:0{place}"), source="/units/default", id=str(place), **data)
        assert desk.report(reported).outcome == outcome
    assert isinstance(desk.dossier, Dossier)
    assert deadline_view(desk.dossier, local("2025-07-09 08:00"), RULES)["sentence"] == {
        "vi": "Chưa có việc nộp hay tiếp nhận nào của hồ sơ này được tính.",
        "en": "No submission or reception of this dossier counts so far.",
    }
