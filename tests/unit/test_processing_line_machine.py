"""Whatever happens to a line — arrivals, redeliveries, ticks, new rules, deaths between any two steps — it says what one
plain fold of its whole log says, once; and each reported record has exactly one standing."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts import instants, lifecycle
from contracts.events import Activated, Event, Opened, Ticked, control_record, to_record
from contracts.lifecycle import Counted
from contracts.reference import Reference
from services.processing.domain.rules import Rules
from services.processing.log.records import Record
from services.processing.worker.lane import Bounds
from tests.effort import examples
from tests.unit.fold_world import BODY, event
from tests.unit.processing_lanes import Kept, Wire, Worker, assert_same, plainly
from tests.unit.test_fold_order import SHAPES, SOURCES, START

SHORTER = Reference(units=BODY.units[1:], departments=BODY.departments, procedures=[], calendar=BODY.calendar)
# Days off in July move dues, and mostly nothing that a lifecycle record says.
STRICTER = msgspec.structs.replace(
    BODY, calendar=msgspec.structs.replace(BODY.calendar, days_off={"2025-07-03": "x", "2025-07-08": "y"})
)
RULES = {"d1": Rules.compile("d1", BODY), "d2": Rules.compile("d2", SHORTER), "d3": Rules.compile("d3", STRICTER)}
SOME = st.integers(1, 4)


class Line(RuleBasedStateMachine):
    """One partition, its Redis, its topics, and whoever works on it at the moment."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Record] = []
        self.kept, self.wire = Kept(), Wire()
        self.arrived: list[tuple[bytes, list[tuple[str, bytes]]]] = []
        self.clock = START

    @initialize(records=SOME, slice_dossiers=SOME, cache=st.integers(0, 3))
    def open(self, records: int, slice_dossiers: int, cache: int) -> None:
        self._append(*control_record(Opened("log", "c"), "c", "/c"))
        self._append(*control_record(Activated("d1"), "c", "/c"))
        self.starts(records, slice_dossiers, cache)

    @rule(records=SOME, slice_dossiers=SOME, cache=st.integers(0, 3))
    def starts(self, records: int, slice_dossiers: int, cache: int) -> None:
        """A successor, from what is stored and what was sent; whatever its predecessor had in hand is lost."""
        self.worker = Worker(self.kept, self.wire, RULES, Bounds(records, slice_dossiers), cache)

    @rule()
    def redis_is_emptied(self) -> None:
        self.kept = Kept()
        self.starts(2, 2, 1)

    @rule(shape=st.sampled_from(SHAPES), source=st.sampled_from(SOURCES), hours=st.integers(0, 24 * 14),
          dossier=st.sampled_from("XYZ"), name=st.integers(0, 9))  # fmt: skip
    def arrives(self, shape: tuple[str, dict[str, Any]], source: str, hours: int, dossier: str, name: int) -> None:
        """An event; its id may have been used before, with the same content or another."""
        fact, data = shape
        said = event(fact, START + hours * instants.HOUR, source=source, id=f"e{name}", **data)
        self._report(msgspec.structs.replace(said, subject=dossier))

    @rule(data=st.data())
    def arrives_again(self, data: st.DataObject) -> None:
        if self.arrived:
            self._append(*data.draw(st.sampled_from(self.arrived)))

    @rule(hours=st.integers(0, 24 * 8))
    def time_passes(self, hours: int) -> None:
        self.clock += hours * instants.HOUR
        self._append(*control_record(Ticked(self.clock), "c", "/c"))

    @rule(digest=st.sampled_from(sorted(RULES)))
    def rules_change(self, digest: str) -> None:
        self._append(*control_record(Activated(digest), "c", "/c"))

    @rule(count=st.integers(1, 9))
    def gathers(self, count: int) -> None:
        self.worker.gather(self.log, count)

    @rule()
    def folds_and_stores(self) -> None:
        if self.worker.fold_and_send():
            self.worker.store()

    @rule()
    def folds_and_dies(self) -> None:
        self.worker.fold_and_send()
        self.starts(3, 1, 2)

    @invariant()
    def nothing_is_said_twice(self) -> None:
        """Each record names the one before it, and only the first names none."""
        before = None
        for sent in self.wire.lifecycle[-20:]:
            record = lifecycle.decode(sent.value)
            assert before is None or record.prev == before
            before = record.src

    def teardown(self) -> None:
        if not self.log:
            return
        self.starts(2, 2, 1)
        self.worker.run(self.log, count=3)
        twin, sent = plainly(self.log, RULES)
        assert_same(self.worker, twin, sent)
        assert_each_has_one_standing(self.wire, len(self.log))

    def _report(self, reported: Event) -> None:
        _, value, headers = to_record(reported)
        self.arrived.append((value, headers))
        self._append(value, headers)

    def _append(self, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        self.log.append(Record(len(self.log), self.clock + len(self.log), None, value, headers))


def assert_each_has_one_standing(wire: Wire, reported: int) -> None:
    """Undone and done are applied as a reader would: what is undone stood just so, and in the end everything stands once."""
    standing: dict[int, Counted] = {}
    stands: dict[str, lifecycle.Stand | None] = {}
    for sent in wire.lifecycle:
        record = lifecycle.decode(sent.value)
        for entry in record.undone:
            assert standing.pop(entry.offset) == entry
        for entry in record.done:
            assert entry.offset not in standing
            standing[entry.offset] = entry
        if record.dossier is not None and (record.was is not None or record.now is not None):
            assert record.was == stands.get(record.dossier, record.was)
            stands[record.dossier] = record.now
    assert sorted(standing) == list(range(reported))


Line.TestCase.settings = settings(
    max_examples=examples(60, 300), stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLine = Line.TestCase
