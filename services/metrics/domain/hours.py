"""When a unit is at work: the windows of its hours profile, day by day, with days off and make-up days."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from contracts import instants
from contracts.reference import WEEKDAYS, Calendar, Unit

# A holiday lasts ten days at most; who has no window for so long has no rhythm.
LOOK_DAYS_MAX: Final = 60
# 1970-01-01 was a Thursday.
_FIRST_WEEKDAY: Final = 3
_FOR_EVER: Final = "9999-12-31"

Windows = tuple[tuple[int, int], ...]


class Hours:
    """The working windows of one unit, whose rows say which profile holds when."""

    def __init__(self, calendar: Calendar, rows: Iterable[Unit]) -> None:
        self._calendar = calendar
        self._rows: Sequence[Unit] = sorted(rows, key=lambda row: row.valid_from)
        self._begins = [row.valid_from for row in self._rows]

    def is_open(self, instant: int) -> bool:
        """Whether the unit is at work; the closing instant itself is outside."""
        number = instants.day_number(instant)
        since = instant - instants.midnight(number)
        return any(opens <= since < closes for opens, closes in self._on(number))

    def is_at_work(self, instant: int) -> bool:
        """Whether it is between the unit's first opening and its last closing of a day on which it works."""
        number = instants.day_number(instant)
        windows = self._on(number)
        return bool(windows) and windows[0][0] <= instant - instants.midnight(number) < windows[-1][1]

    def is_in_force(self, instant: int) -> bool:
        """Whether the unit is there on that day: it has opened for the first time and not closed for good."""
        return self._row(instants.day_text(instants.day_number(instant))) is not None

    def advance(self, start: int, amount: int) -> int | None:
        """The earliest instant at which so much working time (µs, above 0) has passed since `start`; None where that takes
        longer than `LOOK_DAYS_MAX` days."""
        first, left = instants.day_number(start), amount
        for number in range(first, first + LOOK_DAYS_MAX):
            midnight = instants.midnight(number)
            for opens, closes in self._on(number):
                begin, end = max(midnight + opens, start), midnight + closes
                if end <= begin:
                    continue
                if left <= end - begin:
                    return begin + left
                left -= end - begin
        return None

    def _on(self, number: int) -> Windows:
        day = instants.day_text(number)
        if (row := self._row(day)) is None:
            return ()
        calendar, weekday = self._calendar, WEEKDAYS[(number + _FIRST_WEEKDAY) % 7]
        # The later announcement is the one that calls people in: a day that is off and made up is worked.
        if day in calendar.make_up_days:
            weekday = calendar.make_up_as
        elif day in calendar.days_off:
            return ()
        windows = calendar.profiles.get(row.hours, {}).get(weekday, [])
        return tuple((_since_midnight(opens), _since_midnight(closes)) for opens, closes in windows)

    def _row(self, day: str) -> Unit | None:
        at = bisect_right(self._begins, day) - 1
        return None if at < 0 or day > (self._rows[at].valid_to or _FOR_EVER) else self._rows[at]


@lru_cache(maxsize=1440)
def _since_midnight(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * instants.HOUR + int(minute) * instants.MINUTE


def is_at_work(hours: Hours | None, now: int) -> bool | None:
    """Between opening and closing of a unit's own day, or nobody knows its hours; None of one that has closed for good or is
    not there yet: it has no day of its own, and what is left of it is others' matter, in their hours."""
    if hours is None:
        return True
    return hours.is_at_work(now) if hours.is_in_force(now) else None
