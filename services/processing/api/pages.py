"""Dead letters read from their topic: a page in its order, within bounds of rows, records and time, or one by its place."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from msgspec import Struct, structs

from contracts.topics import PARTITIONS, REPORTED
from services.processing.api import letters
from services.processing.api.cursors import RejectedCursor
from services.processing.api.letters import Row, Wanted
from services.processing.domain.line import Position
from services.processing.errors import UnavailableError
from services.processing.log.reading import Place, Reader

# A page that takes longer ends where it is, with a cursor to go on from.
SCAN_SECONDS: Final = 2.0


class Search(Struct, frozen=True):
    """A page of a topic that is wanted: rows that are counted in at the positions, from the cursor on, within the bounds."""

    topic: str
    start: RejectedCursor
    wanted: Wanted
    positions: Sequence[Position | None]
    rows_max: int
    scan_records_max: int
    scan_seconds: float = SCAN_SECONDS


class Page(Struct, frozen=True):
    """Rows in the order of partitions, oldest first; `next` is None at the end. `scanned` counts the records read."""

    rows: tuple[Row, ...]
    next: RejectedCursor | None
    scanned: int


def read(reader: Reader, search: Search, ends: Mapping[int, int]) -> Page:
    """The page, of what lies before the ends of the partitions; UnavailableError when Kafka does not bring it."""
    scan = _Scan(reader, search, ends)
    while not scan.is_over:
        scan.read_on()
    return Page(_with_recorded_at(reader, scan.rows), scan.cursor, scan.scanned)


def one(reader: Reader, place: Place) -> Row | None:
    """The dead letter at a place, None where none lies; UnavailableError when Kafka does not bring it."""
    record = reader.at([place]).get(place) if place.partition < PARTITIONS else None
    row = None if record is None else letters.read(place.partition, record)
    return None if row is None else _with_recorded_at(reader, [row])[0]


class _Scan:
    """How far a page has come: `cursor` is where the next one begins, None when there is nothing left."""

    def __init__(self, reader: Reader, search: Search, ends: Mapping[int, int]) -> None:
        self.rows: list[Row] = []
        self.scanned = 0
        self.cursor: RejectedCursor | None = search.start
        self._reader, self._search, self._ends = reader, search, ends
        self._stop_at = monotonic() + search.scan_seconds
        self._leave_behind(search.start)

    @property
    def is_over(self) -> bool:
        """Whether the page is full, the bounds are reached, or the end is."""
        return self.cursor is None or self._is_enough

    @property
    def _is_enough(self) -> bool:
        search = self._search
        full = len(self.rows) >= search.rows_max or self.scanned >= search.scan_records_max
        return full or monotonic() > self._stop_at

    def read_on(self) -> None:
        """Through the partition of the cursor, as far as the bounds allow."""
        begin = self.cursor
        assert begin is not None
        end = min(self._ends[begin.partition], begin.offset + self._search.scan_records_max - self.scanned)
        cursor = begin
        for record in self._reader.run(self._search.topic, begin.partition, begin.offset, end):
            row = letters.read(begin.partition, record)
            if row is not None and not letters.is_counted(row.letter.src, self._search.positions[begin.partition]):
                # Neither this one nor any behind it is counted in yet: that is the end of this partition for now.
                cursor = structs.replace(cursor, offset=self._ends[begin.partition])
                break
            self.scanned += 1
            cursor = self._take(cursor, record.offset, row)
            if self._is_enough:
                break
        if cursor == begin:
            raise UnavailableError(f"{self._search.topic}[{begin.partition}] cannot be read on from {begin.offset}")
        self._leave_behind(cursor)

    def _take(self, cursor: RejectedCursor, offset: int, row: Row | None) -> RejectedCursor:
        """What a worker that died had sent and not stored comes once more with the same `src`: it is dropped."""
        last = cursor.last
        if row is not None and (last is None or row.letter.src > last):
            last = row.letter.src
            if self._search.wanted.takes(row):
                self.rows.append(row)
        return RejectedCursor(cursor.partition, offset + 1, last)

    def _leave_behind(self, cursor: RejectedCursor) -> None:
        """A partition that is read to its end is left for the next that holds anything."""
        if cursor.offset < self._ends[cursor.partition]:
            self.cursor = cursor
            return
        later = range(cursor.partition + 1, PARTITIONS)
        self.cursor = next((RejectedCursor(number) for number in later if self._ends[number] > 0), None)


def _with_recorded_at(reader: Reader, rows: Sequence[Row]) -> tuple[Row, ...]:
    """An event that was not kept is looked up in the archive: its dead letter does not say when it was recorded."""
    wanted: dict[int, list[int]] = {}
    for row in rows:
        if not row.is_of_misfit:
            wanted.setdefault(row.partition, []).append(row.letter.src[0])
    recorded: dict[tuple[int, int], int] = {}
    for partition, offsets in wanted.items():
        for offset, record in reader.some(REPORTED.name, partition, offsets).items():
            recorded[partition, offset] = record.recorded_at
    return tuple(
        row if row.is_of_misfit else structs.replace(row, recorded_at=recorded[row.partition, row.letter.src[0]])
        for row in rows
    )
