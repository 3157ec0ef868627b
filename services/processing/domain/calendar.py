"""Working time of one hours profile: cumulative microseconds of its windows and a bisect, whole numbers throughout."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from contracts import instants
from contracts.reference import WEEKDAYS, Calendar

FIRST_DAY: Final = instants.day_from_text("1999-12-27")
HORIZON_DAY: Final = instants.day_from_text("2051-01-01")
COMPILED_MAX: Final = 64
DAYS_SHOWN_MAX: Final = 64
_FIRST: Final = instants.midnight(FIRST_DAY)
_HORIZON: Final = instants.midnight(HORIZON_DAY)
_MONDAY_SHIFT: Final = 3  # 1970-01-01 was a Thursday
_SATURDAY: Final = 5


class BeyondHorizonError(ValueError):
    """Outside the years for which working time was compiled: there is no due date to give."""


class Day(NamedTuple):
    """Why a day (a day number) is worked or not: `working_day`, `make_up_day`, `holiday`, `weekend`, `day_off`; the name
    is the calendar body's."""

    number: int
    code: str
    name: str | None = None


class Piece(NamedTuple):
    """A stretch that is open or closed throughout; closed for the reason of its day, or `before_opening`, `lunch_break`,
    `break`, `after_closing`."""

    begin: int
    end: int
    is_open: bool
    code: str
    name: str | None = None


