"""Reads the reference files that people edit into one checked body of reference data."""

import csv
import re
from collections.abc import Collection, Iterator
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, get_args

from contracts import calendar_file
from contracts.data import LIMIT_AMOUNT_MAX, LimitUnit, TimeLimit
from contracts.reference import Procedure, Reference, Unit, UnitKind

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
TILES: Final = "tiles.csv"
PROBLEMS_SHOWN_MAX: Final = 50
SUCCESSIONS_MAX: Final = 16

_BODY_COLUMNS: Final = ("code", "name", "kind", "hours", "parent", "valid_from", "valid_to", "successor")
_TILE_COLUMNS: Final = ("code", "column", "row")
_PROCEDURE_COLUMNS: Final = ("code", "name", "field", "time_limit", "end_to_end", "sample", "legal_basis")
_BODY_NEEDS: Final = frozenset({"code", "name", "hours", "valid_from"})
_PROCEDURE_NEEDS: Final = frozenset({"code", "name", "field"})
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_PROCEDURE_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_FIELD: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TILE: Final = re.compile(r"[1-9]|[1-4][0-9]")
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
    calendar, wrong = calendar_file.read(reading.text(calendar_file.FILE))
    reading.problems += wrong
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


def tiles(directory: Path, known: Collection[str] | None = None) -> dict[str, tuple[int, int]]:
    """Where units stand on the board's map: column from the west and row from the north, both from 1 to 49.

    No part of the body: nothing is counted by it. Empty where there is no such file; ReferenceFilesError as above, also
    for codes that are none of the `known` ones.
    """
    if not (directory / TILES).exists():
        return {}
    reading = _Reading(directory)
    found = dict(reading.tiles(known))
    if reading.problems:
        raise ReferenceFilesError(reading.problems)
    return found


def announced_until(directory: Path) -> str | None:
    """The last day whose days off are the announced ones, by files that `read` takes: no part of the body, as `tiles`."""
    return calendar_file.announced_until(_Reading(directory).text(calendar_file.FILE))


class _Row(NamedTuple):
    file: str
    line: int
    cells: dict[str, str]


class _Reading:
    """One pass over the files that goes on after a problem, so that people correct them in one go."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._codes: set[str] = set()
        self.problems: list[str] = []

    def bodies(self, file: str, hours: frozenset[str]) -> Iterator[tuple[_Row, Unit]]:
        """The units or departments of a file, each with the row that it came from."""
        for row in self._rows(file, _BODY_COLUMNS, _BODY_NEEDS):
            before = len(self.problems)
            cells = row.cells
            self._codes.add(cells["code"])
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
            if hours and cells["hours"] not in hours:  # without any profile the calendar is what is wrong
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
            self._form(row, "field", _FIELD, "a field's code of at most 64 letters, digits, . _ -")
            for column in ("end_to_end", "sample"):
                if cells[column] not in _YES_NO:
                    self._wrong(row, column, f"{cells[column]!r} is neither yes nor no")
            if (first := seen.setdefault(cells["code"], row.line)) != row.line:
                self._wrong(row, "code", f"{cells['code']!r} stands in line {first} already")
            if cells["legal_basis"]:
                self._form(row, "legal_basis", _TEXT, "an act of at most 200 characters")
            limit = self._limit(row)
            if len(self.problems) == before:
                yield Procedure(
                    code=cells["code"], name=cells["name"], field=cells["field"], time_limit=limit,
                    end_to_end=_YES_NO[cells["end_to_end"]], sample=_YES_NO[cells["sample"]],
                    legal_basis=cells["legal_basis"] or None,
                )  # fmt: skip

    def tiles(self, known: Collection[str] | None) -> Iterator[tuple[str, tuple[int, int]]]:
        """Codes with their places on the map."""
        codes, places = dict[str, int](), dict[tuple[str, str], int]()
        for row in self._rows(TILES, _TILE_COLUMNS, frozenset(_TILE_COLUMNS)):
            before = len(self.problems)
            cells = row.cells
            if known is not None and cells["code"] not in known:
                self._wrong(row, "code", f"units.csv has no unit {cells['code'][:64]!r}")
            for column in ("column", "row"):
                self._form(row, column, _TILE, "a whole number from 1 to 49")
            if (first := codes.setdefault(cells["code"], row.line)) != row.line:
                self._wrong(row, "code", f"{cells['code']!r} stands in line {first} already")
            if (first := places.setdefault((cells["column"], cells["row"]), row.line)) != row.line:
                self._wrong(row, "column", f"the place is taken by line {first}")
            if len(self.problems) == before:
                yield cells["code"], (int(cells["column"]), int(cells["row"]))

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
            if unit.successor and unit.successor not in self._codes:
                self._wrong(row, "successor", f"no line gives the code {unit.successor!r}")
            elif unit.successor and not _ends(unit.code, follows):
                self._wrong(row, "successor", f"{unit.code!r} succeeds itself, or over {SUCCESSIONS_MAX} others")

    def _rows(self, file: str, columns: tuple[str, ...], needed: frozenset[str]) -> Iterator[_Row]:
        reader = csv.reader(StringIO(self.text(file), newline=""), strict=True)
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
        if header[:1] != ["code"]:
            self.problems.append(f"{file}, line 1, column 1: the first column must be 'code'")
        if missing := sorted(needed - set(header)):
            self.problems.append(f"{file}, line 1: missing columns: {', '.join(missing)}")
        return len(self.problems) == before

    def text(self, file: str) -> str:
        """The text of a file; an unreadable one is a problem, and reads as an empty one."""
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
        if calendar_file.is_date(row.cells[column]):
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

    def _wrong(self, row: _Row, column: str, sentence: str) -> None:
        self.problems.append(f"{row.file}, line {row.line}, column {column}: {sentence}")


def _ends(code: str, follows: dict[str, str]) -> bool:
    for _ in range(SUCCESSIONS_MAX):
        if code not in follows:
            return True
        code = follows[code]
    return code not in follows


def _by_code_and_day(unit: Unit) -> tuple[str, str]:
    return unit.code, unit.valid_from
