"""What audit tells beside its checks: lists by unit, a line of progress, a scope in turns; figures by day and in sum."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO

import msgspec

from contracts.lifecycle import CHAIN_START, Counted, Stand, Step, chain
from services.audit import verdict
from services.audit.domain.chain import Chain
from services.audit.domain.comparison import Series, compare_days, compare_series, compare_total
from services.audit.domain.findings import Check, Difference, Findings
from services.audit.domain.notes import SHOWN_MAX, SPARE, Listed, Noted, Notes, Numbers
from services.audit.domain.pieces import Pieces
from services.audit.domain.recount import Recount, Tally
from services.audit.looking import Scope
from services.audit.progress import Progress, line

STAND = Stand(receiver="A", competent="D", state=9)
DAY = "2025-07-01"
LATE = Step(fact="completed", competent="D", timeliness="on_time", late="entry")


def check() -> Check:
    return Check("x", "y")


def _noted(listed: Listed) -> list[Noted]:
    return [each for each in listed.newest if isinstance(each, Noted)]


class Book:
    """One partition's entries, done and undone as a line does it."""

    def __init__(self, shown_max: int = SHOWN_MAX) -> None:
        self.pieces = Pieces()
        self.recount, self.notes = Recount(self.pieces), Notes(self.pieces, shown_max)
        self.stand = self.pieces.stand(msgspec.json.encode(STAND))

    def add(self, offset: int, counted: Counted, times: int = 1) -> None:
        number = self.pieces.entry(msgspec.json.encode(counted))
        self.recount.entry(number, self.stand, times)
        if times > 0:
            self.notes.add(number, "A", 3, offset, f"X-{offset}", offset)
        else:
            self.notes.remove(number, "A", 3, offset)


def test_back_dated_events_are_listed_by_who_reported_them_and_late_completions_by_the_receiver() -> None:
    book = Book()
    book.add(5, Counted(standing="applied", source="B", day=DAY, backdated=True, step=LATE))
    book.add(6, Counted(standing="parked", source="B", day=DAY, backdated=True))
    book.add(7, Counted(standing="applied", source="A", day=DAY))
    lists = book.notes.lists(book.recount.figures())
    assert {kind: {unit: listed.count for unit, listed in units.items()} for kind, units in lists.items()} == {
        "backdated": {"B": 2}, "late_by_link": {}, "late_entry": {"A": 1},
    }  # fmt: skip
    assert [(noted.partition, noted.offset, noted.dossier) for noted in _noted(lists["backdated"]["B"])] == [
        (3, 6, "X-6"), (3, 5, "X-5"),
    ]  # fmt: skip
    book.add(5, Counted(standing="applied", source="B", day=DAY, backdated=True, step=LATE), -1)
    lists = book.notes.lists(book.recount.figures())
    assert lists["late_entry"] == {}
    assert [noted.offset for noted in _noted(lists["backdated"]["B"])] == [6]


def test_a_list_counts_all_and_shows_the_newest_few() -> None:
    """Also where another partition was read before, whose events are older or newer."""
    book = Book()
    entry = Counted(standing="applied", source="B", day=DAY, backdated=True)
    for offset in (*range(500, 1000), *range(500)):
        book.add(offset, entry)
    listed = book.notes.lists(book.recount.figures())["backdated"]["B"]
    assert listed.count == 1000
    assert [noted.offset for noted in _noted(listed)] == list(range(999, 999 - SHOWN_MAX, -1))
    book.add(999, entry, -1)
    assert _noted(book.notes.lists(book.recount.figures())["backdated"]["B"])[0].offset == 998


def test_a_list_shows_as_many_as_are_asked_for() -> None:
    """All of them, where no more are there."""
    entry = Counted(standing="applied", source="B", day=DAY, backdated=True)
    for shown_max, shown in ((3, 3), (500, 100)):
        book = Book(shown_max)
        for offset in range(100):
            book.add(offset, entry)
        listed = book.notes.lists(book.recount.figures())["backdated"]["B"]
        assert (listed.count, len(listed.newest)) == (100, shown)


def test_of_a_short_list_too_those_that_count_no_longer_leave_their_place_to_older_ones() -> None:
    book, entry = Book(1), Counted(standing="applied", source="B", day=DAY, backdated=True)
    for offset in range(100):
        book.add(offset, entry)
    for offset in range(99, 99 - SPARE, -1):
        book.add(offset, entry, -1)
    assert [noted.offset for noted in _noted(book.notes.lists(book.recount.figures())["backdated"]["B"])] == [99 - SPARE]


