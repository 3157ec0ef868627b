"""What the edge decides: order under any answers, numbers, pace on any line, patience, meanings, incarnations."""

import json
import time
from collections import deque
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import instants
from contracts.heartbeats import INCARNATIONS_MAX, Refused, Span, how_many, read_kept
from contracts.keys import Key
from services.edge.domain import health, pace
from services.edge.domain.clocks import MARGIN, TOLERATED, Clocks
from services.edge.domain.fullness import Limits, Load, alarms, fill, refuses
from services.edge.domain.incarnations import HighWater, is_continued, new_incarnation
from services.edge.domain.judgement import Entry, House, Refusal, finished, judge
from services.edge.domain.numbering import Book, number, spans
from services.edge.domain.pace import Bounds
from services.edge.domain.patience import Patience, wait_seconds
from services.edge.domain.receipts import Receipt, Stored, receipt
from services.edge.domain.replies import ItemReply, Meaning, Reply, meaning
from services.edge.domain.window import Waiting, Window
from services.edge.link import heartbeats
from services.edge.link.line import LinkBook
from services.edge.store.views import LineStand
from tests.effort import examples
from tests.intake_bad_inputs import event

BOUNDS = Bounds(events_max=500, target_seconds=2.0, most_seconds=10.0, in_flight_max=4)
ANSWER_SECONDS = 40.0
NOW = instants.parse("2026-06-01T08:00:00+07:00")


@settings(max_examples=examples(150, 750), deadline=None)
@given(
    subjects=st.lists(st.sampled_from("ABCDE"), max_size=40),
    chance=st.randoms(use_true_random=False),
)
@pytest.mark.slow
def test_no_interleaving_of_answers_losses_and_refusals_breaks_the_order_of_a_dossier(
    subjects: list[str], chance: Any
) -> None:
    """The archive is a list to which intake appends; answers may be lost after it did, requests overtake each other."""
    events = [Waiting(place, f"id{place}", subject, b"x") for place, subject in enumerate(subjects, start=1)]
    window, left, under_way = Window(), deque(events), deque[list[Waiting]]()
    archive: list[Waiting] = []
    held: list[Waiting] = []
    spoken_of: set[int] = set()
    for _ in range(100_000):
        if len(spoken_of) == len(events):
            break
        if left and chance.random() < 0.5:
            window.add([left.popleft()])
        if (batch := window.take(chance.randint(1, 6), 3)) and len(under_way) < 3:
            under_way.append(batch)
        elif batch:
            window.again(batch)
        if under_way and chance.random() < 0.7:
            chosen = under_way[chance.randrange(len(under_way))]
            under_way.remove(chosen)
            done: list[Waiting] = []
            again: list[Waiting] = []
            apart: list[Waiting] = []
            for each in chosen:
                fate = chance.choice(("stored", "stored", "refused", "retry", "apart", "lost before", "lost after"))
                if fate in ("stored", "lost after"):
                    archive.append(each)
                (done if fate in ("stored", "refused") else apart if fate == "apart" else again).append(each)
            window.settle(done)
            window.again(again)
            window.hold(apart)
            held += apart
            spoken_of |= {each.position for each in done}
            here = set(range(1, len(events) - len(left) + 1)) - spoken_of
            waits = {each.subject for each in held}
            assert window.held_events == sum(events[position - 1].subject in waits for position in here)
            assert window.events == len(here) - window.held_events
        if held and chance.random() < 0.3:
            window.let_go([held.pop(chance.randrange(len(held)))])
    assert spoken_of == {each.position for each in events}, "every event was spoken of in the end"
    assert (window.events, window.bytes, window.has_ready) == (0, 0, False)
    assert (window.held_events, window.held_bytes) == (0, 0)
    for subject in set(subjects):
        firsts = list(dict.fromkeys(each.position for each in archive if each.subject == subject))
        assert firsts == sorted(firsts), "counted by first arrival, a dossier's events are in order"


def test_a_batch_takes_the_foremost_and_is_never_empty_because_an_event_is_large() -> None:
    window = Window()
    window.add([Waiting(1, "a", "A", b"x" * 100), Waiting(2, "b", "A", b"x"), Waiting(3, "c", "B", b"x")])
    assert [each.position for each in window.take(10, 50)] == [1]
    assert [each.position for each in window.take(10, 50)] == [3], "the second of a dossier waits for the first"
    assert window.take(10, 50) == []


