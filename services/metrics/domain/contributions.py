"""What pieces of lifecycle records add: each piece is decoded once and known by its bytes ever after, within a bound.

Pieces differ in more than what counts, and what counts is split by field and channel. So a piece leads to shared parts:
*rows* (who, when, which counters) and *marks* (by what they are split). A batch is tallied by these, which is cheap.
"""

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


class Stock:
    """The stocks of a stand: rows of bodies, split by its marks, rows that are not split (`alone`), and its open states."""

    __slots__ = ("alone", "bodies", "marks", "states")

    def __init__(self, bodies: tuple[Row, ...], alone: tuple[Row, ...], states: Names, marks: Marks) -> None:
        self.bodies = bodies
        self.alone = alone
        self.states = states
        self.marks = marks


class Flow:
    """The flows of an entry: rows of bodies, split by the marks of its dossier, and rows that are not."""

    __slots__ = ("alone", "bodies", "day_end", "rows")

    def __init__(self, bodies: tuple[Row, ...], alone: tuple[Row, ...], day_end: int) -> None:
        self.bodies = bodies
        self.alone = alone
        self.rows = (*bodies, *alone)
        # A log clock at or beyond it: the day has ended. What adds nothing restates nothing.
        self.day_end = day_end if bodies or alone else NEVER


class Standing:
    """A stand as it counts: its stock, its marks, and the flows of entries that are counted under it."""

    __slots__ = ("channel", "flows", "marks", "receiver", "stock")

    def __init__(self, stand: Stand, stock: Stock, flows: dict[bytes, Flow]) -> None:
        self.receiver, self.channel = stand.receiver, stand.channel
        self.stock = stock
        self.marks = stock.marks
        self.flows = flows


class Memo:
    """Pieces by their bytes. Stands, or entries, that have become too many are forgotten; what recurs is soon known again.

    Entries belong to days and pass by; stands come back. So each kind has half of the room.
    """

    def __init__(self, pieces_max: int) -> None:
        self._kind_max = max(1, pieces_max // 2)
        self.stands: dict[bytes, Standing] = {}
        self.forgotten = 0
        self._entries = 0
        self._standings: dict[tuple[object, ...], Standing] = {}
        self._shapes: dict[tuple[object, ...], tuple[Names, bool]] = {}
        self._flows: dict[tuple[str | None, str | None], dict[bytes, Flow]] = {}
        self._marks: dict[tuple[str | None, str | None], Marks] = {}
        self._rows: dict[tuple[object, ...], Row] = {}
        self._names: dict[object, Names] = {}
        self._day_ends: dict[str, int] = {}

    @property
    def pieces(self) -> int:
        """How many are remembered."""
        return len(self.stands) + self._entries

    def _forget_stands(self) -> None:
        self.forgotten += 1
        for memo in (self.stands, self._standings, self._shapes, self._marks):
            memo.clear()

    def _forget_entries(self) -> None:
        self.forgotten += 1
        self._entries = 0
        for flows in self._flows.values():
            # A standing in use goes on with the same dictionary.
            flows.clear()
        for memo in (self._rows, self._names, self._day_ends):
            memo.clear()

    def stand(self, piece: bytes) -> Standing:
        """The standing of a stand's bytes (b"" for none) that `stands` does not know; ValueError when they are none."""
        stand = decode_stand(piece) if piece else Stand()
        if len(self.stands) >= self._kind_max:
            self._forget_stands()
        key = _what_counts(stand)
        if (standing := self._standings.get(key)) is None:
            flows = self._flows.setdefault((stand.receiver, stand.channel), {})
            standing = self._standings[key] = Standing(stand, self._stock(stand), flows)
        self.stands[piece] = standing
        return standing

    def flow(self, standing: Standing, piece: bytes) -> Flow:
        """What an entry adds under a standing whose `flows` do not know it; ValueError when its bytes are none."""
        counted = decode_counted(piece)
        day = counted.day
        bodies: tuple[Row, ...] = ()
        alone: tuple[Row, ...] = ()
        if (step := counted.step) is not None:
            key = (step, standing.channel)
            if (names := self._names.get(key)) is None:
                names = self._names[key] = names_of_step(step, standing.channel)
            if names:
                bodies = self._of_bodies(standing.receiver, step.competent, day, names)
        if (source := counted.source) is not None:
            of_source = (counted.standing, counted.skewed, counted.backdated)
            if (names := self._names.get(of_source)) is None:
                names = self._names[of_source] = names_of_source(counted)
            if names:
                alone = (self._row("receiver", source, day, names), self._row("competent", source, day, names))
        if self._entries >= self._kind_max:
            self._forget_entries()
        self._entries += 1
        flow = standing.flows[piece] = Flow(bodies, alone, NEVER if day is None else self._day_end(day))
        return flow

    def _stock(self, stand: Stand) -> Stock:
        # Of bodies' stocks no unit, field or channel is asked: a few shapes are all there are.
        shape = (
            stand.state,
            stand.state_detail,
            stand.overdue,
            stand.due_in_24h,
            stand.due_in_72h,
            stand.acceptance_overdue,
        )
        if (known := self._shapes.get(shape)) is None:
            names = tuple(stock.name for stock in BODY_STOCKS if stock.contribution(stand))
            known = self._shapes[shape] = (names, is_open(stand))
        names, in_hand = known
        split = (stand.field, stand.channel)
        if (marks := self._marks.get(split)) is None:
            marks = self._marks[split] = Marks(stand)
        receiver, competent = stand.receiver, stand.competent
        units = zip(ROLES, (receiver, competent), strict=True) if in_hand else ()
        return Stock(
            self._of_bodies(receiver, competent, None, names) if names else (),
            self._parked(stand) if stand.parked else (),
            tuple([f"{role}|{unit}|{stand.state}" for role, unit in units if unit is not None]),
            marks,
        )

    def _parked(self, stand: Stand) -> tuple[Row, ...]:
        return tuple(
            self._row(role, source, None, (stock.name,) * number)
            for stock in SOURCE_STOCKS
            for source, number in stock.contribution(stand).items()
            for role in ROLES
        )

    def _of_bodies(self, receiver: str | None, competent: str | None, day: str | None, names: Names) -> tuple[Row, ...]:
        units = zip(ROLES, (receiver, competent), strict=True)
        return tuple([self._row(role, unit, day, names) for role, unit in units if unit is not None])

    def _row(self, role: str, unit: str, day: str | None, names: Names) -> Row:
        key = (role, unit, day, names)
        if (row := self._rows.get(key)) is None:
            row = self._rows[key] = Row(role, unit, day, names)
        return row

    def _day_end(self, day: str) -> int:
        if (end := self._day_ends.get(day)) is None:
            end = self._day_ends[day] = instants.midnight(instants.day_from_text(day) + 1)
        return end


def names_of_step(step: Step, channel: str | None) -> Names:
    """The flows of the bodies to which a step adds one."""
    return tuple(flow.name for flow in BODY_FLOWS if flow.contribution(step, channel))


def names_of_source(counted: Counted) -> Names:
    """The flows of the source to which an entry adds one."""
    return tuple(flow.name for flow in SOURCE_FLOWS if flow.contribution(counted))


def _what_counts(stand: Stand) -> tuple[object, ...]:
    """All of a stand but the procedure, of which no counter knows."""
    return (
        stand.field, stand.channel, stand.receiver, stand.competent, stand.state, stand.state_detail, stand.overdue,
        stand.due_in_24h, stand.due_in_72h, stand.acceptance_overdue, *stand.parked.items(),
    )  # fmt: skip
