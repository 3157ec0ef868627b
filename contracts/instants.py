"""Instants on the wire: RFC 3339 text to integer microseconds since 1970 (UTC), shown again in Vietnam's offset.

Vietnam keeps UTC+7 all year (no daylight saving since 1975), so its calendar day is plain arithmetic.
"""

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
OFFSET = 7 * HOUR

VIETNAM = timezone(timedelta(hours=7))
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)


class NotAnInstantError(ValueError):
    """The text is not an RFC 3339 date-time with an offset."""


class NotRepresentableError(ValueError):
    """RFC 3339, but a leap second, more than six fraction digits, or the year 0."""


def parse(text: str) -> int:
    """Microseconds since 1970-01-01T00:00Z of an RFC 3339 date-time with an offset."""
    # Minutes recur, and what services and centres write has one of three forms: reading an event is mostly this.
    if (second := _PLAIN_SECONDS.get(text[16:19])) is not None:
        rest = text[19:]
        if (shift := _PLAIN_OFFSETS.get(rest)) is not None:
            return _minute(text[:16]) + second + shift
        if len(rest) == 13 and rest[0] == "." and rest[7:] == "+07:00" and rest.isascii() and rest[1:7].isdigit():
            return _minute(text[:16]) + second + int(rest[1:7]) - OFFSET
    return _parse(text)


def _parse(text: str) -> int:
    if (found := _RFC3339.fullmatch(text)) is None:
        raise NotAnInstantError
    fraction, sign, off_hour, off_minute = found.group(7, 8, 9, 10)
    if text[17:19] == "60" or (fraction is not None and len(fraction) > 6):
        raise NotRepresentableError
    instant = _midnight_utc(text[:10]) + _since_midnight(text[11:19])
    if fraction is not None:
        instant += int(fraction.ljust(6, "0"))
    if sign is not None:
        if int(off_hour) > 23 or int(off_minute) > 59:
            raise NotAnInstantError
        shift = int(off_hour) * HOUR + int(off_minute) * MINUTE
        instant += shift if sign == "-" else -shift
    return instant


@lru_cache(maxsize=65536)
def _minute(text: str) -> int:
    return _parse(f"{text}:00Z")


@lru_cache(maxsize=4096)
def _midnight_utc(day: str) -> int:
    try:
        return (date(int(day[:4]), int(day[5:7]), int(day[8:])).toordinal() - _EPOCH_DAY) * DAY
    except ValueError as error:
        if day.startswith("0000-"):
            # RFC 3339 knows a year 0, which leaps as year 4 does; Python's dates begin with 1.
            _midnight_utc(f"0004{day[4:]}")
            raise NotRepresentableError from error
        raise NotAnInstantError from error


@lru_cache(maxsize=65536)
def _since_midnight(clock: str) -> int:
    hour, minute, second = int(clock[:2]), int(clock[3:5]), int(clock[6:])
    if hour > 23 or minute > 59 or second > 60:
        raise NotAnInstantError
    return hour * HOUR + minute * MINUTE + second * SECOND


def show(instant: int) -> str:
    """RFC 3339 in Vietnam's offset, fraction digits only where there are any."""
    moment = datetime.fromtimestamp(instant // SECOND, VIETNAM).replace(microsecond=instant % SECOND)
    return moment.isoformat()


def day_number(instant: int) -> int:
    """Days since 1970-01-01 of the instant's calendar day in Vietnam."""
    return (instant + OFFSET) // DAY


def midnight(number: int) -> int:
    """The instant at which a Vietnamese calendar day (days since 1970-01-01) begins."""
    return number * DAY - OFFSET


@lru_cache(maxsize=65536)
def day_text(number: int) -> str:
    """`YYYY-MM-DD` of a day number."""
    return date.fromordinal(number + _EPOCH_DAY).isoformat()


def day_from_text(text: str) -> int:
    """Day number of `YYYY-MM-DD`; ValueError when it is none."""
    return date.fromisoformat(text).toordinal() - _EPOCH_DAY


def day_of(instant: int) -> str:
    """Business day: the date of an instant in Asia/Ho_Chi_Minh, as `YYYY-MM-DD`."""
    return day_text(day_number(instant))


def week_of(instant: int) -> str:
    """The ISO week of an instant's business day, as `2025-W27`."""
    year, week, _ = date.fromisoformat(day_of(instant)).isocalendar()
    return f"{year}-W{week:02}"


_PLAIN_OFFSETS = {"+07:00": -OFFSET, "Z": 0}
_PLAIN_SECONDS = {f":{second:02}": second * SECOND for second in range(60)}
EARLIEST = midnight(day_from_text("2000-01-01"))
# From here on a day in Vietnam may lie beyond the last that has a text.
LATEST = midnight(day_from_text("9999-12-31"))
AHEAD = 24 * HOUR
