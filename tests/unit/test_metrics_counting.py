"""Counting lifecycle records: exactly once however they arrive, and never beyond a record that does not fit."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.lifecycle import CHAIN_START, Counted, Lifecycle, Stand, Step, chain, decode, encode
from services.metrics.domain.contributions import Memo
from services.metrics.domain.counters import STOCKS, BodyStock, SourceStock
from services.metrics.domain.counting import Count
from services.metrics.domain.deltas import deltas
from services.metrics.domain.position import Position
from services.metrics.domain.tally import Tally, together
from tests.effort import examples
from tests.unit.audit_world import audit, golden_logs
from tests.unit.metrics_oracle import Held, figures

PIECES = 100_000
Record = tuple[bytes, bytes]


@cache
def golden() -> tuple[Record, ...]:
    """The lifecycle records of the golden log, each with its chain header."""
    return tuple((stored.value or b"", stored.headers[0][1] or b"") for stored in golden_logs().lifecycle)


def tied(records: list[Lifecycle]) -> list[Record]:
    """Records with the chain that ties each to the one before."""
    digest, found = CHAIN_START, []
    for record in records:
        value = encode(record)
        digest = chain(digest, value)
        found.append((value, digest.hex().encode()))
    return found


def take(count: Count, records: list[Record] | tuple[Record, ...]) -> None:
    """Hands records over as the transport does."""
    count.take([value for value, _ in records], [header for _, header in records])


def all_of(records: list[Record] | tuple[Record, ...], memo_pieces: int = PIECES) -> tuple[Count, Held]:
    """Everything in one go."""
    count, held = Count(Position(), Memo(memo_pieces)), Held()
    take(count, records)
    held.store(deltas(count.collect()))
    return count, held


# --- what is counted ------------------------------------------------------------------------------------------


def test_the_golden_log_comes_to_what_plain_json_says() -> None:
    """Every hash, every field: totals, days, splits, states, outcomes, last seen, restated."""
    count, held = all_of(golden())
    expected = figures(value for value, _ in golden())
    assert held.without_zeros() == expected
    assert {"total", "split", "states", "outcomes", "seen", "restated"} <= expected.keys()
    assert count.position.stopped is None
    assert count.position.next == len(golden())


def test_the_golden_log_comes_to_what_audit_recounts() -> None:
    """Two readings of the same rules, written apart."""
    found, tally = all_of(golden())[1].without_zeros(), audit(golden_logs()).tally
    assert found["total"] == tally.total
    assert found["split"] == tally.split
    assert found["states"] == tally.by_state
    assert {name.removeprefix("day:"): fields for name, fields in found.items() if name.startswith("day:")} == {
        day: fields for day, fields in tally.day.items() if fields
    }
    assert {name.removeprefix("daysplit:"): fields for name, fields in found.items() if name.startswith("daysplit:")} == {
        day: fields for day, fields in tally.daysplit.items() if fields
    }


def test_the_position_says_what_the_last_record_said() -> None:
    """src, chain, clock, rules, and the reported offset that is wholly counted."""
    position, last = all_of(golden())[0].position, decode(golden()[-1][0])
    assert position.src == last.src
    assert position.chain.hex().encode() == golden()[-1][1]
    assert position.read == golden()[-1][1].decode()
    assert (position.recorded_at, position.log_clock, position.digest) == (last.recorded_at, last.log_clock, last.digest)
    assert position.closed == last.src[0]


def test_a_reported_record_is_closed_only_with_its_last_index() -> None:
    """Between the records of a tick the offset before it is the last that is wholly counted."""
    place = next(at for at, (value, _) in enumerate(golden()) if decode(value).src[1] > 0)
    count, _ = all_of(golden()[:place])
    assert count.position.src == (decode(golden()[place][0]).src[0], decode(golden()[place][0]).src[1] - 1)
    assert count.position.closed == decode(golden()[place][0]).src[0] - 1


def test_the_clock_of_a_tick_holds_when_the_tick_is_counted_in() -> None:
    """Until its last record, answers name the offset, clock, instant and rules of the reported record before it."""
    first = Lifecycle(src=(0, 0), prev=None, last=True, outcome="tick", recorded_at=5, log_clock=10, digest="one")
    slices = [
        Lifecycle(src=(1, 0), prev=(0, 0), last=False, outcome="tick", recorded_at=7, log_clock=20, digest="two"),
        Lifecycle(src=(1, 1), prev=(1, 0), last=True, outcome="tick", recorded_at=7, log_clock=20, digest="two"),
    ]
    whole, count = tied([first, *slices]), Count(Position(), Memo(PIECES))
    for records, expected in ((whole[:2], (0, 5, 10, "one")), (whole[2:], (1, 7, 20, "two"))):
        take(count, records)
        at = count.position
        assert (at.closed, at.recorded_at, at.log_clock, at.digest) == expected


@pytest.mark.parametrize("pieces", [1, 2, 7, 50])
def test_a_small_memory_of_pieces_counts_the_same(pieces: int) -> None:
    """Forgetting costs time, never a figure."""
    assert all_of(golden(), pieces)[1].without_zeros() == figures(value for value, _ in golden())


def test_no_more_pieces_are_remembered_than_have_room() -> None:
    """Nor are the parts of which they are made up; what was forgotten is known again."""
    memo = Memo(20)
    count = Count(Position(), memo)
    seen = set[int]()
    for record in golden():
        take(count, [record])
        seen.add(memo.pieces)
        assert memo.pieces == len(memo.stands) + sum(len(each) for each in memo._flows.values())
        assert all(len(each) <= 10 for each in (memo.stands, memo._standings, memo._shapes, memo._marks))
    assert max(seen) == 20
    assert memo.forgotten > len(seen)
    memo = Memo(2)
    nothing = memo.stand(b"")
    for day in ("2025-07-01", "2025-07-02"):
        memo.flow(nothing, msgspec.json.encode({"standing": "applied", "day": day}))
    assert (memo.forgotten, memo.pieces) == (1, 2)


@pytest.mark.slow
@pytest.mark.timeout(600)  # much is worked out: on a machine that has much else to do, for minutes
@given(cuts=st.lists(st.integers(0, 1330), max_size=12), again=st.lists(st.integers(1, 400), max_size=4), data=st.data())
@settings(max_examples=examples(60, 300), deadline=None)
def test_any_batches_redeliveries_and_restarts_come_to_the_same(
    cuts: list[int], again: list[int], data: st.DataObject
) -> None:
    """However the log is cut, sent again from an earlier place, or read on from a stored position by a new process."""
    records, memo, held = list(golden()), Memo(PIECES), Held()
    log = list(records)
    for back in again:
        # Processing died after sending and sends its last records once more, whatever it had sent: they are the same.
        at = data.draw(st.integers(back, len(log)), label="resent at")
        log[at:at] = log[:at][-back:]
    position = Position()
    edges = sorted({min(cut, len(log)) for cut in cuts} | {0, len(log)})
    for start, end in pairwise(edges):
        count = Count(position, memo)
        for at in range(start, end, 97):
            take(count, log[at : min(at + 97, end)])
        if data.draw(st.booleans(), label="died before storing"):
            count = Count(position, Memo(PIECES))
            take(count, log[start:end])
        held.store(deltas(count.collect()))
        position = count.position
    assert position.next == len(log)
    assert position.stopped is None
    assert held.without_zeros() == figures(value for value, _ in records)


# --- what stops it --------------------------------------------------------------------------------------------


def _stops(log: list[Record], at: int, reason: str) -> None:
    count, held = all_of(log)
    assert (count.position.stopped, count.position.next) == (reason, at)
    assert held.without_zeros() == figures(value for value, _ in log[:at])
    take(count, log[at + 1 :])
    assert count.position.next == at
    assert not deltas(count.collect()).add


@pytest.mark.parametrize("at", [0, 1, 700, 1328])
def test_a_record_that_is_missing_stops_the_partition(at: int) -> None:
    """`gap`: the one after it is not counted, and nothing after that."""
    _stops([*golden()[:at], *golden()[at + 1 :]], at, "gap")


@pytest.mark.parametrize("at", [0, 1, 700, 1329])
def test_a_record_with_another_history_stops_the_partition(at: int) -> None:
    """`diverged`: other bytes under the same src, with the header of the first ones."""
    value, header = golden()[at]
    changed = encode(msgspec.structs.replace(decode(value), recorded_at=1))
    _stops([*golden()[:at], (changed, header), *golden()[at + 1 :]], at, "diverged")


@pytest.mark.parametrize("header", [b"", b"0123456789abcdef", b"\xff", None])
def test_a_record_without_its_chain_stops_the_partition(header: bytes | None) -> None:
    """A chain that is missing or wrong confirms nothing."""
    log = list(golden())
    log[400] = (log[400][0], header)  # type: ignore[assignment]
    _stops(log, 400, "diverged")


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"src":[0,0]}', None])
def test_a_record_that_is_none_stops_the_partition(value: bytes | None) -> None:
    """`unreadable`, whatever its header says."""
    log = list(golden())
    log[400] = (value, log[400][1])  # type: ignore[assignment]
    _stops(log, 400, "unreadable")


def _broken_pieces() -> Iterator[tuple[str, bytes]]:
    stand, entry = b'{"state":2,"receiver":"A","competent":"A"}', b'{"standing":"applied","day":"2025-07-01"}'
    for name, now, done in (
        ("a stand with an unknown member", b'{"other":1}', entry),
        ("an entry of no standing", stand, b'{"standing":"lost"}'),
        ("a day that is none", stand, b'{"standing":"applied","day":"2025-13-41"}'),
        ("the second of two entries", stand, entry + b"],[1," + b'{"standing":"lost"}'),
    ):
        yield name, (b'{"src":[0,0],"prev":null,"last":true,"outcome":"applied","recorded_at":1,"is":%s,"done":[[0,%s]]}'
                     % (now, done))  # fmt: skip


@pytest.mark.parametrize(("name", "value"), list(_broken_pieces()), ids=[name for name, _ in _broken_pieces()])
def test_a_piece_that_is_none_adds_nothing(name: str, value: bytes) -> None:
    """`unreadable`; not even its good parts are counted."""
    count, held = all_of([(value, chain(CHAIN_START, value).hex().encode())])
    assert count.position == replace(Position(), stopped="unreadable")
    assert held.without_zeros() == {}


def test_a_hole_in_the_log_moves_the_position_only() -> None:
    """Markers and the like take offsets and say nothing."""
    count = Count(Position(), Memo(PIECES))
    count.take([], [], 3)
    count.take([golden()[0][0]], [golden()[0][1]], 9)
    assert (count.position.next, count.tally.counted, count.position.stopped) == (9, 1, None)
    count.take([golden()[2][0]], [golden()[2][1]], 99)
    assert (count.position.next, count.position.stopped) == (9, "gap")


def test_what_comes_again_is_dropped_whatever_its_header_is_worth_and_what_is_new_counted() -> None:
    count = Count(Position(), Memo(PIECES))
    take(count, golden()[:5])
    for header, read in ((None, None), (b"\xff", "\ufffd")):
        take(count, [(golden()[4][0], header)])  # type: ignore[list-item]
        assert (count.position.stopped, count.position.read) == (None, read)
    take(count, [*golden()[3:5], *golden()[5:8]])
    assert (count.tally.counted, count.tally.dropped, count.position.next) == (8, 4, 12)


def test_an_arrival_is_counted_by_its_fact_only_where_it_has_one_and_by_its_source_whatever_its_form() -> None:
    """A rise of nothing is no hash."""
    tally = Tally()
    tally.arrivals |= {("/units/1/p", "received", "applied"): 1, ("strange", None, "rejected"): 2}
    tally.seen["strange"] = 0
    found = deltas(tally)
    assert found.add == {
        "outcomes": {"unit|1|applied": 1, "fact|received|applied": 1, "unit|strange|rejected": 2},
    }  # fmt: skip
    assert (found.rise, found.days) == ({}, ())


@given(rounds=st.lists(st.tuples(*[st.integers(0, 700)] * 3), max_size=4))
@settings(max_examples=examples(25, 250), deadline=None)
def test_partitions_stored_together_come_to_the_same_as_one_by_one(rounds: list[tuple[int, ...]]) -> None:
    """However much of each is stored in a round; that a body was once competent is known either way."""
    memo = Memo(PIECES)
    counts, apart, at_once = [Count(Position(), memo) for _ in range(3)], Held(), Held()
    left = [list(golden()) for _ in counts]
    for sizes in [*rounds, [len(golden())] * 3]:
        for count, records, size in zip(counts, left, sizes, strict=True):
            take(count, records[:size])
            del records[:size]
        tallies = [count.collect() for count in counts]
        at_once.store(deltas(together(tallies)))
        for tally in tallies:
            apart.store(deltas(tally))
    assert at_once.without_zeros() == apart.without_zeros()
    assert set(at_once.hashes["total"]) == set(apart.hashes["total"])
    assert [count.position.next for count in counts] == [len(golden())] * 3


# --- single rules ---------------------------------------------------------------------------------------------

STAND = Stand(procedure="1.1", field="civil", channel="online", receiver="A", competent="D", state=4)


@pytest.mark.parametrize("member", [name for name in Stand.__struct_fields__ if name != "procedure"])
def test_stands_that_differ_are_never_taken_for_equal(member: str) -> None:
    """The memory of pieces must tell apart whatever a counter may look at; all but the procedure may be that."""
    other: object = {"state": 5, "state_detail": "suspended", "parked": {"A": 2}, "field": "land", "channel": "post"}.get(
        member, "B" if member in ("receiver", "competent") else True
    )
    memo = Memo(PIECES)
    one = memo.stand(msgspec.json.encode(STAND))
    two = memo.stand(msgspec.json.encode(msgspec.structs.replace(STAND, **{member: other})))
    assert one is not two
    assert memo.stand(msgspec.json.encode(msgspec.structs.replace(STAND, procedure="other"))) is one


@given(
    stand=st.builds(
        Stand, field=st.sampled_from([None, "x"]), channel=st.sampled_from([None, "online"]), receiver=st.just("A"),
        competent=st.sampled_from(["A", "B"]), state=st.sampled_from([None, *range(1, 11)]),
        state_detail=st.sampled_from([None, "suspended", "terminal"]), overdue=st.booleans(), due_in_24h=st.booleans(),
        due_in_72h=st.booleans(), acceptance_overdue=st.booleans(),
        parked=st.dictionaries(st.sampled_from(["A", "B", "C"]), st.integers(1, 32), max_size=3),
    )
)  # fmt: skip
@settings(max_examples=examples(150, 750), deadline=None)
def test_any_stand_counts_as_the_interfaces_say(stand: Stand) -> None:
    """Stocks under receiver and present competent body, misfits parked under their sources in both roles."""
    record = Lifecycle(src=(0, 0), prev=None, last=True, outcome="tick", recorded_at=5, now=stand)
    assert all_of(tied([record]))[1].without_zeros() == figures([encode(record)])


def test_a_change_of_a_day_that_has_ended_is_restated_and_one_of_today_is_not() -> None:
    """The log clock at midnight, not a moment earlier; undone as well as done; what counts nothing restates nothing."""
    midnight = 1_751_389_200_000_000  # 2025-07-02T00:00+07:00
    completed = Counted(
        standing="applied", source="A", day="2025-07-01", step=Step(fact="completed", competent="D", timeliness="late")
    )
    started = msgspec.structs.replace(completed, step=Step(fact="processing_started", competent="D"))

    def restated(clock: int | None, **entries: object) -> dict[str, int]:
        record = Lifecycle(
            src=(0, 0), prev=None, last=True, outcome="applied", recorded_at=77, log_clock=clock, was=STAND, now=STAND,
            **entries,  # type: ignore[arg-type]
        )  # fmt: skip
        found = all_of(tied([record]))[1].without_zeros()
        assert found == figures([encode(record)])
        return found.get("restated", {})

    entry, idle = _entry(completed), _entry(started)
    rows = {"receiver|A|2025-07-01": 77, "competent|D|2025-07-01": 77}
    assert restated(midnight, done=(entry,)) == rows
    assert restated(midnight, undone=(entry,)) == rows
    assert restated(midnight - 1, done=(entry,)) == {}
    assert restated(None, done=(entry,)) == {}
    assert restated(midnight, done=(idle,)) == {}
    # Handed over in hindsight: the completion is another body's now, and the receiver's day is as it was.
    elsewhere = _entry(msgspec.structs.replace(completed, step=Step(fact="completed", competent="B", timeliness="late")))
    moved = {"competent|D|2025-07-01": 77, "competent|B|2025-07-01": 77}
    assert restated(midnight, undone=(entry,), done=(elsewhere,)) == moved
    assert restated(midnight, undone=(entry,), done=(entry,)) == {}


def test_what_a_step_leaves_as_it_was_is_added_to_no_figure() -> None:
    """Still open in the same hands: most steps are such, and each zero would be a command to Redis."""
    late = msgspec.structs.replace(STAND, overdue=True)
    entry = _entry(Counted(standing="applied", day="2025-07-01"))
    parts = {"outcome": "applied", "recorded_at": 5, "last": True, "done": (entry,)}
    count, _ = all_of([])
    take(count, tied([Lifecycle(src=(0, 0), prev=None, was=STAND, now=late, **parts)]))  # type: ignore[arg-type]
    assert deltas(count.collect()).add["total"] == {"receiver|A|overdue_open": 1, "competent|D|overdue_open": 1}


@pytest.mark.parametrize("is_stored_between", [False, True])
def test_a_body_that_was_competent_for_a_moment_is_known_wherever_a_flush_falls(is_stored_between: bool) -> None:
    """It is handed a dossier, which is annulled at once: its zeros are in the total, and in no other hash."""
    other = msgspec.structs.replace(STAND, competent="B")
    handed = _entry(Counted(standing="applied", day="2025-07-01", step=Step(fact="handed_over", competent="B")))
    parts = {"outcome": "applied", "recorded_at": 5, "last": True}
    records = tied(
        [
            Lifecycle(src=(0, 0), prev=None, was=STAND, now=other, done=(handed,), **parts),  # type: ignore[arg-type]
            Lifecycle(src=(1, 0), prev=(0, 0), was=other, now=STAND, undone=(handed,), **parts),  # type: ignore[arg-type]
        ]
    )
    count, held = Count(Position(), Memo(PIECES)), Held()
    for record in records:
        take(count, [record])
        if is_stored_between:
            held.store(deltas(count.collect()))
    held.store(deltas(count.collect()))
    assert {name: number for name, number in held.hashes["total"].items() if name.startswith("competent|B|")} == {
        "competent|B|open": 0, "competent|B|open_in_processing": 0, "competent|B|handed_over": 0,
    }  # fmt: skip
    assert held.without_zeros() == {}
    assert {name.split("|")[0] for name, number in held.hashes["total"].items() if not number} == {
        "competent", *(["receiver"] if is_stored_between else []),
    }  # fmt: skip


def _entry(counted: Counted) -> object:
    from contracts.lifecycle import Entry

    return Entry(offset=0, **msgspec.structs.asdict(counted))


def test_every_stock_is_of_bodies_but_those_parked() -> None:
    """The two kinds that the memory of pieces knows how to add up are all there are."""
    assert {type(stock) for stock in STOCKS} == {BodyStock, SourceStock}
