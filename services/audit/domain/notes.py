"""What people ask audit for by name, unit by unit: events entered long after they happened, completions that came late,
events that were thrown away, or left behind at an edge that is gone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.audit.domain.pieces import Pieces
from services.audit.domain.recount import Tally

SHOWN_MAX = 20
# So many more are known, and twice as many before some are forgotten.
SPARE = 20
KINDS = ("backdated", "late_by_link", "late_entry")


@dataclass(frozen=True)
class Noted:
    """One event of a list."""

    partition: int
    offset: int
    dossier: str

    def __str__(self) -> str:
        return f"partition {self.partition}, offset {self.offset}, dossier {self.dossier}"


@dataclass(frozen=True)
class Numbers:
    """Numbers `first`..`last` that an outbox gave to events of a list: they are not in the archive."""

    source: str
    incarnation: str
    first: int
    last: int

    def __str__(self) -> str:
        numbers = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.source}, incarnation {self.incarnation}: sequence {numbers}"


@dataclass(frozen=True)
class Unsent:
    """How many events an outbox had not sent by the last heartbeat of an edge that is retired; it does not say which."""

    source: str
    incarnation: str
    events: int

    def __str__(self) -> str:
        return f"{self.source}, incarnation {self.incarnation}: {self.events} unsent"


@dataclass
class Listed:
    """One unit's list: how many there are, and some, the newest first."""

    count: int
    newest: Sequence[Noted | Numbers | Unsent]


@dataclass
class Notes:
    """The newest events of each kind and unit; how many there are is the recount's to say."""

    pieces: Pieces
    # Of each unit; some more are known, since of those that are shown some may count no longer.
    shown_max: int = SHOWN_MAX
    # By partition and offset: since when it counts so, its dossier.
    _known: dict[tuple[str, str], dict[tuple[int, int], tuple[int, str]]] = field(default_factory=dict)
    _kinds: list[tuple[str, ...]] = field(default_factory=list)

    def of(self, number: int) -> tuple[str, ...]:
        """The kinds of list that an entry belongs to."""
        while len(self._kinds) <= number:
            entry = self.pieces.entries[len(self._kinds)]
            late = None if entry.step is None else entry.step.late
            kinds = [KINDS[0]] if entry.backdated else []
            if late is not None:
                kinds.append({"by_link": KINDS[1], "entry": KINDS[2]}[late])
            self._kinds.append(tuple(kinds))
        return self._kinds[number]

    def add(self, number: int, receiver: str | None, partition: int, offset: int, dossier: str, at: int) -> None:
        """An event that counts as this entry from `at` (µs) on."""
        for kind in self.of(number):
            known = self._known.setdefault((kind, self._unit(kind, number, receiver)), {})
            known[partition, offset] = at, dossier
            if len(known) > self.shown_max + 2 * SPARE:
                # By time: partitions are read one after the other.
                for place in sorted(known, key=lambda place: known[place][0])[: -(self.shown_max + SPARE)]:
                    del known[place]

    def remove(self, number: int, receiver: str | None, partition: int, offset: int) -> None:
        """An event that does no longer."""
        for kind in self.of(number):
            self._known.get((kind, self._unit(kind, number, receiver)), {}).pop((partition, offset), None)

    def _unit(self, kind: str, number: int, receiver: str | None) -> str:
        return (self.pieces.entries[number].source if kind == KINDS[0] else receiver) or ""

    def lists(self, tally: Tally) -> dict[str, dict[str, Listed]]:
        """Kind -> unit -> list: back-dated events by who reported them, late completions by receiver."""
        told: dict[str, dict[str, Listed]] = {kind: {} for kind in KINDS}
        for name, count in sorted(tally.total.items()):
            role, unit, counter = name.split("|", 2)
            if role == "receiver" and counter in told:
                known = self._known.get((counter, unit), {})
                newest = sorted(known.items(), key=lambda each: (each[1][0], each[0]), reverse=True)[: self.shown_max]
                told[counter][unit] = Listed(count, [Noted(*place, dossier) for place, (_, dossier) in newest])
        return told
