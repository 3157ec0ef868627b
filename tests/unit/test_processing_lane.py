"""A lane says the same in commits and slices of any size; a successor says what is left, once; what differs is seen."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest

from contracts import instants, lifecycle, reference
from contracts.asking import Bounds as Ends
from contracts.events import Activated, Event, Opened, Ticked, control_record, to_record
from contracts.topics import REFERENCE
from services.processing.domain.rules import Rules
from services.processing.domain.takeover import Tail
from services.processing.errors import DivergedError, MisconfiguredError, TornError
from services.processing.log.reading import Reader
from services.processing.log.records import Record
from services.processing.log.shelf import RulesShelf
from services.processing.store import keys
from services.processing.worker.lane import Bounds, Lane
from tests.unit.fold_world import BIRTH as FOLD_BIRTH
from tests.unit.fold_world import BODY as FOLD_BODY
from tests.unit.fold_world import LIMIT, at, event
from tests.unit.fold_world import RULES as FOLD_RULES
from tests.unit.golden.fold import load
from tests.unit.processing_lanes import Kept, Wire, Worker, assert_same, plainly

GOLDEN = Path(__file__).parent / "golden" / "gen1"
SIZES = (1, 2, 7, 1000)
FAILING = ["far-1", "far-2", "far-3"]
Log = list[Record]


def golden() -> tuple[Log, dict[str, Rules]]:
    """The golden log as records of one partition."""
    reported, rules = load(GOLDEN)
    return [
        Record(offset, each.recorded_at, None, each.value.encode(), [(name, text.encode()) for name, text in each.headers])
        for offset, each in enumerate(reported)
    ], rules


LOG, RULES = golden()
TWIN, SENT = plainly(LOG, RULES)


@pytest.mark.slow
@pytest.mark.parametrize("slice_dossiers", SIZES)
@pytest.mark.parametrize("records", SIZES)
def test_the_size_of_a_commit_changes_nothing(records: int, slice_dossiers: int) -> None:
    """Lifecycle bytes, dead letters, dossiers and indexes are those of the whole log folded in one go."""
    worker = Worker(Kept(), Wire(), RULES, Bounds(records, slice_dossiers), cache=3 if records == 7 else 1000)
    worker.run(LOG, count=2 * records)
    assert_same(worker, TWIN, SENT)


@pytest.mark.slow
def test_a_successor_sends_what_is_left_and_nothing_twice() -> None:
    """Ends between sending and storing, again and again, at every place that a commit of seven can end at."""
    kept, wire = Kept(), Wire()
    while kept.position.offset < len(LOG):
        dying = Worker(kept, wire, RULES, Bounds(7, 5), cache=1000)
        dying.gather(LOG, 20)
        dying.fold_and_send()
        heir = Worker(kept, wire, RULES, Bounds(3, 2), cache=1000)
        heir.gather(LOG, 2)
        heir.fold_and_send()
        heir.store()
    assert_same(heir, TWIN, SENT)


@pytest.mark.slow
@pytest.mark.parametrize("sent", range(0, len(SENT), 97))
def test_from_an_empty_redis_everything_is_worked_out_and_the_rest_is_sent(sent: int) -> None:
    """Whatever was sent before the state was lost, the refold says exactly what is missing."""
    wire = Wire()
    wire.lifecycle = SENT[:sent]
    wire.letters = [letter for each in wire.lifecycle for letter in each.letters]
    worker = Worker(Kept(), wire, RULES, Bounds(50, 20), cache=1000)
    worker.run(LOG)
    assert_same(worker, TWIN, SENT)


@pytest.mark.parametrize("end", ["another chain", "a place that no record has", "a dead letter that is none"])
def test_a_tail_that_is_not_ours_is_seen(end: str) -> None:
    """What is worked out anew and what was sent differ: nothing more is sent."""
    place = 300
    src, chain, letter = SENT[place].src, SENT[place].chain, SENT[place].letters
    assert not letter
    wire = Wire()
    worker = Worker(Kept(), wire, RULES, Bounds(1000, 500), cache=1000)
    tail = {
        "another chain": Tail(src, bytes(8)),
        "a place that no record has": Tail((src[0], src[1] + 1), chain),
        "a dead letter that is none": Tail(src, chain, (src[0], 0, 0)),
    }[end]
    worker.lane = type(worker.lane)(0, worker.kept.position, tail, worker.lane._shelf, worker.kept, Bounds(1000, 500), 1000)
    worker.gather(LOG, 1000)
    with pytest.raises(DivergedError):
        worker.fold_and_send()
    assert wire.lifecycle == []


@pytest.mark.parametrize("lost", ["states", "retired"])
def test_an_index_without_its_dossier_is_torn(lost: str) -> None:
    """A tick or activation that finds a name and no dossier behind it trusts the state no longer."""
    worker = Worker(Kept(), Wire(), RULES, Bounds(1000, 500), cache=0)
    worker.run(LOG[:200])
    code = min(worker.kept.scores, key=lambda code: worker.kept.scores[code])
    if lost == "states":
        del worker.kept.states[code]
        worker.kept.kept.discard(code)
    else:
        worker.kept.states[code] = b"R"
    value, headers = control_record(Ticked(instants.parse("2049-01-01T00:00:00+07:00")), "late", "/test")
    worker.lane.add([Record(worker.lane.next_offset, LOG[200].recorded_at, None, value, headers)])
    with pytest.raises(TornError):
        worker.fold_and_send()


def test_more_than_ten_failures_in_an_hour_stop_the_lane() -> None:
    """An event beyond the calendar's horizon fails the fold: ten are borne, the eleventh stops the partition for good."""
    opening = LOG[:2]
    failing = []
    for number in range(12):
        headers = {
            "ce_specversion": "1.0", "ce_id": f"far-{number}", "ce_source": f"/units/{BIRTH['receiver']}",
            "ce_type": "vn.motcua.dossier.received.v1", "ce_subject": f"FAR-{number}", "ce_time": "2060-01-01T00:00:00Z",
        }  # fmt: skip
        failing.append(
            Record(2 + number, opening[1].recorded_at + number, None, msgspec.json.encode(BIRTH),
                   [(name, text.encode()) for name, text in headers.items()])
        )  # fmt: skip
    worker = Worker(Kept(), Wire(), RULES, Bounds(1000, 500), cache=1000)
    worker.gather(opening + failing, 1000)
    worker.fold_and_send()
    worker.store()
    assert [letter.code for letter in worker.wire.letters] == ["internal_error"] * 11
    assert worker.lane.position.offset == 2 + 11
    assert not worker.lane.has_work
    heir = Worker(worker.kept, worker.wire, RULES, Bounds(1000, 500), cache=1000)
    heir.gather(opening + failing, 1000)
    assert not heir.fold_and_send()


