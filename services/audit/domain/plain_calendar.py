"""Office hours once more, day by day: the windows of a day are looked up and added, nothing is summed up beforehand."""

from calendar import monthrange
from datetime import date, timedelta

from contracts import instants
from contracts.data import TimeLimit
from contracts.reference import WEEKDAYS, Calendar

# As in docs/decisions/0005-working-time.md: nothing is due later than the last closing of 2050.
LAST_DAY = instants.day_from_text("2050-12-31")
WORKING_DAY = 8 * instants.HOUR
AFTERNOON = 15 * instants.HOUR
_DAY_ZERO = date(1970, 1, 1)

Windows = tuple[tuple[int, int], ...]
Due = tuple[int, int | None]
"""The instant of a due; for a limit in calendar days or months also its date before it was moved off a day off."""


class Office:
    """One hours profile of one calendar body."""

    def __init__(self, calendar: Calendar, profile: str) -> None:
        self._calendar = calendar
        self._week = calendar.profiles[profile]
        self._known: dict[int, Windows] = {}

    def windows(self, day: int) -> Windows:
        """From when to when the office is open on a day (a day number), in microseconds since 1970."""
        if day not in self._known:
            moment = _DAY_ZERO + timedelta(days=day)
            weekday = WEEKDAYS[moment.weekday()]
            if moment.isoformat() in self._calendar.make_up_days:
                weekday = self._calendar.make_up_as
                hours = self._week.get(weekday, [])
            elif moment.isoformat() in self._calendar.days_off:
                hours = []
            else:
                hours = self._week.get(weekday, [])
            midnight = instants.midnight(day)
            self._known[day] = tuple((midnight + _clock(opens), midnight + _clock(closes)) for opens, closes in hours)
        return self._known[day]

    def worked(self, begin: int, end: int) -> int:
        """Open time between two instants."""
        total = 0
        for day in range(instants.day_number(begin), instants.day_number(end) + 1):
            for opens, closes in self.windows(day):
                total += max(0, min(closes, end) - max(opens, begin))
        return total

    def advance(self, start: int, amount: int) -> int:
        """The earliest instant at which the open time since `start` is `amount`."""
        if amount <= 0:
            return start
        left = amount
        for day in range(instants.day_number(start), LAST_DAY + 1):
            for opens, closes in self.windows(day):
                since = max(opens, start)
                if since < closes and left <= closes - since:
                    return since + left
                left -= max(0, closes - since)
        return max(start, self.last_closing())

    def clock_start(self, at: int) -> int:
        """The first open instant from `at` on."""
        for day in range(instants.day_number(at), LAST_DAY + 1):
            for opens, closes in self.windows(day):
                if at < closes:
                    return max(at, opens)
        return at

    def closing_on_or_after(self, day: int) -> int:
        """The closing of a day, or of the next one on which the office opens."""
        while day <= LAST_DAY:
            if windows := self.windows(day):
                return windows[-1][1]
            day += 1
        return self.last_closing()

    def last_closing(self) -> int:
        """The last one of all."""
        day = LAST_DAY
        while not self.windows(day):
            day -= 1
        return self.windows(day)[-1][1]


def first_due(limit: TimeLimit, received: int, office: Office) -> Due:
    """When a limit ends that began when the dossier was received."""
    if limit.unit == "working_hours":
        return office.advance(received, limit.amount * instants.HOUR), None
    if limit.unit == "working_days" and limit.amount:
        return office.advance(received, limit.amount * WORKING_DAY), None
    day = instants.day_number(office.clock_start(received))
    if limit.unit == "working_days":
        is_too_late = received >= instants.midnight(day) + AFTERNOON
        return office.closing_on_or_after(day + 1 if is_too_late else day), None
    if limit.unit == "calendar_days":
        return _on(day + limit.amount, office)
    return _on(_months_on(day, limit.amount), office)


def moved_by_pause(due: Due, limit: TimeLimit, begin: int, end: int, office: Office) -> Due:
    """A due after a pause: by open time, or by the difference of dates where the limit counts dates."""
    at, day = due
    if day is None or limit.unit.startswith("working"):
        return office.advance(at, office.worked(begin, end)), None
    days = instants.day_number(end) - instants.day_number(begin)
    return due if days <= 0 else _on(day + days, office)


def appointment(at: int, limit: TimeLimit) -> Due:
    """A due that an apology letter set."""
    return at, None if limit.unit.startswith("working") else instants.day_number(at)


def _on(day: int, office: Office) -> Due:
    return office.closing_on_or_after(day), day


def _months_on(day: int, months: int) -> int:
    start = _DAY_ZERO + timedelta(days=day)
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return (date(year, month, min(start.day, monthrange(year, month)[1])) - _DAY_ZERO).days


def _clock(text: str) -> int:
    return int(text[:2]) * instants.HOUR + int(text[3:5]) * instants.MINUTE
