"""The lab's own working calendar: seconds that offices are open, counted from the period's start, and dues among them."""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate

from contracts import instants
from contracts.data import TimeLimit
from contracts.reference import WEEKDAYS, Calendar
from lab.fortnight.facts import Facts

SAME_DAY_UNTIL = 15 * 3600
WORKING_DAY_SECONDS = 8 * 3600
NEVER = 10**9
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Hours:
    """Working seconds of a period: 0 at the opening of its first working day, `total` at the closing of its last.

    A profile may be another one from a day on: then dues go by the one in force on the day of reception, to their end.
    """

    def __init__(self, facts: Facts, calendar: Calendar, profile: str | Callable[[date], str]) -> None:
        each_day = [facts.first + timedelta(days=number) for number in range((facts.last - facts.first).days + 1)]
        profiles = {day: profile if isinstance(profile, str) else profile(day) for day in each_day}
        worked = list(_working_days(profiles, calendar))
        self.days = [day for day, _ in worked]
        self.worked_days = frozenset(self.days)
        self._windows = [windows for _, windows in worked]
        self._ordinals = [day.toordinal() for day in self.days]
        self._midnights = [instants.midnight(ordinal - _EPOCH_DAY) for ordinal in self._ordinals]
        lengths = [sum(closes - opens for opens, closes in windows) for windows in self._windows]
        # Working seconds before each day, and before the one after the last.
        self.before = [0, *accumulate(lengths)]
        self.total = self.before[-1]
        self.first_midnight = instants.midnight(facts.first.toordinal() - _EPOCH_DAY)
        self.last_midnight = instants.midnight(facts.last.toordinal() + 1 - _EPOCH_DAY)
        kept = set(profiles.values())
        laws = {name: Hours(facts, calendar, name) for name in kept} if len(kept) > 1 else {}
        self._laws = {day.toordinal(): laws[name] for day, name in profiles.items()} if laws else {}

    def length(self, number: int) -> int:
        """Working seconds of a day, by its number."""
        return self.before[number + 1] - self.before[number]

    def day(self, worked: int) -> int:
        """The number of the day on which so many working seconds are over."""
        return bisect_right(self.before, worked) - 1

    def instant(self, worked: int) -> int:
        """The moment, in microseconds since 1970, at which so many working seconds of the period are over."""
        number = self.day(worked)
        left = worked - self.before[number]
        for opens, closes in self._windows[number]:
            if left < closes - opens:
                return self._midnights[number] + (opens + left) * instants.SECOND
            left -= closes - opens
        raise AssertionError("a working day is as long as its windows")

    def reached(self, worked: int) -> int:
        """The earliest moment at which so many working seconds are over: a closing, not the opening after it."""
        return self.instant(worked - 1) + instants.SECOND

    def worked(self, instant: int) -> int:
        """Working seconds that are over at a moment."""
        number = bisect_right(self._midnights, instant) - 1
        if number < 0:
            return 0
        return self.before[number] + self._worked_at(number, (instant - self._midnights[number]) // instants.SECOND)

    def is_open(self, instant: int) -> bool:
        """Whether somebody is there at a moment."""
        return self.worked(instant + instants.SECOND) > self.worked(instant)

    def law(self, instant: int) -> "Hours":
        """The hours by which the due of what was received at a moment is worked out: those of its day."""
        return self._laws.get(instants.day_number(instant) + _EPOCH_DAY, self) if self._laws else self

    def next_opening(self, instant: int) -> int | None:
        """When offices open on the first working day after that of an instant; None when the period has no more."""
        number = bisect_right(self._midnights, instant)
        return self._midnights[number] + self._windows[number][0][0] * instants.SECOND if number < len(self.days) else None

    def after_rest(self, number: int) -> bool:
        """Whether the day before was a day off."""
        return number == 0 or self._ordinals[number] - self._ordinals[number - 1] > 1

    def due(self, limit: TimeLimit | None, received: int) -> int:
        """Working second at which a limit that starts at `received` ends; NEVER or more than `total`: after the period."""
        if limit is None:
            return NEVER
        if self._laws:
            return self.due_by(self.law(self.instant(received)), limit, received)
        match limit.unit:
            case "working_hours":
                return received + limit.amount * 3600
            case "working_days" if limit.amount > 0:
                return received + limit.amount * WORKING_DAY_SECONDS
            case "working_days":
                number = self.day(received)
                number += received - self.before[number] >= self._worked_at(number, SAME_DAY_UNTIL)
                return self.before[number + 1] if number < len(self.days) else NEVER
            case unit:
                start = self._ordinals[self.day(received)]
                return self._closing(start + limit.amount if unit == "calendar_days" else _months_later(start, limit.amount))

    def due_by(self, law: "Hours", limit: TimeLimit | None, received: int) -> int:
        """Working second at which a limit ends by the hours of another body, or by those that were in force then."""
        start = law.worked(self.instant(received))
        due = law.due(limit, start) if start < law.total else NEVER
        return NEVER if due > law.total else self.worked(law.reached(due))

    def _closing(self, ordinal: int) -> int:
        """The closing of a day or, if it is off, of the next working day."""
        number = bisect_left(self._ordinals, ordinal)
        return self.before[number + 1] if number < len(self._ordinals) else NEVER

    def _worked_at(self, number: int, second_of_day: int) -> int:
        return sum(max(0, min(closes, second_of_day) - opens) for opens, closes in self._windows[number])


def _working_days(profiles: dict[date, str], calendar: Calendar) -> Iterator[tuple[date, tuple[tuple[int, int], ...]]]:
    """Each day on which its profile has windows, with these; days off and make-up days as the calendar says."""
    for day, profile in profiles.items():
        weekday = WEEKDAYS[day.weekday()]
        if day.isoformat() in calendar.make_up_days:
            weekday = calendar.make_up_as
        elif day.isoformat() in calendar.days_off:
            continue
        windows = calendar.profiles[profile].get(weekday, [])
        if windows:
            yield day, tuple((_seconds(opens), _seconds(closes)) for opens, closes in windows)


@lru_cache(maxsize=1024)
def _months_later(ordinal: int, months: int) -> int:
    start = date.fromordinal(ordinal)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])).toordinal()


def _seconds(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 3600 + int(minute) * 60
