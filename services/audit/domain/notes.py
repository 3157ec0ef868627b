"""What people ask audit for by name: events entered long after they happened, completions that came late, unit by unit."""

from dataclasses import dataclass, field

from services.audit.domain.pieces import Pieces
from services.audit.domain.recount import Tally

SHOWN_MAX = 20
KINDS = ("backdated", "late_by_link", "late_entry")


@dataclass(frozen=True)
class Noted:
    """One event of a list."""

    partition: int
    offset: int
    dossier: str


@dataclass
class Listed:
    """One unit's list: how many there are, and some of the first."""

    count: int
    first: list[Noted]


@dataclass
class Notes:
    """Some of the first events of each kind and unit; how many there are is the recount's to say."""

    pieces: Pieces
    _known: dict[tuple[str, str], dict[tuple[int, int], str]] = field(default_factory=dict)
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

    def add(self, number: int, receiver: str | None, partition: int, offset: int, dossier: str) -> None:
        """An event that counts as this entry from now on."""
        for kind in self.of(number):
            known = self._known.setdefault((kind, self._unit(kind, number, receiver)), {})
            if len(known) < SHOWN_MAX:
                known[partition, offset] = dossier

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
                first = [Noted(partition, offset, dossier) for (partition, offset), dossier in sorted(known.items())]
                told[counter][unit] = Listed(count, first)
        return told
