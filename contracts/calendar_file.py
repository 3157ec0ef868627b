"""Reads `calendar.toml`: hours profiles and the days that go on top of the national holidays."""

import re
import tomllib
from datetime import date
from typing import Any, Final

from contracts import national_holidays
from contracts.reference import WEEKDAYS, Calendar

FILE: Final = "calendar.toml"
MEMBERS: Final = ("make_up_as", "announced_until", "profiles", "days_off", "make_up_days")
_REASON: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def read(text: str) -> tuple[Calendar, list[str]]:
    """The calendar, with one sentence for each thing in the file that needs a correction."""
    reading = _Reading(text)
    return reading.calendar(), reading.problems


def announced_until(text: str) -> str | None:
    """The last day whose days off are the announced ones, where a right file says so; no part of the body."""
    until: str | None = tomllib.loads(text).get("announced_until")
    return until


def is_date(text: str) -> bool:
    """Whether a text is a day of the calendar as `2025-07-01`."""
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class _Reading:
    """One pass over the file that goes on after a problem, so that people correct them in one go."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self.problems: list[str] = []
        self._members: dict[str, Any] = {}
        try:
            self._members = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is no TOMLDecodeError
            self.problems.append(f"{FILE}: {error}")

    def calendar(self) -> Calendar:
        """National holidays, with the file's own days on top: where both name a day, the file is right."""
        for name in sorted(self._members.keys() - set(MEMBERS)):
            self._wrong([name], f"{name!r} is none of {', '.join(MEMBERS)}")
        make_up_as = self._members.get("make_up_as", "mon")
        if make_up_as not in WEEKDAYS:
            self._wrong(["make_up_as"], f"make_up_as is none of {', '.join(WEEKDAYS)}")
            make_up_as = "mon"
        profiles = {name: self._profile(name, week, make_up_as) for name, week in self._table("profiles").items()}
        if not profiles and self._lines and not self.problems:
            self._wrong(["profiles"], "there is no hours profile; at least one is needed, as [profiles.default]")
        own_off, own_worked = self._days("days_off"), self._days("make_up_days")
        for day in sorted(own_off.keys() & own_worked.keys()):
            self._wrong(["make_up_days", day], f"{day} cannot be a day off and a make-up day")
        self._check_announced()
        off, worked = national_holidays.written_out()
        return Calendar(
            profiles=profiles,
            days_off={day: why for day, why in off.items() if day not in own_worked} | own_off,
            make_up_days={day: why for day, why in worked.items() if day not in own_off} | own_worked,
            make_up_as=make_up_as,
        )

    def _check_announced(self) -> None:
        until = self._members.get("announced_until")
        if until is not None and not (isinstance(until, str) and is_date(until)):
            self._wrong(["announced_until"], 'announced_until is not a date in quotes as "2025-12-31"')

    def _profile(self, name: str, week: Any, make_up_as: str) -> dict[Any, list[tuple[str, str]]]:
        path = ["profiles", name]
        if not isinstance(week, dict) or not any(week.values()):
            self._wrong(path, f"the profile {name!r} has no windows")
            return {}
        read: dict[Any, list[tuple[str, str]]] = {}
        for day, windows in week.items():
            if day not in WEEKDAYS:
                self._wrong([*path, day], f"{day!r} is none of {', '.join(WEEKDAYS)}")
            elif not _are_windows(windows):
                self._wrong([*path, day], f'{name}.{day} is not a list of windows as ["07:00", "11:30"]')
            else:
                read[day] = [(opens, closes) for opens, closes in windows]
                edges = [edge for window in windows for edge in window]
                if edges != sorted(edges) or any(opens == closes for opens, closes in windows):
                    self._wrong([*path, day], f"the windows of {name}.{day} overlap or do not rise")
        if not week.get(make_up_as):
            self._wrong(path, f"the profile {name!r} has no windows on {make_up_as}, which make-up days are worked like")
        return read

    def _days(self, name: str) -> dict[str, str]:
        days = self._table(name)
        for day, why in days.items():
            if not is_date(day):
                self._wrong([name, day], f"{day!r} is not a date as 2025-07-01")
            if not isinstance(why, str) or _REASON.fullmatch(why) is None:
                self._wrong([name, day], f"the reason of {day} is not a text of at most 200 characters")
        return {day: why for day, why in days.items() if isinstance(why, str)}

    def _table(self, name: str) -> dict[str, Any]:
        table = self._members.get(name, {})
        if isinstance(table, dict):
            return table
        self._wrong([name], f"{name} is not a table")
        return {}

    def _wrong(self, path: list[str], sentence: str) -> None:
        line, column = self._place(path)
        self.problems.append(f"{FILE}, line {line}, column {column}: {sentence}")

    def _place(self, path: list[str]) -> tuple[int, int]:
        """Where the last name of a path stands, each looked for from the line of the one before: TOML keeps no places."""
        line, column = 0, 0
        for name in path:
            word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
            for number in range(line, len(self._lines)):
                if found := word.search(self._lines[number].split("#", 1)[0]):
                    line, column = number, found.start()
                    break
        return line + 1, column + 1


def _are_windows(windows: Any) -> bool:
    return isinstance(windows, list) and all(
        isinstance(window, list) and len(window) == 2 and all(isinstance(t, str) and _CLOCK.fullmatch(t) for t in window)
        for window in windows
    )