def test_the_newest_is_so_by_time_whichever_partition_it_lies_in_and_no_more_are_remembered_than_some_beside() -> None:
    book = Book()
    number = book.pieces.entry(msgspec.json.encode(Counted(standing="applied", source="B", day=DAY, backdated=True)))
    for partition, at in ((3, 10), (1, 30), (2, 20)):
        book.notes.add(number, "A", partition, 5, "X", at)
        book.recount.entry(number, 0, 1)
    listed = book.notes.lists(book.recount.figures())["backdated"]["B"]
    assert [noted.partition for noted in _noted(listed)] == [1, 2, 3]
    for offset in range(1000):
        book.notes.add(number, "A", 3, offset, "X", 40 + offset)
        assert len(book.notes._known["backdated", "B"]) <= SHOWN_MAX + 2 * SPARE


def test_the_table_names_the_newest_of_each_list() -> None:
    lists = {
        "backdated": {"19753": Listed(70, [Noted(3, 9, "X-9"), Noted(3, 8, "X-8"), Noted(3, 7, "X-7"), Noted(3, 6, "X-6")])},
        "discarded": {"19774": Listed(2, [Numbers("/units/19774", "i", 4, 5)])},
    }
    said = verdict.table(Findings(), {}, lists).splitlines()
    assert "      19753, the newest: partition 3, offset 9, dossier X-9; partition 3, offset 8, dossier X-8; " in said[-3]
    assert "X-6" not in said[-3]
    assert said[-1] == "      19774, the newest: /units/19774, incarnation i: sequence 4 to 5"
    public = verdict.told(Findings(), {}, lists, with_dossiers=False)["lists"]
    assert "dossier" not in public["backdated"]["19753"]["newest"][0]
    assert public["discarded"]["19774"] == {
        "count": 2, "newest": [{"source": "/units/19774", "incarnation": "i", "first": 4, "last": 5}],
    }  # fmt: skip


def test_a_verdict_for_everybody_names_no_dossier() -> None:
    findings = Findings()
    findings["sample.stands"].differ(Difference("differs", 3, dossier="X-77"))
    named = Difference("`dossier` differs", 3, expected="X-78", found="X-79", of_dossiers=True)
    findings["accounting.attributes"].differ(named)
    book = Book()
    book.add(5, Counted(standing="applied", source="B", day=DAY, backdated=True))
    lists = book.notes.lists(book.recount.figures())
    public = msgspec.json.encode(verdict.told(findings, {}, lists, with_dossiers=False))
    assert b"X-" not in public
    assert b"partition 3" in public
    full = msgspec.json.encode(verdict.told(findings, {}, lists))
    assert b"X-77" in full
    assert b"X-5" in full
    assert b"expected X-78, found X-79" in full
    assert b"of_dossiers" not in full


def test_a_day_of_a_unit_and_a_sum_of_all_units_that_were_altered_are_named() -> None:
    day = {"receiver|A|received": 2, "receiver|B|received": 3, "competent|A|received": 9}
    rows = {DAY: {"received": 2, "completed": 0}}
    right = check()
    compare_days(right, {DAY: day}, "receiver", "A", rows, "days")
    compare_total(right, day, "receiver", {"received": 5}, "units")
    assert right.passed
    assert right.examined == 3
    wrong = check()
    compare_days(wrong, {DAY: day}, "receiver", "A", {DAY: {"received": 1}}, "days")
    compare_total(wrong, day, "receiver", {"received": 6}, "units")
    assert wrong.differences == 2
    assert f"days, {DAY}" in str(wrong.first)


def test_a_day_that_was_asked_for_and_left_out_is_named_whatever_its_figures() -> None:
    for figures, differences in (({"receiver|A|received": 2}, 2), ({}, 1)):
        into = check()
        compare_days(into, {DAY: figures, "2025-07-02": {}}, "receiver", "A", {"2025-07-02": {"received": 0}}, "days")
        assert into.differences == differences
        assert f"days, {DAY}: the row is missing" in str(into.first)


