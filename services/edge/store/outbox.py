"""The outbox in SQLite: what a group of requests wants is one transaction, and what it holds survives anything after it."""

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contracts import instants
from contracts.heartbeats import SPANS_MAX
from services.edge.domain.fullness import Limits, Load, refuses, waited
from services.edge.domain.incarnations import RANDOM_BYTES, HighWater, is_continued, new_incarnation
from services.edge.domain.judgement import Entry, finished
from services.edge.domain.numbering import Book, Place, number, spans
from services.edge.domain.receipts import Receipt
from services.edge.domain.replies import Refused
from services.edge.domain.window import Waiting
from services.edge.store import schema
from services.edge.store.discarded import Discarded
from services.edge.store.errors import DamagedError, InUseError, MovedError, StoreError, named
from services.edge.store.highwater import MarkFile, read_mark
from services.edge.store.identity import Known, Totals, check_content, check_file, check_not_lost, former_of
from services.edge.store.preparing import prepare
from services.edge.store.receipts import Receipts
from services.edge.store.reserve import Reserve
from services.edge.store.steady import steady
from services.edge.store.views import LineStand, Places, Quarantined, Stand

# What an event takes beside its body: its row, its place in two trees.
ROW_BYTES = 64
# The longest that sequence, incarnation and recordedtime can be.
GIVEN_BYTES = 160
READ_ROWS = 50
RELEASED_MAX = 1000
BUSY_SECONDS = 5.0
# Thrown away at once: as much as a commit may add, or the log of changes would outgrow what the reserve can take in.
DISCARDED_BYTES_MAX = 4 * 1024 * 1024


class _Line(Struct):
    number: int
    incarnation: str
    source: str
    last_sequence: int
    unsent: int