class WorkingTime:
    """A profile's windows from 2000 to 2050: rising openings and closings, with the time worked before each."""

    __slots__ = ("_before", "_closing", "_closings", "_made_up", "_off", "_openings", "_week", "_working_days")

    def __init__(self, calendar: Calendar, profile: str) -> None:
        weekly = calendar.profiles[profile]
        windows = {day: [(_micros(a), _micros(b)) for a, b in weekly.get(day, [])] for day in WEEKDAYS}
        off = {instants.day_from_text(text): why for text, why in sorted(calendar.days_off.items())}
        make_up = {instants.day_from_text(text): why for text, why in sorted(calendar.make_up_days.items())}
        # Only `day` and `pieces` look at these three: a due is worked out without a reason.
        self._off = off
        self._made_up = make_up
        self._week = tuple(tuple(windows[day]) for day in WEEKDAYS)
        self._openings: list[int] = []
        self._closings: list[int] = []
        self._before: list[int] = []
        self._working_days: list[int] = []
        self._closing: dict[int, int] = {}
        worked = 0
        for day in range(FIRST_DAY, HORIZON_DAY):
            today = windows[WEEKDAYS[(day + _MONDAY_SHIFT) % 7]]
            if day in make_up:
                today = windows[calendar.make_up_as]
            elif day in off:
                continue
            if not today:
                continue
            midnight = instants.midnight(day)
            for begin, end in today:
                self._openings.append(midnight + begin)
                self._closings.append(midnight + end)
                self._before.append(worked)
                worked += end - begin
            self._working_days.append(day)
            self._closing[day] = midnight + today[-1][1]

    @staticmethod
    def compile(calendar: Calendar, profile: str) -> "WorkingTime":
        """The working time of a profile; equal calendars share one."""
        return _compiled(msgspec.json.encode(calendar, order="sorted"), profile)

    def worked(self, start: int, end: int) -> int:
        """Microseconds of working time in [start, end); 0 when end <= start."""
        return 0 if end <= start else self._until(end) - self._until(start)

    def advance(self, start: int, amount: int) -> int:
        """The earliest instant at which the working time since `start` reaches `amount` microseconds."""
        if amount <= 0:
            return start
        wanted = self._until(start) + amount
        window = bisect_left(self._before, wanted) - 1
        at = self._openings[window] + wanted - self._before[window]
        if at > self._closings[window]:
            raise BeyondHorizonError
        return at

    def clock_start(self, at: int) -> int:
        """The earliest instant at or after `at` that lies inside a window; a closing lies outside."""
        window = bisect_right(self._closings, at)
        if at < _FIRST or window == len(self._closings):
            raise BeyondHorizonError
        return max(at, self._openings[window])

    def is_working_day(self, day: int) -> bool:
        """Whether the day (a day number) has a window."""
        return day in self._closing

    def next_working_day(self, day: int) -> int:
        """The first working day at or after `day`."""
        place = bisect_left(self._working_days, day)
        if day < FIRST_DAY or place == len(self._working_days):
            raise BeyondHorizonError
        return self._working_days[place]

    def closing(self, day: int) -> int:
        """The closing instant of a working day."""
        return self._closing[day]

    def last_closing(self) -> int:
        """The last closing before the horizon."""
        return self._closings[-1]

    def segments(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """The pieces of [start, end) with whether each is open; at most two for every window of the calendar."""
        at, window = start, bisect_right(self._closings, start)
        while at < end:
            if window == len(self._openings) or self._openings[window] >= end:
                yield at, end, False
                return
            if at < self._openings[window]:
                yield at, self._openings[window], False
                at = self._openings[window]
            stop = min(end, self._closings[window])
            yield at, stop, True
            at, window = stop, window + 1

    def day(self, number: int) -> Day:
        """Why a day is worked or not; a day that is off and made up is worked."""
        if (name := self._made_up.get(number)) is not None:
            return Day(number, "make_up_day", name)
        if (name := self._off.get(number)) is not None:
            return Day(number, "holiday", name)
        weekday = (number + _MONDAY_SHIFT) % 7
        if self._week[weekday]:
            return Day(number, "working_day")
        return Day(number, "weekend" if weekday >= _SATURDAY else "day_off")

    def usual_windows(self, number: int) -> list[tuple[int, int]]:
        """The windows that a day would have if it were neither off nor made up."""
        midnight = instants.midnight(number)
        return [(midnight + begin, midnight + end) for begin, end in self._week[(number + _MONDAY_SHIFT) % 7]]

    def last_day_off(self) -> int | None:
        """The last day (a day number) that the calendar body names as off: of later ones nobody has said so yet."""
        return max(self._off, default=None)

    def named_days(self, first: int, final: int) -> list[Day]:
        """The holidays that took a day of work away, and the make-up days, of first..final: the earliest of them."""
        named = [day for day in self._off if first <= day <= final and self._week[(day + _MONDAY_SHIFT) % 7]]
        found = {*named, *(day for day in self._made_up if first <= day <= final)}
        return [self.day(number) for number in sorted(found)[:DAYS_SHOWN_MAX]]

    def closed_days(self, first: int, before: int) -> list[Day]:
        """The days without work of [first, before): the earliest of them."""
        closed = (self.day(number) for number in range(first, before) if number not in self._closing)
        return list(islice(closed, DAYS_SHOWN_MAX))

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """The pieces of [start, end) with the reason of each; neighbours differ, in their reason at least."""
        before: Piece | None = None
        for begin, stop, is_open in self.segments(start, min(end, _HORIZON)):
            for piece in (self._open(begin, stop),) if is_open else self._closed(begin, stop):
                if before is not None and before[2:] == piece[2:]:
                    before = before._replace(end=piece.end)
                    continue
                if before is not None:
                    yield before
                before = piece
        if before is not None:
            yield before

    def _open(self, begin: int, end: int) -> Piece:
        day = self.day(instants.day_number(begin))
        return Piece(begin, end, True, day.code, day.name)

    def _closed(self, begin: int, end: int) -> Iterator[Piece]:
        while begin < end:
            number = instants.day_number(begin)
            stop = min(end, instants.midnight(number + 1))
            if number in self._closing:
                yield Piece(begin, stop, False, self._gap(number, begin))
            else:
                day = self.day(number)
                yield Piece(begin, stop, False, day.code, day.name)
            begin = stop

    def _gap(self, number: int, at: int) -> str:
        """Which closed part of a working day an instant lies in."""
        if at >= self._closing[number]:
            return "after_closing"
        window, midnight = bisect_right(self._closings, at), instants.midnight(number)
        if window == 0 or self._closings[window - 1] < midnight:
            return "before_opening"
        noon = midnight + 12 * instants.HOUR
        return "lunch_break" if self._closings[window - 1] <= noon < self._openings[window] else "break"

    def _until(self, at: int) -> int:
        if not _FIRST <= at < _HORIZON:
            raise BeyondHorizonError
        window = bisect_right(self._openings, at) - 1
        if window < 0:
            return 0
        return self._before[window] + min(at, self._closings[window]) - self._openings[window]


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(calendar: bytes, profile: str) -> WorkingTime:
    # By value: every activation decodes its body anew, and most change a unit, not the hours.
    return WorkingTime(msgspec.json.decode(calendar, type=Calendar), profile)


def _micros(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * instants.HOUR + int(minute) * instants.MINUTE
