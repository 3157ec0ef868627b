"""Reads the reference files that people edit into one checked body of reference data."""

import csv
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from contracts import national_holidays
from contracts.data import LIMIT_AMOUNT_MAX, LimitUnit, TimeLimit
from contracts.reference import WEEKDAYS, Calendar, Procedure, Reference, Unit, UnitKind

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
PROBLEMS_SHOWN_MAX: Final = 50
SUCCESSIONS_MAX: Final = 16

_BODY_COLUMNS: Final = ("code", "name", "kind", "hours", "parent", "valid_from", "valid_to", "successor")
_PROCEDURE_COLUMNS: Final = ("code", "name", "field", "time_limit", "end_to_end", "sample")
_BODY_NEEDS: Final = frozenset({"code", "name", "hours", "valid_from"})
_PROCEDURE_NEEDS: Final = frozenset({"code", "name", "field"})
_CALENDAR_MEMBERS: Final = frozenset({"make_up_as", "profiles", "days_off", "make_up_days"})
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_PROCEDURE_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_FIELD: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_LIMIT: Final = re.compile(r"([0-9]{1,4}) ([a-z_]+)")
_YES_NO: Final = {"": False, "no": False, "yes": True}
_FOR_EVER: Final = "9999-12-31"


class ReferenceFilesError(ValueError):
    """The files need a correction; `problems` holds one sentence for each, with file, line and column."""

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - PROBLEMS_SHOWN_MAX
        shown = problems[:PROBLEMS_SHOWN_MAX] + ([f"… and {more} more"] if more > 0 else [])
        super().__init__("\n".join(shown))
        self.problems = tuple(problems)


def read(directory: Path) -> Reference:
    """The body of the files in a directory; ReferenceFilesError names every line that needs a correction."""
    reading = _Reading(directory)
    calendar = reading.calendar()
    hours = frozenset(calendar.profiles)
    units = list(reading.bodies("units.csv", hours))
    departments = list(reading.bodies("departments.csv", hours))
    procedures = list(reading.procedures())
    reading.compare([*units, *departments])
    if reading.problems:
        raise ReferenceFilesError(reading.problems)
    # Sorted, so that the order of lines in a file does not make another digest.
    return Reference(
        units=sorted((unit for _, unit in units), key=_by_code_and_day),
        departments=sorted((unit for _, unit in departments), key=_by_code_and_day),
        procedures=sorted(procedures, key=lambda procedure: procedure.code),
        calendar=calendar,
    )


class _Row(NamedTuple):
    file: str
    line: int
    cells: dict[str, str]


