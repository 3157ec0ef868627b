"""A page of a worklist put together: whose sets it is made of by the rules in force, its rows, and where it goes on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from contracts import instants
from services.processing.api import lists
from services.processing.api.cursors import WorklistCursor
from services.processing.api.lists import Asked, Found, Row
from services.processing.api.logs import Logs
from services.processing.api.states import States, StatesUnavailableError
from services.processing.domain import listed
from services.processing.domain.line import Position
from services.processing.domain.rules import Rules
from services.processing.domain.worklists import LISTS, Name, Role, set_name

# A list is read again when new rules or a midnight came in between; more often than this they do not.
READS_MAX: Final = 3
Positions = Sequence[Position | None]


class Question(Struct, frozen=True):
    """Which list is asked for, from where on."""

    list: Name
    role: Role
    unit: str
    cursor: WorklistCursor | None
    rows_max: int

    @property
    def after(self) -> tuple[int, str] | None:
        """The score and code behind which it goes on."""
        return None if self.cursor is None else (self.cursor.score, self.cursor.code)


class Page(Struct, frozen=True):
    """A page: its dossiers, each with clock and rules, in order; the positions and the total are those of the whole list."""

    positions: tuple[Position | None, ...]
    rows: tuple[tuple[Row, Any], ...]
    total: int
    next: WorklistCursor | None

    def shown(self) -> list[dict[str, Any]]:
        """The rows as the answer tells them; folding takes a while."""
        return [listed.row(*judged) for _, judged in self.rows]


class Ruled(Struct, frozen=True):
    """The rules in force in each partition."""

    positions: Positions
    rules: Sequence[Rules]

    def knows(self, unit: str) -> bool:
        """Whether the code is a unit's or department's anywhere."""
        return any(rules.names(unit) for rules in self.rules)

    def successors(self, unit: str) -> frozenset[str]:
        """What the unit resolves to as of the log clocks."""
        return frozenset(rules.resolve(unit, day) for rules, day in self._days() if day is not None)

    def names(self, question: Question) -> list[list[str]]:
        """The sets of which the list is made, by partition. Stocks of the competent move to a successor as the log clock
        comes to its day, those of the receiver never do."""
        found = []
        for rules, day in self._days():
            bodies: Sequence[str] = (question.unit,)
            if question.role == "competent" and day is not None:
                bodies = rules.resolving_to(question.unit, day)
            sets = LISTS[question.list].sets
            found.append([set_name(question.role, body, kind) for body in bodies for kind in sets])
        return found

    def _days(self) -> list[tuple[Rules, int | None]]:
        clocks = [None if position is None else position.log_clock for position in self.positions]
        days = [None if clock is None else instants.day_number(clock) for clock in clocks]
        return list(zip(self.rules, days, strict=True))


async def ruled(positions: Positions, logs: Logs) -> Ruled:
    """The rules in force; a partition without any is still at its beginning."""
    found = []
    for number, position in enumerate(positions):
        if position is None or position.digest is None:
            raise StatesUnavailableError(f"partition {number} is being counted in from the start")
        found.append(await logs.rules(position.digest))
    return Ruled(positions, found)


async def page(states: States, logs: Logs, question: Question, known: Ruled) -> Page:
    """The page that is asked for."""
    found = await _found(states, logs, question, known)
    rows, more = found.rows[: question.rows_max], len(found.rows) > question.rows_max
    shown = await lists.read(states, rows)
    judged: list[tuple[Row, Any]] = []
    # Their partitions may have moved on since: each dossier is told by the clock and the rules that it is stored with.
    by_partition = await _judges(shown.positions, logs)
    for row in rows:
        judge = by_partition.get(row.partition)
        if judge is not None and (dossier := shown.dossiers.get(row.code)) is not None:
            judged.append((row, (dossier, *judge)))
    following = None
    if more:
        following = WorklistCursor(question.list, question.role, question.unit, rows[-1].score, rows[-1].code)
    return Page(found.positions, tuple(judged), found.total, following)


async def _found(states: States, logs: Logs, question: Question, known: Ruled) -> Found:
    names = known.names(question)
    for _ in range(READS_MAX):
        sought = LISTS[question.list]
        found = await lists.find(states, Asked(names, sought, question.after, question.rows_max + 1))
        now = (await ruled(found.positions, logs)).names(question)
        if now == names:
            return found
        names = now
    raise StatesUnavailableError("bodies are giving way to others just now")


async def _judges(positions: Mapping[int, Position | None], logs: Logs) -> dict[int, tuple[int | None, Rules]]:
    found = {}
    for number, position in positions.items():
        if position is not None and position.digest is not None:
            found[number] = (position.log_clock, await logs.rules(position.digest))
    return found