@pytest.mark.parametrize("size", SIZES)
def test_each_change_that_fails_within_a_tick_or_an_activation_leaves_one_letter(size: int) -> None:
    """Born beyond the calendar's horizon by a unit that the newer rules know; the others of the same tick are told."""
    far = instants.parse("2060-01-01T08:00:00+07:00")
    ghost = {**FOLD_BIRTH, "receiver": "GHOST", "competent": "GHOST", "time_limit": {"amount": 2, "unit": "calendar_days"}}
    lines = [(code, event("received", far, source="/units/GHOST", **ghost)) for code in FAILING]
    lines.append(("sound", event("received", "07-01 08:00", **FOLD_BIRTH, time_limit=LIMIT)))
    first, second = RULES
    told = [control_record(Opened("log", "test"), "opened", "/test"), control_record(Activated(first), "rules", "/test")]
    told += [to_record(msgspec.structs.replace(each, subject=code))[1:] for code, each in lines]
    told += [control_record(Ticked(at("07-01 09:00")), "tick", "/test"), control_record(Activated(second), "newer", "/test")]
    told.append(control_record(Ticked(at("07-05 08:00")), "late", "/test"))
    log = [Record(offset, at("07-01 08:00"), None, *each) for offset, each in enumerate(told)]
    worker = Worker(Kept(), Wire(), RULES, Bounds(size, size), cache=1000)
    worker.run(log)
    assert worker.wire.lifecycle == plainly(log, RULES)[1]
    for offset in (len(log) - 2, len(log) - 1):
        of_it = [each for each in worker.wire.lifecycle if each.src[0] == offset]
        failed = [each for each in of_it if lifecycle.decode(each.value).outcome == "rejected"]
        assert [each.dossier for each in failed] == FAILING
        letters = [letter for letter in worker.wire.letters if letter.src[0] == offset]
        assert [letter.src for letter in letters] == [(*each.src, 0) for each in failed]
        assert {(letter.code, letter.offset) for letter in letters} == {("internal_error", offset)}
    assert "sound" in {each.dossier for each in of_it}