@given(st.lists(st.lists(st.sampled_from(("/units/1", "/units/2", "/units/2/p")), max_size=5), max_size=20), st.data())
def test_numbers_are_contiguous_from_one_whatever_is_rolled_back(requests: list[list[str]], data: st.DataObject) -> None:
    """A commit that never happened leaves the book as it was: its numbers are given again, to nobody else's harm."""
    book, given_out = Book("i", 0, {}), dict[str, list[int]]()
    positions: list[int] = []
    for sources in requests:
        after, places = number(book, sources)
        if data.draw(st.booleans()):
            book = after
            positions += [place.position for place in places]
            for source, place in zip(sources, places, strict=True):
                given_out.setdefault(source, []).append(place.sequence)
    assert positions == list(range(1, len(positions) + 1))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in given_out.values())


@settings(max_examples=examples(200, 1000), deadline=None)
@given(
    latency=st.floats(0.01, 8.0),
    events_per_second=st.floats(0.1, 5000.0),
    loss=st.integers(0, 3),
)
def test_a_line_that_can_bear_one_event_is_never_stuck_and_one_that_bears_more_gets_more(
    latency: float, events_per_second: float, loss: int
) -> None:
    """The line is plain arithmetic: each request costs its latency and its events; now and then one is lost."""
    now, delivered, batch = 0.0, 0, pace.first_pace(BOUNDS)
    for turn in range(200):
        seconds = latency + batch.events / events_per_second
        if seconds > ANSWER_SECONDS or (loss and turn % 10 < loss):
            now += min(seconds, ANSWER_SECONDS)
            batch = pace.after_break(batch, batch.events)
        else:
            now += seconds
            delivered += batch.events
            batch = pace.after_answer(batch, BOUNDS, batch.events, seconds)
        assert 1 <= batch.events <= BOUNDS.events_max
    alone = latency + 1 / events_per_second
    assert delivered >= 60, "there is progress on every line"
    assert delivered / now >= 0.3 / alone, "no worse than one event after the other, losses included"
    if not loss and latency + BOUNDS.events_max / events_per_second < BOUNDS.target_seconds / 2:
        assert batch.events == BOUNDS.events_max, "a good line gets the largest batches"


@pytest.mark.parametrize("latency", [1.5, 3.0, 6.0])
def test_a_line_that_costs_by_the_request_is_not_driven_down_to_single_events(latency: float) -> None:
    """A satellite: each request takes seconds, whatever is in it."""
    now, delivered, batch = 0.0, 0, pace.after_break(pace.first_pace(BOUNDS), 2)
    for _ in range(60):
        seconds = latency + batch.events / 5000
        now, delivered = now + seconds, delivered + batch.events
        batch = pace.after_answer(batch, BOUNDS, batch.events, seconds)
    assert delivered / now > 20 / latency, "twenty times as much as one event a request"


def test_a_line_of_20_kbit_drains_at_most_of_its_speed() -> None:
    """2,500 bytes a second, 90 bytes an event when packed, one second of latency: 27 events a second are possible."""
    now, delivered, batch = 0.0, 0, pace.first_pace(BOUNDS)
    while now < 600:
        seconds = 1.0 + batch.events * 90 / 2500
        now, delivered = now + seconds, delivered + batch.events
        batch = pace.after_answer(batch, BOUNDS, batch.events, seconds)
    assert delivered / now > 27 / 2
    assert pace.in_flight_max(batch, BOUNDS, failures=0) == 1


@pytest.mark.slow
@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True), st.one_of(st.none(), st.floats(0, 1e6)))
def test_a_wait_has_a_ceiling_and_is_never_shorter_than_what_was_asked(
    failures: int, chance: float, asked: float | None
) -> None:
    patience = Patience(first_seconds=0.5, most_seconds=60.0, asked_most_seconds=600.0)
    wait = wait_seconds(patience, failures, chance, asked)
    assert 0 <= wait <= 660
    assert wait >= min(asked or 0, 600)


def test_waits_double_up_to_the_ceiling_and_are_spread_over_all_of_it() -> None:
    patience = Patience(first_seconds=1.0, most_seconds=60.0, asked_most_seconds=600.0)
    assert [wait_seconds(patience, failures, 0.5) for failures in (1, 2, 3, 7, 100)] == [0.5, 1, 2, 30, 30]
    assert wait_seconds(patience, 100, 0.0) == 0


def results(*told: tuple[str | None, str]) -> Reply:
    return Reply(results=[_item(item_id, status) for item_id, status in told])


