"""Audit of the logs: a true one is clean, and each kind of damage is found and named."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import pytest
from msgspec import structs

from contracts.deadletters import DeadLetter, from_record, to_headers
from contracts.events import CLOCK_TICKED
from contracts.lifecycle import Entry, Lifecycle, decode_countable, encode
from services.audit import verdict
from services.audit.archive import CouldNotRunError
from services.audit.domain.books import Books
from services.audit.domain.derivation import Answered, against_answer
from services.audit.domain.findings import Check, Difference, Findings
from services.audit.domain.letters import Letters
from services.audit.domain.line import Line
from services.audit.domain.reading import Stored, control_member, fingerprint
from services.audit.domain.reading import read as read_reported
from services.audit.domain.sample import Chosen, Sample
from services.audit.domain.standings import Standings
from services.audit.dossiers import _PLAIN, _told
from services.processing.api.views import dossier_answer
from services.processing.domain.dossier import Dossier
from tests.unit.audit_world import (
    Audit,
    Logs,
    audit,
    folded,
    folding,
    golden_logs,
    plain_bodies,
    read,
    renumbered,
    rewritten,
    without,
)  # fmt: skip
from tests.unit.golden import make
from tests.unit.golden.fold import Reported

pytestmark = pytest.mark.slow


def place_of(outcome: str, *, undone: bool = False) -> int:
    """Some record in the middle of the log with this outcome."""
    records = golden_logs().lifecycle
    return next(
        place
        for place in range(len(records) // 3, len(records))
        if read(records[place]).outcome == outcome
        and read(records[place]).dossier
        and (read(records[place]).undone or not undone)
    )


def changed(place: int, **members: object) -> Logs:
    logs = golden_logs()
    record = msgspec.structs.replace(read(logs.lifecycle[place]), **members)
    return replace(logs, lifecycle=rewritten(logs.lifecycle, place, record))


def begun(logs: Logs, count: int) -> Logs:
    """The logs as they stood after so many reported records."""
    return Logs(
        logs.reported[:count],
        tuple(each for each in logs.lifecycle if read(each).src[0] < count),
        tuple(each for each in logs.letters if from_record(each.key, each.value, each.headers).src[0] < count),
    )


def test_a_true_log_is_clean_and_every_reported_record_has_one_standing() -> None:
    logs = golden_logs()
    result = audit(logs)
    assert result.failed() == {}
    assert result.line.counts().total() == len(logs.reported)
    retired = {read(each).dossier for each in logs.lifecycle if read(each).retired}
    assert retired
    assert not retired & result.line._stands.keys()
    assert result.line.letters.count == len(logs.letters) > 10
    assert set(result.line.counts()) >= {"applied", "parked", "duplicate", "rejected", "annulled", "tick", "control"} - {
        "parked"
    }


def test_a_lifecycle_record_that_is_missing_is_named_by_its_reported_offset() -> None:
    logs = golden_logs()
    place = place_of("applied")
    lost = read(logs.lifecycle[place])
    failed = audit(replace(logs, lifecycle=without(logs.lifecycle, place))).failed()
    assert f"partition 0, offset {lost.src[0]}, dossier {lost.dossier}" in failed["accounting.records"]
    assert f"offset {place}" in failed["chain.unbroken"]


def test_a_missing_record_is_named_even_when_the_chain_was_forged() -> None:
    logs = golden_logs()
    place = place_of("tick")
    lost = read(logs.lifecycle[place])
    shorter = without(logs.lifecycle, place)
    forged = rewritten(shorter, 0, read(shorter[0]))
    failed = audit(replace(logs, lifecycle=forged)).failed()
    assert f"offset {lost.src[0]}" in failed["accounting.records"]
    assert "`prev` is not the src before it" in failed["chain.unbroken"]


def test_a_step_counted_twice_is_found() -> None:
    place = place_of("applied")
    record = read(golden_logs().lifecycle[place])
    failed = audit(changed(place, done=(*record.done, record.done[-1]))).failed()
    assert "a second time" in failed["accounting.standings"]
    assert f"offset {record.done[-1].offset}" in failed["accounting.standings"]


def test_undoing_what_was_not_done_is_found() -> None:
    place = place_of("applied", undone=True)
    record = read(golden_logs().lifecycle[place])
    for members in ({"day": "1999-01-01"}, {"offset": 9000}, {"offset": -1}):
        other = msgspec.structs.replace(record.undone[0], **members)
        failed = audit(changed(place, undone=(other, *record.undone[1:]))).failed()
        assert f"offset {other.offset}, dossier {record.dossier}" in failed["accounting.standings"]
        assert "undoes what was not done before" in failed["accounting.standings"]


def test_a_changed_byte_breaks_the_chain_at_its_offset() -> None:
    logs = golden_logs()
    place = place_of("applied")
    record = msgspec.structs.replace(read(logs.lifecycle[place]), done=())
    altered = rewritten(logs.lifecycle, place, record)[place]
    altered = structs.replace(altered, headers=logs.lifecycle[place].headers)
    failed = audit(replace(logs, lifecycle=(*logs.lifecycle[:place], altered, *logs.lifecycle[place + 1 :]))).failed()
    assert f"offset {place}" in failed["chain.unbroken"]


def test_a_stand_that_does_not_follow_from_the_one_before_is_found() -> None:
    place = next(
        at
        for at in range(100, len(golden_logs().lifecycle))
        if (r := read(golden_logs().lifecycle[at])).was and r.was.state == 4
    )
    record = read(golden_logs().lifecycle[place])
    assert record.was is not None
    failed = audit(changed(place, was=msgspec.structs.replace(record.was, state=6))).failed()
    assert f"offset {place}, dossier {record.dossier}" in failed["chain.stands"]
    failed = audit(changed(place, was=None, now=None)).failed()
    assert f"offset {place}, dossier {record.dossier}" in failed["chain.stands"]


def test_attributes_that_are_not_those_of_the_reported_record_are_found() -> None:
    place = place_of("applied")
    record = read(golden_logs().lifecycle[place])
    assert record.occurred_at is not None
    for member, value in (
        ("source", "/units/Z"),
        ("recorded_at", record.recorded_at + 1),
        ("occurred_at", record.occurred_at + 1),
        ("log_clock", (record.log_clock or 0) + 1),
        ("digest", "other"),
        ("fact", "rescheduled"),
    ):
        failed = audit(changed(place, **{member: value})).failed()
        assert f"`{member}`" in failed["accounting.attributes"]
        assert f"offset {record.src[0]}" in failed["accounting.attributes"]


def test_a_tick_or_an_event_whose_record_says_that_it_is_something_else_is_found() -> None:
    own = (place for place, each in enumerate(golden_logs().lifecycle) if read(each).last and not read(each).dossier)
    ticked = next(place for place in own if read(golden_logs().lifecycle[place]).outcome == "tick")
    for place, members, said in (
        (ticked, {"outcome": "control"}, "`outcome`"),
        (ticked, {"dossier": "X-0001"}, "`dossier`"),
        (place_of("applied"), {"last": False}, "an event leaves one lifecycle record"),
        (place_of("applied"), {"outcome": "rejected", "dossier": None}, "`whether it can be read`"),
    ):
        failed = audit(changed(place, **members)).failed()
        assert any(said in each for each in failed.values()), said


def test_a_standing_that_is_missing_or_not_that_of_the_reported_record_is_found() -> None:
    logs = golden_logs()
    place = next(
        place
        for place in range(place_of("applied"), len(logs.lifecycle))
        if (record := read(logs.lifecycle[place])).outcome == "applied" and len(record.done) == 1 and not record.undone
    )
    offset, entry = read(logs.lifecycle[place]).src[0], read(logs.lifecycle[place]).done[0]
    for members, said in (
        ({"outcome": "duplicate"}, "it stands applied, its outcome was duplicate"),
        ({"done": (structs.replace(entry, source="Z"),)}, "it is counted for another source or day"),
        ({"done": (structs.replace(entry, day="1999-01-01"),)}, "it is counted for another source or day"),
        ({"done": (structs.replace(entry, offset=entry.offset + 9000),)}, "counts a record that is not there yet"),
        ({"done": (structs.replace(entry, offset=-1),)}, "counts a record that is not there yet"),
        ({"done": ()}, "the reported record has no standing"),
    ):
        result = audit(changed(place, **members))
        assert said in result.failed()["accounting.standings"]
        assert (result.line.standings.first_without(result.line.closed) == offset) == (result.line.counts()["none"] == 1)
    assert result.line.counts()["none"] == 1
    assert "found nothing)" in result.failed()["sample.standings"]
    true = audit(logs).line
    assert true.standings.first_without(true.closed) is None
    assert true.standings.first_without(len(logs.reported)) == len(logs.reported)


def test_a_lifecycle_record_that_cannot_be_read_is_named_and_passed_over() -> None:
    logs = golden_logs()
    place = place_of("applied")
    broken = structs.replace(logs.lifecycle[place], value=b"{")
    result = audit(replace(logs, lifecycle=(*logs.lifecycle[:place], broken)))
    assert f"offset {place}: no lifecycle record can be read here" in result.failed()["accounting.records"]
    assert result.line.next == place + 1


def test_a_reported_record_that_is_not_there_any_more_is_named() -> None:
    logs = golden_logs()
    offset = read(logs.lifecycle[place_of("applied")]).src[0]
    failed = audit(replace(logs, reported=without_renumbering(logs.reported, offset))).failed()
    assert f"offset {offset}: reported records are not there any more" in failed["accounting.records"]
    assert "accounting.attributes" not in failed


def without_renumbering(log: tuple[Stored, ...], place: int) -> tuple[Stored, ...]:
    """A log of which one record has passed away."""
    return (*log[:place], *log[place + 1 :])


def test_a_broken_chain_is_one_difference_and_says_what_stands_there() -> None:
    """What follows is tied to what the record says, if it says something."""
    logs = golden_logs()
    place = place_of("applied")
    after = logs.lifecycle[place + 1 :]
    for header, found in ((b"00" * 8, "00" * 8), (None, "none"), (b"00", "none"), (b"none", "none")):
        altered = structs.replace(logs.lifecycle[place], headers=(("chain", header),))
        check = audit(replace(logs, lifecycle=(*logs.lifecycle[:place], altered, *after))).findings["chain.unbroken"]
        # The next one was tied to what had stood there.
        assert check.differences == (2 if found == "00" * 8 else 1)
        assert f"found {found})" in str(check.first)
    digest = dict(logs.lifecycle[place].headers)["chain"] or b""
    altered = structs.replace(logs.lifecycle[place], headers=(("chain", digest.upper()),))
    assert audit(replace(logs, lifecycle=(*logs.lifecycle[:place], altered, *after))).failed() == {}


def test_in_the_middle_of_a_tick_a_line_is_not_closed_and_where_its_parts_begin_is_known() -> None:
    logs = golden_logs()
    place = next(place for place, each in enumerate(logs.lifecycle) if not read(each).last)
    line = Line(0, Books(Findings(), Sample(0, 1)))
    line.feed(iter(logs.reported))
    for each in logs.lifecycle[: place + 1]:
        assert line.is_closed
        line.take(each)
    offset = read(logs.lifecycle[place]).src[0]
    for each in logs.lifecycle[place + 1 :]:
        assert not line.is_closed
        assert list(line.parted) == [(offset, place)]
        line.take(each)
        if read(each).last:
            break
    assert line.is_closed


def test_a_fingerprint_tells_keys_values_and_the_order_of_headers_apart() -> None:
    headers = (("a", b"1"), ("b", b"2"))
    marks = {fingerprint(*each) for each in ((None, b"v", headers), (b"k", b"v", headers), (None, b"v", headers[::-1]))}
    assert len(marks | {fingerprint(None, b"", headers)}) == 4


def test_a_control_record_without_members_or_with_a_header_without_text_is_read_as_what_it_is() -> None:
    tick = Stored(1, 0, None, b"no json", (("ce_type", CLOCK_TICKED.encode()), ("x", None)))
    said = read_reported(tick)
    assert (said.kind, set(said.attributes), control_member(tick, said)) == ("tick", {"ce_type"}, None)


@pytest.mark.parametrize("clock", ["wall", "log"])
def test_ticks_by_the_wall_s_clock_are_never_ahead_of_their_recording_and_a_refused_one_moves_nothing(clock: str) -> None:
    first, *others = make.records()
    far = next(each for each in reversed(others) if ("ce_type", CLOCK_TICKED) in each.headers)
    refused = structs.replace(far, value=far.value.replace("}", ',"by":"nobody"}'))
    opened = Reported(first.value.replace('"log"', f'"{clock}"'), first.headers, first.recorded_at)
    logs = folded(make.bodies(), [opened, *others[:300], refused, *others[300:]])
    assert audit(logs).failed() == {}
    assert next(each for each in map(read, logs.lifecycle) if each.src == (301, 0)).outcome == "rejected"
    last = read(logs.lifecycle[-1])
    assert last.log_clock is not None
    assert (last.log_clock <= max(each.recorded_at for each in logs.reported)) == (clock == "wall")


def test_a_change_that_the_fold_could_not_make_leaves_a_dead_letter_and_a_dossier_that_is_not_derived() -> None:
    logs = golden_logs()
    lettered = {from_record(each.key, each.value, each.headers).src[0] for each in logs.letters}
    place, record = next(
        (place, record)
        for place, record in enumerate(map(read, logs.lifecycle))
        if record.outcome == "tick" and not (record.last or record.done or record.src[0] in lettered)
    )
    failed = structs.replace(record, outcome="rejected", was=None, now=None)
    logs = begun(replace(logs, lifecycle=rewritten(logs.lifecycle, place, failed)), record.src[0] + 1)
    own = internal_error(logs, record.src)
    strange = internal_error(logs, record.src, "unknown_unit")
    assert list(list(looks(len(logs.lifecycle), logs.letters, (strange,), logs))[1]) == ["letters.known"]
    for has_come in (True, False):
        findings = Findings()
        books = Books(findings, Sample(None, 1))
        line = Line(0, books)
        line.feed(iter(logs.reported))
        for each in (*logs.letters, own) if has_come else logs.letters:
            line.letters.read(each)
        for each in logs.lifecycle:
            line.take(each)
        if not has_come:
            line.letters.read(own)
        line.letters.judge(findings["letters.complete"], findings["letters.known"], line.chain.src, at_once=True)
        assert {check.name: str(check.first) for check in findings.checks.values() if not check.passed} == {}
        assert line.letters.failed == set()
        assert [code for (_, code), chosen in books.sample.dossiers.items() if not chosen.is_derivable] == [record.dossier]


def test_an_event_that_the_fold_could_not_take_is_derived_as_rejected() -> None:
    """The first one of a dossier, which leaves no stand; its dead letter comes before its lifecycle record, or after."""
    logs = golden_logs()
    records = [read(each) for each in logs.lifecycle]
    place, record = next(
        (place, record)
        for place, record in enumerate(records)
        if record.dossier not in {each.dossier for each in records[:place]} and place > len(records) // 3
    )
    [entry] = record.done
    rejected = Entry(offset=entry.offset, standing="rejected", source=entry.source, day=entry.day)
    failed = structs.replace(record, outcome="rejected", was=None, now=None, done=(rejected,))
    logs = begun(replace(logs, lifecycle=rewritten(logs.lifecycle, place, failed)), record.src[0] + 1)
    own = internal_error(logs, record.src)
    result = audit(replace(logs, letters=(*logs.letters, own)))
    assert result.failed() == {}
    assert answer(result, result.books.sample.dossiers[0, record.dossier or ""], 404, {}) == (1, None)
    assert list(audit(logs).failed()) == ["letters.complete", "sample.stands", "sample.standings"]
    late = audit(logs).line.letters
    late.read(own)
    late.match_late(record.src)
    assert (result.line.letters.failed, late.failed) == ({record.src[0]}, {record.src[0]})
    assert list(looks(len(logs.lifecycle), logs.letters, (own,), logs)) == [{}, {}, {}]
    # Letters are read ahead: one is none too many while its lifecycle record has not been read.
    assert list(looks(place, (*logs.letters, own), (), logs)) == [{}, {}, {}]


def internal_error(logs: Logs, src: tuple[int, int], code: str = "internal_error") -> Stored:
    """The dead letter of a reported record that the fold could not take, or not at this change; it comes last."""
    original, before = logs.reported[src[0]], logs.letters[-1]
    letter = DeadLetter(
        code=code, detail="", src=(*src, 0), prev=from_record(None, b"", before.headers).src, key=None,
        value=original.value, headers=tuple(original.headers),
    )  # fmt: skip
    return Stored(len(logs.letters), 0, None, original.value, tuple(to_headers(letter)))


def test_a_code_that_is_another_dossier_s_is_shown_to_the_operator_alone() -> None:
    place = place_of("applied")
    dossier = read(golden_logs().lifecycle[place]).dossier
    findings = audit(changed(place, dossier="H57-other")).findings
    full, public = (
        [each["first"] for each in verdict.told(findings, {}, {}, with_dossiers)["checks"]]
        for with_dossiers in (True, False)
    )
    [named] = [first for first in full if first and "`dossier`" in first["detail"]]
    assert (named["expected"], named["found"]) == (dossier, "H57-other")
    assert not any(str(code) in str(public) for code in (dossier, "H57-other"))


def test_records_that_were_sent_again_are_dropped_and_must_be_the_same() -> None:
    logs = golden_logs()
    once = audit(logs)
    again = audit(replace(logs, lifecycle=renumbered((*logs.lifecycle[:50], *logs.lifecycle[40:50], *logs.lifecycle[50:]))))
    assert again.failed() == {}
    assert again.tally == once.tally
    other = structs.replace(logs.lifecycle[45], value=(logs.lifecycle[45].value or b"").replace(b'"src"', b'"src" '))
    failed = audit(replace(logs, lifecycle=renumbered((*logs.lifecycle[:50], other, *logs.lifecycle[50:])))).failed()
    assert list(failed) == ["chain.resent"]


def test_a_record_of_an_offset_that_was_never_reported_is_found() -> None:
    logs = golden_logs()
    failed = audit(replace(logs, reported=logs.reported[:-1])).failed()
    assert f"offset {len(logs.reported) - 1}" in failed["accounting.records"]
    assert "not there" in failed["accounting.records"]


def test_a_dead_letter_that_is_missing_is_found_wherever_it_stood() -> None:
    logs = golden_logs()
    for place in (0, 1, len(logs.letters) // 2, len(logs.letters) - 2, len(logs.letters) - 1):
        failed = audit(replace(logs, letters=without(logs.letters, place))).failed()
        assert "has no dead letter" in failed["letters.complete"], place
        if place < len(logs.letters) - 1:
            assert f"offset {place}: `prev` of the dead letter" in failed["letters.order"]


def looks(cut: int, had: Sequence[Stored], late: Sequence[Stored], logs: Logs | None = None) -> Iterator[dict[str, str]]:
    """What each of three looks finds when some letters come only after the first, which reads so much of the lifecycle."""
    logs, findings = logs or golden_logs(), Findings()
    line = Line(0, Books(findings, Sample(0, 1)))
    line.feed(iter(logs.reported))
    for letters, records in ((had, logs.lifecycle[:cut]), (late, logs.lifecycle[cut:]), ((), ())):
        findings.look_again()
        for letter in letters:
            line.letters.read(letter)
        for record in records:
            line.take(record)
        line.letters.judge(findings["letters.complete"], findings["letters.known"], line.chain.src, at_once=False)
        yield {check.name: str(check.first) for check in findings.checks.values() if not check.passed}


def test_a_dead_letter_that_comes_after_its_lifecycle_record_is_no_difference_and_one_that_never_comes_is() -> None:
    """Of events and of a tick at which misfits expire; the worker sends it second, and its topic may take its time."""
    logs = golden_logs()
    sources = [from_record(letter.key, letter.value, letter.headers).src[0] for letter in logs.letters]
    ticks = {read(each).src[0] for each in logs.lifecycle if read(each).outcome == "tick"}
    of_tick = next(place for place, offset in enumerate(sources) if offset in ticks)
    for place in (0, of_tick, len(sources) // 2, len(sources) - 1):
        # To the end of the tick: in the middle of one nothing is missed.
        cut = next((at for at, each in enumerate(logs.lifecycle) if read(each).src[0] > sources[place]), len(logs.lifecycle))
        assert list(looks(cut, logs.letters[:place], logs.letters[place:])) == [{}, {}, {}], place
    never = list(looks(len(logs.lifecycle), logs.letters[:-1], ()))
    assert never[0] == {}
    assert "has no dead letter" in never[1]["letters.complete"]
    assert "has no dead letter" in never[2]["letters.complete"]


def test_a_late_dead_letter_with_other_bytes_makes_nothing_good() -> None:
    logs = golden_logs()
    other = structs.replace(logs.letters[-1], value=b"{ }")
    assert set(list(looks(len(logs.lifecycle), logs.letters[:-1], (other,)))[1]) == {"letters.complete", "letters.known"}


def test_a_dead_letter_with_other_bytes_or_headers_is_found() -> None:
    logs = golden_logs()
    for place in (0, len(logs.letters) // 2, len(logs.letters) - 1):
        letter = logs.letters[place]
        for other in (
            structs.replace(letter, value=b"{ }"),
            structs.replace(letter, headers=(("x", b"y"), *letter.headers)),
        ):
            failed = audit(replace(logs, letters=(*logs.letters[:place], other, *logs.letters[place + 1 :]))).failed()
            assert f"offset {place}" in failed["letters.originals"]


def test_dead_letters_sent_again_are_dropped_and_strangers_are_found() -> None:
    logs = golden_logs()
    assert (
        audit(replace(logs, letters=renumbered((*logs.letters[:5], *logs.letters[2:5], *logs.letters[5:])))).failed() == {}
    )
    stranger = structs.replace(logs.letters[0], headers=())
    assert "letters.order" in audit(replace(logs, letters=renumbered((stranger, *logs.letters)))).failed()


def test_every_dossier_of_a_true_log_is_derived_anew_and_none_differs() -> None:
    checks = audit(golden_logs()).findings.checks
    assert checks["sample.stands"].examined == len({read(each).dossier for each in golden_logs().lifecycle} - {None})
    assert checks["sample.standings"].examined > 600
    assert checks["letters.known"].examined == checks["letters.order"].examined == len(golden_logs().letters)


def test_a_partition_folded_with_another_calendar_is_found_though_its_log_is_whole() -> None:
    """The chain is right, every record is accounted for, and the figures add up: the derivation alone can tell."""
    first, second = make.bodies()
    days_off = {**first.calendar.days_off, "2025-07-04": "nobody's holiday"}
    wrong = structs.replace(first, calendar=structs.replace(first.calendar, days_off=days_off))
    failed = audit(begun(folded([wrong, second]), 400)).failed()
    assert list(failed) == ["sample.stands"]
    assert "dossier X-" in failed["sample.stands"]
    assert "`overdue`" in failed["sample.stands"]


@pytest.mark.slow
def test_at_any_record_of_a_true_log_the_derivation_agrees() -> None:
    for count in range(10, len(golden_logs().reported), 60):
        assert audit(begun(golden_logs(), count)).failed() == {}, count


def test_a_stand_that_was_forged_from_some_record_on_is_named_by_its_dossier() -> None:
    """Somebody rewrote the last record of a dossier and every chain after it: its stand is not what was reported."""
    logs = golden_logs()
    last = {read(each).dossier: place for place, each in enumerate(logs.lifecycle) if read(each).now is not None}
    dossier, place = next(
        (code, place) for code, place in last.items() if code and (now := read(logs.lifecycle[place]).now) and now.state == 4
    )
    now = read(logs.lifecycle[place]).now
    assert now is not None
    failed = audit(changed(place, now=structs.replace(now, state=2))).failed()
    assert list(failed) == ["sample.stands"]
    assert f"dossier {dossier}" in failed["sample.stands"]
    assert "`state`" in failed["sample.stands"]


def test_a_dossier_that_is_not_called_retired_is_named() -> None:
    logs = golden_logs()
    place = next(place for place, each in enumerate(logs.lifecycle) if read(each).retired)
    failed = audit(changed(place, retired=False)).failed()
    assert f"dossier {read(logs.lifecycle[place]).dossier}: retired in one and not in the other" in failed["sample.stands"]


def test_a_dead_letter_for_what_owes_none_is_found_and_so_is_one_of_a_record_that_is_not_there() -> None:
    logs = golden_logs()
    src = read(logs.lifecycle[place_of("applied")]).src
    logs = begun(logs, src[0] + 1)
    own = internal_error(logs, src)
    failed = audit(replace(logs, letters=(*logs.letters, own))).failed()
    assert f"a dead letter for reported record {src[0]}, which owes none" in failed["letters.complete"]
    failed = audit(replace(logs, letters=(*logs.letters, internal_error(logs, (src[0] - 1, 7))))).failed()
    assert f"lifecycle record {src[0] - 1}.7, which is not there" in failed["letters.known"]


def test_what_stands_rejected_a_second_time_owes_no_second_dead_letter() -> None:
    """It was a misfit for too long, fitted after all, and does no longer."""
    logs, findings = golden_logs(), Findings()
    [first, *_] = logs.letters
    src, letters = from_record(first.key, first.value, first.headers).src, Letters(0, findings)
    letters.read(first)
    mark = fingerprint(first.key, first.value, first.headers[:-4])
    for _ in range(2):
        letters.rejected(src[0], mark)
        letters.settle(src[:2], False, mark)
        letters.tick_passed(src[0] + 1)
        letters.freed(src[0])
    assert (letters.missing, findings.clean) == (0, True)
    letters.rejected(src[0] + 2, mark)
    letters.tick_passed(src[0] + 3)
    assert letters.missing == 1


def test_after_a_change_that_could_not_be_made_what_is_owed_is_missed_at_the_next_tick() -> None:
    findings = Findings()
    books = Books(findings, Sample(0, 1))
    standings = Standings(0, books.pieces, books.notes, findings)
    for offset in range(3):
        standings.reported(offset, offset)
    standings.letters.rejected(0, 0)
    for src, outcome, missing in (((1, 0), "rejected", 0), ((1, 1), "tick", 0), ((2, 0), "tick", 1)):
        record = Lifecycle(src=src, prev=None, last=outcome == "tick", outcome=outcome, recorded_at=0)  # type: ignore[arg-type]
        standings.close(decode_countable(encode(record)), None)
        assert standings.letters.missing == missing


def test_a_record_that_counts_as_another_step_is_named() -> None:
    logs = golden_logs()
    place = place_of("applied")
    record = read(logs.lifecycle[place])
    step = record.done[-1].step
    assert step is not None
    forged = structs.replace(record.done[-1], step=structs.replace(step, paid_online=not step.paid_online))
    failed = audit(changed(place, done=(*record.done[:-1], forged))).failed()
    assert f"offset {forged.offset}, dossier {record.dossier}" in failed["sample.standings"]


def test_what_processing_answers_of_every_dossier_is_derived_and_each_member_that_is_another_is_named() -> None:
    """At a tick that finds one due within a day, and at the end of the log, where most are retired."""
    seen, statuses = set[str](), set[int]()
    ticks = [each.src[0] for each in map(read, golden_logs().lifecycle) if each.now is not None and each.now.due_in_24h]
    for count in (ticks[-1] + 1, len(golden_logs().reported)):
        result, memory = audit(begun(golden_logs(), count)), folding(make.bodies())
        for stored in golden_logs().reported[:count]:
            memory.take(stored.value or b"", stored.headers, stored.recorded_at)
        for chosen in result.books.sample.dossiers.values():
            state, told = memory.states.get(chosen.code), dict[str, object]()
            if isinstance(state, Dossier):
                assert memory.rules is not None
                told = _told(dossier_answer((state, memory.position.log_clock, memory.rules)))
            status = 200 if told else 410
            assert answer(result, chosen, status, told) == (1, None)
            for member in {name for name, value in told.items() if value} - seen:
                assert f"`{member}`" in str(answer(result, chosen, status, {**told, member: None})[1])
                seen.add(member)
            if status not in statuses:
                differs = f"another status (expected {status}, found 404)"
                assert differs in str(answer(result, chosen, 404, {})[1])
                statuses.add(status)
    assert seen == {*_PLAIN, "history", "misfits", "annulled", "annulments", "repeats"}
    assert statuses == {200, 410}


def answer(result: Audit, chosen: Chosen, status: int, told: dict[str, object]) -> tuple[int, Difference | None]:
    """How much is examined of an answer of processing, and the first difference."""
    check = Check("", "")
    against_answer(check, chosen, Answered(result.line.closed, status, told), result.line, plain_bodies())
    return check.examined, check.first


def test_a_kafka_that_falls_silent_in_the_middle_of_a_record_costs_a_look_and_nothing_else() -> None:
    """Whatever was under way is taken again from its begin, so that no difference stays."""
    logs = golden_logs()
    findings = Findings()
    line = Line(0, Books(findings, Sample(None, 1)))
    for letter in logs.letters:
        line.letters.read(letter)
    silences = 0
    for place in range(len(logs.lifecycle)):
        line.feed(_silent())
        try:
            line.take(logs.lifecycle[place])
        except CouldNotRunError:
            silences += 1
            line.feed(iter(logs.reported[line.reported_next :]))
            line.take(logs.lifecycle[line.next])
    assert silences == len(logs.reported)
    line.letters.judge(findings["letters.complete"], findings["letters.known"], line.chain.src, at_once=True)
    assert {name for name, check in findings.checks.items() if not check.passed} == set()
    assert line.counts() == audit(logs).line.counts()


def _silent() -> Iterator[Stored]:
    raise CouldNotRunError("nothing came")
    yield
