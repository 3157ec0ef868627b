"""The units that figures are shown for: names, kinds and hours from the reference data, effective-dated."""

from collections.abc import Iterable
from typing import Final

from contracts import reference
from contracts.reference import Reference, Unit
from services.metrics.domain.hours import Hours

UNKNOWN_KIND: Final = "unknown"
_FOR_EVER: Final = "9999-12-31"


class _Known:
    """What one body says."""

    def __init__(self, body: Reference) -> None:
        self.rows: dict[str, list[Unit]] = {}
        self.departments = frozenset(unit.code for unit in body.departments)
        for unit in body.bodies():
            self.rows.setdefault(unit.code, []).append(unit)
        for rows in self.rows.values():
            rows.sort(key=lambda unit: unit.valid_from)
        # The first day of which anything is known.
        self.since = min((rows[0].valid_from for rows in self.rows.values()), default="")
        self.hours = {code: Hours(body.calendar, rows) for code, rows in self.rows.items()}


class Units:
    """Every code that the reference data knows on any day: first that of the files, then what the log puts in force."""

    def __init__(self, body: Reference) -> None:
        self.digest = reference.digest(reference.encode(body))
        self._known = _Known(body)

    def take(self, body: Reference, digest: str) -> None:
        """Shows units as this body says from now on."""
        self._known, self.digest = _Known(body), digest

    def knows(self, code: str) -> bool:
        """Whether the reference data knows the code on any day."""
        return code in self._known.rows

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code, of whatever day."""
        return tuple(self._known.rows)

    def name(self, code: str, day: str) -> str:
        """Its name on a day (`YYYY-MM-DD`), else the nearest one; a code that is not known is its own name."""
        unit = self._on(code, day)
        return code if unit is None else unit.name

    def kind(self, code: str, day: str) -> str:
        """Its kind on a day, `unknown` for a code that is not known."""
        unit = self._on(code, day)
        return UNKNOWN_KIND if unit is None else unit.kind

    def hours(self, code: str) -> Hours | None:
        """Its working windows, None for a code that is not known."""
        return self._known.hours.get(code)

    def shown(self, role: str, first: str, last: str, with_figures: Iterable[str] = ()) -> list[str]:
        """The codes that a list of a role shows: those valid on one of these days (departments as competent bodies
        alone), of days before all of them those of the first day, and whoever has figures."""
        if last < self._known.since:
            first = last = self._known.since
        valid = {
            code
            for code, rows in self._known.rows.items()
            if any(unit.valid_from <= last and first <= (unit.valid_to or _FOR_EVER) for unit in rows)
        }
        if role == "receiver":
            valid -= self._known.departments
        return sorted(valid | set(with_figures))

    def _on(self, code: str, day: str) -> Unit | None:
        rows = self._known.rows.get(code)
        if not rows:
            return None
        chosen = rows[0]
        for unit in rows:
            if unit.valid_from <= day:
                chosen = unit
        return chosen