def test_a_day_that_was_not_asked_for_may_have_no_figures() -> None:
    into = check()
    compare_days(into, {}, "receiver", "A", {DAY: {"received": 1}}, "days")
    assert (into.differences, into.examined) == (1, 1)


def test_today_s_series_are_those_of_the_latest_clock_s_day() -> None:
    tally = Tally(day={DAY: {"receiver|A|received": 4}})
    series = today_s(received=4)
    for today, passed in ((DAY, True), ("2025-07-02", False), (None, True)):
        into = check()
        compare_series(into, tally, series, today)
        assert into.passed is passed


def test_today_s_series_that_are_left_out_are_named_also_of_a_unit_without_any_today() -> None:
    for tally in (Tally(day={DAY: {"receiver|A|received": 0}}), Tally(total={"receiver|A|rejected": 1})):
        whole = [*today_s(received=0), Series("motcua_dossiers_rejected", {"unit": "A", "role": "receiver"}, 1.0)]
        for left_out in range(4):
            into = check()
            compare_series(into, tally, whole[:left_out] + whole[left_out + 1 :], DAY)
            assert "today's series is missing" in str(into.first)


def today_s(**numbers: float) -> list[Series]:
    return [
        Series("motcua_dossiers_today", {"unit": "A", "role": "receiver", "counter": name}, numbers.get(name, 0))
        for name in ("received", "completed", "returned", "refused")
    ]


def test_a_look_takes_its_turn_and_comes_round() -> None:
    scope, seen = Scope(units_max=3), []
    for turn in range(4):
        scope.turn = turn
        seen += scope.some(list("abcdefgh"), scope.units_max)
    assert set(seen) == set("abcdefgh")
    assert len(seen) == 12
    assert Scope().some(list("abc"), None) == list("abc")


@dataclass
class _Reading:
    read_records: int
    total: int


def test_progress_is_told_elsewhere_than_on_a_terminal_now_and_then_and_to_the_end() -> None:
    """A recount of some minutes is not silent in a log or a pipe, neither while it reads nor while it asks and compares."""
    plain, reading = StringIO(), _Reading(50, 200)
    progress = Progress(plain, plain_every_seconds=0.02)
    try:
        _until(lambda: "asking Kafka for its logs" in plain.getvalue())
        progress.tell(reading)
        _until(lambda: "25 %  50 of 200 records" in plain.getvalue())
        reading.read_records = 200
        _until(lambda: "200 records read; asking and comparing, 0 s so far\n" in plain.getvalue())
    finally:
        progress.done()
    assert "\x1b" not in plain.getvalue()
    ended = plain.getvalue()
    time.sleep(0.1)
    assert plain.getvalue() == ended


def test_a_short_recount_has_no_progress_elsewhere_than_on_a_terminal() -> None:
    plain = StringIO()
    progress = Progress(plain)
    progress.tell(_Reading(50, 200))
    progress.done()
    assert plain.getvalue() == ""
    assert line(50, 200, 5.0) == "[######..................]  25 %  50 of 200 records, 10/s, 15 s to go"
    assert line(0, 0, 0.0).endswith("no estimate yet")


def _until(holds: Callable[[], bool], within_seconds: float = 20.0) -> None:
    deadline = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_sent_again_is_compared_as_far_back_as_is_remembered() -> None:
    """What comes again from before that is a difference, not a silence: a worker that was frozen for long sends so late.
    With more remembered it is compared, after a restart, and is clean."""
    for kept_records, differences in ((50, 2), (200, 1)):
        findings = Findings()
        digest, values = CHAIN_START, [b"%d" % number for number in range(400)]
        ledger = Chain(0, findings, kept_records)
        for offset, value in enumerate(values):
            digest = chain(digest, value)
            src = (offset, 0)
            ledger.accept(offset, value, digest.hex().encode(), src, (offset - 1, 0) if offset else None)
            assert ledger.is_resent(src)
            for back in range(min(offset, 50)):
                ledger.compare(offset, values[offset - back], (offset - back, 0))
        assert findings.clean
        ledger.compare(400, values[3], (3, 0))
        assert findings.clean == (kept_records == 200)
        assert findings.clean or "MOTCUA_AUDIT_RESENT_RECORDS" in str(findings["chain.resent"].first)
        ledger.compare(401, b"other", (390, 0))
        assert findings["chain.resent"].differences == differences
