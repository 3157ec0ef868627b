"""The rules in force: reference data compiled for the fold, named by the digest of its body."""

from collections.abc import Callable

from contracts import instants
from contracts.reference import Procedure, Reference, Unit
from services.processing.domain.calendar import WorkingTime

SUCCESSIONS_MAX = 16  # units merge and merge again; a longer chain is a mistake in the data
FIELD_UNKNOWN = "other"


class Rules:
    """Units, hours and procedures as one body of reference data gives them; immutable once compiled."""

    def __init__(self, digest: str, body: Reference) -> None:
        self.digest = digest
        self._rows: dict[str, list[_Row]] = {}
        for unit in body.bodies():
            self._rows.setdefault(unit.code, []).append(_Row(unit))
        for rows in self._rows.values():
            rows.sort(key=lambda row: row.first)
        self._procedures = {procedure.code: procedure for procedure in body.procedures}
        self._hours = {name: WorkingTime.compile(body.calendar, name) for name in body.calendar.profiles}
        self._moves = sorted({day for rows in self._rows.values() for day in self._moving_days(rows) if day < _FOR_EVER})
        self._resolved: dict[tuple[str, int], str] = {}

    @staticmethod
    def compile(digest: str, body: Reference) -> "Rules":
        """The rules of a body of reference data."""
        return Rules(digest, body)

    def known(self, code: str, *days: int) -> bool:
        """Whether the code is a unit or department on one of the days (day numbers)."""
        rows = self._rows.get(code)
        if rows is None:
            return False
        for row in rows:
            for day in days:
                if row.first <= day <= row.final:
                    return True
        return False

    def names(self, code: str) -> bool:
        """Whether the code is that of a unit or department on any day."""
        return code in self._rows

    def hours(self, code: str, day: int) -> WorkingTime:
        """The working time of a body on a day; on a day on which it is not known, that of its nearest row."""
        rows = self._rows[code]
        chosen = rows[0]
        for row in rows:
            if row.first <= day:
                chosen = row
        return self._hours[chosen.hours]

    def procedure(self, code: str) -> Procedure | None:
        """The catalogue's entry, None for one that it does not know."""
        return self._procedures.get(code)

    @property
    def has_successions(self) -> bool:
        """Whether any unit ever gives way to another."""
        return bool(self._moves)

    def resolve(self, code: str, day: int) -> str:
        """The code itself while it is valid, afterwards its successor's, as of a day (day number)."""
        if not self._moves:
            return code
        key = (code, day)
        if (found := self._resolved.get(key)) is None:
            if len(self._resolved) > 100_000:
                self._resolved.clear()
            found = self._resolved[key] = self._resolve(code, day)
        return found

    def resolving_to(self, code: str, day: int) -> tuple[str, ...]:
        """Every code that resolves to this one as of a day, itself among them while it answers for itself."""
        if not self._moves:
            return (code,)
        found = [each for each in self._rows if self.resolve(each, day) == code]
        # A code that nobody knows resolves to itself.
        return tuple(found) if code in self._rows else (code,)

    def next_move(self, code: str, day: int) -> int | None:
        """The first day after `day` on which the code resolves to another body than on `day`; None when there is none."""
        today = self.resolve(code, day)
        for move in self._moves:
            if move > day and self.resolve(code, move) != today:
                return move
        return None

    def _resolve(self, code: str, day: int) -> str:
        for _ in range(SUCCESSIONS_MAX):
            rows = self._rows.get(code, [])
            if any(row.first <= day <= row.stays_until(self._first_day) for row in rows):
                return code
            ended = [row for row in rows if row.successor and row.stays_until(self._first_day) < day]
            if not ended or self._first_day(ended[-1].successor) > day:
                return code
            code = ended[-1].successor
        return code

    def _first_day(self, code: str) -> int:
        rows = self._rows.get(code)
        return rows[0].first if rows else _FOR_EVER

    def _moving_days(self, rows: list["_Row"]) -> set[int]:
        """The days on which a code may resolve to another body than on the day before; none for one that never gives way."""
        successors = {row.successor for row in rows if row.successor}
        if not successors:
            return set()
        # Between two rows a successor answers for the code, and with the later one the code for itself again.
        ends = {row.stays_until(self._first_day) + 1 for row in rows}
        return {row.first for row in rows} | ends | {self._first_day(code) for code in successors}


_FOR_EVER = 1 << 40


class _Row:
    """One effective-dated row of a unit, its days as numbers, both ends included."""

    __slots__ = ("final", "first", "hours", "successor")

    def __init__(self, unit: Unit) -> None:
        self.first = instants.day_from_text(unit.valid_from)
        self.final = _FOR_EVER if unit.valid_to is None else instants.day_from_text(unit.valid_to)
        self.hours = unit.hours
        self.successor = unit.successor or ""

    def stays_until(self, first_day_of: Callable[[str], int]) -> int:
        """The last day on which the row's body answers for itself: its end, or the eve of a successor named without one."""
        if self.final == _FOR_EVER and self.successor:
            return first_day_of(self.successor) - 1
        return self.final
