"""How every reported record of a partition stands: done once, undone only as it was done, each with its dead letter."""

from array import array
from collections import Counter

from contracts import instants
from contracts.lifecycle import Countable
from services.audit.domain.findings import Difference, Findings
from services.audit.domain.letters import Letters
from services.audit.domain.notes import Notes
from services.audit.domain.pieces import NOTHING, Pieces
from services.audit.domain.reading import Reported

EXPIRES_AFTER = 7 * instants.DAY


class Standings:
    """Memory: 12 bytes for each reported record, its fingerprint and its standing."""

    def __init__(self, partition: int, pieces: Pieces, notes: Notes, findings: Findings) -> None:
        self.partition = partition
        self.letters = Letters(partition, findings)
        self._pieces, self._notes = pieces, notes
        self._check = findings["accounting.standings"]
        self._marks = array("Q")
        self._standing = array("I")
        self._failed_changes = False

    def reported(self, offset: int, mark: int) -> None:
        """A reported record, which has no standing yet."""
        while len(self._marks) < offset:
            self._marks.append(0)
            self._standing.append(NOTHING)
        self._marks.append(mark)
        self._standing.append(NOTHING)

    def of(self, offset: int) -> int:
        """The number of the entry as which a reported record stands."""
        return self._standing[offset] if offset < len(self._standing) else NOTHING

    def undo(self, offset: int, number: int, unit: str | None, at: int, dossier: str | None) -> None:
        """A lifecycle record at `at` takes an entry back."""
        self._check.examined += 1
        known = 0 <= offset < len(self._standing)
        if not known or self._standing[offset] != number:
            self._differ(f"lifecycle record {at} undoes what was not done before", offset, dossier)
        if known:
            self._standing[offset] = NOTHING
        if self._pieces.entries[number].standing == "rejected":
            self.letters.freed(offset)
        if self._notes.of(number):
            self._notes.remove(number, unit, self.partition, offset)

    def do(self, offset: int, number: int, unit: str | None, at: int, dossier: str | None, recorded_at: int) -> None:
        """A lifecycle record at `at` counts an entry; `unit` is its dossier's receiver."""
        self._check.examined += 1
        if not 0 <= offset < len(self._standing):
            self._differ(f"lifecycle record {at} counts a record that is not there yet", offset, dossier)
            return
        if self._standing[offset] != NOTHING:
            self._differ(f"lifecycle record {at} counts it a second time", offset, dossier)
        self._standing[offset] = number
        if self._pieces.entries[number].standing == "rejected":
            self.letters.rejected(offset, self._marks[offset])
        if self._notes.of(number):
            self._notes.add(number, unit, self.partition, offset, dossier or "", recorded_at)

    def close(self, record: Countable, reported: Reported | None) -> None:
        """After the entries: own standing, dead letters; after a tick nothing may be owed."""
        offset = record.src[0]
        is_control = not record.last or record.outcome in ("tick", "control")
        self.letters.settle(record.src, is_control, self._marks[offset])
        if not record.last:
            if record.outcome == "rejected":
                self._failed_changes = True
                self.letters.change_failed(record.src, self._marks[offset])
            return
        self._own(record, reported, offset)
        if record.outcome == "rejected" and not _may_wait(record):
            self.letters.must_have(offset, record.dossier)
        if record.outcome == "tick":
            if not self._failed_changes:
                self.letters.tick_passed(offset)
            self._failed_changes = False

    def _own(self, record: Countable, reported: Reported | None, offset: int) -> None:
        """The reported record's own standing is its outcome on arrival, with its own code and day."""
        number = self._standing[offset]
        own = self._pieces.entries[number]
        if number == NOTHING:
            self._differ("the reported record has no standing", offset, record.dossier)
        elif own.standing != record.outcome:
            self._differ(f"it stands {own.standing}, its outcome was {record.outcome}", offset, record.dossier)
        elif (
            reported is not None
            and record.dossier is not None
            and record.occurred_at is not None
            and (own.source != reported.code or own.day != instants.day_of(record.occurred_at))
        ):
            self._differ("it is counted for another source or day", offset, record.dossier)

    def counts(self, closed: int) -> Counter[str]:
        """How many reported records stand how, up to `closed`; what has no standing is `none`."""
        counts: Counter[str] = Counter()
        for number, times in Counter(self._standing[: closed + 1]).items():
            counts["none" if number == NOTHING else self._pieces.entries[number].standing] += times
        return counts

    def first_without(self, closed: int) -> int | None:
        """The first reported record without a standing."""
        place = next((place for place, number in enumerate(self._standing[: closed + 1]) if number == NOTHING), None)
        return place if place is not None or len(self._standing) > closed else len(self._standing)

    def _differ(self, detail: str, offset: int, dossier: str | None) -> None:
        self._check.differ(Difference(detail, self.partition, offset, dossier))


def _may_wait(record: Countable) -> bool:
    """A kept misfit that arrives older than seven days gets its dead letter at the next tick, which will look."""
    return (
        record.dossier is not None
        and bytes(record.now) != b""
        and record.log_clock is not None
        and record.occurred_at is not None
        and record.log_clock >= record.occurred_at + EXPIRES_AFTER
    )