def _item(item_id: str | None, status: str) -> Any:
    return ItemReply(item_id, status, "unknown_unit" if status == "refused" else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "reply", "stored", "refused", "again", "broke"),
    [
        (202, results(("a", "stored"), ("b", "stored")), (0, 1), (), (), False),
        (207, results(("a", "retry"), ("b", "stored")), (1,), (), (0,), False),
        (422, results(("a", "refused"), ("b", "refused")), (), (0, 1), (), False),
        (503, results(("a", "retry"), ("b", "refused")), (), (1,), (0,), False),
        (202, results(("b", "stored"), ("a", "stored")), (), (), (0, 1), False),
        (202, results(("a", "stored")), (), (), (0, 1), False),
        (202, results(), (), (), (0, 1), False),
        (200, None, (), (), (0, 1), False),
        (302, None, (), (), (0, 1), False),
        (401, Reply("no_valid_key"), (), (), (0, 1), False),
        (413, Reply("body_too_large"), (), (), (0, 1), True),
        (400, Reply("unreadable"), (), (), (0, 1), True),
        (503, Reply("body_too_slow"), (), (), (0, 1), True),
        (503, Reply("unavailable"), (), (), (0, 1), False),
        (502, None, (), (), (0, 1), False),
    ],
)
def test_nothing_is_taken_off_the_line_but_what_intake_named(
    status: int, reply: Reply | None, stored: tuple[int, ...], refused: tuple[int, ...], again: tuple[int, ...], broke: bool
) -> None:
    found = meaning(["a", "b"], status, reply)
    assert found.stored == stored
    assert tuple(why.index for why in found.refused) == refused
    assert found.again == again
    assert found.broke == broke
    assert (found.trouble is None) == (not again)


def test_a_single_event_that_intake_cannot_even_read_is_set_aside_so_that_others_go_on() -> None:
    for status, code in ((400, "unreadable"), (413, "too_large")):
        found = meaning(["a"], status, Reply("whatever"))
        assert [(why.index, why.code) for why in found.refused] == [(0, code)]
    assert meaning(["a"], 400, None) == Meaning(again=(0,), trouble="not_intake"), "a 400 of something else is no verdict"


RAW = json.dumps(event(id="x" * 64)).encode()
HOUSE = House(frozenset({"19753", "19774"}), len(RAW), keeps_recordedtime=False)
CENTRE = Key("centre", frozenset({"19753"}))
SENT_FROM, SENT_BY = (f"00-{number}-00f067aa0ba902b7-01" for number in ("1" * 32, "2" * 32))


@pytest.mark.parametrize(
    ("raw", "code", "named"),
    [
        (RAW + b" ", "too_large", "x" * 64),
        (json.dumps({"id": "x" * 64}).encode(), "invalid_envelope", "x" * 64),
        (json.dumps({"id": "x" * 65}).encode(), "invalid_envelope", None),
        (b'{"id": 7}', "invalid_envelope", None),
        (b"[]", "invalid_envelope", None),
        (json.dumps(event(id="a", sequence="7")).encode(), "unknown_attribute", "a"),
        (json.dumps(event(id="a", incarnation=7)).encode(), "unknown_attribute", "a"),
        (json.dumps(event(id="a", source="/units/1", data={})).encode(), "invalid_data", "a"),
    ],
)
def test_a_refusal_names_the_item_that_was_sent(raw: bytes, code: str, named: str | None) -> None:
    """By its id, where one can be read."""
    found = judge(raw, CENTRE, HOUSE, NOW)
    assert isinstance(found, Refusal)
    assert (found.code, found.id) == (code, named)
    assert isinstance(judge(RAW, CENTRE, HOUSE, NOW), Entry), "of just so many bytes, its id of just so many letters"


def test_an_event_goes_on_in_its_own_trace_else_in_that_of_the_request() -> None:
    for own, given_here, kept in ((SENT_BY, SENT_FROM, SENT_BY), (None, SENT_FROM, SENT_FROM), (None, None, None)):
        raw = json.dumps(event(id="a", traceparent=own)).encode()
        found = judge(raw, CENTRE, House(HOUSE.codes, 1000, keeps_recordedtime=False), NOW, given_here)
        assert isinstance(found, Entry)
        assert json.loads(finished(found, 1, "i", "t")).get("traceparent") == kept


def test_a_receipt_says_of_each_that_was_stored_which_it_is_and_where_it_lies() -> None:
    batch = [Waiting(at, f"id{at}", f"D{at}", b"body %d" % at) for at in range(3)]
    items = [ItemReply(f"id{at}", "stored", None, None, at, 100 + at) for at in range(3)]
    told = receipt(batch, items, (0, 2), NOW)
    assert told == Receipt(
        instants.show(NOW),
        tuple(Stored(f"D{at}", f"id{at}", sha256(b"body %d" % at).hexdigest(), at, 100 + at) for at in (0, 2)),
    )


