"""One partition under audit: its lifecycle records held against the reported records, in the order of the log."""

from collections import Counter, deque
from collections.abc import Iterator

from contracts import instants
from contracts.lifecycle import CHAIN_HEADER, Countable, decode_countable
from services.audit.domain.books import Books
from services.audit.domain.chain import KEPT_RECORDS, Chain
from services.audit.domain.findings import Difference
from services.audit.domain.plain_dossier import Course
from services.audit.domain.reading import Reported, Stored, control_member, fingerprint, is_refused, read
from services.audit.domain.standings import Standings

# A lifecycle record needs one reported record more; only where others are missing it needs many at once.
AHEAD_RECORDS_MAX = 10_000
# Of as many reported records with parts is known where they begin: more than come while an answer is compared.
PARTED_MAX = 256
_NO_RECORDS: Iterator[Stored] = iter(())
_EMPTY = b"{}"


class Line:
    """Takes lifecycle records; pulls reported records from `feed` as far as they are named.

    Memory: 12 bytes for each reported record, 16 for each tick, a small entry for each dossier.
    """

    def __init__(self, partition: int, books: Books, kept_records: int = KEPT_RECORDS) -> None:
        self.partition = partition
        self.next = 0
        self.reported_next = 0
        self.closed = -1
        # The last reported records that left more than one lifecycle record, each with the place of the first of these.
        self.parted = deque[tuple[int, int]](maxlen=PARTED_MAX)
        self.recorded_at: int | None = None
        self.log_clock: int | None = None
        self.course = Course()
        self.chain = Chain(partition, books.findings, kept_records)
        self.standings = Standings(partition, books.pieces, books.notes, books.findings)
        self.letters = self.standings.letters
        self._books, self._findings = books, books.findings
        self._records = books.findings["accounting.records"]
        self._same = books.findings["accounting.attributes"]
        self._follows = books.findings["chain.stands"]
        self._feed: Iterator[Stored] = _NO_RECORDS
        self._ahead: deque[Stored] = deque()
        self._stored: Stored | None = None
        self._reported: Reported | None = None
        self._stands: dict[str, int] = {}
        self._expected = (0, 0)
        self._clock_kind: str | None = None
        self._digest: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether it does not stand in the middle of a tick or an activation."""
        return self._expected[1] == 0

    @property
    def memory_records(self) -> int:
        """Reported records of which something is remembered."""
        return self.reported_next

    def feed(self, reported: Iterator[Stored]) -> None:
        """Reported records from `reported_next` on, for the lifecycle records that come next."""
        self._feed = reported
        self._ahead.clear()

    def take(self, stored: Stored) -> None:
        """One record of the lifecycle partition. Whatever the feed raises, it is as if it had not been given."""
        value, pieces = stored.value or b"", self._books.pieces
        try:
            record = decode_countable(value)
            was, now = bytes(record.was), bytes(record.now)
            before, after = pieces.stand(was), pieces.stand(now)
            undone = [(offset, pieces.entry(bytes(piece))) for offset, piece in record.undone]
            done = [(offset, pieces.entry(bytes(piece))) for offset, piece in record.done]
        except ValueError:
            self.next = stored.offset + 1
            self._differ("no lifecycle record can be read here", stored.offset)
            return
        src = record.src
        self._look_ahead(src[0])
        self.next = stored.offset + 1
        if self.chain.is_resent(src):
            self.chain.compare(stored.offset, value, src)
            return
        self.chain.accept(stored.offset, value, _chain_of(stored), src, record.prev)
        if not self._place(record):
            return
        self._attributes(record, stored.offset)
        if record.dossier is not None:
            self._stand(record, record.dossier, was, now, stored.offset)
        standings, recount = self.standings, self._books.recount
        for offset, number in undone:
            standings.undo(offset, number, pieces.stands[before].receiver, stored.offset, record.dossier)
            recount.entry(number, before, -1)
        for offset, number in done:
            standings.do(offset, number, pieces.stands[after].receiver, stored.offset, record.dossier, record.recorded_at)
            recount.entry(number, after, 1)
        recount.move(before, after)
        standings.close(record, self._reported)
        if record.last:
            self.closed, self.recorded_at, self.log_clock = src[0], record.recorded_at, record.log_clock

    def counts(self) -> Counter[str]:
        """How many reported records stand how, below the position; what has no standing is `none`."""
        return self.standings.counts(self.closed)

    # --- places ------------------------------------------------------------------------------------------

    def _place(self, record: Countable) -> bool:
        """Whether the record stands where the next one must; what was left out is named and passed over."""
        offset, index = record.src
        self._records.examined += 1
        missing = self._expected if record.src > self._expected else None
        while self.reported_next <= offset:
            if not self._pull():
                self._differ("a lifecycle record of a reported record that is not there", offset)
                return False
            if missing is not None and self._reported is not None and self.reported_next - 1 == missing[0]:
                self._missing(missing, self._reported.dossier)
                missing = None
        if missing is not None:
            self._missing(missing, None)
        self._expected = (offset + 1, 0)
        if not record.last:
            self._expected = (offset, index + 1)
            if not self.parted or self.parted[-1][0] != offset:
                self.parted.append((offset, self.next - 1))
        return True

    def _missing(self, place: tuple[int, int], dossier: str | None) -> None:
        self._differ(f"the reported record has no lifecycle record with index {place[1]}", place[0], dossier)

    def _look_ahead(self, offset: int) -> None:
        """Fetches what the record needs before anything is changed: Kafka may fall silent in the middle of it."""
        ahead = self._ahead
        while len(ahead) < AHEAD_RECORDS_MAX and (ahead[-1].offset if ahead else self.reported_next - 1) < offset:
            if (stored := next(self._feed, None)) is None:
                return
            ahead.append(stored)

    def _pull(self) -> bool:
        stored = self._ahead.popleft() if self._ahead else next(self._feed, None)
        if stored is None:
            return False
        if stored.offset != self.reported_next:
            self._differ("reported records are not there any more", self.reported_next)
        self.standings.reported(stored.offset, fingerprint(stored.key, stored.value, stored.headers))
        self.reported_next = stored.offset + 1
        reported = read(stored)
        self._stored, self._reported = stored, reported
        if reported.kind == "event":
            self._books.sequences.take(self.partition, stored.offset, reported, stored.recorded_at)
            if reported.dossier is not None:
                is_first = reported.dossier not in self._stands
                self._books.sample.take(self.partition, reported.dossier, stored, is_first)
        else:
            self._control(stored, reported)
        return True

    def _control(self, stored: Stored, reported: Reported) -> None:
        member = control_member(stored, reported)
        if member is None or is_refused(stored):
            return
        if reported.kind == "tick":
            at = instants.parse(member)
            if self._clock_kind == "wall":
                at = min(at, stored.recorded_at)
            self.course.tick(stored.offset, at)
        elif reported.type.endswith("opened.v1"):
            self._clock_kind = member
        else:
            self._digest = member
            self.course.digests.append((stored.offset, member))

    # --- attributes --------------------------------------------------------------------------------------

    def _attributes(self, record: Countable, at: int) -> None:
        stored, reported = self._stored, self._reported
        if stored is None or reported is None or stored.offset != record.src[0]:
            return
        self._same.examined += 1
        clock = self.course.last_clock
        unreadable = record.outcome == "rejected" and record.dossier is None
        if (
            reported.kind == "event"
            and not unreadable
            and record.dossier == reported.dossier
            and record.occurred_at == reported.occurred_at
            and record.recorded_at == stored.recorded_at
            and record.log_clock == clock
            and record.digest == self._digest
            and record.source == reported.source
            and record.fact == reported.fact
            and record.last
            and record.src[1] == 0
        ):
            return
        self._compare(record, stored, reported, unreadable, at)

    def _compare(self, record: Countable, stored: Stored, reported: Reported, unreadable: bool, at: int) -> None:
        pairs: list[tuple[str, object, object]] = [("recorded_at", stored.recorded_at, record.recorded_at)]
        pairs += [("log_clock", self.course.last_clock, record.log_clock), ("digest", self._digest, record.digest)]
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
            self._differ("an event leaves one lifecycle record, with index 0 and last", record.src[0])
        for name, expected, found in pairs:
            if expected != found:
                detail = f"`{name}` of lifecycle record {at} is not that of the reported record"
                place = (self.partition, record.src[0], record.dossier)
                told = Difference(detail, *place, expected=str(expected), found=str(found), of_dossiers=name == "dossier")
                self._same.differ(told)

    def _stand(self, record: Countable, dossier: str, was: bytes, now: bytes, at: int) -> None:
        """`was` must be the last `is`; a rejection may leave both out where nothing can be said of the dossier."""
        self._follows.examined += 1
        if not was and not now and record.outcome == "rejected":
            self._of_sample(record, dossier, None)
            return
        if self._stands.get(dossier, _NO_STAND) != hash(b"" if was == _EMPTY else was):
            detail = "`was` is not what the record before left"
            self._follows.differ(Difference(detail, self.partition, at, dossier))
        self._stands[dossier] = hash(b"" if now == _EMPTY else now)
        self._of_sample(record, dossier, now)
        if record.retired:
            # Whatever comes for it now leaves its stand alone.
            del self._stands[dossier]

    def _of_sample(self, record: Countable, dossier: str, now: bytes | None) -> None:
        chosen = self._books.sample.dossiers.get((self.partition, dossier))
        if chosen is not None:
            if now is not None:
                chosen.stand = now
            if record.retired:
                chosen.retired = True
            if not record.last and record.outcome == "rejected":
                # A change that the fold could not make: what it left is not what follows from the set.
                chosen.is_derivable = False

    def _differ(self, detail: str, offset: int, dossier: str | None = None) -> None:
        self._records.differ(Difference(detail, self.partition, offset, dossier))


_NO_STAND = hash(b"")


def _chain_of(stored: Stored) -> bytes | None:
    for name, text in stored.headers:
        if name == CHAIN_HEADER:
            return text
    return None
