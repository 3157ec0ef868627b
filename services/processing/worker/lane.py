"""One partition being folded: records in, lifecycle records, dead letters and changed dossiers out; it stores nothing."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import NamedTuple, Protocol

import msgspec

from contracts import events
from contracts.events import Activated, Control, Event, RefusedError, Ticked
from services.processing.domain import fold, line, slices, worklists
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.effects import Effect, Moment
from services.processing.domain.facts import UNDATED
from services.processing.domain.line import Position, Sent, SentLetter
from services.processing.domain.rules import Rules
from services.processing.domain.takeover import Tail
from services.processing.domain.worklists import Place
from services.processing.errors import DivergedError, MisconfiguredError, TornError
from services.processing.log.records import Record
from services.processing.worker.unreadable import day_in, source_in


class Shelf(Protocol):
    """Where rules come from."""

    def get(self, digest: str) -> Rules: ...


class Kept(Protocol):
    """What a lane asks of the stored state of its partition."""

    def load(self, wanted: Mapping[int, Iterable[str]]) -> dict[int, dict[str, Dossier | Retired | None]]: ...
    def due(self, partition: int, after: int, clock: int, count: int) -> tuple[list[tuple[int, str]], int | None]: ...
    def next_kept(self, partition: int, after: str | None, count: int) -> list[str]: ...


class Bounds(NamedTuple):
    """How much one commit of a partition holds at most."""

    records: int
    slice_dossiers: int


@dataclass
class Pending:
    """What has been folded and not been stored yet."""

    begin: Position
    sent: list[Sent] = field(default_factory=list)
    letters: list[SentLetter] = field(default_factory=list)
    dossiers: dict[str, Dossier | Retired] = field(default_factory=dict)
    due: dict[str, int | None] = field(default_factory=dict)
    kept: dict[str, bool] = field(default_factory=dict)
    parked: dict[str, bool] = field(default_factory=dict)
    # Where dossiers stood on worklists before this commit, and where those stand that new rules have gone through.
    places: dict[str, Place | None] = field(default_factory=dict)
    ruled: dict[str, Place | None] = field(default_factory=dict)
    originals: dict[int, Record] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    touched: int = 0
    # Dossiers touched by ticks and activations alone.
    sliced: int = 0
    # Up to here `due` has a word on all that the stored index holds: ticks have gone through it.
    passed: int = -1


class Lane:
    """The fold of one partition from a position on. Records at or below the tail are worked out and not sent again."""

    def __init__(
        self, partition: int, position: Position, tail: Tail, shelf: Shelf, kept: Kept, bounds: Bounds, cache_dossiers: int
    ) -> None:
        self.partition = partition
        self.position = position
        # Each record with what it says.
        self.queue: deque[tuple[Record, Event | Control | RefusedError]] = deque()
        self.pending = Pending(position)
        self.last: Record | None = None
        # Names of the ticks that were worked off; whoever waits for one takes them out.
        self.ticks_read: set[str] = set()
        # How many dossiers stay in memory behind a commit.
        self.cache_dossiers = cache_dossiers
        self.tail_reached = tail.src is None or (position.src is not None and tail.src <= position.src)
        self._letters_reached = tail.letter_src is None or (
            position.letter_src is not None and tail.letter_src <= position.letter_src
        )
        self._tail = tail
        self._shelf = shelf
        self._stored = kept
        self._bounds = bounds
        self._cache: dict[str, Dossier | Retired | None] = {}
        self._rules: Rules | None = None if position.digest is None else shelf.get(position.digest)
        # No score of the due index lies below; -inf: nobody has looked yet.
        self._first_due: float = -inf

    @property
    def first_due(self) -> float:
        """A lower bound of the due index (µs)."""
        return self._first_due

    @property
    def next_offset(self) -> int:
        """The offset of the record that follows on those that have come in."""
        return self.position.offset + len(self.queue)

    @property
    def cached(self) -> int:
        """Dossiers in memory."""
        return len(self._cache)

    @property
    def has_work(self) -> bool:
        """Whether something can be folded."""
        return bool(self.queue) and not self.position.too_many_errors

    @property
    def is_moved(self) -> bool:
        """Whether there is something to store."""
        return self.pending.touched > 0 or self.pending.sliced > 0

    def add(self, records: Iterable[Record]) -> None:
        """Records that follow on those added before."""
        for record in records:
            try:
                says: Event | Control | RefusedError = events.from_record(record.value, record.headers)
            except RefusedError as refused:
                says = refused
            self.queue.append((record, says))

    def missing(self) -> list[str]:
        """Codes whose dossiers the next fold wants and nobody has loaded."""
        cache, found = self._cache, dict[str, None]()
        for number, (_, says) in enumerate(self.queue):
            if number >= self._bounds.records:
                break
            if isinstance(says, Event) and says.subject not in cache:
                found[says.subject] = None
        return list(found)

    def loaded(self, found: Mapping[str, Dossier | Retired | None]) -> None:
        """What was stored of the codes that were missing."""
        self._cache.update(found)

    def fold(self) -> None:
        """Folds until the queue is empty or a commit is full; DivergedError when the tail says otherwise."""
        queue, pending, most = self.queue, self.pending, self._bounds.records
        while queue and pending.touched < most and not self.position.too_many_errors:
            record, says = queue[0]
            position = self.position
            at = Moment(
                offset=record.offset,
                recorded_at=record.recorded_at,
                log_clock=position.log_clock,
                first_clock=position.first_clock,
            )
            if isinstance(says, Event):
                self._event(at, says, record)
            elif isinstance(says, RefusedError):
                effect = fold.unreadable(says, source_in(record.headers), day_in(record.headers), at)
                self._after(*line.after_event(position, at, None, effect), effect, record)
            elif not self._control(at, says, record):
                return
            queue.popleft()
            self.last = record

    def lists(self) -> dict[str, dict[str, int | None]]:
        """Sets of the worklists by name: the new scores of the codes that this commit moves in them, None to take one out.

        However often a dossier has moved since the last commit, it is looked at once.
        """
        pending, found = self.pending, dict[str, dict[str, int | None]]()
        for code, was in pending.places.items():
            if code in pending.ruled:
                now = pending.ruled[code]
            elif code in pending.dossiers:
                now = worklists.place_now(pending.dossiers[code], self.position.log_clock, self._ruling())
            else:
                continue
            if was != now:
                for name, score in worklists.changes(was, now):
                    found.setdefault(name, {})[code] = score
        return found

    def committed(self) -> None:
        """What was pending is stored."""
        self.pending = Pending(self.position)
        for code in list(islice(self._cache, max(0, len(self._cache) - self.cache_dossiers))):
            del self._cache[code]

    # --- events ----------------------------------------------------------------------------------------------

    def _event(self, at: Moment, event: Event, record: Record) -> None:
        code = event.subject
        before, rules, pending = self._state(code), self._ruling(), self.pending
        if code not in pending.places:
            # Asked first: walking on takes the walk of the former set along.
            pending.places[code] = worklists.place_now(before, at.log_clock, rules)
        effect = fold.arrive(before, event, at, rules)
        self._keep(code, before, effect)
        if effect.dossier is not before:
            pending.ruled.pop(code, None)
        self._after(*line.after_event(self.position, at, event, effect), effect, record)

    def _state(self, code: str) -> Dossier | Retired | None:
        cache = self._cache
        if code not in cache:
            self.loaded(self._stored.load({self.partition: (code,)})[self.partition])
        # Taken out and put back: the first in the dictionary is the one that was not wanted for longest.
        state = cache[code] = cache.pop(code)
        return state

    def _keep(self, code: str, before: Dossier | Retired | None, effect: Effect) -> None:
        after, pending = effect.dossier, self.pending
        if after is None or isinstance(before, Retired):
            return
        if after is not before:
            self._cache[code] = pending.dossiers[code] = after
        if isinstance(after, Retired):
            pending.due[code], pending.kept[code], pending.parked[code] = None, False, False
            return
        self._schedule(code, effect.due_at)
        if before is None:
            pending.kept[code] = True
        was, now = effect.was, effect.now
        if (was is not None and was.parked) or (now is not None and now.parked):
            pending.parked[code] = now is not None and bool(now.parked)

    def _schedule(self, code: str, due: int | None) -> None:
        self.pending.due[code] = due
        if due is not None and due < self._first_due:
            self._first_due = due

    def _after(self, position: Position, sent: Sent, effect: Effect | None, record: Record) -> None:
        """The line has moved by one lifecycle record: send it, unless it was sent before."""
        pending = self.pending
        pending.touched += 1
        if effect is not None:
            pending.outcomes[effect.outcome] += 1
        if self.tail_reached:
            pending.sent.append(sent)
        else:
            self._below_tail(sent)
        for letter in sent.letters:
            self._letter(letter, record)
        self.position = position

    def _below_tail(self, sent: Sent) -> None:
        tail = self._tail.src
        assert tail is not None
        if sent.src < tail:
            return
        if sent.src > tail or sent.chain != self._tail.chain:
            raise DivergedError(f"partition {self.partition}: {tail} was sent otherwise than it is worked out now")
        self.tail_reached = True

    def _letter(self, letter: SentLetter, record: Record) -> None:
        tail = self._tail.letter_src
        if self._letters_reached or tail is None:
            self.pending.letters.append(letter)
            if letter.offset == record.offset:
                self.pending.originals[letter.offset] = record
        elif letter.src == tail:
            self._letters_reached = True
        elif letter.src > tail:
            raise DivergedError(f"partition {self.partition}: dead letter {tail} is not worked out any more")

    # --- control records ---------------------------------------------------------------------------------------

    def _control(self, at: Moment, control: Control, record: Record) -> bool:
        """Works on a control record; False when the commit is full before its end."""
        clock = self.position.log_clock
        if isinstance(control, Ticked):
            clock = line.clock_after(self.position, control, at.recorded_at)
            if not self._pass_time(at, clock, record):
                return False
            self.ticks_read.update(text.decode() for name, text in record.headers if name == "ce_id" and text)
        elif isinstance(control, Activated):
            if not self._activate(at, control, record):
                return False
            self._rules = self._shelf.get(control.digest)
        self.pending.outcomes["tick" if isinstance(control, Ticked) else "control"] += 1
        self._after(*line.after_control(self.position, at, control, log_clock=clock), None, record)
        return True

    def _pass_time(self, at: Moment, clock: int, record: Record) -> bool:
        if self._first_due > clock:
            return True
        first_clock = clock if at.first_clock is None else at.first_clock
        while (room := self._room()) > 0:
            due, is_all, beyond = self._next_due(clock, room)
            has_dated = False
            for score, code in due:
                if has_dated and score != UNDATED:
                    break
                dossier = self._listed(code)
                effect = fold.pass_time(dossier, at, at.log_clock, clock, self._ruling())
                if effect is None:
                    self._schedule(code, _later(fold.due_again(dossier, clock, first_clock, self._ruling()), clock))
                elif score == UNDATED and (dated := fold.dated(dossier, clock, effect, self._ruling())):
                    # Looked at before all others; what there is to tell of it has its turn among theirs.
                    self._schedule(code, dated)
                    has_dated = True
                else:
                    effect = msgspec.structs.replace(effect, due_at=_later(effect.due_at, clock))
                    self._changed(at, code, dossier, effect, record, clock, self.position.digest)
                if self.position.too_many_errors:
                    return False
            if is_all and not has_dated:
                pending = self.pending
                pending.passed = max(pending.passed, clock)
                self._first_due = min((score for score in pending.due.values() if score is not None), default=inf)
                if beyond is not None and beyond < self._first_due:
                    self._first_due = beyond
                return True
        return False

    def _activate(self, at: Moment, activated: Activated, record: Record) -> bool:
        after = self._shelf.get(activated.digest)
        while (room := self._room()) > 0:
            codes = self._next_kept(room)
            if not codes:
                return True
            for code in codes:
                dossier = self._listed(code)
                place = worklists.place_now(dossier, at.log_clock, self._ruling())
                self.pending.places.setdefault(code, place)
                effect = fold.activate(dossier, at, self._ruling(), after)
                if effect is None:
                    # No stand changes, and a due may: it stands in no lifecycle record.
                    self._schedule(code, fold.due_again(dossier, at.log_clock, at.first_clock, after))
                    place = worklists.place_now(dossier, at.log_clock, after)
                else:
                    self._changed(at, code, dossier, effect, record, at.log_clock, activated.digest)
                    if effect.dossier is not dossier:
                        place = worklists.place_now(effect.dossier, at.log_clock, after)
                self.pending.ruled[code] = place
                if self.position.too_many_errors:
                    return False
            self.position = msgspec.structs.replace(self.position, scanned=codes[-1])
        return False

    def _changed(
        self, at: Moment, code: str, before: Dossier, effect: Effect, record: Record, clock: int | None, digest: str | None
    ) -> None:
        self._keep(code, before, effect)
        moved = line.after_dossier(self.position, at, code, effect, log_clock=clock, digest=digest)
        self._after(*moved, None, record)

    def _room(self) -> int:
        return self._bounds.slice_dossiers - self.pending.sliced

    def _next_due(self, clock: int, room: int) -> tuple[list[slices.Row], bool, int | None]:
        """The next that are due, whether they are the last of them, and the first score beyond the clock."""
        pending = self.pending.due
        count = room + len(pending)
        rows, beyond = self._stored.due(self.partition, self.pending.passed, clock, count)
        has_all = len(rows) < count
        due = slices.next_due(rows, has_all, pending, clock)
        # Where some have to wait for the next commit, whoever comes back looks again.
        self._first_due = -inf
        self._load([code for _, code in due[:room]])
        return due[:room], has_all and len(due) <= room, beyond

    def _next_kept(self, room: int) -> list[str]:
        pending, after = self.pending.kept, self.position.scanned
        count = room + len(pending)
        rows = self._stored.next_kept(self.partition, after, count)
        codes = slices.next_kept(rows, len(rows) < count, pending, after)[:room]
        self._load(codes)
        return codes

    def _listed(self, code: str) -> Dossier:
        """The dossier behind an entry of an index: both are written in one step, so one without the other is torn."""
        dossier = self._state(code)
        self.pending.sliced += 1
        if not isinstance(dossier, Dossier):
            raise TornError(self.partition, "an index names a dossier that is not there")
        return dossier

    def _load(self, codes: list[str]) -> None:
        if missing := [code for code in codes if code not in self._cache]:
            self.loaded(self._stored.load({self.partition: missing})[self.partition])

    def _ruling(self) -> Rules:
        if self._rules is None:
            raise MisconfiguredError(f"partition {self.partition} has events before its first rules.activated")
        return self._rules


def _later(due: int | None, clock: int) -> int | None:
    """A due instant that has passed would be looked at for ever within this tick."""
    return due if due is None or due > clock else clock + 1
