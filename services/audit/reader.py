"""The reader of the three logs: lifecycle to a position, reported and dead letters as far as that needs, all in step."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from confluent_kafka import KafkaException
from msgspec import MsgspecError

from contracts import instants, reference, topics
from contracts.heartbeats import Kept, read_kept, replaces
from services.audit.archive import CouldNotRunError, Ends, Log
from services.audit.domain.books import Books
from services.audit.domain.findings import Difference
from services.audit.domain.line import Line
from services.audit.domain.plain_rules import PlainRules
from services.audit.domain.reading import read
from services.audit.settings import Settings

PARTITIONS = range(topics.PARTITIONS)
TELL_EVERY_RECORDS = 2000
# A dead letter may reach its topic a moment after its lifecycle record reached the other: most have come by then.
SETTLE_SECONDS = 1.0

Tell = Callable[["Reader"], None]


class TooManyRecordsError(CouldNotRunError):
    """The archive holds more than audit may remember; the sentence names the setting."""


class Reader:
    """Every partition's line, and how far the logs had come when somebody last looked."""

    def __init__(self, settings: Settings, books: Books, tell: Tell) -> None:
        self.lines = [Line(number, books, settings.audit_resent_records) for number in PARTITIONS]
        self.reported_ends = (0,) * topics.PARTITIONS
        self.total = 0
        self._settings, self._books, self._tell = settings, books, tell
        self._reported = Log(settings, topics.REPORTED.name)
        self._lifecycle = Log(settings, topics.lifecycle(settings.live_gen).name)
        self._rejected = Log(settings, topics.rejected(settings.live_gen).name)
        self._numbered = [0] * topics.PARTITIONS
        self._bodies: dict[str, PlainRules] = {}
        self._checked_begin = False
        # Half of a record may have been taken: whatever was said from here on might be wrong.
        self.is_broken = False

    @property
    def reported_end(self) -> int:
        """How many reported records there were when somebody last looked."""
        return sum(self.reported_ends)

    @property
    def read_records(self) -> int:
        """Records of both logs that were read so far."""
        return self._reported.read_records + self._lifecycle.read_records

    def begin_look(self) -> None:
        """How far the logs have come by now; what was thrown away at their beginnings is found, once."""
        # Asked also when the lifecycle has not grown: a fold that stands still shows by what waits for it.
        reported = self._reported.ends()
        self.reported_ends = reported.next
        lifecycle = self.ends()
        if not self._checked_begin:
            self._whole(reported, self._reported.topic)
            self._whole(lifecycle, self._lifecycle.topic)
            self._checked_begin = True

    def ends(self) -> Ends:
        """Where the lifecycle ends just now."""
        lifecycle = self._lifecycle.ends()
        self.total = self.reported_end + sum(lifecycle.next)
        for number, end in enumerate(lifecycle.next):
            if (read := self.lines[number].next) > end:
                self._books.findings["recount.positions"].differ(
                    Difference("the lifecycle log ends before what was read of it: it is another one now", number, end,
                               expected=f"at least {read}", found=str(end))
                )  # fmt: skip
        return lifecycle

    def to(self, targets: tuple[int, ...], as_of: dict[int, int] | None = None) -> None:
        """Reads each lifecycle partition up to an offset (or up to the end of what a reported record left)."""
        wanted = [n for n in PARTITIONS if self.lines[n].next < targets[n] and not self._has(n, as_of)]
        if not wanted:
            return
        time.sleep(SETTLE_SECONDS)
        letters, reported = self._rejected.ends(), self._reported.ends()
        self.reported_ends = reported.next
        try:
            for number in wanted:
                self._partition(number, letters.next[number], reported.next[number], targets[number], as_of)
        except (CouldNotRunError, KafkaException):
            raise
        except Exception:
            self.is_broken = True
            raise
        self._tell(self)

    def to_closed(self, attempts: int, pause_seconds: float) -> None:
        """To the end, and on from there while a partition stands in the middle of a tick or an activation."""
        for _ in range(attempts):
            self.to(self.ends().next)
            if all(line.is_closed for line in self.lines):
                return
            time.sleep(pause_seconds)

    def letters(self) -> None:
        """Dead letters that have come since, whether or not the lifecycle has gone on."""
        ends = self._rejected.ends().next
        for number in PARTITIONS:
            self._letters(number, ends[number])
        self._tell(self)

    def numbers(self) -> dict[str, Kept]:
        """Takes the sequences of all that is reported by now, folded or not; the heartbeats, older than that."""
        beats = self._heartbeats()
        ends = self._reported.ends().next
        for number in PARTITIONS:
            start = max(self._numbered[number], self.lines[number].reported_next)
            for stored in self._reported.read(number, start, ends[number]):
                reported = read(stored)
                if reported.kind == "event":
                    self._books.sequences.take(number, stored.offset, reported, stored.recorded_at)
            self._numbered[number] = max(start, ends[number])
        return beats

    def bodies(self) -> dict[str, PlainRules]:
        """Every body of reference data that has ruled in what was read."""
        needed = {digest for line in self.lines for _, digest in line.course.digests}
        if not needed <= self._bodies.keys():
            for key, value in self._kept(topics.REFERENCE.name, 1):
                if value is not None and key.decode() in needed:
                    self._bodies[key.decode()] = _rules(key.decode(), value)
        if missing := needed - self._bodies.keys():
            raise CouldNotRunError(f"{topics.REFERENCE.name} lacks the body {min(missing)}, by which was folded")
        return self._bodies

    def close(self) -> None:
        """Ends the clients."""
        for log in (self._reported, self._lifecycle, self._rejected):
            log.close()

    # --- parts -----------------------------------------------------------------------------------------------

    def _partition(self, number: int, letters: int, reported: int, target: int, as_of: dict[int, int] | None) -> None:
        line, log = self.lines[number], self._lifecycle
        self._letters(number, letters)
        line.feed(self._reported.read(number, line.reported_next, reported))
        for count, record in enumerate(log.read(number, line.next, target), 1):
            line.take(record)
            if count % TELL_EVERY_RECORDS == 0:
                self._tell(self)
                self._bounded()
            if as_of is not None and self._has(number, as_of):
                break
        self._bounded()

    def _letters(self, number: int, end: int) -> None:
        letters = self.lines[number].letters
        for letter in self._rejected.read(number, letters.next, end):
            letters.read(letter)

    def _bounded(self) -> None:
        known = sum(line.memory_records for line in self.lines)
        if known > self._settings.audit_records_max:
            raise TooManyRecordsError(
                f"the archive has more than {self._settings.audit_records_max:,} reported records, "
                f"which is what audit may remember: raise MOTCUA_AUDIT_RECORDS_MAX"
            )

    def _has(self, number: int, as_of: dict[int, int] | None) -> bool:
        return as_of is not None and self.lines[number].closed >= as_of.get(number, -1)

    def _whole(self, ends: Ends, topic: str) -> None:
        for number, first in enumerate(ends.first):
            if first:
                self._books.findings["accounting.records"].differ(
                    Difference(f"{topic} does not begin at offset 0 any more", number, 0)
                )

    def _heartbeats(self) -> dict[str, Kept]:
        return newest(self._kept(topics.CENTRE_STATUS.name, topics.PARTITIONS), time.time_ns() // 1000 + instants.MINUTE)

    def _kept(self, topic: str, partitions: int) -> Iterator[tuple[bytes, bytes | None]]:
        log = Log(self._settings, topic, partitions)
        try:
            ends = log.ends()
            for number in range(partitions):
                for stored in log.read(number, ends.first[number], ends.next[number]):
                    if stored.key is not None:
                        yield stored.key, stored.value
        except KafkaException as error:
            raise CouldNotRunError(f"{topic} could not be read: {error.args[0]}") from error
        finally:
            log.close()


def newest(records: Iterable[tuple[bytes, bytes | None]], latest: int) -> dict[str, Kept]:
    """The heartbeat of each source that holds, of all of them in their order; none says anything later than `latest`.

    That of a retired edge holds whatever was said before, until there is another. One that cannot be read has taken the
    place of the former, which accounts for nothing any more.
    """
    beats = dict[str, Kept]()
    for key, value in records:
        beat = _beat(value)
        if beat is None:
            beats.pop(key.decode(errors="replace"), None)
            continue
        if replaces(beat, beats.get(beat.source), latest):
            beats[beat.source] = beat
    return beats


def _rules(digest: str, body: bytes) -> PlainRules:
    try:
        return PlainRules(reference.decode(body))
    except (ValueError, LookupError, MsgspecError) as error:
        raise CouldNotRunError(f"{topics.REFERENCE.name} holds no reference data as {digest}: {error}") from error


def _beat(value: bytes | None) -> Kept | None:
    """A heartbeat; None for what is none, also where an instant of it shows no moment."""
    beat = read_kept(value)
    with suppress(ValueError):
        if beat is not None:
            instants.parse(beat.delivered_until or beat.at)
            return beat
    return None
