"""How a dossier stands now, as the last sentences of what a clerk reads out."""

from collections.abc import Iterator
from typing import Final

from contracts import instants
from services.processing.domain import arrows, deadline, spoken
from services.processing.domain.history import Walk
from services.processing.domain.spoken import PAUSE_NAMES, Said, clock_en, clock_vi
from services.processing.domain.verdict import Verdict, late_when_paused

ENDINGS: Final = {
    "refused": ("Cơ quan đã từ chối tiếp nhận hồ sơ lúc {}.", "The dossier was refused at {}."),
    "supplement_lapsed": (
        "Hồ sơ kết thúc lúc {} vì quá thời gian bổ sung giấy tờ.",
        "The dossier was closed at {}, as the time to send more papers had passed.",
    ),
    "withdrawn": ("Hồ sơ đã được rút theo yêu cầu lúc {}.", "The dossier was withdrawn on request at {}."),
    "halted": ("Hồ sơ đã dừng xử lý lúc {}.", "The dossier was halted at {}."),
}
SORRY: Final = ("Cơ quan thành thật xin lỗi ông/bà về sự chậm trễ này.", "We apologise for the delay.")


def now(walk: Walk, verdict: Verdict) -> Iterator[Said]:
    """Paused, overdue, ended or completed, and by how much; nothing of what simply goes on."""
    code = verdict.code
    if code in ("paused", "acceptance_paused"):
        yield _standing_still(walk)
        if (late := late_when_paused(walk)) is not None:
            over = _over(walk, late, "was already")
            yield Said(f"Khi tạm dừng, {over.vi}.", f"When it was paused, {over.en}.")
            yield Said(*SORRY)
    elif code in ("overdue", "acceptance_overdue") and verdict.at is not None:
        over = _over(walk, verdict, "is")
        yield Said(f"Tính đến {clock_vi(verdict.at)}, {over.vi}.", f"As of {clock_en(verdict.at)}, {over.en}.")
        yield Said(*SORRY)
    elif code in ("refused", "withdrawn", "halted") and verdict.at is not None:
        yield from _ended(walk, code, verdict.at)
    elif walk.completion is not None and verdict.at is not None:
        yield from _completed(walk, verdict, verdict.at)


def _standing_still(walk: Walk) -> Said:
    vi, _, en = PAUSE_NAMES[_pausing(walk)]
    begin = walk.pause_begin
    if walk.was_received and walk.due_current is None:
        return Said(f"Hồ sơ đang tạm dừng từ {clock_vi(begin)} ({vi}).", f"It has been paused since {clock_en(begin)} {en}.")
    return Said(
        f"Thời hạn đang tạm dừng từ {clock_vi(begin)} ({vi}), hạn sẽ được tính thêm khi hồ sơ tiếp tục.",
        f"The clock has been paused since {clock_en(begin)} {en}; the due will move when the dossier goes on.",
    )


def _ended(walk: Walk, code: str, at: int) -> Iterator[Said]:
    last = walk.steps[-1]
    stood = last.state_before in arrows.PAUSED and at > walk.pause_begin
    if stood and walk.was_received and walk.due_current is not None:
        # Else a due that stood still meanwhile would look missed.
        vi, en, _ = PAUSE_NAMES[_pausing(walk)]
        since_vi, since_en = clock_vi(walk.pause_begin), clock_en(walk.pause_begin)
        yield Said(f"Thời hạn đã tạm dừng từ {since_vi} ({vi}).", f"The clock had been paused since {since_en} {en}.")
    vi, en = ENDINGS.get(last.event.fact, ENDINGS[code])
    yield Said(vi.format(clock_vi(at)), en.format(clock_en(at)))


def _pausing(walk: Walk) -> str:
    """The fact that began the pause in which it is, or in which it ended."""
    return next(taken.event.fact for taken in reversed(walk.steps) if taken.event.fact in PAUSE_NAMES)


def _over(walk: Walk, verdict: Verdict, be: str) -> Said:
    late = _lateness(walk, verdict)
    if verdict.code == "acceptance_overdue":
        return Said(f"hồ sơ đã quá hạn tiếp nhận {late.vi}", f"the acceptance {be} overdue by {late.en}")
    return Said(f"hồ sơ đã quá hạn trả kết quả {late.vi}", f"it {be} overdue by {late.en}")


def _completed(walk: Walk, verdict: Verdict, at: int) -> Iterator[Said]:
    if walk.implied:  # nothing but the return was reported
        done = Said(f"Kết quả đã trả lúc {clock_vi(at)}", f"The result was returned at {clock_en(at)}")
    else:
        done = Said(f"Hồ sơ đã giải quyết xong lúc {clock_vi(at)}", f"The dossier was completed at {clock_en(at)}")
    if verdict.code == "late":
        late = _lateness(walk, verdict)
        yield Said(f"{done.vi}, trễ hạn {late.vi}.", f"{done.en}, late by {late.en}.")
        yield Said(*SORRY)
    elif verdict.code == "early":
        early = spoken.working(verdict.early_working)
        yield Said(f"{done.vi}, trước hạn {early.vi}.", f"{done.en}, {early.en} before the due.")
    elif verdict.code == "on_time":
        yield Said(f"{done.vi}, đúng hạn.", f"{done.en}, on time.")
    else:
        yield Said(f"{done.vi}.", f"{done.en}.")
    if verdict.late_by_link:
        yield Said(
            "Kết quả được ghi nhận đúng hạn tại cơ quan, chỉ báo về hệ thống muộn do đường truyền.",
            "It was entered in time at the office; only the report came late, over the line.",
        )
    elif verdict.late_entry and walk.completion is not None and walk.completion.recordedtime is None:
        yield Said(
            "Kết quả được báo về hệ thống sau khi đã hết hạn, không rõ được nhập lúc nào.",
            "It was reported after the due had passed; when it was entered is not known.",
        )
    elif verdict.late_entry:
        yield Said(
            "Kết quả được nhập vào hệ thống sau khi đã hết hạn.", "It was entered into the system after the due had passed."
        )
    returned = next((taken.event.time for taken in walk.steps if taken.event.fact == "returned"), None)
    if walk.state == arrows.RETURNED and returned is not None and not walk.implied:
        yield Said(f"Kết quả đã trả lúc {clock_vi(returned)}.", f"The result was returned at {clock_en(returned)}.")


def _lateness(walk: Walk, verdict: Verdict) -> Said:
    """In the unit of the limit; what is less than a minute of working time is told by the clock."""
    if verdict.at is not None and verdict.due_at is not None and verdict.code != "acceptance_overdue":
        days = instants.day_number(verdict.at) - instants.day_number(verdict.due_at)
        if days and walk.limit is not None and walk.limit.unit in deadline.CALENDAR_UNITS:
            return spoken.calendar_days(days)
    if verdict.late_working >= instants.MINUTE:
        return spoken.working(verdict.late_working)
    minutes = verdict.late_by_clock // instants.MINUTE
    if not minutes:
        return Said("chưa đến 1 phút", "less than a minute")
    hours, minutes = divmod(minutes, 60)
    vi, en = spoken.joined([(hours, "giờ", "hour"), (minutes, "phút", "minute")])
    return Said(f"{vi} ngoài giờ làm việc", f"{en} outside office hours")
