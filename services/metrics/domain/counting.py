"""The count of one partition: records in, a position and a tally out. This is the path of every record."""

from binascii import hexlify
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from msgspec import Raw

from contracts.lifecycle import Countable, chain, decode_countable
from services.metrics.domain.contributions import Flow, Memo, Standing
from services.metrics.domain.deltas import row_name
from services.metrics.domain.position import Position, Stop
from services.metrics.domain.tally import Tally

BEFORE_ALL: Final = (-1, -1)
NO_CLOCK: Final = -1
_UNREADABLE: Final = (ValueError, TypeError, RecursionError)


class Count:
    """What a partition comes to from a position on; `collect` hands over what has been added since it was last called."""

    def __init__(self, position: Position, memo: Memo) -> None:
        self.position = position
        self._memo = memo
        self.tally = Tally()

    @property
    def pending(self) -> int:
        """Records counted or dropped since `collect` was last called."""
        return self.tally.counted + self.tally.dropped

    def take(self, values: Sequence[bytes | None], chains: Sequence[bytes | None], end: int | None = None) -> None:
        """Counts records that lie from `position.next` on, each with its chain header. At one that does not fit, the
        position says why and stays before it; `end` is the offset after the last, when the log has a hole there."""
        position = self.position
        if position.stopped is not None:
            return
        src, digest = position.src, position.chain
        highest = src or BEFORE_ALL
        closing: Countable | None = None
        stopped: Stop | None = None
        taken = dropped = 0
        add = self._add
        for value, said in zip(values, chains, strict=True):
            try:
                read = decode_countable(value)  # type: ignore[arg-type]
                if read.src <= highest:
                    dropped += 1
                elif read.prev != src:
                    stopped = "gap"
                    break
                else:
                    tied = chain(digest, value)  # type: ignore[arg-type]
                    if hexlify(tied) != said:
                        stopped = "diverged"
                        break
                    add(read)
                    digest = tied
                    src = highest = read.src
                    if read.last:
                        closing = read
            except _UNREADABLE:
                stopped = "unreadable"
                break
            taken += 1
        self.tally.counted += taken - dropped
        self.tally.dropped += dropped
        at = position.next + taken if end is None or stopped is not None else end
        moved = replace(position, next=at, src=src, chain=digest, stopped=stopped)
        if taken:
            said = chains[taken - 1]
            moved = replace(moved, read=None if said is None else said.decode("ascii", "replace"))
        if closing is not None:
            moved = replace(
                moved,
                closed=closing.src[0],
                recorded_at=closing.recorded_at,
                log_clock=closing.log_clock,
                digest=closing.digest,
            )
        self.position = moved

    def stop(self, reason: Stop) -> None:
        """Nothing more is counted; the position stays."""
        self.position = replace(self.position, stopped=reason)

    def collect(self) -> Tally:
        """What has been added since the last call."""
        found, self.tally = self.tally, Tally()
        return found

    def _add(self, record: Countable) -> None:
        """Tallies one record; everything is read before anything is added, as an unreadable piece must add nothing."""
        memo, tally = self._memo, self.tally
        stands = memo.stands
        before, after = bytes(record.was), bytes(record.now)
        was = stands.get(before) or memo.stand(before)
        now = stands.get(after) or memo.stand(after)
        done, recorded_at = record.done, record.recorded_at
        if len(done) == 1 and not record.undone:
            # The usual case, without a list.
            piece = bytes(done[0][1])
            flow = now.flows.get(piece) or memo.flow(now, piece)
            tally.flows[flow, now.marks] += 1
            if (record.log_clock or NO_CLOCK) >= flow.day_end:
                self._restate(map(row_name, flow.rows), recorded_at)
        else:
            self._add_entries(was, now, record)
        if was is not now:
            stocks = tally.stocks
            stocks[was.stock] -= 1
            stocks[now.stock] += 1
        source = record.source
        if source is not None and not record.src[1]:
            tally.arrivals[source, record.fact, record.outcome] += 1
            if tally.seen.get(source, 0) < recorded_at:
                tally.seen[source] = recorded_at

    def _add_entries(self, was: Standing, now: Standing, record: Countable) -> None:
        memo, flows = self._memo, self.tally.flows
        undone = [_flow(memo, was, entry) for _, entry in record.undone]
        done = [_flow(memo, now, entry) for _, entry in record.done]
        clock = record.log_clock or NO_CLOCK
        moved: defaultdict[tuple[str, str], int] = defaultdict(int)
        for entries, marks, times in ((undone, was.marks, -1), (done, now.marks, 1)):
            for flow in entries:
                flows[flow, marks] += times
                if clock >= flow.day_end:
                    for row in flow.rows:
                        for counter in row.plain:
                            moved[row_name(row), counter] += times
        # What is undone and done again leaves a day as it was shown.
        self._restate((name for (name, _), times in moved.items() if times), record.recorded_at)

    def _restate(self, names: Iterable[str], recorded_at: int) -> None:
        restated = self.tally.restated
        for name in names:
            if restated.get(name, 0) < recorded_at:
                restated[name] = recorded_at


def _flow(memo: Memo, standing: Standing, entry: Raw) -> Flow:
    piece = bytes(entry)
    return standing.flows.get(piece) or memo.flow(standing, piece)