class Outbox:
    """Used by one thread. `begin`, then any of the acts, then `commit`; after any error `close`, and `open` reads anew."""

    def __init__(
        self, places: Places, limits: Limits, reserve: Reserve, now: Callable[[], int], receipts_events_max: int = 0,
        steady: Callable[[], int] = steady,
    ) -> None:  # fmt: skip
        self._places = places
        self._limits = limits
        self._reserve = reserve
        self._now = now
        self._steady = steady
        self._began_at, self._steady_began = now(), steady()
        self._receipts_events_max = receipts_events_max
        self._connection: sqlite3.Connection | None = None
        self._held: int | None = None
        self._mark: MarkFile | None = None
        self._known: Known | None = None

    # -- opening and closing

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def open(self, hold_reserve: bool = True) -> bool:
        """Reads the book; True when a new incarnation was begun in a store or beside a mark that was there before.

        Once it was open it opens that very store again, and never makes one or begins an incarnation.
        StoreError, and nothing held nor changed, when it cannot be used.
        """
        try:
            return self._open(hold_reserve)
        except (StoreError, sqlite3.Error, OSError) as error:
            self.close()
            raise named(error, self._places.file) from error

    def close(self) -> None:
        """Lets go of everything; what was not committed never was."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._mark is not None:
            self._mark.close()
            self._mark = None
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _open(self, hold_reserve: bool) -> bool:
        places, known = self._places, self._known
        if known is None:
            check_not_lost(places.file, places.high_water, read_mark(places.high_water))
            places.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            check_file(places.file, known.inode)
        self._held = self._hold_alone()
        mark = read_mark(places.high_water)
        if mark is not None and places.file.exists() and places.file.stat().st_size == 0:
            raise DamagedError(f"{places.file} is empty and once was not: keep it, put back a copy or move it away")
        # A file that was there before and is not now must not be made anew, not even between the check and this.
        mode = "rwc" if known is None else "rw"
        self._connection = sqlite3.connect(
            f"{places.file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False,
            timeout=BUSY_SECONDS,
        )  # fmt: skip
        is_new = prepare(self._connection, places.file)
        if hold_reserve:
            self._reserve.hold()
        self._mark = MarkFile(places.high_water)
        began_anew = self._load(mark, is_new)
        self._mark.write(HighWater(self._incarnation, self._position))
        self._known = Known(places.file.stat().st_ino, self._incarnation, self._totals, self._totals)
        return began_anew

    def _hold_alone(self) -> int:
        lock = os.open(self._places.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise InUseError(f"another edge uses {self._places.directory}: stop it first") from error
        return lock

    def _load(self, mark: HighWater | None, is_new: bool) -> bool:
        db, known = self._db, self._known
        db.execute("BEGIN IMMEDIATE")
        if is_new:
            if known is not None:
                raise MovedError(f"{self._places.file} was emptied while it was in use: start the edge anew with a copy")
            # Not executescript: that would commit before the store has its incarnation.
            for statement in schema.TABLES.split(";"):
                db.execute(statement)
            db.execute(schema.NEW_STORE, (self._new_incarnation(mark, None),))
        db.execute(schema.RELEASED)
        db.execute(schema.DISCARDED)
        db.execute(schema.RECALL_LINES)
        self._receipts = Receipts(db, self._receipts_events_max)
        self._discarded = Discarded(db)
        incarnation, *counted = db.execute(schema.STORE).fetchone()
        if known is not None:
            check_content(self._places.file, known, incarnation, Totals(*counted))
        self._incarnation: str = incarnation
        self._position, self._events, self._bytes = counted
        # A process that knows the store itself needs no mark to know it by.
        continued = is_new or known is not None or is_continued(self._incarnation, self._position, mark)
        if not continued:
            self._incarnation = self._new_incarnation(mark, self._incarnation)
            db.execute(schema.NEW_INCARNATION, (self._incarnation,))
            db.execute(schema.FORGET_LINES, (self._incarnation,))
        db.execute("COMMIT")
        self._lines = {line.number: line for line in (_Line(*row) for row in db.execute(schema.LINES))}
        self._by_source = {line.source: line for line in self._lines.values() if line.incarnation == self._incarnation}
        self._changed: set[int] = set()
        self._moved = False
        return (is_new and mark is not None) or not continued

    def _new_incarnation(self, mark: HighWater | None, former: str | None) -> str:
        marks = (mark, read_mark(former_of(self._places.high_water)))
        known = (each.incarnation for each in marks if each is not None)
        return new_incarnation(self._now() // 1000, secrets.token_bytes(RANDOM_BYTES), *known, former)

    @property
    def incarnation(self) -> str:
        """Whose positions are read now."""
        return self._incarnation

    @property
    def _totals(self) -> Totals:
        return Totals(self._position, self._events, self._bytes)

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._connection is not None, "open comes first"
        return self._connection

    # -- one transaction

    def begin(self) -> None:
        """A transaction begins; a store whose file was taken away must not go on in a file without a name."""
        assert self._known is not None, "open comes first"
        check_file(self._places.file, self._known.inode)
        self._db.execute("BEGIN")

    def commit(self) -> None:
        """Returns when everything of the transaction is on the disk, and the mark behind it."""
        assert self._known is not None, "open comes first"
        if self._changed:
            self._db.execute(schema.KEEP_STORE, (self._position, self._events, self._bytes))
            for each in self._changed:
                line = self._lines[each]
                self._db.execute(schema.KEEP_LINE, (line.last_sequence, line.unsent, line.number))
            self._changed = set()
        # Before and after: a commit that fails may lie on the disk all the same.
        self._known = replace(self._known, attempted=self._totals)
        self._db.execute("COMMIT")
        self._known = replace(self._known, committed=self._totals)
        if self._moved:
            assert self._mark is not None
            self._mark.write(HighWater(self._incarnation, self._position))
            self._moved = False

    def accept(self, entries: Sequence[Entry]) -> str | None:
        """Keeps all of them, or none and says which limit is in the way."""
        if not self._has_room():
            return "disk"
        size = sum(len(entry.head) for entry in entries) + len(entries) * (ROW_BYTES + GIVEN_BYTES)
        unknown = {entry.source for entry in entries} - self._by_source.keys()
        if (reason := refuses(self._measured(), self._limits, len(entries), size, len(unknown))) is not None:
            return reason
        for source in unknown:
            self._begin_line(source)
        now = self._now()
        last = {source: line.last_sequence for source, line in self._by_source.items()}
        book, places = number(Book(self._incarnation, self._position, last), [entry.source for entry in entries])
        self._insert(entries, places, now)
        self._position, self._moved = book.position, True
        for source, line in self._by_source.items():
            if (sequence := book.last[source]) != line.last_sequence:
                line.unsent += sequence - line.last_sequence
                line.last_sequence = sequence
                self._changed.add(line.number)
        return None

    def _has_room(self) -> bool:
        """Whether there is a reserve, or as much is free within the file, where deliveries have left it: then it need not
        grow, and on a disk that stays full an outbox that has emptied takes new events again."""
        return self._reserve.in_place or self._db.execute(schema.FREE_BYTES).fetchone()[0] >= self._reserve.size

    def _insert(self, entries: Sequence[Entry], places: Sequence[Place], now: int) -> None:
        entered = instants.show(now)
        values: list[object] = []
        for entry, place in zip(entries, places, strict=True):
            body = finished(entry, place.sequence, self._incarnation, entered)
            self._bytes += len(body) + ROW_BYTES
            values += (place.position, self._by_source[entry.source].number, place.sequence, now, body)
        self._events += len(entries)
        self._insert_rows(values)

    def _insert_rows(self, values: list[object]) -> None:
        width, at = schema.ROW_COLUMNS, 0
        for chunk in schema.INSERT_CHUNKS:
            statement = schema.insert_events(chunk)
            while len(values) - at >= chunk * width:
                self._db.execute(statement, values[at : at + chunk * width])
                at += chunk * width

    def _begin_line(self, source: str) -> None:
        row = self._db.execute(schema.NEW_LINE, (self._incarnation, source)).lastrowid
        assert row is not None
        self._lines[row] = self._by_source[source] = _Line(row, self._incarnation, source, 0, 0)

    def _measured(self) -> Load:
        first = self._db.execute(schema.FIRST_WAITS_SINCE).fetchone()
        running = self._steady() - self._steady_began
        waiting = 0 if first is None else waited(first[0], self._now(), self._began_at, running)
        return Load(self._events, self._bytes, waiting / instants.SECOND, len(self._by_source))

    def _seconds_since(self, found: tuple[int | None] | None) -> float:
        since = None if found is None else found[0]
        return 0.0 if since is None else max(0.0, (self._now() - since) / instants.SECOND)

    def settle(
        self,
        stored: Sequence[int],
        refused: Sequence[tuple[int, Refused]],
        receipts: Sequence[Receipt] = (),
        read_from: str | None = None,
    ) -> None:
        """Intake stored the ones, which are deleted, and refused the others, which are set aside.

        Positions that were `read_from` another incarnation name other events here, and nothing is done to those.
        """
        if read_from not in (None, self._incarnation):
            return
        # On a disk that is full deliveries are written down, and nothing else.
        if receipts and self._reserve.in_place:
            self._receipts.keep(receipts)
        if stored:
            chosen = json.dumps(stored)
            for number_of, count, size in self._db.execute(schema.WEIGH, (chosen,)).fetchall():
                self._events -= count
                self._bytes -= size + count * ROW_BYTES
                self._lines[number_of].unsent -= count
                self._changed.add(number_of)
            self._db.execute(schema.DELETE, (chosen,))
        for position, why in refused:
            if (found := self._db.execute(schema.LINE_OF, (position,)).fetchone()) is None:
                continue
            self._lines[found[0]].unsent -= 1
            self._changed.add(found[0])
            self._db.execute(schema.SET_ASIDE, (why.code, why.detail, self._now(), position))
            self._db.execute(schema.SET_ASIDE_DELETE, (position,))

    def release(
        self, codes: Sequence[str], refused_before: int, is_allowed: Callable[[str], bool] = lambda source: True
    ) -> int:
        """Puts events of allowed sources that were refused for these reasons back into the line, behind the last; how many.

        Those whose refusal lies ahead of now were refused while the clock was: they need not wait for that.
        """
        lines = [number_of for number_of, line in self._lines.items() if is_allowed(line.source)]
        chosen = (json.dumps(list(codes)), refused_before, self._now(), json.dumps(lines), RELEASED_MAX)
        rows = self._db.execute(schema.HEALABLE, chosen).fetchall()
        values: list[object] = []
        for place, (_, number_of, *rest) in enumerate(rows, start=self._position + 1):
            values += (place, number_of, *rest)
            self._lines[number_of].unsent += 1
            self._changed.add(number_of)
        if rows:
            self._db.execute(schema.RELEASE, (json.dumps([row[0] for row in rows]),))
            self._insert_rows(values)
            self._db.execute(schema.FORGET_RELEASED)
            self._db.execute(schema.KEEP_RELEASED, (self._now(), self._position))
            self._position, self._moved = self._position + len(rows), True
        return len(rows)

    def discard(self, positions: Sequence[int], by: str = "") -> int:
        """Takes away events that intake refused, because somebody decided so, and keeps them aside with their numbers; how
        many, in the order of their positions: no more than one commit may hold, and on a disk that is full none. Only
        quarantine can be discarded."""
        chosen = json.dumps(self._kept_aside(json.dumps(list(positions)), by) if self._reserve.in_place else [])
        count, size = self._db.execute(schema.WEIGH_ASIDE, (chosen,)).fetchone()
        self._db.execute(schema.KEEP_DISCARDED, (chosen,))
        self._db.execute(schema.RELEASE, (chosen,))
        self._events -= count
        self._bytes -= int(size) + count * ROW_BYTES
        self._db.execute(schema.KEEP_STORE, (self._position, self._events, self._bytes))
        return int(count)

    def _kept_aside(self, chosen: str, by: str) -> list[int]:
        taken: list[int] = []
        left = DISCARDED_BYTES_MAX
        for row in (Quarantined(*each) for each in self._db.execute(schema.QUARANTINE_CHOSEN, (chosen,))):
            if taken and len(row.body) > left:
                break
            left -= len(row.body)
            self._discarded.keep(row, by, self._now())
            taken.append(row.position)
        return taken

    # -- reading

    def waiting(self, after: int, events_max: int, bytes_max: int) -> list[Waiting]:
        """The next undelivered events behind a position; at least one if there is any, however large it is."""
        found: list[Waiting] = []
        unreadable: list[tuple[int, Refused]] = []
        size = 0
        rows = self._db.execute(schema.WAITING, (after, events_max))
        while size < bytes_max and (some := rows.fetchmany(READ_ROWS)):
            for position, body in some:
                size += len(body)
                try:
                    told = _IDENTITY.decode(body)
                except (ValueError, RecursionError):
                    unreadable.append((position, Refused(0, "unreadable", "the disk gives back something else")))
                else:
                    found.append(Waiting(position, told.id, told.subject, body))
        rows.close()
        self.settle((), unreadable)
        return found

    def stand(self) -> Stand:
        """How the outbox stands."""
        quarantine = dict(self._db.execute(schema.QUARANTINE_BY_CODE).fetchall())
        return Stand(
            incarnation=self._incarnation,
            unsent=self._events - sum(quarantine.values()),
            load=self._measured(),
            oldest_age_seconds=self._seconds_since(self._db.execute(schema.OLDEST).fetchone()),
            quarantine=quarantine,
            lines=tuple(self._stand_of(line) for line in self._lines.values()),
            reserve_in_place=self._reserve.in_place,
            has_room=self._has_room(),
        )

    def _stand_of(self, line: _Line) -> LineStand:
        first = self._db.execute(schema.FIRST_OF_LINE, (line.number,)).fetchone() or (None, None)
        aside, discarded = (
            spans((sequence for (sequence,) in self._db.execute(statement, place)), SPANS_MAX)
            for statement, place in (
                (schema.QUARANTINE_OF_LINE, (line.number,)),
                (schema.DISCARDED_OF_LINE, (line.incarnation, line.source)),
            )
        )
        return LineStand(
            line.incarnation, line.source, line.last_sequence, line.unsent, first[0], first[1], aside, discarded
        )

    def quarantined(self, after: int, rows_max: int) -> list[Quarantined]:
        """A page of what intake refused."""
        return [Quarantined(*row) for row in self._db.execute(schema.QUARANTINE_PAGE, (after, rows_max))]

    # -- a full disk

    def give_up_reserve(self) -> None:
        """The disk is full: room for what must still be written down."""
        self._reserve.give_up()

    def take_reserve_back(self) -> None:
        """If the disk has room again for the log of changes and for the reserve, new events may come."""
        if not self._reserve.in_place:
            with suppress(sqlite3.Error):
                # RESTART keeps the log's length: deliveries can be written down in it whatever happens to the disk.
                self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                self._reserve.hold()


class _Identity(Struct):
    id: str
    subject: str


_IDENTITY = msgspec.json.Decoder(_Identity)
