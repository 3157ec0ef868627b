"""What pieces of lifecycle records add: each piece is decoded once and known by its bytes ever after, within a bound.

Pieces differ in more than what counts, and what counts is split by field and channel. So a piece leads to shared parts:
*rows* (who, when, which counters) and *marks* (by what they are split). A batch is tallied by pairs of these.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from contracts import instants
from contracts.lifecycle import Counted, Stand, Step, decode_counted, decode_stand
from services.metrics.domain.counters import FLOWS, STOCKS, BodyFlow, BodyStock, SourceFlow, SourceStock, is_open

ROLES: Final = ("receiver", "competent")
NEVER: Final = 2**62

BODY_FLOWS: Final = tuple(flow for flow in FLOWS if isinstance(flow, BodyFlow))
SOURCE_FLOWS: Final = tuple(flow for flow in FLOWS if isinstance(flow, SourceFlow))
BODY_STOCKS: Final = tuple(stock for stock in STOCKS if isinstance(stock, BodyStock))
SOURCE_STOCKS: Final = tuple(stock for stock in STOCKS if isinstance(stock, SourceStock))

Names = tuple[str, ...]


class Row:
    """Counters of one role and unit (on one day, for flows) to which one is added together."""

    __slots__ = ("day", "names", "plain", "start")

    def __init__(self, role: str, unit: str, day: str | None, names: Names) -> None:
        self.start = f"{role}|{unit}|"
        self.day = day
        self.names = names
        self.plain = tuple([self.start + name for name in names])


class Marks:
    """What a dossier's figures are split by: `f:<field>`, `c:<channel>`."""

    __slots__ = ("names",)

    def __init__(self, stand: Stand) -> None:
        field, channel = stand.field, stand.channel
        self.names = tuple(name for name, found in ((f"f:{field}", field), (f"c:{channel}", channel)) if found is not None)


class Contribution:
    """What a piece adds: to rows of bodies, which are split by its dossier's marks, and to rows that are not (`alone`)."""

    __slots__ = ("alone", "bodies", "day_end", "states")

    def __init__(self, bodies: tuple[Row, ...], alone: tuple[Row, ...], states: Names, day: str | None) -> None:
        self.bodies = bodies
        self.alone = alone
        self.states = states
        # A log clock at or beyond it: the day has ended. What adds nothing restates nothing.
        is_dated = day is not None and (bodies or alone)
        self.day_end = instants.midnight(instants.day_from_text(day) + 1) if is_dated and day is not None else NEVER


class Standing:
    """A stand as it counts: its stocks, its marks, and the flows of entries that are counted under it."""

    __slots__ = ("channel", "flows", "marks", "receiver", "stock")

    def __init__(self, stand: Stand, stock: Contribution, marks: Marks, flows: dict[bytes, Contribution]) -> None:
        self.receiver, self.channel = stand.receiver, stand.channel
        self.stock = stock
        self.marks = marks
        self.flows = flows


class Memo:
    """Pieces by their bytes. Full, it forgets everything: what recurs is soon known again."""

    def __init__(self, pieces_max: int) -> None:
        self._pieces_max = pieces_max
        self.stands: dict[bytes, Standing] = {}
        self.pieces = 0
        self.forgotten = 0
        self._forget()

    def _forget(self) -> None:
        self.pieces = 0
        self.stands.clear()
        self._stocks: dict[tuple[object, ...], Contribution] = {}
        self._marks: dict[tuple[str | None, str | None], Marks] = {}
        self._flows: dict[tuple[str | None, str | None], dict[bytes, Contribution]] = {}
        self._rows: dict[tuple[object, ...], Row] = {}
        self._names: dict[object, Names] = {}

    def stand(self, piece: bytes) -> Standing:
        """The standing of a stand's bytes (b"" for none) that `stands` does not know; ValueError when they are none."""
        stand = decode_stand(piece) if piece else Stand()
        if self.pieces >= self._pieces_max:
            self._forget()
            self.forgotten += 1
        self.pieces += 1
        key = _what_counts(stand)
        if (stock := self._stocks.get(key)) is None:
            stock = self._stocks[key] = self._stock(stand)
        split = (stand.field, stand.channel)
        if (marks := self._marks.get(split)) is None:
            marks = self._marks[split] = Marks(stand)
        flows = self._flows.setdefault((stand.receiver, stand.channel), {})
        standing = self.stands[piece] = Standing(stand, stock, marks, flows)
        return standing

    def flow(self, standing: Standing, piece: bytes) -> Contribution:
        """What an entry adds under a standing whose `flows` do not know it; ValueError when its bytes are none."""
        counted, day = decode_counted(piece), None
        bodies: tuple[Row, ...] = ()
        alone: tuple[Row, ...] = ()
        day = counted.day
        if (step := counted.step) is not None:
            key = (step, standing.channel)
            if (names := self._names.get(key)) is None:
                names = self._names[key] = names_of_step(step, standing.channel)
            bodies = tuple(self._of_bodies((standing.receiver, step.competent), day, names))
        if counted.source is not None and (of_source := names_of_source(counted)):
            alone = tuple(self._row(role, counted.source, day, of_source) for role in ROLES)
        # The next stand makes room: a standing in use may not lose its flows here.
        self.pieces += 1
        flow = standing.flows[piece] = Contribution(bodies, alone, (), day)
        return flow

    def _stock(self, stand: Stand) -> Contribution:
        units = (stand.receiver, stand.competent)
        names = tuple(stock.name for stock in BODY_STOCKS if stock.contribution(stand))
        alone = tuple(
            self._row(role, source, None, (stock.name,) * number)
            for stock in SOURCE_STOCKS
            for source, number in stock.contribution(stand).items()
            for role in ROLES
        )
        open_in = [f"{role}|{unit}|{stand.state}" for role, unit in zip(ROLES, units, strict=True) if unit is not None]
        return Contribution(
            tuple(self._of_bodies(units, None, names)), alone, tuple(open_in) if is_open(stand) else (), None
        )

    def _of_bodies(self, units: Iterable[str | None], day: str | None, names: Names) -> Iterator[Row]:
        for role, unit in zip(ROLES, units, strict=True):
            if names and unit is not None:
                yield self._row(role, unit, day, names)

    def _row(self, role: str, unit: str, day: str | None, names: Names) -> Row:
        key = (role, unit, day, names)
        if (row := self._rows.get(key)) is None:
            row = self._rows[key] = Row(role, unit, day, names)
        return row


def names_of_step(step: Step, channel: str | None) -> Names:
    """The flows of the bodies to which a step adds one."""
    return tuple(flow.name for flow in BODY_FLOWS if flow.contribution(step, channel))


def names_of_source(counted: Counted) -> Names:
    """The flows of the source to which an entry adds one."""
    return tuple(flow.name for flow in SOURCE_FLOWS if flow.contribution(counted))


def _what_counts(stand: Stand) -> tuple[object, ...]:
    """What the stocks of a stand hang on: all but procedure, field and channel."""
    return (
        stand.receiver, stand.competent, stand.state, stand.state_detail, stand.overdue,
        stand.due_in_24h, stand.due_in_72h, stand.acceptance_overdue, *stand.parked.items(),
    )  # fmt: skip