@pytest.mark.parametrize(("code", "kept"), [("unknown_unit", "unknown_unit"), ("of_tomorrow", "refused"), (None, "refused")])
def test_a_reason_that_is_not_known_here_is_one_all_the_same_and_no_longer_than_a_line(code: str | None, kept: str) -> None:
    found = meaning(["a"], 422, Reply(results=[ItemReply("a", "refused", code, "x" * 1000)]))
    assert [(why.index, why.code, why.detail) for why in found.refused] == [(0, kept, "x" * 300)]


def test_a_quota_holds_back_all_of_a_key_and_a_partition_what_goes_to_it() -> None:
    assert not meaning(["a"], 429, results(("a", "retry"))).apart
    assert meaning(["a"], 503, results(("a", "retry"))) == Meaning(again=(0,), apart=True, trouble="answer_503")


@pytest.mark.parametrize(
    ("status", "trouble"), [(499, "not_intake"), (500, "answer_500"), (599, "answer_599"), (600, "not_intake")]
)
def test_an_answer_of_no_form_is_the_server_s_own_trouble_or_somebody_else_s(status: int, trouble: str) -> None:
    assert meaning(["a"], status, None).trouble == trouble


def test_an_older_copy_of_a_store_is_seen_and_the_store_itself_goes_on() -> None:
    mark = HighWater("one", 100)
    assert is_continued("one", 100, mark)
    assert is_continued("one", 101, mark), "committed, and killed before the mark was written"
    assert not is_continued("one", 99, mark)
    assert not is_continued("two", 100, mark)
    assert not is_continued("one", 100, None)


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10), st.integers(0, 2**48 - 2))
def test_a_new_incarnation_is_a_uuid7_that_sorts_behind_the_former_one(now_ms: int, chance: bytes, former_ms: int) -> None:
    former = new_incarnation(former_ms, chance)
    found = new_incarnation(now_ms, chance, None, former)
    assert found > former
    assert new_incarnation(0, chance, former, new_incarnation(former_ms // 2, chance)) > former, "whichever is named first"
    assert (UUID(found).version, UUID(found).variant) == (7, UUID(former).variant)
    assert new_incarnation(now_ms, chance)[:13].replace("-", "") == f"{now_ms:012x}"


def test_the_first_limit_that_would_be_passed_is_named_and_the_fullest_one_counts() -> None:
    limits = Limits(events_max=10, bytes_max=1000, age_max_seconds=100.0, sources_max=2)
    assert refuses(Load(9, 0, 0, 0), limits) is None
    assert refuses(Load(9, 0, 0, 0), limits, events=2) == "events"
    assert refuses(Load(0, 900, 0, 0), limits, size_bytes=100) is None
    assert refuses(Load(0, 900, 0, 0), limits, size_bytes=101) == "bytes"
    assert refuses(Load(1, 0, 100.0, 0), limits) == "age"
    assert refuses(Load(0, 0, 0, 1), limits, new_sources=1) is None
    assert refuses(Load(0, 0, 0, 2), limits, new_sources=1) == "sources"
    assert refuses(Load(0, 0, 0, 2), limits) is None
    assert fill(Load(5, 700, 10.0, 0), limits) == 0.7
    assert not alarms(Load(7, 0, 0, 0), limits)
    assert alarms(Load(8, 0, 0, 0), limits)


def test_a_line_is_down_after_failures_in_a_row_and_up_after_one_answer() -> None:
    line = health.Line()
    assert health.state(line, False, 3) == "unknown"
    line = health.answered(line)
    assert health.state(line, False, 3) == "up"
    assert health.state(line, True, 3) == "slow"
    for wanted in ("slow", "slow", "down"):
        line = health.failed(line, "no_connection")
        assert health.state(line, False, 3) == wanted
    assert health.state(health.answered(line), False, 3) == "up"


HOUR_SECONDS = 3600 * instants.SECOND


@given(st.integers(0, 4 * 10**15), st.integers(946_684_800 * 10**6, 4 * 10**15), st.integers(0, 4 * 10**15))
def test_whatever_the_clock_shows_intake_takes_what_is_said_of_times(now: int, city: int, instant: int) -> None:
    clocks = Clocks(now, city)
    assert abs(clocks.at - city) <= TOLERATED
    told = clocks.told(instant)
    assert told is None or (instants.EARLIEST <= told <= min(instant, city + instants.AHEAD))
    assert (told is None) == (instant < instants.EARLIEST)


@pytest.mark.parametrize("offset", [-TOLERATED, 0, TOLERATED])
def test_a_clock_that_is_nearly_right_speaks_for_itself(offset: int) -> None:
    clocks = Clocks(NOW, NOW - offset)
    assert (clocks.at, clocks.offset, clocks.told(NOW), clocks.told(NOW - HOUR_SECONDS)) == (
        NOW, offset, NOW, NOW - HOUR_SECONDS,
    )  # fmt: skip
    assert (Clocks(NOW, None).at, Clocks(NOW, None).offset) == (NOW, 0)
    assert clocks.told(instants.EARLIEST) == instants.EARLIEST
    # A day ahead, less a minute: intake's own clock may be so far behind.
    assert clocks.told(NOW + 2 * instants.AHEAD) == NOW + instants.AHEAD - MARGIN


def test_the_city_s_clock_is_known_over_a_correction_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first heartbeat after it would be said in the future, and all that follow it would be older."""
    link = LinkBook(BOUNDS)
    assert (link.city_seconds, link.clock_offset_seconds) == (None, None)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 36_000)
    link.heard(-36_000.0)
    assert link.clock_offset_seconds == pytest.approx(-36_000, abs=1)
    monkeypatch.setattr(time, "time", real)
    assert link.clock_offset_seconds == pytest.approx(0, abs=1)
    assert link.city_seconds == pytest.approx(real(), abs=1)


def test_the_clock_offset_is_taken_at_the_middle_of_the_exchange() -> None:
    assert health.clock_offset_seconds(1000.0, 1001.0, 900.0) == pytest.approx(100.0)
    assert json.dumps(health.clock_offset_seconds(10.0, 10.0, 20.0)) == "-10.5"


def test_numbers_are_told_by_their_runs_and_no_more_of_them_than_may_be() -> None:
    assert spans([], 3) == ()
    assert spans([1, 2, 3, 5, 8, 9], 3) == ((1, 3), (5, 5), (8, 9))
    assert spans([1, 2, 3, 5, 8, 9], 2) == ((1, 3), (5, 5))
    assert how_many([(1, 3), (5, 5), (9, 8), (9, 2)]) == 4, "and what goes backwards holds none"
    rising = iter(range(1, 100, 2))
    assert len(spans(rising, 2)) == 2
    assert next(rising) == 7, "and reads no further than that"


def test_a_kept_heartbeat_that_shows_no_moment_is_none() -> None:
    whole = {
        "source": "/units/19753", "incarnation": "0197c000-0000-7000-8000-000000000001", "at": "2025-02-28T00:00:00Z",
        "spool_depth": 0, "oldest_unsent_age_seconds": 0, "of_tomorrow": 1,
    }  # fmt: skip
    assert read_kept(json.dumps(whole).encode()) is not None
    for value in (json.dumps({**whole, "at": "2025-02-30T00:00:00Z"}).encode(), b"{}", b"", None):
        assert read_kept(value) is None


def test_a_heartbeat_names_what_was_refused_one_by_one_as_long_as_it_is_little() -> None:
    """That form every intake knows; by the thousand, of former incarnations, or thrown away it is told as spans."""
    former, present = "0197c000-0000-7000-8000-000000000001", "0197c000-0000-7000-8000-000000000002"

    def line(incarnation: str, *quarantined: Span, discarded: tuple[Span, ...] = ()) -> LineStand:
        return LineStand(incarnation, "/units/19753", 9999, 0, None, None, quarantined, discarded)

    assert heartbeats._refused([line(former), line(present, (4, 5), (9, 9))], present) == ([4, 5, 9], [])
    named, told = heartbeats._refused([line(present, (1, 1000))], present)
    assert (len(named), told) == (1000, [])
    lines = [line(former, (4, 5)), line(present, (1, 1001), discarded=((1007, 1007),))]
    assert heartbeats._refused(lines, present) == (
        [],
        [
            Refused(incarnation=present, quarantined=[(1, 1001)], discarded=[(1007, 1007)]),
            Refused(incarnation=former, quarantined=[(4, 5)]),
        ],
    )
    restored = [line(f"0197c000-0000-7000-8000-{number:012}", (1, 1)) for number in range(30)]
    assert heartbeats._refused(restored, present)[1][0].incarnation == restored[-1].incarnation
    assert len(heartbeats._refused(restored, present)[1]) == INCARNATIONS_MAX
