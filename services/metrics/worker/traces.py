"""Spans of the records that are counted: one for each that carries a sampled traceparent, until Redis holds its count."""

from typing import TYPE_CHECKING, Final

import msgspec

from contracts.face import tracing
from contracts.lifecycle import Countable, decode_countable
from services.metrics.worker.chunks import Run
from services.metrics.worker.lane import Lane

if TYPE_CHECKING:
    from opentelemetry.trace import Span

# Beyond it, in a backlog say, records are counted without spans.
UNDER_WAY_MAX: Final = 5_000
# Whatever the generation.
TOPIC: Final = "dossier.lifecycle"
_BEFORE_ALL: Final = (-1, -1)


class Traces:
    """Open spans by partition and offset; empty, and never asked, while traces are off."""

    def __init__(self) -> None:
        self._open: dict[int, dict[int, Span]] = {}

    def take(self, lane: Lane, run: Run) -> None:
        """The lane takes a run in which some records are followed; what it drops as sent twice gets no span."""
        highest = lane.count.position.src or _BEFORE_ALL
        lane.take(run)
        counted = lane.count.position.next
        for offset, traceparent in run.traces:
            if offset >= counted or (record := _read(run.values[offset - run.start])) is None or record.src <= highest:
                continue
            highest = record.src
            self._begin(lane.partition, offset, traceparent.decode("ascii", "replace"))

    def stored(self, partition: int, end: int) -> None:
        """Redis holds the count of all that lies before an offset."""
        if found := self._open.get(partition):
            for offset in [each for each in found if each < end]:
                found.pop(offset).end()

    def dropped(self, partition: int) -> None:
        """What was counted of a partition is counted again, here or elsewhere."""
        self._open.pop(partition, None)

    def _begin(self, partition: int, offset: int, traceparent: str) -> None:
        if not tracing.is_sampled(traceparent) or sum(map(len, self._open.values())) >= UNDER_WAY_MAX:
            return
        place = tracing.place_in(TOPIC, partition, offset)
        span = tracing.start(f"process {TOPIC}", traceparent, "CONSUMER", place)
        self._open.setdefault(partition, {})[offset] = span


def _read(value: bytes | None) -> Countable | None:
    try:
        return None if value is None else decode_countable(value)
    except (msgspec.MsgspecError, RecursionError):
        return None
