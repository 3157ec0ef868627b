"""The count of one partition: records in, a position and what they add out. This is the path of every record."""

from binascii import hexlify
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from contracts.lifecycle import Countable, chain, decode_countable
from services.metrics.domain.contributions import Contribution, Marks, Memo, Standing
from services.metrics.domain.deltas import Arrival, Deltas, deltas
from services.metrics.domain.position import Position, Stop

BEFORE_ALL: Final = (-1, -1)
NO_CLOCK: Final = -1
_UNREADABLE: Final = (ValueError, TypeError, RecursionError)


class Count:
    """What a partition comes to from a position on; `collect` hands over what has been added since it was last called."""

    def __init__(self, position: Position, memo: Memo) -> None:
        self.position = position
        self.counted = 0
        self.dropped = 0
        self._memo = memo
        self._tally: defaultdict[tuple[Contribution, Marks], int] = defaultdict(int)
        self._arrivals: defaultdict[Arrival, int] = defaultdict(int)
        self._seen: dict[str, int] = {}
        self._restated: dict[Contribution, int] = {}

    def take(self, values: Sequence[bytes | None], chains: Sequence[bytes | None], end: int | None = None) -> None:
        """Counts records that lie from `position.next` on, each with its chain header. At one that does not fit, the
        position says why and stays before it; `end` is the offset after the last, when the log has a hole there."""
        position = self.position
        if position.stopped is not None or not values:
            if position.stopped is None and end is not None:
                self.position = replace(position, next=end)
            return
        src, digest, record = position.src, position.chain, None
        highest = src or BEFORE_ALL
        closed, taken, dropped = position.closed, 0, 0
        stopped: Stop | None = None
        for value, said in zip(values, chains, strict=True):
            try:
                read = decode_countable(value)  # type: ignore[arg-type]
                if read.src <= highest:
                    dropped += 1
                    taken += 1
                    continue
                if read.prev != src:
                    stopped = "gap"
                    break
                tied = chain(digest, value)  # type: ignore[arg-type]
                if hexlify(tied) != said:
                    stopped = "diverged"
                    break
                self._add(read)
            except _UNREADABLE:
                stopped = "unreadable"
                break
            record = read
            src = highest = read.src
            digest = tied
            taken += 1
            if read.last:
                closed = src[0]
        self.counted += taken - dropped
        self.dropped += dropped
        after = position.next + taken if end is None or stopped is not None else end
        header = chains[taken - 1] if taken else None
        moved = replace(
            position,
            next=after,
            src=src,
            chain=digest,
            closed=closed,
            stopped=stopped,
            read=header.decode("ascii", "replace") if header is not None else (None if taken else position.read),
        )
        if record is not None:
            moved = replace(moved, recorded_at=record.recorded_at, log_clock=record.log_clock, digest=record.digest)
        self.position = moved

    def stop(self, reason: Stop) -> None:
        """Nothing more is counted; the position stays."""
        self.position = replace(self.position, stopped=reason)

    def collect(self) -> Deltas:
        """What has been added since the last call."""
        found = deltas(self._tally, self._arrivals, self._seen, self._restated)
        self._tally = defaultdict(int)
        self._arrivals = defaultdict(int)
        self._seen, self._restated = {}, {}
        self.counted = self.dropped = 0
        return found

    def _add(self, record: Countable) -> None:
        """Tallies one record; everything is read before anything is added, as an unreadable piece must add nothing."""
        memo, tally = self._memo, self._tally
        stands = memo.stands
        before, after = bytes(record.was), bytes(record.now)
        was = stands.get(before) or memo.stand(before)
        now = stands.get(after) or memo.stand(after)
        undone = _flows(memo, was, record.undone) if record.undone else ()
        done = _flows(memo, now, record.done)
        if was is not now:
            tally[was.stock, was.marks] -= 1
            tally[now.stock, now.marks] += 1
        clock, marks = record.log_clock or NO_CLOCK, now.marks
        for flow in done:
            tally[flow, marks] += 1
            if clock >= flow.day_end:
                self._restate(flow, record.recorded_at)
        for flow in undone:
            tally[flow, was.marks] -= 1
            if clock >= flow.day_end:
                self._restate(flow, record.recorded_at)
        source = record.source
        if source is not None and not record.src[1]:
            self._arrivals[source, record.fact, record.outcome] += 1
            if self._seen.get(source, 0) < record.recorded_at:
                self._seen[source] = record.recorded_at

    def _restate(self, flow: Contribution, recorded_at: int) -> None:
        if self._restated.get(flow, 0) < recorded_at:
            self._restated[flow] = recorded_at


def _flows(memo: Memo, standing: Standing, entries: Sequence[tuple[int, object]]) -> Sequence[Contribution]:
    known, found = standing.flows, []
    for _, entry in entries:
        piece = bytes(entry)  # type: ignore[call-overload]
        found.append(known.get(piece) or memo.flow(standing, piece))
    return found
