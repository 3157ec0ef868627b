"""Dead letters counted by code, unit and week of recording."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from contracts import instants
from services.processing.api.letters import Row, Stand

# A piece that takes longer to count ends where it is, with a cursor to go on from.
PIECE_SECONDS: Final = 1.5

_Group = tuple[str, str | None, str | None]


class Groups:
    """Counted so far; those of another week than the wanted one are left out, None lets every week through."""

    def __init__(self, week: str | None) -> None:
        self._week = week
        self._letters: Counter[_Group] = Counter()
        self._rejected: Counter[_Group] = Counter()

    def add(self, rows: Iterable[tuple[Row, Stand]]) -> None:
        """Counts each of these dead letters once."""
        for row, stand in rows:
            week = None if stand.recorded_at is None else instants.week_of(stand.recorded_at)
            if self._week in (None, week):
                group = (row.letter.code, row.reported.unit, week)
                self._letters[group] += 1
                self._rejected[group] += stand.standing == "rejected"

    def show(self) -> list[dict[str, Any]]:
        """The groups of the answer, by code, unit and week; what is not known goes first."""
        return [
            {"code": group[0], "unit": group[1], "week": group[2], "letters": count, "rejected_now": self._rejected[group]}
            for group, count in sorted(self._letters.items(), key=lambda each: [name or "" for name in each[0]])
        ]
