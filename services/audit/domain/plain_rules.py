"""Reference data once more: who is known on which day, whose hours hold, who came after whom; read row by row."""

from contracts import instants
from contracts.data import TimeLimit
from contracts.reference import Procedure, Reference, Unit
from services.audit.domain.plain_calendar import Office

SUCCESSIONS_MAX = 16


class PlainRules:
    """One body of reference data; days are texts, `2025-07-01`, which order as days do."""

    def __init__(self, body: Reference) -> None:
        self._rows: dict[str, list[Unit]] = {}
        for row in body.bodies():
            self._rows.setdefault(row.code, []).append(row)
        for rows in self._rows.values():
            rows.sort(key=lambda row: row.valid_from)
        self._procedures: dict[str, Procedure] = {procedure.code: procedure for procedure in body.procedures}
        self._offices = {name: Office(body.calendar, name) for name in body.calendar.profiles}

    def knows(self, code: str, occurred_at: int, recorded_at: int) -> bool:
        """Whether a code is a body on the day of either instant."""
        days = instants.day_of(occurred_at), instants.day_of(recorded_at)
        return any(
            row.valid_from <= day and (row.valid_to is None or day <= row.valid_to)
            for row in self._rows.get(code, [])
            for day in days
        )

    def office(self, code: str, at: int) -> Office:
        """The hours of a body on the day of an instant; on days before its first row, those of that row."""
        day = instants.day_of(at)
        rows = self._rows[code]
        begun = [row for row in rows if row.valid_from <= day]
        return self._offices[(begun or rows[:1])[-1].hours]

    def field(self, procedure: str) -> str:
        """The catalogue's field of a procedure."""
        found = self._procedures.get(procedure)
        return "other" if found is None else found.field

    def limit(self, procedure: str) -> TimeLimit | None:
        """The catalogue's time limit of a procedure."""
        found = self._procedures.get(procedure)
        return None if found is None else found.time_limit

    def body_of(self, code: str, at: int) -> str:
        """The body that answers for a code on the day of an instant: itself, or who came after it."""
        day = instants.day_of(at)
        for _ in range(SUCCESSIONS_MAX):
            rows = self._rows.get(code, [])
            if any(row.valid_from <= day and self._stays(row, day) for row in rows):
                return code
            gone = [row.successor for row in rows if row.successor and not self._stays(row, day)]
            if not gone or self._begins(gone[-1]) > day:
                return code
            code = gone[-1]
        return code

    def _stays(self, row: Unit, day: str) -> bool:
        """Whether a row's body has not gone by a day: it goes after its end, or when its successor begins."""
        if row.valid_to is not None:
            return day <= row.valid_to
        return row.successor is None or day < self._begins(row.successor)

    def _begins(self, code: str) -> str:
        rows = self._rows.get(code)
        return rows[0].valid_from if rows else "9999-12-31"