@pytest.mark.parametrize("size", SIZES)
def test_the_first_tick_tells_what_has_ended_in_the_order_of_the_instants_passed(size: int) -> None:
    """It looks at all that could not be dated before it; what it tells of them has its turn among the others."""
    lines: list[tuple[str, Event]] = [
        (code, event("received", f"{day} 08:00", **{**FOLD_BIRTH, "competent": unit, "time_limit": LIMIT}))
        for code, day, unit in (("ended", "07-01", "OLD"), ("soon", "07-01", "A"), ("late", "07-14", "A"))
    ]
    lines.append(("ended", event("completed", "07-02 08:00", source="/units/OLD")))
    lines.append(("unborn", event("completed", "07-02 09:00")))
    told = [control_record(Opened("log", "test"), "opened", "/test"), control_record(Activated("d1"), "rules", "/test")]
    told += [to_record(msgspec.structs.replace(each, subject=code))[1:] for code, each in lines]
    told.append(control_record(Ticked(at("07-16 08:00")), "first", "/test"))
    log = [Record(offset, at("07-01 08:00"), None, *each) for offset, each in enumerate(told)]
    twin, sent = plainly(log, {"d1": FOLD_RULES})
    assert [each.dossier for each in sent if each.src[0] == len(log) - 1] == ["soon", "unborn", "ended", "late", None]
    worker = Worker(Kept(), Wire(), {"d1": FOLD_RULES}, Bounds(size, size), cache=1000)
    worker.run(log)
    assert_same(worker, twin, sent)


def test_every_slice_of_an_activation_stands_at_another_place_also_where_it_leaves_no_record() -> None:
    """By it a Redis that has lost its last writes is known."""
    value, headers = control_record(Activated(next(iter(RULES))), "again", "/test")
    worker = Worker(Kept(), Wire(), RULES, Bounds(1000, 1), cache=1000)
    worker.run(LOG[:200])
    worker.lane.add([Record(worker.lane.next_offset, LOG[200].recorded_at, None, value, headers)])
    places, sent = [keys.place(worker.kept.position)], len(worker.wire.lifecycle)
    while worker.fold_and_send():
        worker.store()
        places.append(keys.place(worker.kept.position))
    assert len(worker.wire.lifecycle) == sent + 1
    assert len(set(places)) == len(places) > 10
    assert (places[0], places[-1]) == ("200.0", "201.0")


BIRTH = {"procedure": "1.1", "channel": "direct", "receiver": "A", "competent": "A",
         "time_limit": {"amount": 3, "unit": "calendar_days"}}  # fmt: skip


# --- rules that are not there ----------------------------------------------------------------------------------------


class Published:
    """Reads a topic of reference data that holds these bodies."""

    def __init__(self, *bodies: tuple[str, bytes]) -> None:
        self._bodies = bodies

    def bounds(self, topics: Sequence[str], partitions: Sequence[int]) -> dict[tuple[str, int], Ends]:
        return {(REFERENCE.name, 0): Ends(0, len(self._bodies))}

    def run(self, topic: str, partition: int, start: int, end: int) -> Iterator[Record]:
        for offset, (key, value) in enumerate(self._bodies):
            yield Record(offset, 0, key.encode(), value, [])


def shelf(*bodies: tuple[str, bytes]) -> RulesShelf:
    """One that does not wait."""
    return RulesShelf(cast(Reader, Published(*bodies)), 0.0)


GOOD, NONE = reference.encode(FOLD_BODY), b"{}"


@pytest.mark.parametrize(
    ("body", "digest", "why"),
    [
        ((reference.digest(NONE), GOOD), reference.digest(GOOD), "in force, and their body is not in reference.data"),
        ((reference.digest(GOOD), NONE), reference.digest(GOOD), "is another one: publish it again"),
        ((reference.digest(NONE), NONE), reference.digest(NONE), "cannot be compiled by this version"),
    ],
)
def test_rules_that_are_not_what_their_digest_says_are_none(body: tuple[str, bytes], digest: str, why: str) -> None:
    with pytest.raises(MisconfiguredError, match=why):
        shelf(body).get(digest)


def test_rules_that_are_there_are_compiled_once() -> None:
    found = shelf((reference.digest(NONE), NONE), (reference.digest(GOOD), GOOD))
    assert found.get(reference.digest(GOOD)).digest == reference.digest(GOOD)
    assert found.get(reference.digest(GOOD)) is found.get(reference.digest(GOOD))


def test_a_process_that_lacks_the_rules_in_force_goes_no_further() -> None:
    """It neither sends nor stores anything by none or by others; nor does one that takes over behind the activation."""
    worker = Worker(Kept(), Wire(), RULES, Bounds(1000, 500), cache=1000)
    worker.lane._shelf = shelf()
    worker.gather(LOG, 1000)
    with pytest.raises(MisconfiguredError):
        worker.fold_and_send()
    assert (worker.wire.lifecycle, worker.kept.states) == ([], {})
    with pytest.raises(MisconfiguredError):
        Lane(0, TWIN.position, Tail(), shelf(), Kept(), Bounds(1000, 500), 1000)
