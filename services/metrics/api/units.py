"""The units that figures are shown for: names, kinds and hours from the reference data, effective-dated."""

from collections.abc import Iterable
from typing import Final

from contracts.reference import Reference, Unit
from services.metrics.domain.hours import Hours

UNKNOWN_KIND: Final = "unknown"
_FOR_EVER: Final = "9999-12-31"


class Units:
    """Every code that the reference data knows on any day."""

    def __init__(self, body: Reference) -> None:
        self._rows: dict[str, list[Unit]] = {}
        self._departments = frozenset(unit.code for unit in body.departments)
        for unit in body.bodies():
            self._rows.setdefault(unit.code, []).append(unit)
        for rows in self._rows.values():
            rows.sort(key=lambda unit: unit.valid_from)
        self._hours = {code: Hours(body.calendar, rows) for code, rows in self._rows.items()}

    def knows(self, code: str) -> bool:
        """Whether the reference data knows the code on any day."""
        return code in self._rows

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code, of whatever day."""
        return tuple(self._rows)

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
        return self._hours.get(code)

    def shown(self, role: str, first: str, last: str, with_figures: Iterable[str] = ()) -> list[str]:
        """The codes that a list of a role shows: those valid on one of these days (departments as competent bodies
        alone), and whoever has figures."""
        valid = {
            code
            for code, rows in self._rows.items()
            if any(unit.valid_from <= last and first <= (unit.valid_to or _FOR_EVER) for unit in rows)
        }
        if role == "receiver":
            valid -= self._departments
        return sorted(valid | set(with_figures))

    def _on(self, code: str, day: str) -> Unit | None:
        rows = self._rows.get(code)
        if not rows:
            return None
        chosen = rows[0]
        for unit in rows:
            if unit.valid_from <= day:
                chosen = unit
        return chosen
