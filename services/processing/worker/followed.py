"""Events under way that somebody follows: a span for each that is sampled, a line of the log for what became of it."""

import logging
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from contracts.events import Event
from contracts.face import logs, tracing
from contracts.topics import REPORTED
from services.processing.log.records import Record
from services.processing.worker.lane import Lane

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_log = logging.getLogger(__name__)
_NONE: Final[Mapping[int, str]] = {}


class _Under(Struct):
    """An event between its coming in and its being stored."""

    source: str
    id: str
    span: "Span | None"


class Followed:
    """Costs a question a turn while nobody follows anything."""

    def __init__(self, records_max: int) -> None:
        self._records_max = records_max
        self._under_way: dict[int, dict[int, _Under]] = {}

    def begin(self, lanes: Mapping[int, Lane]) -> None:
        """What the next fold of these lanes takes, at most."""
        is_traced = tracing.is_on()
        if not is_traced and not _log.isEnabledFor(logging.DEBUG):
            return
        for number in self._under_way.keys() - lanes.keys():
            del self._under_way[number]
        for number, lane in lanes.items():
            known = self._under_way.setdefault(number, {})
            for record, says in islice(lane.queue, self._records_max):
                if isinstance(says, Event) and record.offset not in known:
                    known[record.offset] = _Under(says.source, says.id, _span(number, record, says) if is_traced else None)

    def traceparents(self, number: int) -> Mapping[int, str]:
        """For the lifecycle records of a partition: by the offset of the event, the span that it is folded in."""
        if not tracing.is_on():
            return _NONE
        spans = ((offset, each.span) for offset, each in self._under_way.get(number, {}).items())
        return {offset: said for offset, span in spans if span is not None and (said := tracing.of(span)) is not None}

    def committed(self, number: int, lane: Lane) -> None:
        """What the lane had pending is stored."""
        codes = {letter.offset: letter.code for letter in lane.pending.letters}
        for offset, code in codes.items():
            source, event_id = _said(lane.pending.originals.get(offset))
            extra = logs.about(source, event_id, partition=number, offset=offset, code=code)
            _log.info("rejected: %s", code, extra=extra)
        if known := self._under_way.get(number):
            self._end(number, known, lane, codes)

    def _end(self, number: int, known: dict[int, _Under], lane: Lane, codes: Mapping[int, str]) -> None:
        begun, reached = lane.pending.begin.offset, lane.position.offset
        for offset in [each for each in known if each < reached]:
            event = known.pop(offset)
            if offset < begun:
                # Somebody else has folded it meanwhile.
                continue
            if offset not in codes:
                _log.debug("folded", extra=logs.about(event.source, event.id, partition=number, offset=offset))
            if event.span is not None:
                if (code := codes.get(offset)) is not None:
                    event.span.set_attribute("motcua.code", code)
                event.span.end()


def _span(number: int, record: Record, event: Event) -> "Span | None":
    if event.traceparent is None or not tracing.is_sampled(event.traceparent):
        return None
    attributes = tracing.place_in(REPORTED.name, number, record.offset) | tracing.event(event.source, event.id)
    span = tracing.start(f"process {REPORTED.name}", event.traceparent, "CONSUMER", attributes)
    return span if span.is_recording() else None


def _said(record: Record | None) -> tuple[str | None, str | None]:
    """Source and id as a rejected record says them; what is of no form the log withholds."""
    texts = _texts(() if record is None else record.headers)
    return texts.get("ce_source"), texts.get("ce_id")


def _texts(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name: value.decode("utf-8", "replace") for name, value in headers if value is not None}
