"""A lane without servers: its state in dictionaries, commits of any size, restarts anywhere; and its plain twin."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from contracts.events import Headers, RefusedError, from_record
from services.processing.domain import fold, line
from services.processing.domain.dossier import Dossier, Retired, decode, encode
from services.processing.domain.line import Position, Sent, SentLetter
from services.processing.domain.rules import Rules
from services.processing.domain.takeover import Tail
from services.processing.log.records import Record
from services.processing.worker.lane import Bounds, Lane
from tests.unit.memory_line import MemoryLine
from tests.unit.worklist_oracle import assert_listed

VIETNAM = timezone(timedelta(hours=7))


class Twin(MemoryLine):
    """The memory line, which also reads what can be read of a record that breaks the contract."""

    def take(self, value: bytes, headers: Headers, recorded_at: int) -> list[Sent]:
        try:
            from_record(value, headers)
        except RefusedError as refused:
            at, told = self._moment(recorded_at), dict(headers)
            source, day = (told.get("ce_source") or b"").decode().split("/"), None
            with suppress(ValueError):
                day = datetime.fromisoformat((told.get("ce_time") or b"").decode()).astimezone(VIETNAM).date().isoformat()
            code = source[2] if source[:2] == ["", "units"] and len(source) > 2 else None
            self.position, sent = line.after_event(self.position, at, None, fold.unreadable(refused, code, day, at))
            return [sent]
        return super().take(value, headers, recorded_at)


class Shelf:
    """Rules by digest."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        self._rules = rules

    def get(self, digest: str) -> Rules:
        return self._rules[digest]


class Kept:
    """What Redis would hold of one partition."""

    def __init__(self) -> None:
        self.position = Position()
        self.states: dict[str, bytes] = {}
        self.scores: dict[str, int] = {}
        self.kept: set[str] = set()
        self.parked: set[str] = set()
        self.lists: dict[str, dict[str, int]] = {}

    def load(self, wanted: Mapping[int, Iterable[str]]) -> dict[int, dict[str, Dossier | Retired | None]]:
        return {number: {code: self._load(code) for code in codes} for number, codes in wanted.items()}

    def due(self, partition: int, after: int, clock: int, count: int) -> tuple[list[tuple[int, str]], int | None]:
        rows: list[tuple[int, str]] = []
        for code, score in self.scores.items():
            insort(rows, (score, code))
        first, last = bisect_right(rows, after, key=_score), bisect_right(rows, clock, key=_score)
        return rows[first:last][:count], rows[last][0] if last < len(rows) else None

    def next_kept(self, partition: int, after: str | None, count: int) -> list[str]:
        return sorted(code for code in self.kept if after is None or code > after)[:count]

    def store(self, lane: Lane) -> None:
        """One commit."""
        pending = lane.pending
        assert pending.begin == self.position, "a commit begins where the last one ended"
        self.states |= {code: encode(state) for code, state in pending.dossiers.items()}
        for code, score in pending.due.items():
            self.scores.pop(code, None)
            if score is not None:
                self.scores[code] = score
        for index, changed in ((self.kept, pending.kept), (self.parked, pending.parked)):
            for code, is_in in changed.items():
                (index.add if is_in else index.discard)(code)
        for name, scores in lane.lists().items():
            stored = self.lists.setdefault(name, {})
            for code, score in scores.items():
                stored.pop(code, None)
                if score is not None:
                    stored[code] = score
            if not stored:
                del self.lists[name]
        self.position = lane.position
        lane.committed()

    def _load(self, code: str) -> Dossier | Retired | None:
        state = self.states.get(code)
        assert state is not None or code not in self.kept
        return None if state is None else decode(code, state)


class Wire:
    """What was sent of one partition, never taken back."""

    def __init__(self) -> None:
        self.lifecycle: list[Sent] = []
        self.letters: list[SentLetter] = []

    @property
    def tail(self) -> Tail:
        """What a successor finds."""
        last = self.lifecycle[-1] if self.lifecycle else None
        return Tail(
            None if last is None else last.src,
            None if last is None else last.chain,
            self.letters[-1].src if self.letters else None,
        )


class Worker:
    """Turns of one partition: gather, fold, send, store; each step apart, so that a test can end it between any two."""

    def __init__(self, kept: Kept, wire: Wire, rules: Mapping[str, Rules], bounds: Bounds, cache: int) -> None:
        self.kept, self.wire = kept, wire
        self.lane = Lane(0, kept.position, wire.tail, Shelf(rules), kept, bounds, cache)

    def gather(self, log: list[Record], count: int) -> None:
        """The next records of the log."""
        begin = self.lane.next_offset
        self.lane.add(log[begin : begin + count])

    def fold_and_send(self) -> bool:
        """Whether there was something to fold."""
        lane = self.lane
        if not lane.has_work:
            return False
        lane.loaded(self.kept.load({0: lane.missing()})[0])
        lane.fold()
        self.wire.lifecycle += lane.pending.sent
        self.wire.letters += lane.pending.letters
        return True

    def store(self) -> None:
        """What was folded is stored."""
        self.kept.store(self.lane)

    def run(self, log: list[Record], count: int = 1000) -> None:
        """To the end of the log."""
        while self.lane.position.offset < len(log):
            self.gather(log, count)
            assert self.fold_and_send()
            self.store()


def plainly(log: Iterable[Record], rules: Mapping[str, Rules]) -> tuple[Twin, list[Sent]]:
    """The whole log folded anew, record by record, with nothing between."""
    twin, sent = Twin(dict(rules)), []
    for record in log:
        sent += twin.take(record.value or b"", record.headers, record.recorded_at)
    return twin, sent


def assert_same(worker: Worker, twin: Twin, sent: list[Sent]) -> None:
    """What was sent and what is stored are the twin's."""
    assert worker.wire.lifecycle == sent
    assert worker.wire.letters == [letter for each in sent for letter in each.letters]
    kept = worker.kept
    assert kept.position == twin.position
    assert kept.states == {code: encode(state) for code, state in twin.states.items()}
    assert kept.scores == twin.due
    live = {code: state for code, state in twin.states.items() if isinstance(state, Dossier)}
    assert kept.kept == set(live)
    if twin.rules is not None:
        assert_listed(kept.lists, live, twin.position.log_clock, twin.rules)


def _score(row: tuple[int, str]) -> int:
    return row[0]
