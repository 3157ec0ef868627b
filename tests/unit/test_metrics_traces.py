"""Spans of counted records: one for each that carries a sampled trace, ended when stored, none for what came twice."""
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.face import tracing
from services.metrics.domain.contributions import Memo
from services.metrics.domain.position import Position
from services.metrics.store.ledger import Identity, Lease
from services.metrics.worker.chunks import Run
from services.metrics.worker.lane import Lane
from services.metrics.worker.traces import Traces
from tests.unit.audit_world import golden_logs
from tests.unit.test_metrics_transport import Header, batch, runs

TRACE = "4bf92f3577b34da6a3ce929d0e0e473"
PARTITION = 5


def traceparent(number: int, flags: str = "01") -> bytes:
    """A trace of its own for each number."""
    return f"00-{TRACE}{number:x}-00f067aa0ba902b7-{flags}".encode()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Traces are on, and what is exported stays here."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def lane() -> Lane:
    return Lane(Lease(PARTITION, "build", 1, Position(), None), Identity("c", "t"), Memo(1000), 0, 2000)


def run(start: int, end: int, *traces: tuple[int, bytes], first: int = 0) -> Run:
    """Golden records; `first` is the golden record that lies at offset `start`."""
    stored = golden_logs().lifecycle[first : first + end - start]
    return Run(start, end, [each.value for each in stored], [each.headers[0][1] for each in stored], traces)


def offsets(told: InMemorySpanExporter) -> list[object]:
    return [(span.attributes or {})["messaging.kafka.offset"] for span in told.get_finished_spans()]


def test_a_span_ends_when_its_count_is_stored(told: InMemorySpanExporter) -> None:
    traces, held = Traces(), lane()
    traces.take(held, run(0, 20, (3, traceparent(1)), (7, traceparent(2)), (12, traceparent(3, "00")), (15, b"no trace")))
    assert offsets(told) == []
    traces.stored(PARTITION, 7)
    assert offsets(told) == [3]
    traces.stored(PARTITION, 20)
    assert offsets(told) == [3, 7]
    [first, _] = told.get_finished_spans()
    assert f"{first.context.trace_id:032x}" == f"{TRACE}1"
    assert first.parent is not None
    assert f"{first.parent.span_id:016x}" == "00f067aa0ba902b7"


def test_a_record_that_came_twice_has_one_span(told: InMemorySpanExporter) -> None:
    """A worker that died has sent the same records again: they lie at later offsets and are dropped."""
    traces, held = Traces(), lane()
    traces.take(held, run(0, 20, (3, traceparent(1))))
    traces.take(held, run(20, 40, (23, traceparent(1)), first=0))
    traces.stored(PARTITION, 40)
    assert held.count.tally.dropped == 20
    assert offsets(told) == [3]


def test_nothing_is_told_of_what_was_not_counted(told: InMemorySpanExporter) -> None:
    """Counting stops before a gap; and what a lane had counted when it was dropped is counted anew."""
    traces, held = Traces(), lane()
    traces.take(held, run(0, 10, (2, traceparent(1))))
    traces.take(held, run(10, 20, (12, traceparent(2)), first=11))
    assert held.stopped == "gap"
    traces.dropped(PARTITION)
    traces.stored(PARTITION, 20)
    assert offsets(told) == []


def test_traces_come_with_the_run_that_holds_their_record(told: InMemorySpanExporter) -> None:
    """Also beside a hole in the log; without traces being on nobody looks for them."""
    followed: list[tuple[bytes, list[Header]]] = [
        (b"v", [("chain", b"c"), ("traceparent", traceparent(number))]) for number in range(3)
    ]
    log = batch(0, [(b"v", [("chain", b"c")]), *followed[:1]]) + batch(5, followed[1:], step=2)
    found = [(each.start, each.traces) for each in runs(log, 0) if each.values]
    assert found == [(0, ((1, traceparent(0)),)), (5, ((5, traceparent(1)),)), (7, ((7, traceparent(2)),))]


def test_nobody_looks_for_traces_while_they_are_off() -> None:
    log = batch(0, [(b"v", [("chain", b"c"), ("traceparent", traceparent(1))])])
    assert runs(log, 0) == [Run(0, 1, [b"v"], [b"c"])]
