"""A deadline in plain Vietnamese and plain English, for a clerk to read out to a citizen; nobody is named in it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from contracts import instants
from contracts.data import TimeLimit
from services.processing.domain import arrows, deadline, spoken
from services.processing.domain.calendar import HORIZON_DAY, Day, WorkingTime
from services.processing.domain.history import Walk
from services.processing.domain.moves import Move, Pause
from services.processing.domain.spoken import PAUSE_NAMES, Said, clock_en, clock_vi
from services.processing.domain.spoken_now import now
from services.processing.domain.verdict import Verdict

PAUSES_NAMED_MAX: Final = 3
LIMIT_NAMES: Final = {
    "working_hours": ("giờ làm việc", "working hour"),
    "working_days": ("ngày làm việc", "working day"),
    "calendar_days": ("ngày", "calendar day"),
    "months": ("tháng", "month"),
}
PAST_DUE: Final = Said(", khi hạn lúc đó đã qua", ", when the due of that time had passed")
MOVED_NOTHING: Final = {
    True: (
        "trong cùng một ngày không làm thay đổi hạn, vì thời hạn này tính theo ngày",
        "within a single day moved nothing, as this limit is counted by dates",
    ),
    False: ("ngoài giờ làm việc không làm thay đổi hạn", "outside office hours moved nothing"),
}
SAME_DAY: Final = TimeLimit(0, "working_days")


def sentence(walk: Walk, moves: Sequence[Move], verdict: Verdict) -> Said:
    """All that a citizen would ask: when, by when, why then, what now."""
    parts = list(_parts(walk, moves, verdict))
    return Said(" ".join(part.vi for part in parts), " ".join(part.en for part in parts))


def _parts(walk: Walk, moves: Sequence[Move], verdict: Verdict) -> Iterator[Said]:
    if not walk.steps:
        yield Said(
            "Chưa có việc nộp hay tiếp nhận nào của hồ sơ này được tính.",
            "No submission or reception of this dossier counts so far.",
        )
        return
    if not walk.was_received:
        yield _submitted(walk)
        if walk.state not in arrows.FINAL:
            yield from _paused(moves, False)
    else:
        yield _received(walk)
        if walk.due_current is not None and walk.hours is not None:
            yield from _reasons(walk, moves, walk.hours)
    yield from now(walk, verdict)


# --- by when ----------------------------------------------------------------------------------------------------------


def _submitted(walk: Walk) -> Said:
    at = walk.steps[0].event.time
    if walk.state in arrows.FINAL:
        return Said(f"Hồ sơ được nộp lúc {clock_vi(at)}.", f"The dossier was submitted at {clock_en(at)}.")
    due = walk.acceptance_due
    return Said(
        f"Hồ sơ được nộp lúc {clock_vi(at)}, cơ quan tiếp nhận hoặc từ chối chậm nhất lúc {clock_vi(due)}.",
        f"The dossier was submitted at {clock_en(at)} and is to be accepted or refused by {clock_en(due)}.",
    )


def _received(walk: Walk) -> Said:
    at = next(taken.event.time for taken in walk.steps if taken.event.fact == "received")
    if walk.limit is None or walk.due_current is None:
        # Every procedure may have one by law; neither the catalogue nor an event has told it.
        return Said(
            f"Hồ sơ được tiếp nhận lúc {clock_vi(at)}; hệ thống không có thời hạn giải quyết của thủ tục này.",
            f"The dossier was received at {clock_en(at)}; no time limit of its procedure is on record.",
        )
    limit, due = _limit(walk.limit), walk.due_current.at
    return Said(
        f"Hồ sơ được tiếp nhận lúc {clock_vi(at)}, thời hạn {limit.vi}, hạn trả kết quả là {clock_vi(due)}.",
        f"The dossier was received at {clock_en(at)}, the limit is {limit.en}, the result is due by {clock_en(due)}.",
    )


def _limit(limit: TimeLimit) -> Said:
    if limit == SAME_DAY:
        return Said("trong ngày", "the same day")
    vi, en = LIMIT_NAMES[limit.unit]
    return Said(f"{limit.amount} {vi}", spoken.counted(limit.amount, en))


# --- why then ---------------------------------------------------------------------------------------------------------


def _reasons(walk: Walk, moves: Sequence[Move], hours: WorkingTime) -> Iterator[Said]:
    begun = max(place for place, move in enumerate(moves) if move.code in ("set", "restarted"))
    start, since = moves[begun], moves[begun + 1 :]
    by_dates = walk.limit is not None and walk.limit.unit in deadline.CALENDAR_UNITS
    if start.code == "restarted":
        yield Said(
            f"Thời hạn được tính lại từ đầu kể từ {clock_vi(start.at)} sau khi bổ sung giấy tờ.",
            f"The limit is counted anew from {clock_en(start.at)}, after more papers were provided.",
        )
    if start.clock_start is not None and start.clock_start > start.at:
        yield from _waited(start, start.clock_start, by_dates)
    if _is_next_day(walk, start):
        vi, en = ("bổ sung giấy tờ", "supplemented") if start.code == "restarted" else ("tiếp nhận", "received")
        yield Said(
            f"Hồ sơ giải quyết trong ngày mà {vi} từ 15 giờ trở đi có hạn là cuối giờ làm việc của ngày làm việc tiếp theo.",
            f"What is {en} at 15:00 or later is due by the next working day's closing.",
        )
    pauses = [move.pause for move in since if move.pause is not None]
    letter = next((move for move in since if move.code == "apology_letter"), None)
    recall = next((move for move in reversed(since) if move.code == "recalled"), None)
    if not by_dates:
        yield from _holidays(_that_moved(walk, start, pauses, hours))
    yield from _paused(since, by_dates)
    if letter is not None:
        yield from _letter(walk, letter)
    if recall is not None:
        yield Said(
            f"Kết quả đã được thu hồi để sửa lúc {clock_vi(recall.at)}; thời gian từ khi giải quyết xong vẫn tính vào hạn.",
            f"The result was recalled for correction at {clock_en(recall.at)}; the time since its completion counts.",
        )
    last = next((move for move in reversed(moves) if move.dates is not None), None)
    if last is not None and last.dates is not None and last.dates.passed_over and last.code != "handed_over":
        yield _moved_off(last.dates.base_day, last.dates.due_day, last.dates.passed_over)
    yield from _made_up(walk, hours)
    yield from _unwritten(walk, hours)


def _waited(start: Move, opens: int, by_dates: bool) -> Iterator[Said]:
    """What comes outside hours waits for the next opening; to a limit by dates only another day matters."""
    if not by_dates:
        yield Said(
            f"Thời hạn bắt đầu tính từ {clock_vi(opens)} vì khi đó cơ quan mới mở cửa.",
            f"The clock starts at {clock_en(opens)}, when the office opens next.",
        )
    elif (day := instants.day_number(opens)) > instants.day_number(start.at):
        vi, en = ("bổ sung giấy tờ", "supplement") if start.code == "restarted" else ("tiếp nhận", "reception")
        yield Said(
            f"Ngày {vi} được tính là {spoken.date(day)} vì khi đó cơ quan mới mở cửa.",
            f"The day of the {en} counts as {spoken.date(day)}, when the office opens next.",
        )


def _is_next_day(walk: Walk, start: Move) -> bool:
    """Whether a limit of the same day ends on the next, for the hour of the reception."""
    if walk.limit != SAME_DAY or start.original is None or start.clock_start is None:
        return False
    return instants.day_number(start.original.at) > instants.day_number(start.clock_start)


def _that_moved(walk: Walk, start: Move, pauses: Iterable[Pause], hours: WorkingTime) -> list[Day]:
    """The holidays between the start and the due; one whose hours lay before the start or within a pause moved nothing."""
    if walk.due_original is None:
        return []
    stood = [(pause.begin, pause.end) for pause in pauses]
    if walk.state in arrows.PAUSED:
        stood.append((walk.pause_begin, walk.due_original.at))
    days = hours.named_days(instants.day_number(start.at), instants.day_number(walk.due_original.at))
    return [
        day
        for day in days
        if day.code == "holiday"
        and any(
            start.at < closes and not any(a <= max(opens, start.at) and closes <= b for a, b in stood)
            for opens, closes in hours.usual_windows(day.number)
        )
    ]


def _holidays(days: Sequence[Day]) -> Iterator[Said]:
    if days:
        named = spoken.named(days)
        yield Said(f"Không tính ngày nghỉ: {named.vi}.", f"Not counted, being holidays: {named.en}.")


def _moved_off(base_day: int, due_day: int, days: Sequence[Day]) -> Said:
    base, last, due = spoken.date(base_day), spoken.date(due_day - 1), spoken.date(due_day)
    holidays = [day for day in days if day.code == "holiday"]
    if base == last:
        called = spoken.weekday(base_day) if not holidays else Said(holidays[0].name or "", holidays[0].name or "")
        vi, en = f"Ngày {base} là ngày nghỉ ({called.vi}) nên", f"The day {base} is off ({called.en}), so"
    else:
        named = spoken.named(holidays)
        vi = f"Từ ngày {base} đến ngày {last} là ngày nghỉ" + (f", trong đó có {named.vi}, nên" if holidays else " nên")
        en = f"The days from {base} to {last} are off" + (f", among them {named.en}, so" if holidays else ", so")
    return Said(
        f"{vi} hạn chuyển sang ngày làm việc tiếp theo, {due}.", f"{en} the due moves to the next working day, {due}."
    )


def _letter(walk: Walk, letter: Move) -> Iterator[Said]:
    if walk.due_original is None or letter.current is None:
        return
    without = walk.due_original.at
    if letter.current == walk.due_current:
        yield Said(
            f"Cơ quan đã gửi phiếu xin lỗi và hẹn lại ngày trả kết quả; hạn khi chưa hẹn lại là {clock_vi(without)}.",
            f"An apology letter set this new appointment; without it the due was {clock_en(without)}.",
        )
    else:
        # A pause has moved the appointment since, and the due without it.
        at = letter.current.at
        yield Said(
            f"Cơ quan đã gửi phiếu xin lỗi và hẹn lại ngày trả kết quả, hẹn đến {clock_vi(at)}; hạn khi chưa hẹn lại là "
            f"{clock_vi(without)}.",
            f"An apology letter set a new appointment, {clock_en(at)}; without it the due was {clock_en(without)}.",
        )


def _made_up(walk: Walk, hours: WorkingTime) -> Iterator[Said]:
    """A due on a day that is off in other weeks."""
    if walk.due_current is None:
        return
    day = instants.day_number(walk.due_current.at)
    if any(named.code == "make_up_day" for named in hours.named_days(day, day)):
        yield Said(
            f"Ngày {spoken.date(day)} là ngày làm bù, cơ quan vẫn làm việc.",
            f"The office works on {spoken.date(day)}, in exchange for a day off.",
        )


def _unwritten(walk: Walk, hours: WorkingTime) -> Iterator[Said]:
    """A due in a year for which nobody has named days off yet."""
    last = hours.last_day_off()
    if last is None or walk.due_original is None:
        return
    year = instants.day_text(last)[:4]
    if instants.day_text(instants.day_number(walk.due_original.at))[:4] > year:
        yield Said(
            f"Lịch hiện mới ghi ngày nghỉ đến hết năm {year}.", f"The calendar names days off up to the end of {year} only."
        )
    if walk.due_original.at >= hours.last_closing():
        end = instants.day_text(HORIZON_DAY - 1)[:4]
        yield Said(
            f"Hệ thống chỉ tính được hạn đến hết năm {end}; hạn thực tế có thể muộn hơn.",
            f"Dues are worked out up to the end of {end} only; the true one may be later.",
        )


def _paused(moves: Sequence[Move], by_dates: bool) -> Iterator[Said]:
    pauses = [(move.pause, due) for move, due in _with_dues(moves) if move.pause is not None]
    counted = [pause for pause, _ in pauses if (pause.days if by_dates else pause.working)]
    over = [pause for pause, due in pauses if due is not None and pause.begin > due]
    for pause in counted[:PAUSES_NAMED_MAX]:
        added = spoken.calendar_days(pause.days) if by_dates else spoken.working(pause.working)
        vi, en, _ = PAUSE_NAMES[pause.fact]
        # Else the due above would seem to lie before what has moved it.
        after = PAST_DUE if pause in over else Said("", "")
        yield Said(
            f"Thời hạn tạm dừng từ {clock_vi(pause.begin)} đến {clock_vi(pause.end)} ({vi}){after.vi}, "
            f"cộng thêm {added.vi}.",
            f"The clock was paused from {clock_en(pause.begin)} to {clock_en(pause.end)} {en}{after.en}, "
            f"which adds {added.en}.",
        )
    if (more := len(counted) - PAUSES_NAMED_MAX) > 0:
        rest = counted[PAUSES_NAMED_MAX:]
        sums = spoken.calendar_days(sum(p.days for p in rest)) if by_dates else spoken.working(sum(p.working for p in rest))
        after = _past_due(sum(pause in over for pause in rest), more)
        yield Said(
            f"Thời hạn còn tạm dừng {more} lần khác{after.vi}, cộng thêm {sums.vi}.",
            f"The clock was paused {spoken.counted(more, 'more time')}{after.en}, which adds {sums.en}.",
        )
    if nothing := sum(pause.end > pause.begin and pause not in counted for pause, _ in pauses):
        vi, en = MOVED_NOTHING[by_dates]
        yield Said(f"{nothing} lần tạm dừng {vi}.", f"{spoken.counted(nothing, 'pause')} {en}.")


def _past_due(late: int, of: int) -> Said:
    """How many of several pauses began when the due of their time had passed."""
    if not late or late == of:
        return PAST_DUE if late else Said("", "")
    return Said(f", trong đó {late} lần{PAST_DUE.vi[1:]}", f", {late} of them{PAST_DUE.en[1:]}")


def _with_dues(moves: Iterable[Move]) -> Iterator[tuple[Move, int | None]]:
    """Each move with the due that stood before it, or the time by which the dossier was to be accepted."""
    acceptance = None
    for move in moves:
        yield move, acceptance if move.before is None else move.before.at
        acceptance = move.acceptance
