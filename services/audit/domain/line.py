"""One partition under audit: its lifecycle records held against the reported records, in the order of the log."""

from array import array
from collections import Counter
from collections.abc import Iterator

from contracts import instants
from contracts.lifecycle import CHAIN_HEADER, Countable, decode_countable
from services.audit.domain.chain import Chain
from services.audit.domain.findings import Difference, Findings
from services.audit.domain.letters import Letters
from services.audit.domain.pieces import NOTHING, Pieces
from services.audit.domain.reading import (
    Reported,
    Stored,
    control_member,
    fingerprint,
    is_refused,
    read,
)
from services.audit.domain.recount import Recount

EXPIRES_AFTER = 7 * instants.DAY
_NO_RECORDS: Iterator[Stored] = iter(())


class Line:
    """Takes lifecycle records; pulls reported records from `feed` as far as they are named.

    Memory: 32 bytes for each reported record (its fingerprint and standing, the chain) and the last stand of each dossier.
    """

    def __init__(self, partition: int, pieces: Pieces, recount: Recount, findings: Findings) -> None:
        self.partition = partition
        self.next = 0
        self.reported_next = 0
        self.closed = -1
        self.recorded_at: int | None = None
        self.feed: Iterator[Stored] = _NO_RECORDS
        self.chain = Chain(partition, findings)
        self.letters = Letters(partition, findings)
        self._pieces, self._recount, self._findings = pieces, recount, findings
        self._stored: Stored | None = None
        self._reported: Reported | None = None
        self._marks = array("Q")
        self._standing = array("I")
        self._stands: dict[str, int] = {}
        self._expected = (0, 0)
        self._clock: str | None = None
        self._log_clock: int | None = None
        self._digest: str | None = None
        self._failed_changes = False

    def take(self, stored: Stored) -> None:
        """One record of the lifecycle partition."""
        self.next = stored.offset + 1
        value = stored.value or b""
        try:
            record = decode_countable(value)
            stands = self._pieces.stand(bytes(record.was)), self._pieces.stand(bytes(record.now))
            undone = [(offset, self._pieces.entry(bytes(piece))) for offset, piece in record.undone]
            done = [(offset, self._pieces.entry(bytes(piece))) for offset, piece in record.done]
        except ValueError:
            self._differ("accounting.records", "no lifecycle record can be read here", stored.offset)
            return
        src = record.src
        if self.chain.is_resent(src):
            self.chain.compare(stored.offset, value, src)
            return
        header = next((text for name, text in stored.headers if name == CHAIN_HEADER), None)
        self.chain.accept(stored.offset, value, header, src, record.prev)
        if not self._place(record):
            return
        self._attributes(record, stored.offset)
        self._stand(record, *stands, stored.offset)
        for offset, number in undone:
            self._undo(offset, number, stored.offset, record.dossier)
            self._recount.entry(number, stands[0], -1)
        for offset, number in done:
            self._do(offset, number, stored.offset, record.dossier)
            self._recount.entry(number, stands[1], 1)
        self._recount.move(*stands)
        self._close(record)

    # --- places ------------------------------------------------------------------------------------------

    def _place(self, record: Countable) -> bool:
        """Whether the record stands where the next one must; what was left out is named and passed over."""
        offset, index = record.src
        self._findings["accounting.records"].examined += 1
        missing = self._expected if record.src > self._expected else None
        while self.reported_next <= offset:
            if not self._pull():
                self._differ("accounting.records", "a lifecycle record of a reported record that is not there", offset)
                return False
            if missing is not None and self._reported is not None and self.reported_next - 1 == missing[0]:
                self._missing(missing, self._reported.dossier)
                missing = None
        if missing is not None:
            self._missing(missing, None)
        self._expected = (offset + 1, 0) if record.last else (offset, index + 1)
        return True

    def _missing(self, place: tuple[int, int], dossier: str | None) -> None:
        detail = f"the reported record has no lifecycle record with index {place[1]}"
        self._differ("accounting.records", detail, place[0], dossier)

    def _pull(self) -> bool:
        stored = next(self.feed, None)
        if stored is None:
            return False
        if stored.offset != self.reported_next:
            self._differ("accounting.records", "reported records are not there any more", self.reported_next)
        while len(self._marks) < stored.offset:
            self._marks.append(0)
        self._marks.append(fingerprint(stored.key, stored.value, stored.headers))
        while len(self._standing) <= stored.offset:
            self._standing.append(NOTHING)
        self.reported_next = stored.offset + 1
        self._stored, self._reported = stored, read(stored)
        if self._reported.kind != "event":
            self._control(stored, self._reported)
        return True

    def _control(self, stored: Stored, reported: Reported) -> None:
        member = control_member(stored, reported)
        if member is None or is_refused(stored):
            return
        if reported.kind == "tick":
            try:
                at = instants.parse(member)
            except ValueError:
                return
            if self._clock == "wall":
                at = min(at, stored.recorded_at)
            self._log_clock = at if self._log_clock is None else max(at, self._log_clock)
        elif reported.type.endswith("opened.v1"):
            self._clock = member
        else:
            self._digest = member

    # --- attributes --------------------------------------------------------------------------------------

    def _attributes(self, record: Countable, at: int) -> None:
        stored, reported = self._stored, self._reported
        if stored is None or reported is None or stored.offset != record.src[0]:
            return
        self._findings["accounting.attributes"].examined += 1
        pairs: list[tuple[str, object, object]] = [("recorded_at", stored.recorded_at, record.recorded_at)]
        pairs += [("log_clock", self._log_clock, record.log_clock), ("digest", self._digest, record.digest)]
        unreadable = record.outcome == "rejected" and record.dossier is None
        if unreadable:
            pairs.append(("whether it can be read", False, not is_refused(stored)))
        elif reported.kind == "event":
            pairs += [
                ("dossier", reported.dossier, record.dossier),
                ("source", reported.source, record.source),
                ("fact", reported.fact, record.fact),
                ("occurred_at", reported.occurred_at, record.occurred_at),
            ]
        elif record.last:
            pairs += [("dossier", None, record.dossier), ("outcome", reported.kind, record.outcome)]
        if (reported.kind == "event" or unreadable) and not (record.last and record.src[1] == 0):
            self._differ("accounting.records", "an event leaves one lifecycle record, with index 0 and last", record.src[0])
        for name, expected, found in pairs:
            if expected != found:
                detail = f"`{name}` of lifecycle record {at} is not that of the reported record"
                place = (self.partition, record.src[0], record.dossier)
                self._findings["accounting.attributes"].differ(
                    Difference(detail, *place, expected=str(expected), found=str(found))
                )

    def _stand(self, record: Countable, was: int, now: int, at: int) -> None:
        """`was` must be the last `is`; a rejection may leave both out where nothing can be said of the dossier."""
        if record.dossier is None:
            return
        self._findings["chain.stands"].examined += 1
        if was == NOTHING and now == NOTHING and record.outcome == "rejected":
            return
        before = self._stands.get(record.dossier, NOTHING)
        if before != was and self._pieces.stands[before] != self._pieces.stands[was]:
            self._differ("chain.stands", "`was` is not what the record before left", at, record.dossier)
        self._stands[record.dossier] = now

    # --- standings ---------------------------------------------------------------------------------------

    def _undo(self, offset: int, number: int, at: int, dossier: str | None) -> None:
        self._findings["accounting.standings"].examined += 1
        if not 0 <= offset < len(self._standing) or self._standing[offset] != number:
            detail = f"lifecycle record {at} undoes what was not done before"
            self._differ("accounting.standings", detail, offset, dossier)
        if 0 <= offset < len(self._standing):
            self._standing[offset] = NOTHING
        if self._pieces.entries[number].standing == "rejected":
            self.letters.freed(offset)

    def _do(self, offset: int, number: int, at: int, dossier: str | None) -> None:
        self._findings["accounting.standings"].examined += 1
        if not 0 <= offset < len(self._standing):
            self._differ(
                "accounting.standings", f"lifecycle record {at} counts a record that is not there yet", offset, dossier
            )
            return
        if self._standing[offset] != NOTHING:
            detail = f"lifecycle record {at} counts it a second time"
            self._differ("accounting.standings", detail, offset, dossier)
        self._standing[offset] = number
        if self._pieces.entries[number].standing == "rejected":
            self.letters.rejected(offset, self._marks[offset])

    def _close(self, record: Countable) -> None:
        """After the entries: own standing, dead letters; after a tick nothing may be owed."""
        offset = record.src[0]
        is_control = not record.last or record.outcome in ("tick", "control")
        self.letters.settle(record.src, is_control, self._marks[offset])
        self._failed_changes = self._failed_changes or (not record.last and record.outcome == "rejected")
        if not record.last:
            return
        self.closed, self.recorded_at = offset, record.recorded_at
        self._own(record, offset)
        if record.outcome == "rejected" and not self._may_wait(record):
            self.letters.must_have(offset, record.dossier)
        if record.outcome == "tick":
            if not self._failed_changes:
                self.letters.tick_passed()
            self._failed_changes = False

    def _own(self, record: Countable, offset: int) -> None:
        """The reported record's own standing is its outcome on arrival, with its own code and day."""
        own = self._pieces.entries[self._standing[offset]]
        if self._standing[offset] == NOTHING:
            self._differ("accounting.standings", "the reported record has no standing", offset, record.dossier)
        elif own.standing != record.outcome:
            detail = f"it stands {own.standing}, its outcome was {record.outcome}"
            self._differ("accounting.standings", detail, offset, record.dossier)
        elif self._reported is not None and record.dossier is not None and record.occurred_at is not None:
            expected = (self._reported.code, instants.day_of(record.occurred_at))
            if (own.source, own.day) != expected:
                detail = "it is counted for another source or day"
                self._differ("accounting.standings", detail, offset, record.dossier)

    def _may_wait(self, record: Countable) -> bool:
        """A kept misfit that arrives older than seven days gets its dead letter at the next tick, which will look."""
        return (
            record.dossier is not None
            and bytes(record.now) != b""
            and record.log_clock is not None
            and record.occurred_at is not None
            and record.log_clock >= record.occurred_at + EXPIRES_AFTER
        )

    def standings(self) -> Counter[str]:
        """How many reported records stand how, below the position; what has no standing is a difference."""
        counts: Counter[str] = Counter()
        by_number = Counter(self._standing[: self.closed + 1])
        for number, times in by_number.items():
            counts["none" if number == NOTHING else self._pieces.entries[number].standing] += times
        return counts

    def _differ(self, check: str, detail: str, offset: int, dossier: str | None = None) -> None:
        self._findings[check].differ(Difference(detail, self.partition, offset, dossier))