class _Reading:
    """One pass over the files that goes on after a problem, so that people correct them in one go."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.problems: list[str] = []

    def bodies(self, file: str, hours: frozenset[str]) -> Iterator[tuple[_Row, Unit]]:
        """The units or departments of a file, each with the row that it came from."""
        for row in self._rows(file, _BODY_COLUMNS, _BODY_NEEDS):
            before = len(self.problems)
            cells = row.cells
            self._form(row, "code", _CODE, "1 to 32 of A–Z a–z 0–9 . _ -")
            self._form(row, "name", _TEXT, "a name of at most 200 characters")
            for column in ("parent", "successor"):
                if cells[column]:
                    self._form(row, column, _CODE, "a code, 1 to 32 of A–Z a–z 0–9 . _ -")
            self._day(row, "valid_from")
            if cells["valid_to"] and self._day(row, "valid_to") and cells["valid_to"] < cells["valid_from"]:
                self._wrong(row, "valid_to", f"{cells['valid_to']} lies before valid_from {cells['valid_from']}")
            kind = cells["kind"] or "department"
            if kind not in get_args(UnitKind):
                self._wrong(row, "kind", f"{kind!r} is none of {', '.join(get_args(UnitKind))}")
            if cells["hours"] not in hours:
                self._wrong(row, "hours", f"calendar.toml has no hours profile {cells['hours']!r}")
            if len(self.problems) == before:
                optional = {name: cells[name] or None for name in ("parent", "valid_to", "successor")}
                yield row, Unit(
                    code=cells["code"], name=cells["name"], kind=kind, hours=cells["hours"],  # type: ignore[arg-type]
                    valid_from=cells["valid_from"], **optional,
                )  # fmt: skip

    def procedures(self) -> Iterator[Procedure]:
        """The catalogue of procedures."""
        seen: dict[str, int] = {}
        for row in self._rows("procedures.csv", _PROCEDURE_COLUMNS, _PROCEDURE_NEEDS):
            before = len(self.problems)
            cells = row.cells
            self._form(row, "code", _PROCEDURE_CODE, "1 to 64 of A–Z a–z 0–9 . _ -")
            self._form(row, "name", _TEXT, "a name of at most 200 characters")
            self._form(row, "field", _FIELD, "a field of at most 64 characters")
            for column in ("end_to_end", "sample"):
                if cells[column] not in _YES_NO:
                    self._wrong(row, column, f"{cells[column]!r} is neither yes nor no")
            if (first := seen.setdefault(cells["code"], row.line)) != row.line:
                self._wrong(row, "code", f"{cells['code']!r} stands in line {first} already")
            limit = self._limit(row)
            if len(self.problems) == before:
                yield Procedure(
                    code=cells["code"], name=cells["name"], field=cells["field"], time_limit=limit,
                    end_to_end=_YES_NO[cells["end_to_end"]], sample=_YES_NO[cells["sample"]],
                )  # fmt: skip

    def calendar(self) -> Calendar:
        """National holidays, with the file's own days on top: where both name a day, the file is right."""
        text = self._text("calendar.toml")
        try:
            members = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.problems.append(f"calendar.toml: {error}")
            members = {}
        if unknown := sorted(members.keys() - _CALENDAR_MEMBERS):
            self._in_calendar(text, [unknown[0]], f"{unknown[0]!r} is none of {', '.join(sorted(_CALENDAR_MEMBERS))}")
        profiles = {name: self._profile(text, name, days) for name, days in self._table(text, members, "profiles").items()}
        if not profiles and text:
            self._in_calendar(text, ["profiles"], "there is no hours profile; at least one is needed, as [profiles.default]")
        make_up_as = members.get("make_up_as", "mon")
        if make_up_as not in WEEKDAYS:
            self._in_calendar(text, ["make_up_as"], f"make_up_as is none of {', '.join(WEEKDAYS)}")
        own_off = self._days(text, members, "days_off")
        own_worked = self._days(text, members, "make_up_days")
        for day in sorted(own_off.keys() & own_worked.keys()):
            self._in_calendar(text, ["make_up_days", day], f"{day} cannot be a day off and a make-up day")
        off, worked = national_holidays.written_out()
        return Calendar(
            profiles=profiles,
            days_off={day: why for day, why in off.items() if day not in own_worked} | own_off,
            make_up_days={day: why for day, why in worked.items() if day not in own_off} | own_worked,
            make_up_as=make_up_as if make_up_as in WEEKDAYS else "mon",
        )

    def compare(self, rows: list[tuple[_Row, Unit]]) -> None:
        """What only shows between lines: codes given twice at a time, successors that nobody knows or that go in a ring."""
        by_code: dict[str, list[tuple[_Row, Unit]]] = {}
        for row, unit in rows:
            by_code.setdefault(unit.code, []).append((row, unit))
        for same in by_code.values():
            same.sort(key=lambda pair: pair[1].valid_from)
            for (one, earlier), (other, later) in pairwise(same):
                if later.valid_from <= (earlier.valid_to or _FOR_EVER):
                    self._wrong(other, "code", f"{later.code!r} is valid at the same time in {one.file}, line {one.line}")
        follows = {unit.code: unit.successor for _, unit in rows if unit.successor}
        for row, unit in rows:
            if unit.successor and unit.successor not in by_code:
                self._wrong(row, "successor", f"no line gives the code {unit.successor!r}")
            elif unit.successor and not _ends(unit.code, follows):
                self._wrong(row, "successor", f"{unit.code!r} succeeds itself, or over {SUCCESSIONS_MAX} others")

    def _rows(self, file: str, columns: tuple[str, ...], needed: frozenset[str]) -> Iterator[_Row]:
        reader = csv.reader(StringIO(self._text(file), newline=""), strict=True)
        header: list[str] | None = None
        line = 1
        try:
            for cells in reader:
                if header is None:
                    header = cells
                    if not self._header(file, header, columns, needed):
                        return
                elif len(cells) > 0:
                    if len(cells) == len(header):
                        named = dict(zip(header, (cell.strip() for cell in cells), strict=True))
                        yield _Row(file, line, dict.fromkeys(columns, "") | named)
                    else:
                        self.problems.append(f"{file}, line {line}: {len(cells)} cells where the header has {len(header)}")
                line = reader.line_num + 1
        except csv.Error as error:
            self.problems.append(f"{file}, line {line}: {error}")

    def _header(self, file: str, header: list[str], columns: tuple[str, ...], needed: frozenset[str]) -> bool:
        before = len(self.problems)
        for place, name in enumerate(header, start=1):
            if name not in columns or header.index(name) != place - 1:
                self.problems.append(f"{file}, line 1, column {place}: {name!r} is unknown or given twice")
        if header[0] != "code":
            self.problems.append(f"{file}, line 1, column 1: the first column must be 'code'")
        if missing := sorted(needed - set(header)):
            self.problems.append(f"{file}, line 1: missing columns: {', '.join(missing)}")
        return len(self.problems) == before

    def _text(self, file: str) -> str:
        path = self._directory / file
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                self.problems.append(f"{file}: larger than {FILE_BYTES_MAX} bytes")
                return ""
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            self.problems.append(f"{file}: cannot be read: {error.strerror}")
            return ""
        except UnicodeDecodeError as error:
            self.problems.append(f"{file}: not UTF-8 at byte {error.start}")
            return ""
        if not text.strip():
            self.problems.append(f"{file}: empty")
        return text

    def _form(self, row: _Row, column: str, form: re.Pattern[str], wanted: str) -> None:
        if form.fullmatch(row.cells[column]) is None:
            self._wrong(row, column, f"{row.cells[column][:64]!r} is not {wanted}")

    def _day(self, row: _Row, column: str) -> bool:
        if _is_date(row.cells[column]):
            return True
        self._wrong(row, column, f"{row.cells[column][:64]!r} is not a date as 2025-07-01")
        return False

    def _limit(self, row: _Row) -> TimeLimit | None:
        text = row.cells["time_limit"]
        if not text:
            return None
        found = _LIMIT.fullmatch(text)
        if found is None or found[2] not in get_args(LimitUnit) or int(found[1]) > LIMIT_AMOUNT_MAX:
            units = ", ".join(get_args(LimitUnit))
            self._wrong(row, "time_limit", f"{text[:64]!r} is not an amount up to {LIMIT_AMOUNT_MAX} and one of {units}")
            return None
        if int(found[1]) == 0 and found[2] != "working_days":
            self._wrong(row, "time_limit", "a limit of 0 (the same day) is known for working_days alone")
        return TimeLimit(amount=int(found[1]), unit=found[2])  # type: ignore[arg-type]

    def _table(self, text: str, members: dict[str, Any], name: str) -> dict[str, Any]:
        table = members.get(name, {})
        if isinstance(table, dict):
            return table
        self._in_calendar(text, [name], f"{name} is not a table")
        return {}

    def _profile(self, text: str, name: str, days: Any) -> dict[Any, list[tuple[str, str]]]:
        path = ["profiles", name]
        if not isinstance(days, dict) or not any(days.values()):
            self._in_calendar(text, path, f"the profile {name!r} has no windows")
            return {}
        read: dict[Any, list[tuple[str, str]]] = {}
        for day, windows in days.items():
            if day not in WEEKDAYS:
                self._in_calendar(text, [*path, day], f"{day!r} is none of {', '.join(WEEKDAYS)}")
            elif not _are_windows(windows):
                self._in_calendar(text, [*path, day], f'{name}.{day} is not a list of windows as ["07:00", "11:30"]')
            else:
                read[day] = [(opens, closes) for opens, closes in windows]
                instants = [instant for window in windows for instant in window]
                if any(a >= b for a, b in windows) or instants != sorted(instants):
                    self._in_calendar(text, [*path, day], f"the windows of {name}.{day} overlap or do not rise")
        return read

    def _days(self, text: str, members: dict[str, Any], name: str) -> dict[str, str]:
        days = self._table(text, members, name)
        for day, why in days.items():
            if not _is_date(day):
                self._in_calendar(text, [name, day], f"{day!r} is not a date as 2025-07-01")
            if not isinstance(why, str) or _TEXT.fullmatch(why) is None:
                self._in_calendar(text, [name, day], f"the reason of {day} is not a text of at most 200 characters")
        return {day: why for day, why in days.items() if isinstance(why, str)}

    def _wrong(self, row: _Row, column: str, sentence: str) -> None:
        self.problems.append(f"{row.file}, line {row.line}, column {column}: {sentence}")

    def _in_calendar(self, text: str, path: list[str], sentence: str) -> None:
        self.problems.append(f"calendar.toml, line {_line_of(text, path)}, column {path[-1]}: {sentence}")


def _line_of(text: str, path: list[str]) -> int:
    """The line on which the last name of a path stands, each looked for from the line of the one before."""
    lines = text.splitlines()
    at = 0
    for name in path:
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        at = next((n for n in range(at, len(lines)) if word.search(lines[n].split("#", 1)[0])), at)
    return at + 1


def _ends(code: str, follows: dict[str, str]) -> bool:
    for _ in range(SUCCESSIONS_MAX):
        if code not in follows:
            return True
        code = follows[code]
    return False


def _is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _are_windows(windows: Any) -> bool:
    return isinstance(windows, list) and all(
        isinstance(window, list) and len(window) == 2 and all(isinstance(t, str) and _CLOCK.fullmatch(t) for t in window)
        for window in windows
    )


def _by_code_and_day(unit: Unit) -> tuple[str, str]:
    return unit.code, unit.valid_from
