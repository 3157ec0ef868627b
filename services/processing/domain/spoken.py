"""Spans, days and clock times as they are said in Vietnamese and in English."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from contracts import instants
from services.processing.domain import explained
from services.processing.domain.calendar import Day

DAYS_NAMED_MAX: Final = 6

PAUSE_NAMES: Final = {
    "supplement_requested": ("chờ bổ sung giấy tờ", "while papers were awaited", "while papers are awaited"),
    "payment_requested": ("chờ thực hiện nghĩa vụ tài chính", "while a payment was awaited", "while a payment is awaited"),
    "suspended": ("tạm dừng xử lý", "while it was suspended", "while it is suspended"),
}


class Said(NamedTuple):
    """The same sentence in both languages."""

    vi: str
    en: str


WEEKDAYS: Final = (
    Said("Thứ Hai", "Monday"), Said("Thứ Ba", "Tuesday"), Said("Thứ Tư", "Wednesday"), Said("Thứ Năm", "Thursday"),
    Said("Thứ Sáu", "Friday"), Said("Thứ Bảy", "Saturday"), Said("Chủ Nhật", "Sunday"),
)  # fmt: skip


def working(span: int) -> Said:
    """A span of working time, in working days of eight hours, hours and minutes."""
    days, rest = divmod(span // instants.MINUTE, 480)
    if not days and not rest:
        return Said("chưa đến 1 phút làm việc", "less than a minute of working time")
    vi, en = joined([(days, "ngày", "working day"), (rest // 60, "giờ", "hour"), (rest % 60, "phút", "minute")])
    return Said(f"{vi} làm việc", en if days else f"{en} of working time")


def joined(parts: Iterable[tuple[int, str, str]]) -> tuple[str, str]:
    """Counts with their words, the empty ones left out."""
    told = [(count, vi, en) for count, vi, en in parts if count]
    return " ".join(f"{count} {vi}" for count, vi, _ in told), " ".join(counted(count, en) for count, _, en in told)


def calendar_days(days: int) -> Said:
    """Days of the calendar."""
    return Said(f"{days} ngày", counted(days, "day"))


def counted(count: int, word: str) -> str:
    """An English word with its count."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def named(days: Sequence[Day]) -> Said:
    """`Quốc khánh (01/09/2025, 02/09/2025)`; each name once, in the order of its first day. A name may hold a comma."""
    by_name: dict[str, list[str]] = {}
    for day in days[:DAYS_NAMED_MAX]:
        by_name.setdefault(day.name or day.code, []).append(date(day.number))
    named = "; ".join(f"{name} ({', '.join(dates)})" for name, dates in by_name.items())
    return Said(f"{named} và các ngày khác", f"{named} and others") if len(days) > DAYS_NAMED_MAX else Said(named, named)


def date(number: int) -> str:
    """`07/07/2025` of a day number."""
    year, month, day = explained.day_text(number).split("-")
    return f"{day}/{month}/{year}"


def weekday(number: int) -> Said:
    """The weekday of a day number; the first of all, 1 January 1970, was a Thursday."""
    return WEEKDAYS[(number + 3) % 7]


def clock_vi(instant: int) -> str:
    """`16:30 ngày 07/07/2025`; seconds are left out, which never says later than it was."""
    return f"{_time(instant)} ngày {date(instants.day_number(instant))}"


def clock_en(instant: int) -> str:
    """`16:30 on 07/07/2025`."""
    return f"{_time(instant)} on {date(instants.day_number(instant))}"


def _time(instant: int) -> str:
    return instants.show(min(instant, explained.LAST_SHOWN))[11:16]
