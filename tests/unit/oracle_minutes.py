"""The oracle of the legal clock: office hours laid out minute by minute and walked, slowly and plainly."""

from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, timedelta

MINUTE = 60_000_000
_SEVEN_HOURS = timedelta(hours=7)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Windows = Mapping[str, Sequence[tuple[str, str]]]


def local(text: str) -> int:
    """Microseconds since 1970 (UTC) of a Vietnamese wall clock, `2025-07-01 08:00` with or without seconds."""
    return _micros(datetime.fromisoformat(text))


def _micros(wall: datetime) -> int:
    return (wall - _SEVEN_HOURS - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def _wall(instant: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(microseconds=instant) + _SEVEN_HOURS


class Office:
    """One byte for each minute of a stretch of days: 1 while the office is open."""

    def __init__(
        self, windows: Windows, off: Set[str], made_up: Set[str], first: str, days: int, made_up_as: str = "mon"
    ) -> None:
        self._first = date.fromisoformat(first)
        self._start = _micros(datetime.fromisoformat(first))
        self._open = bytearray()
        laid_out = {weekday: _minutes_of_day(windows.get(weekday, ())) for weekday in (*_WEEKDAYS, "closed")}
        for number in range(days):
            day = self._first + timedelta(days=number)
            weekday = _WEEKDAYS[day.weekday()]
            if day.isoformat() in made_up:
                weekday = made_up_as
            elif day.isoformat() in off:
                weekday = "closed"
            self._open += laid_out[weekday]

    def is_open(self, instant: int) -> bool:
        return self._open[self._cell(instant)] == 1

    def worked(self, start: int, end: int) -> int:
        """Open time in [start, end): a part of the first and the last minute, all minutes in between one by one."""
        if end <= start:
            return 0
        first, last = self._cell(start), self._cell(end)
        if first == last:
            return (end - start) * self._open[first]
        total = self._open[first] * (self._begin(first + 1) - start) + self._open[last] * (end - self._begin(last))
        for cell in self._open[first + 1 : last]:
            if cell:
                total += MINUTE
        return total

    def advance(self, start: int, amount: int) -> int:
        """Walks until the open time since `start` is `amount`."""
        if amount == 0:
            return start
        cell, at = self._cell(start), start
        for is_open in self._open[cell:]:
            ends = self._begin(cell + 1)
            if is_open:
                if amount <= ends - at:
                    return at + amount
                amount -= ends - at
            cell, at = cell + 1, ends
        raise AssertionError("the oracle's days do not reach that far")

    def clock_start(self, at: int) -> int:
        """Walks to the first open minute."""
        if self.is_open(at):
            return at
        cell = self._cell(at) + 1
        while not self._open[cell]:
            cell += 1
        return self._begin(cell)

    def is_working_day(self, day: date) -> bool:
        return any(self._day(day))

    def closing(self, day: date) -> int:
        """The end of a day's last open minute."""
        minute = max(n for n, is_open in enumerate(self._day(day)) if is_open)
        return _micros(datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute + 1))

    def first_due(self, unit: str, amount: int, received: int) -> tuple[int, date | None]:
        """The due of a limit and, for calendar limits, its date before it was moved."""
        if unit == "working_hours":
            return self.advance(received, amount * 60 * MINUTE), None
        if unit == "working_days" and amount > 0:
            return self.advance(received, amount * 480 * MINUTE), None
        day = _wall(self.clock_start(received)).date()
        if unit == "working_days":
            if _wall(received) >= datetime(day.year, day.month, day.day, 15):
                day += timedelta(days=1)
                while not self.is_working_day(day):
                    day += timedelta(days=1)
            return self.closing(day), None
        if unit == "months":
            day = _months_on(day, amount)
        else:
            for _ in range(amount):
                day += timedelta(days=1)
        return self.moved(day), day

    def moved(self, day: date) -> int:
        """The closing of the day, or of the next one that is worked."""
        while not self.is_working_day(day):
            day += timedelta(days=1)
        return self.closing(day)

    def after_pauses(
        self, unit: str, due: int, base: date | None, pauses: Sequence[tuple[int, int]]
    ) -> tuple[int, date | None]:
        """All pauses at once: their working time, or their days, is summed first and added once."""
        if base is None:
            return self.advance(due, sum(self.worked(begin, end) for begin, end in pauses)), None
        days = sum((_wall(end).date() - _wall(begin).date()).days for begin, end in pauses if end > begin)
        return (due, base) if days == 0 else (self.moved(base + timedelta(days=days)), base + timedelta(days=days))

    def _cell(self, instant: int) -> int:
        cell = (instant - self._start) // MINUTE
        assert 0 <= cell < len(self._open), "outside the oracle's days"
        return cell

    def _begin(self, cell: int) -> int:
        return self._start + cell * MINUTE

    def _day(self, day: date) -> bytearray:
        first = (day - self._first).days * 1440
        assert 0 <= first < len(self._open), "outside the oracle's days"
        return self._open[first : first + 1440]


class Paper:
    """One dossier's legal clock by docs/RULES.md, told event by event; each due is worked out anew from all pauses."""

    def __init__(self, receiver: Office, competent: Office, unit: str | None, amount: int) -> None:
        self._receiver, self._competent = receiver, competent
        self._unit, self._amount = unit, amount
        self._first: tuple[int, date | None] | None = None
        self._appointment: tuple[int, date | None] | None = None
        self._pauses: list[tuple[int, int]] = []
        self._since_letter: list[tuple[int, int]] = []
        self._pause_begin: int | None = None
        self._submitted: int | None = None
        self.started: int | None = None

    def submitted(self, at: int) -> None:
        self._submitted = at

    def received(self, at: int) -> None:
        """Also what a restart does: the due is worked out anew, an appointment is dropped."""
        self._appointment, self._pauses, self._since_letter, self._pause_begin = None, [], [], None
        self.started = at
        if self._unit is not None:
            self._first = self._competent.first_due(self._unit, self._amount, at)

    def paused(self, at: int) -> None:
        self._pause_begin = at

    def resumed(self, at: int) -> None:
        assert self._pause_begin is not None
        pause = (self._pause_begin, at)
        self._pauses.append(pause)
        self._since_letter.append(pause)
        self._pause_begin = None

    def rescheduled(self, due: int) -> None:
        by_dates = self._unit in ("calendar_days", "months")
        self._appointment, self._since_letter = (due, _wall(due).date() if by_dates else None), []

    @property
    def acceptance_due(self) -> int:
        """480 minutes of the receiving unit's hours, and its minutes of the pauses before the reception."""
        assert self._submitted is not None
        paused = sum(self._receiver.worked(begin, end) for begin, end in self._pauses)
        return self._receiver.advance(self._submitted, 480 * MINUTE + paused)

    @property
    def due_original(self) -> int | None:
        """Without the letter."""
        if self._unit is None or self._first is None:
            return None
        return self._competent.after_pauses(self._unit, *self._first, self._pauses)[0]

    @property
    def due_current(self) -> int | None:
        """With it."""
        if self._unit is None or self._appointment is None:
            return self.due_original
        return self._competent.after_pauses(self._unit, *self._appointment, self._since_letter)[0]

    def timeliness(self, end: int) -> str:
        """Of a completion at `end`."""
        due = self.due_current
        if due is None:
            return "without_due"
        if end > due:
            return "late"
        return "early" if self._competent.worked(end, due) >= 480 * MINUTE else "on_time"


def _minutes_of_day(windows: Sequence[tuple[str, str]]) -> bytes:
    # Two-digit hours and minutes compare as texts do, so that no clock is parsed here.
    return bytes(
        any(opens <= f"{minute // 60:02}:{minute % 60:02}" < closes for opens, closes in windows) for minute in range(1440)
    )


def _months_on(day: date, months: int) -> date:
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for number in range(day.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError
