"""Numbers of edges: a gap, a number used twice, what heartbeats account for, and a sample that can be chosen again."""

import tracemalloc
from collections.abc import Iterable

import msgspec
import pytest
from pydantic import ValidationError

from contracts import instants
from contracts.heartbeats import Kept, KeptRefused, Span
from services.audit.domain import reading, sequences
from services.audit.domain.findings import Check, Findings
from services.audit.domain.notes import SHOWN_MAX, Numbers
from services.audit.domain.reading import Stored, read
from services.audit.domain.sample import RECORDS_MAX, Sample
from services.audit.domain.sequences import AHEAD_MAX, PLACES_OF_ONE_APART, Sequences, Track
from services.audit.reader import newest
from services.audit.settings import Settings

pytestmark = pytest.mark.slow

SOURCE = "/units/19753"
FIRST, SECOND = "0197c000-0000-7000-8000-000000000001", "0197c000-0000-7000-8000-000000000002"
HOUR_ENTERED = "2026-01-05T08:00:00+07:00"
ARRIVED = instants.parse("2026-01-05T08:00:10+07:00")


def reported(number: int, *, id_: str = "", incarnation: str = FIRST, source: str = SOURCE, entered: str = "") -> Stored:
    headers = {
        "ce_type": "vn.motcua.dossier.withdrawn.v1", "ce_source": source, "ce_id": id_ or f"e{number}", "ce_subject": "X-1",
        "ce_sequence": str(number), "ce_incarnation": incarnation, "ce_recordedtime": entered or HOUR_ENTERED,
    }  # fmt: skip
    return Stored(number, 0, None, b"{}", tuple((name, text.encode()) for name, text in headers.items()))


def beat(
    *, incarnation: str = FIRST, quarantined: Iterable[int] = (), until: str | None = None, depth: int = 0,
    at: str = HOUR_ENTERED, age: float = 0.0, offset: float = 0.0, refused: Iterable[KeptRefused] = (),
    retired: bool = False,
) -> Kept:  # fmt: skip
    return Kept(
        source=SOURCE, incarnation=incarnation, at=at, spool_depth=depth, oldest_unsent_age_seconds=age,
        quarantined_sequences=list(quarantined), delivered_until=until, clock_offset_seconds=offset,
        refused=list(refused), retired=retired,
    )  # fmt: skip


def refused(quarantined: Iterable[Span] = (), discarded: Iterable[Span] = (), incarnation: str = FIRST) -> KeptRefused:
    return KeptRefused(incarnation=incarnation, quarantined=list(quarantined), discarded=list(discarded))


def judged(records: Iterable[Stored], *beats: Kept, given_up: str = "") -> tuple[Check, Check]:
    """What is said of gaps, and of numbers used twice."""
    findings = Findings()
    numbers = Sequences(findings, sequences.given_up(given_up))
    for stored in records:
        numbers.take(3, stored.offset, read(stored), ARRIVED)
    numbers.judge(findings["sequences.contiguous"], {each.source: each for each in beats})
    return findings["sequences.contiguous"], findings["sequences.once"]


ALL = [reported(number) for number in range(1, 21)]


def test_numbers_from_one_on_are_whole_in_whatever_order_they_lie_and_an_open_tail_is_no_gap() -> None:
    for records in (ALL, ALL[::-1], [*ALL[10:], *ALL[:10]], ALL[:7], [*ALL, *ALL[3:9]]):
        contiguous, once = judged(records)
        assert contiguous.passed
        assert once.passed
        assert contiguous.examined == len({each.offset for each in records})


@pytest.mark.parametrize("lost", [1, 2, 10, 19])
def test_a_number_that_was_skipped_is_named_with_its_source_and_incarnation(lost: int) -> None:
    contiguous, _ = judged(each for each in ALL if each.offset != lost)
    assert contiguous.differences == 1
    assert f"{SOURCE}, incarnation {FIRST}: sequence {lost} is missing before {lost + 1}" in str(contiguous.first)


def test_numbers_of_another_incarnation_or_source_fill_no_gap() -> None:
    others = [reported(5, incarnation=SECOND), reported(5, source="/units/19774")]
    contiguous, _ = judged([*(each for each in ALL if each.offset != 5), *others])
    # The one that is missing, and the four before each of the others.
    assert contiguous.differences == 3


def test_a_number_used_for_two_events_is_named_by_partition_and_offset() -> None:
    _, once = judged([*ALL, reported(7, id_="other")])
    assert once.differences == 1
    assert "partition 3, offset 7" in str(once.first)
    assert "sequence 7" in str(once.first)
    assert judged([*ALL, reported(7, id_="other", incarnation=SECOND)])[1].passed


def test_what_the_newest_heartbeat_calls_quarantined_is_no_gap() -> None:
    records = [each for each in ALL if each.offset not in (4, 5, 12)]
    assert judged(records, beat(quarantined=(4, 5, 12), until=HOUR_ENTERED))[0].differences == 0
    contiguous, _ = judged(records, beat(quarantined=(4, 12), until="2026-01-05T09:00:00+07:00"))
    assert contiguous.differences == 1
    assert "sequence 5 is missing" in str(contiguous.first)
    # Another incarnation's heartbeat says nothing of these numbers.
    assert judged(records, beat(quarantined=(4, 5, 12), incarnation=SECOND))[0].differences == 2


def test_what_lies_aside_by_the_thousand_of_a_former_incarnation_or_was_thrown_away_is_no_gap_either() -> None:
    later = "2026-01-05T09:00:00+07:00"
    many = [reported(number) for number in range(1501, 1511)]
    assert judged(many, beat(until=later, refused=[refused([(1, 1500)])]))[0].passed
    far = [reported(number) for number in (AHEAD_MAX + 500, AHEAD_MAX + 502, AHEAD_MAX + 503)]
    lies = refused([(1, AHEAD_MAX + 499)], [(AHEAD_MAX + 501, AHEAD_MAX + 501)])
    assert judged(far, beat(until=later, refused=[lies]))[0].passed
    # Thrown away at the edge; lying aside in a store that was put back since; of one that is gone for good.
    records = [each for each in ALL if each.offset not in (4, 5, 12)]
    assert judged(records, beat(until=later, quarantined=(12,), refused=[refused(discarded=[(4, 5)])]))[0].passed
    restored = beat(until=later, incarnation=SECOND, refused=[refused([(4, 5)], [(12, 12)])])
    assert judged(records, restored)[0].passed
    assert judged(records, beat(until=later, quarantined=(4, 5, 12), retired=True))[0].passed
    # Nothing that it may still hold comes any more.
    assert judged(records, beat(until=HOUR_ENTERED, depth=3, quarantined=(4, 5), retired=True))[0].differences == 1


def test_what_spans_leave_out_is_named_whatever_their_order_and_however_wide_they_are() -> None:
    records = [each for each in ALL if each.offset not in range(4, 13)]
    later = "2026-01-05T09:00:00+07:00"
    spans: list[Span] = [(10, 10), (2, 4), (9, 6), (6, 6), (8, 8), (7, 8)]
    contiguous, _ = judged(records, beat(until=later, refused=[refused(spans)]))
    assert contiguous.differences == 3
    assert "sequence 5 is missing before 13" in str(contiguous.first)
    assert judged(records, beat(until=later, refused=[refused([(0, 2**53)])]))[0].passed
    assert judged(records, beat(until=later, refused=[refused([(4, 12)], incarnation=SECOND)]))[0].differences == 1


def test_what_was_thrown_away_is_listed_by_unit_the_newest_first() -> None:
    said = beat(refused=[refused(discarded=[(4, 5), (9, 9)]), refused([(1, 1)], [(2, 2)], SECOND)])
    found = sequences.by_unit(sequences.discarded([said, beat(quarantined=[3])]))
    assert {unit: listed.count for unit, listed in found.items()} == {"19753": 4}
    assert [str(each) for each in found["19753"].newest] == [
        f"{SOURCE}, incarnation {SECOND}: sequence 2",
        f"{SOURCE}, incarnation {FIRST}: sequence 9",
        f"{SOURCE}, incarnation {FIRST}: sequence 4 to 5",
    ]


def test_what_operators_have_given_up_is_no_gap_any_more_and_is_listed() -> None:
    """Of a disk that was lost, say: the store in its place knows nothing of these numbers."""
    records = [each for each in ALL if each.offset not in (4, 5, 12)]
    text = f"{SOURCE}@{FIRST}=4-5,{SOURCE}@{FIRST}=12"
    assert Settings(audit_given_up=text).audit_given_up == text
    assert judged(records, given_up=text)[0].passed
    assert judged(records, beat(incarnation=SECOND), given_up=text)[0].passed
    assert judged(records, given_up=f"{SOURCE}@{SECOND}=4-5,{SOURCE}@{FIRST}=4")[0].differences == 2
    assert judged([reported(1, incarnation=""), reported(3, incarnation="")], given_up=f"{SOURCE}@=2")[0].passed
    assert sequences.by_unit(sequences.given_up(text))["19753"].count == 3
    assert sequences.given_up("") == []
    assert sequences.given_up(f"{SOURCE}@{FIRST.upper()}=7,{SOURCE}@none=7-9") == [
        Numbers(SOURCE, FIRST, 7, 7), Numbers(SOURCE, "", 7, 9),
    ]  # fmt: skip
    assert Settings(audit_given_up=f"{SOURCE}@none=7-9").audit_given_up
    for wrong in (
        f"{SOURCE}@{FIRST}=9-7",
        "19753@x=1",
        f"{SOURCE}={FIRST}",
        f"{SOURCE}@{FIRST}=0",
        f"{SOURCE}@{FIRST}=1-",
        f"{text},",
    ):
        with pytest.raises(ValidationError):
            Settings(audit_given_up=wrong)


def test_of_numbers_that_were_given_up_or_thrown_away_those_that_have_come_are_told_apart() -> None:
    """Stored, and refused when it was sent again since the answer was lost; or found after all, and entered anew as well."""
    numbers = Sequences(Findings())
    for number in (1, 2, 4, 8, AHEAD_MAX + 500):
        numbers.take(3, number, read(reported(number)), 0)
    wide = f"{SOURCE}@{FIRST}=1-5,{SOURCE}@{FIRST}=4-9,{SOURCE}@{FIRST}={AHEAD_MAX + 499}-{2**53},{SOURCE}@{SECOND}=3"
    absent, come = numbers.sort_out(sequences.given_up(wide))
    far = AHEAD_MAX + 500
    assert [(each.first, each.last) for each in absent] == [
        (3, 3), (5, 7), (9, 9), (far - 1, far - 1), (far + 1, 2**53), (3, 3),
    ]  # fmt: skip
    assert [(each.first, each.last) for each in come] == [(1, 2), (4, 4), (8, 8), (far, far)]
    said = beat(refused=[refused(discarded=[(0, 3)], incarnation=FIRST.upper())])
    assert numbers.sort_out(sequences.discarded([said]))[0] == [Numbers(SOURCE, FIRST, 3, 3)]


def test_what_lay_at_an_edge_that_is_retired_is_listed() -> None:
    """Nobody sends it any more, and without it the figures look whole."""
    aside = [refused([(7, 8)], [(9, 9)]), refused([(3, 3)], incarnation=SECOND)]
    gone = beat(quarantined=(4, 5), depth=12, refused=aside, retired=True)
    here = beat(quarantined=(6,), depth=3)
    found = sequences.by_unit(sequences.left_behind([gone, here]))["19753"]
    assert (found.count, len(found.newest)) == (5, 4)
    runs, _ = Sequences(Findings()).sort_out(sequences.left_behind([gone]))
    assert [(each.first, each.last) for each in runs] == [(4, 5), (7, 8), (3, 3)]
    assert sequences.left_unsent([gone, here])["19753"].count == 12
    assert [str(each) for each in sequences.left_unsent([gone])["19753"].newest] == [
        f"{SOURCE}, incarnation {FIRST}: 12 unsent"
    ]
    assert sequences.left_unsent([here]) == {}
    # A machine in its place knows nothing of them: operators give up their numbers, by a line that `retire-edge` prints.
    told = sequences.as_given_up([*sequences.left_behind([gone]), *sequences.discarded([gone]), Numbers(SOURCE, "", 0, 2)])
    assert told == f"{SOURCE}@{FIRST}=4-5,{SOURCE}@{FIRST}=7-9,{SOURCE}@{SECOND}=3,{SOURCE}@none=1-2"
    absent, _ = Sequences(Findings()).sort_out(sequences.given_up(Settings(audit_given_up=told).audit_given_up))
    assert sequences.as_given_up(absent) == told


def test_numbers_of_a_former_store_may_be_on_their_way_too() -> None:
    """It was put back, and what lay aside in it is sent anew; once nothing waits, nothing of it comes."""
    records = [each for each in ALL if each.offset != 9]
    restored = beat(incarnation=SECOND, until=HOUR_ENTERED, depth=1)
    assert judged(records, restored)[0].passed
    assert judged(records, beat(incarnation=SECOND, until="2026-01-05T08:00:01+07:00", depth=1))[0].differences == 1
    assert judged(records, beat(incarnation=SECOND, until=HOUR_ENTERED))[0].differences == 1
    assert judged(records, beat(incarnation=SECOND, until=HOUR_ENTERED, depth=1, retired=True))[0].differences == 1
    later = [each for each in (reported(n, incarnation=SECOND) for n in range(1, 5)) if each.offset != 2]
    assert judged(later, beat(until=HOUR_ENTERED, depth=1))[0].differences == 1, "of a store that is newer than the beat"


def test_a_gap_that_the_edge_may_still_deliver_is_no_difference_and_one_that_it_called_delivered_is() -> None:
    records = [each for each in ALL if each.offset != 9]
    assert judged(records, beat(until=HOUR_ENTERED, depth=3))[0].passed
    assert judged(records, beat(until="2026-01-05T07:59:59+07:00", depth=3))[0].passed
    assert judged(records, beat(until="2026-01-05T08:00:01+07:00", depth=3))[0].differences == 1


def test_a_heartbeat_that_does_not_say_what_is_delivered_excuses_what_its_outbox_may_hold_and_nothing_else() -> None:
    """An hour later: nothing is unsent, the oldest is half an hour or an hour old, or the edge's clock trails by an hour."""
    records, later = [each for each in ALL if each.offset != 9], "2026-01-05T09:00:00+07:00"
    assert judged(records, beat(at=later))[0].differences == 1
    assert judged(records, beat(at=later, age=7200.0))[0].differences == 1
    assert judged(records, beat(at=later, depth=3, age=1800.0))[0].differences == 1
    assert judged(records, beat(at=later, depth=3, age=3600.0))[0].passed
    assert judged(records, beat(at=later, offset=-3600.0))[0].passed
    assert judged(records, beat(at=later, offset=3600.0))[0].differences == 1


def test_a_number_that_was_entered_while_the_clock_ran_ahead_excuses_no_gap_once_all_is_delivered() -> None:
    """In 2099 by its clock, which was put right since, or is an hour ahead still; it arrived in 2026 all the same."""
    records, later = [reported(1), reported(3, entered="2099-07-01T09:00:00+07:00")], "2026-01-05T09:00:00+07:00"
    assert judged(records, beat(at=later, until=later))[0].differences == 1
    assert judged(records, beat(at=later, until=later, incarnation=SECOND, depth=1))[0].differences == 1
    assert judged(records, beat(at=later, until=later, offset=1e308))[0].passed, "nobody knows when that was"
    # The second waits: it was entered ahead, too, or before the third by a clock that is an hour ahead now.
    assert judged(records, beat(at=later, until="2026-01-06T08:59:00+07:00", depth=1))[0].passed
    ahead = [reported(1), reported(3, entered=later)]
    said = beat(at="2026-01-05T08:00:30+07:00", until="2026-01-05T08:59:59+07:00", depth=1, offset=3600.0)
    assert judged(ahead, said)[0].passed
    past = beat(at="2026-01-05T08:05:00+07:00", until="2026-01-05T09:05:00+07:00", offset=3600.0)
    assert judged(ahead, past)[0].differences == 1


NOON = instants.parse("2026-01-05T12:00:00+07:00")


def held(*records: Kept | bytes | None) -> Kept | None:
    """The heartbeat that holds once these records of the source have come."""
    values = (msgspec.json.encode(each) if isinstance(each, Kept) else each for each in records)
    return newest([(SOURCE.encode(), value) for value in values], NOON).get(SOURCE)


def test_a_heartbeat_of_a_newer_edge_is_read_and_one_that_cannot_be_read_leaves_no_former_one_in_force() -> None:
    """Audit runs the code of the live generation while edges may be of a newer release."""
    former, latter = beat(until=HOUR_ENTERED), beat(until="2026-01-05T09:00:00+07:00", refused=[refused([(4, 5)])])
    newer = msgspec.json.encode(latter).replace(b'"quarantined"', b'"tail":9,"quarantined"')[:-1] + b',"of_tomorrow":1}'
    assert held(former, newer) == latter
    assert held(former, msgspec.json.encode(latter)[:-1] + b',"link":"starlit"}') is None
    assert held(former, None) is None
    deep = msgspec.json.encode(latter)[:-1] + b',"of_tomorrow":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert held(former, deep) is None
    assert held(former, b"no heartbeat", latter) == latter


def test_a_store_that_a_clock_running_ahead_has_made_is_the_oldest() -> None:
    """Of two others the newer one holds, whatever their clocks said."""
    ahead, old, new = (
        beat(incarnation=f"{made}-0000-7000-8000-000000000001") for made in ("0f97c000", "0197c000", "0197c001")
    )
    for one, other, holds in ((ahead, old, old), (old, ahead, old), (old, new, new), (new, old, new), (ahead, ahead, ahead)):
        assert held(one, other) == holds
    heard = beat(incarnation=ahead.incarnation, at="2026-01-05T08:05:01+07:00")
    assert held(old, heard) == heard, "where nobody else is heard any more"


def test_a_retired_edge_stays_so_whatever_its_clock_had_said_before_until_it_is_heard_again() -> None:
    early, late = beat(at="2026-01-05T09:00:10+07:00"), beat(at="2026-01-05T09:00:40+07:00")
    gone = beat(at="2026-01-05T09:00:10+07:00", retired=True)
    assert held(late, early) == late
    assert held(late, early, gone) == gone
    assert held(beat(incarnation=SECOND), gone, early) == early, "also a machine that sorts before the former"


def test_numbers_of_more_outboxes_than_are_followed_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "TRACKS_MAX", 2)
    contiguous, _ = judged([*(reported(1, source=f"/units/x{number}") for number in range(2)), *ALL])
    assert contiguous.differences == 1
    assert "20 numbers are not followed" in str(contiguous.first)


def test_a_number_far_ahead_takes_no_memory_and_shows_all_that_is_missing_before_it() -> None:
    far = 10**18
    contiguous, _ = judged([*ALL, reported(far)])
    assert contiguous.differences == 1
    assert f"sequence 21 to {far - 1} is missing before {far}" in str(contiguous.first)
    _, once = judged([*ALL, reported(far), reported(far, id_="other")])
    assert once.differences == 1
    near = [reported(number) for number in range(1, AHEAD_MAX + 30)]
    assert judged([near[-1], *near[:-1]])[0].passed
    # What lay apart is no gap once others have come beyond it.
    beyond = AHEAD_MAX + 15
    assert judged([near[beyond], *near[:beyond], *near[beyond + 1 :]])[0].passed


def test_a_number_is_followed_as_long_as_there_are_places_for_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    track, far = Track(), AHEAD_MAX + 1
    assert (track.follows(1, 0), track.follows(2, 0), track.follows(2, 1)) == (True, False, True)
    assert track.follows(far, PLACES_OF_ONE_APART)
    assert not track.follows(far, PLACES_OF_ONE_APART - 1)
    assert track.put(far, 7, 0)
    assert track.left_open == PLACES_OF_ONE_APART
    assert track.follows(far, 0), "the same again"
    monkeypatch.setattr(sequences, "APART_MAX", 1)
    assert not track.follows(far + 1, 99)


def test_what_is_no_number_says_nothing_and_an_event_is_its_id_and_subject_whatever_the_form_of_its_incarnation() -> None:
    def otherwise(name: str, text: bytes | None) -> Stored:
        headers = [(each, value) for each, value in ALL[6].headers if each != name]
        return msgspec.structs.replace(ALL[6], headers=(*headers, (name, text)))

    nothing = [otherwise("ce_sequence", text) for text in (b"0", b"", b"-1", b"x", None)]
    contiguous, once = judged(nothing)
    assert (contiguous.examined, once.examined, contiguous.passed) == (0, 0, True)
    assert judged([*ALL, otherwise("ce_incarnation", FIRST.upper().encode())])[1].passed
    assert judged([*ALL, otherwise("ce_subject", b"X-2")])[1].differences == 1
    assert judged([*ALL, otherwise("ce_incarnation", FIRST.upper().encode())])[0].examined == len(ALL)


def sampled(size: int | None, seed: int, codes: Iterable[str]) -> set[str]:
    sample = Sample(size, seed)
    for code in codes:
        sample.take(0, code, ALL[0])
    return {code for _, code in sample.dossiers}


def test_a_sample_is_the_same_whatever_the_order_and_has_every_record_of_its_dossiers() -> None:
    codes = [f"H57.01-260105-{number:04}" for number in range(500)]
    chosen = sampled(40, 7, codes)
    assert len(chosen) == 40
    assert sampled(40, 7, codes[::-1]) == chosen
    assert sampled(40, 8, codes) != chosen
    assert sampled(None, 7, codes) == set(codes)
    assert sampled(0, 7, codes) == set()
    sample = Sample(40, 7)
    for _ in range(3):
        for code in codes:
            sample.take(0, code, ALL[0])
    assert {len(each.records) for each in sample.dossiers.values()} == {3}
    late = Sample(None, 7)
    late.take(0, "X-1", ALL[0], is_first=False)
    assert late.dossiers == {}, "its first event was taken before, and is not at hand"


def test_every_dossier_has_a_like_chance_to_be_in_the_sample() -> None:
    """Over 200 seeds each of 100 dossiers is expected 40 times among 20: none is seen less than 15 or more than 70 times."""
    codes = [f"X-{number}" for number in range(100)]
    seen = dict.fromkeys(codes, 0)
    for seed in range(200):
        for code in sampled(20, seed, codes):
            seen[code] += 1
    assert sum(seen.values()) == 4000
    assert min(seen.values()) >= 15
    assert max(seen.values()) <= 70


def test_a_dossier_with_more_records_than_anybody_needs_leaves_the_derivation_and_no_memory() -> None:
    sample = Sample(5, 1)
    for _ in range(RECORDS_MAX + 10):
        sample.take(0, "X-1", ALL[0])
    (chosen,) = sample.dossiers.values()
    assert not chosen.is_derivable
    assert len(chosen.records) == RECORDS_MAX


def test_numbers_that_never_come_take_a_bounded_memory() -> None:
    """Software that mints an incarnation at each start and goes on with a counter of its own."""
    findings = Findings()
    numbers = Sequences(findings)
    tracemalloc.start()
    for number in range(300):
        stored = reported(AHEAD_MAX, incarnation=f"0197c000-0000-7000-8000-{number:012}")
        numbers.take(3, stored.offset, read(stored), 0)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 100 * 1024 * 1024, "and not 12 bytes for each of thirty million"
    numbers.judge(findings["sequences.contiguous"], {})
    assert "too far from others" in str(findings["sequences.contiguous"].first)


def test_a_year_that_no_clock_shows_is_taken_as_it_comes() -> None:
    contiguous, once = judged([reported(1, entered="1960-01-01T00:00:00Z"), reported(2, entered="9999-01-01T00:00:00Z")])
    assert contiguous.passed
    assert once.passed
    assert judged([reported(1, entered="yesterday"), reported(3, entered="yesterday")])[0].differences == 1
    # A broker's clock may show any year, too.
    after_all = reported(1, entered="9999-01-01T00:00:00Z")
    Sequences(Findings()).take(3, 1, read(after_all), instants.parse("2200-01-01T00:00:00Z"))


def test_so_many_gaps_of_an_outbox_are_named_and_so_many_numbers_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "GAPS_MAX", 2)
    contiguous, once = judged(ALL[::2])
    assert (contiguous.differences, contiguous.examined, once.examined) == (2, 10, 10)
    found = sequences.by_unit([Numbers(SOURCE, FIRST, number, number) for number in range(1, 100, 2)])["19753"]
    assert (found.count, len(found.newest)) == (50, SHOWN_MAX)
    unsent = sequences.left_unsent([beat(depth=1, retired=True)] * 50)["19753"]
    assert (unsent.count, len(unsent.newest)) == (50, SHOWN_MAX)
    assert sequences.left_unsent([beat(retired=True)]) == {}


def test_sources_are_taken_apart_once_and_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_SOURCES", {})
    monkeypatch.setattr(reading, "SOURCES_KEPT_MAX", 2)
    for number in (*range(9), *range(9)):
        assert read(reported(1, source=f"/units/{number}/desk")).code == str(number)
        assert len(reading._SOURCES) <= 2


def test_tracks_are_told_by_how_many_numbers_they_hold() -> None:
    numbers = Sequences(Findings())
    for stored in (*ALL, reported(7, incarnation=SECOND)):
        numbers.take(3, stored.offset, read(stored), ARRIVED)
    assert numbers.counts() == (2, 21)


def test_numbers_without_an_incarnation_are_in_nobody_s_outbox() -> None:
    records = [reported(number, incarnation="") for number in range(1, 9) if number != 4]
    assert judged(records, beat(until=HOUR_ENTERED, depth=3))[0].differences == 1
