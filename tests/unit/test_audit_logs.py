"""Audit of the logs: a true one is clean, and each kind of damage is found and named."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import pytest
from msgspec import structs

from contracts.deadletters import from_record
from services.audit import verdict
from services.audit.archive import CouldNotRunError
from services.audit.domain.books import Books
from services.audit.domain.findings import Findings
from services.audit.domain.line import Line
from services.audit.domain.reading import Stored
from services.audit.domain.sample import Sample
from tests.unit.audit_world import Logs, audit, folded, golden_logs, read, renumbered, rewritten, without
from tests.unit.golden import make

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
    other = msgspec.structs.replace(record.undone[0], day="1999-01-01")
    failed = audit(changed(place, undone=(other, *record.undone[1:]))).failed()
    assert f"offset {other.offset}, dossier {record.dossier}" in failed["accounting.standings"]


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
    ):
        failed = audit(changed(place, **{member: value})).failed()
        assert f"`{member}`" in failed["accounting.attributes"]
        assert f"offset {record.src[0]}" in failed["accounting.attributes"]


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


def looks(cut: int, had: Sequence[Stored], late: Sequence[Stored]) -> Iterator[dict[str, str]]:
    """What each of three looks finds when some letters come only after the first, which reads so much of the lifecycle."""
    logs, findings = golden_logs(), Findings()
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


def test_a_record_that_counts_as_another_step_is_named() -> None:
    logs = golden_logs()
    place = place_of("applied")
    record = read(logs.lifecycle[place])
    step = record.done[-1].step
    assert step is not None
    forged = structs.replace(record.done[-1], step=structs.replace(step, paid_online=not step.paid_online))
    failed = audit(changed(place, done=(*record.done[:-1], forged))).failed()
    assert f"offset {forged.offset}, dossier {record.dossier}" in failed["sample.standings"]


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
