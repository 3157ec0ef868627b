"""The seams between Faust, aiokafka and the fold: pinned packages still have what is used, and batches become runs."""
# mypy: disable-error-code="no-untyped-call"

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver

from services.metrics.domain.contributions import Memo
from services.metrics.domain.position import Position
from services.metrics.instruments import Instruments
from services.metrics.store.ledger import Identity, Lease
from services.metrics.worker import doctor, transport
from services.metrics.worker.chunks import Run
from services.metrics.worker.health import Pulse
from services.metrics.worker.lane import Lane
from services.metrics.worker.transport import RUN_RECORDS, ConsumerThread, RunRecords
from tests.unit.audit_world import golden_logs

Header = tuple[str, bytes | None]
CODECS = [0, 1, 2, 3, 4]  # none, gzip, snappy, lz4, zstd: whatever a producer may choose


def batch(base: int, records: list[tuple[bytes, list[Header]]], codec: int = 0, step: int = 1) -> bytes:
    """A record batch as a broker would hold it; `step` > 1 leaves holes, as compaction does."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20,
    )  # fmt: skip
    for number, (value, headers) in enumerate(records):
        assert builder.append(number * step, 0, None, value, headers) is not None
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


def runs(log: bytes, at: int) -> list[Run]:
    """What the fold is handed when it has asked for an offset."""
    plain = PartitionRecords(TopicPartition("t", 0), MemoryRecords(log), [], at, None, None, True, READ_UNCOMMITTED)
    return list(RunRecords(plain))


def some(first: int, count: int) -> list[tuple[bytes, list[Header]]]:
    return [(b"v%d" % number, [("chain", b"c%d" % number)]) for number in range(first, first + count)]


@pytest.mark.parametrize("codec", CODECS)
def test_small_batches_are_joined_and_carry_their_chains(codec: int) -> None:
    """One run of several batches, joined up, in order, whatever the compression."""
    log = b"".join(batch(first, some(first, 10), codec) for first in range(0, 100, 10))
    assert runs(log, 0) == [
        Run(0, 100, [b"v%d" % number for number in range(100)], [b"c%d" % number for number in range(100)])
    ]


def test_runs_end_when_they_are_large() -> None:
    """Each begins where the one before has ended."""
    log = b"".join(batch(first, some(first, 200)) for first in range(0, 2000, 200))
    found = runs(log, 0)
    assert [run.start for run in found[1:]] == [run.end for run in found[:-1]]
    assert (found[0].start, found[-1].end) == (0, 2000)
    assert all(RUN_RECORDS <= len(run.values) < RUN_RECORDS + 200 for run in found[:-1])


def test_a_seek_into_a_batch_leaves_out_what_lies_before() -> None:
    """Brokers answer with whole batches."""
    assert runs(batch(0, some(0, 10)) + batch(10, some(10, 2)), 7) == [
        Run(7, 12, [b"v7", b"v8", b"v9", b"v10", b"v11"], [b"c7", b"c8", b"c9", b"c10", b"c11"])
    ]


def test_holes_lie_at_the_ends_of_runs() -> None:
    """Within a run offsets follow on each other: a count of values is a count of offsets."""
    log = batch(0, some(0, 2)) + batch(5, some(5, 3), step=2) + batch(20, some(20, 1))
    found = [run for run in runs(log, 0) if run.values]
    assert [(run.start, list(run.values)) for run in found] == [
        (0, [b"v0", b"v1"]), (5, [b"v5"]), (7, [b"v6"]), (9, [b"v7"]), (20, [b"v20"])
    ]  # fmt: skip
    every = runs(log, 0)
    assert [run.start for run in every[1:]] == [run.end for run in every[:-1]]
    assert every[-1].end == 21


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([("other", b"x")], None),
        ([("other", b"x"), ("chain", b"c")], b"c"),
        ([("chain", b"a"), ("chain", b"b")], b"b"),
    ],
)
def test_the_chain_is_found_among_other_headers(headers: list[Header], expected: bytes | None) -> None:
    """The last of that name; none is none."""
    assert runs(batch(0, [(b"v", headers)]), 0)[0].chains == [expected]


def test_a_wrong_checksum_is_an_error() -> None:
    """Bytes that changed on their way are never counted."""
    damaged = bytearray(batch(0, some(0, 3)))
    damaged[-1] ^= 1
    with pytest.raises(aiokafka.errors.CorruptRecordException):
        runs(bytes(damaged), 0)


def test_the_pinned_packages_have_what_the_transport_uses() -> None:
    """Private attributes of exactly these versions; another version must be looked at first."""
    assert (faust.__version__, aiokafka.__version__) == ("0.15.3", "0.14.0")
    used: dict[Any, tuple[str, ...]] = {
        PartitionRecords.__init__: ("_records", "_check_crcs", "_isolation_level", "_tp", "next_fetch_offset",
                                    "_records_iterator", "_aborted_producers"),
        PartitionRecords: ("_consume_aborted_up_to", "_contains_abort_marker"),
        FetchResult.__init__: ("_partition_records",),
        Fetcher.__init__: ("self._records = ", "_fetch_task"),
        Fetcher._proc_fetch_request: ("self._records[tp] = FetchResult(",),
        AIOKafkaClient.__init__: ("_sync_task",),
        GroupCoordinator.__init__: ("_coordination_task", "coordinator_id"),
        aiokafka.AIOKafkaConsumer.__init__: ("_closed", "_fetch_max_wait_ms"),
        aiokafka.AIOKafkaConsumer.start: ("self._fetcher = Fetcher(", "self._coordinator = GroupCoordinator("),
        driver.AIOKafkaConsumerThread: ("_create_worker_consumer", "_fetch_records", "_ensure_consumer"),
        driver.Consumer: ("_new_consumer_thread", "_to_message"),
        faust.App: ("_create_directories",),
        faust.Worker: ("_setproctitle", "spinner"),
    }  # fmt: skip
    for where, names in used.items():
        source = inspect.getsource(where)
        assert [name for name in names if name not in source] == [], where


# --- the lane: where runs meet a stored position ------------------------------------------------------------------


def _lane(position: Position, first: int = 0, end: int = 2000, counted: str = "t", found: str = "t") -> Lane:
    lease = Lease(0, "build", 1, position, Identity("c", counted) if position.next else None)
    return Lane(lease, Identity("c", found), Memo(1000), first, end)


def _golden(start: int, end: int) -> Run:
    stored = golden_logs().lifecycle[start:end]
    return Run(start, end, [each.value for each in stored], [each.headers[0][1] for each in stored])


def test_a_client_that_has_not_reached_a_broker_yet_is_not_sick() -> None:
    """The doctor looks while it still starts: then it has neither coordinator nor fetcher."""

    async def looked() -> str | None:
        thread = object.__new__(ConsumerThread)
        thread._consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
        return thread.sick(60.0)

    assert asyncio.run(looked()) is None


def client(tasks: dict[str, "Future[None]"], coordinator: int | None) -> ConsumerThread:
    """The thread of one that has reached a broker, with what the doctor looks at."""
    thread = object.__new__(ConsumerThread)
    thread._consumer = SimpleNamespace(
        _closed=False,
        _client=SimpleNamespace(_sync_task=tasks["metadata"]),
        _coordinator=SimpleNamespace(_coordination_task=tasks["group"], coordinator_id=coordinator),
        _fetcher=SimpleNamespace(_fetch_task=tasks["records"]),
    )
    return thread


@pytest.mark.parametrize("name", ["metadata", "group", "records"])
def test_a_client_whose_task_has_ended_is_sick(name: str) -> None:
    """However it has ended: without it nothing more is heard of what it did."""
    tasks: dict[str, Future[None]] = {each: Future() for each in ("metadata", "group", "records")}
    thread = client(tasks, 1)
    assert thread.sick(60.0) is None
    tasks[name].set_result(None)
    assert (thread.sick(60.0) or "").startswith("a task has ended: ")


def test_a_client_that_has_long_lost_its_coordinator_is_sick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long by the bound; one that has never had any is still starting."""
    now = [1000.0]
    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda: now[0]))
    thread = client({each: Future() for each in ("metadata", "group", "records")}, None)
    assert thread.sick(60.0) is None
    thread._consumer._coordinator.coordinator_id = 1
    assert thread.sick(60.0) is None
    thread._consumer._coordinator.coordinator_id = None
    now[0] += 60.0
    assert (thread.sick(60.0), thread.away_seconds()) == (None, 60.0)
    now[0] += 1.0
    assert thread.sick(60.0) == "no coordinator for 61 s"


LOOKS_MAX = 40


def looked(monkeypatch: pytest.MonkeyPatch, ailments: Callable[[], list[str]], beats: bool) -> tuple[int | None, int]:
    """With which status a doctor of six looks' patience ends the process, None when it does not; after how many looks."""
    pulse, looks = Pulse(), 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        if looks == LOOKS_MAX:
            raise TimeoutError
        looks += 1
        if beats:
            pulse.beat()

    def ends(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(doctor, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(doctor, "os", SimpleNamespace(_exit=ends))
    monkeypatch.setattr(doctor, "logging", SimpleNamespace(shutdown=lambda: None))
    with pytest.raises((SystemExit, TimeoutError)) as ended:
        doctor.Doctor(ailments, pulse, Instruments(), 5.0, 30.0)._watch()
    return ended.value.code if isinstance(ended.value, SystemExit) else None, looks  # type: ignore[return-value]


def test_a_doctor_ends_a_process_whose_loop_stands_still_and_one_that_is_sick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one whose loop comes round; and a look that fails is no reason to end, nor the last look."""

    def fails() -> list[str]:
        raise RuntimeError

    assert looked(monkeypatch, lambda: [], beats=False) == (doctor.STATUS, 7)
    assert looked(monkeypatch, fails, beats=False) == (doctor.STATUS, 7)
    assert looked(monkeypatch, lambda: ["Kafka client: a task has ended"], beats=True) == (doctor.STATUS, 1)
    for healthy in (lambda: [], fails):
        assert looked(monkeypatch, healthy, beats=True) == (None, LOOKS_MAX)


def test_a_take_over_reads_the_record_before_its_position_again() -> None:
    """Its chain header says whether this is the log that was counted; then it is not counted twice."""
    before = _lane(Position())
    before.take(_golden(0, 500))
    after = _lane(before.count.position)
    assert after.at == 499
    after.take(_golden(499, 1330))
    assert (after.stopped, after.count.position.next, after.count.tally.counted) == (None, 1330, 830)


def test_another_record_there_stops_it() -> None:
    """`log_changed`, at the position that is stored."""
    before = _lane(Position())
    before.take(_golden(0, 500))
    after = _lane(before.count.position)
    other = _golden(499, 600)
    after.take(other._replace(chains=[b"0123456789abcdef", *other.chains[1:]]))
    assert (after.stopped, after.count.position.next, after.pending) == ("log_changed", 500, 0)
    assert after.is_moved


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"found": "u"}, "log_changed"),
        ({"end": 499}, "log_changed"),
        ({"first": 500}, "log_changed"),
        ({"first": 499, "end": 500}, None),
    ],
)
def test_a_log_that_cannot_be_the_same_stops_it_at_once(more: dict[str, Any], reason: str | None) -> None:
    """Another topic, an end before the position, a beginning after it."""
    before = _lane(Position())
    before.take(_golden(0, 500))
    assert _lane(before.count.position, **more).stopped == reason


def test_a_log_without_its_beginning_is_a_gap() -> None:
    """Nothing was counted, and the first records are gone."""
    assert _lane(Position(), first=3).stopped == "gap"
