"""Two implementations of one paper: the fold, event by event, and audit's derivation, from nothing, agree at every step."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from contracts import instants
from contracts.events import Event
from contracts.lifecycle import Counted, Entry, Stand
from services.audit.domain import plain_dossier
from services.audit.domain.derivation import is_kept
from services.audit.domain.plain_dossier import ENDED, ENDED_FOR, UNBORN_FOR, Arrived, Course, Derived, derive
from services.audit.domain.plain_history import History, Kept, history
from services.audit.domain.plain_rules import PlainRules
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.fold import look
from tests.effort import examples
from tests.unit.fold_world import BIRTH, BODY, LIMIT, Desk, at, event
from tests.unit.test_fold_order import END, START, lives

RULES = {"d1": PlainRules(BODY), "d2": PlainRules(structs.replace(BODY, departments=[], units=BODY.units[1:]))}


class Both:
    """One dossier at the fold's desk, and the records of the same life for the derivation."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.course = Course(digests=[(-1, "d1")])
        self.arrived: list[Arrived] = []
        self.counted: dict[int, Entry] = {}
        self.stand: Stand | None = None
        self.effects = 0

    def report(self, reported: Event, recorded_at: int) -> None:
        self.arrived.append(Arrived(self.desk.offset, reported, recorded_at))
        self.desk.report(reported, recorded_at)

    def tick(self, clock: int) -> None:
        self.course.tick(self.desk.offset, clock)
        # The desk gives no number to a tick at which nothing changes; the effect, if any, comes before it.
        self.desk.tick(clock)

    def derived(self) -> Derived:
        return derive(self.arrived, self.course, RULES, self.desk.offset - 1)

    def agree(self) -> None:
        for effect in self.desk.effects[self.effects :]:
            self.stand = effect.now
            for entry in effect.undone:
                del self.counted[entry.offset]
            self.counted |= {entry.offset: entry for entry in effect.done}
        self.effects = len(self.desk.effects)
        if not self.arrived:
            return
        found = self.derived()
        assert found.retired == isinstance(self.desk.dossier, Retired)
        if not found.retired:
            assert found.stand == self.stand
            assert is_kept(found) == (self.desk.dossier is not None)
        assert {offset: plain(entry) for offset, entry in self.counted.items()} == found.counted
        if isinstance(self.desk.dossier, Dossier):
            walk, _ = look(self.desk.dossier, self.desk.clock, self.desk.rules)
            told = found.history
            dues = (walk.due_original, walk.due_current)
            assert [None if due is None else due.at for due in dues] == [
                None if due is None else due[0] for due in (told.due_original, told.due_current)
            ]
            assert told.acceptance_due == (None if walk.acceptance_hours is None else walk.acceptance_due)


def plain(entry: Entry) -> Counted:
    return Counted(
        standing=entry.standing, source=entry.source, day=entry.day, skewed=entry.skewed, backdated=entry.backdated,
        step=entry.step,
    )  # fmt: skip


def replay(events: Sequence[Event], delays: Sequence[int], ticks: dict[int, int], again: Sequence[int]) -> None:
    both = Both()
    for number, reported in enumerate(events):
        if (clock := ticks.get(number)) is not None:
            both.tick(clock)
            both.agree()
        both.report(reported, reported.time + delays[number % len(delays)] * instants.MINUTE)
        both.agree()
        if number in again:
            both.report(events[again[0] % (number + 1)], reported.time + instants.HOUR)
            both.agree()
    for clock in (END, END + 100 * instants.DAY, END + 500 * instants.DAY):
        both.tick(clock)
        both.agree()


@settings(max_examples=examples(400, 2000), deadline=None)
@given(
    lives(at_most=14),
    st.lists(st.integers(-30, 60 * 24 * 3), min_size=1, max_size=5),
    st.dictionaries(st.integers(0, 13), st.integers(START, END), max_size=5),
    st.lists(st.integers(0, 13), max_size=3),
)
@pytest.mark.slow
def test_at_every_step_of_any_life_the_derivation_says_what_the_fold_says(
    events: list[Event], delays: list[int], ticks: dict[int, int], again: list[int]
) -> None:
    """Stand, every record's standing and countable content, dues, retirement; late, repeated, annulled, misfitting."""
    replay(events, delays, ticks, again)


def tick_by_tick(kept: Sequence[Kept], course: Course, upto: int) -> int | None:
    """What `_retired` must say: at each tick the whole history again."""
    for tick, clock in zip(course.ticks, course.clocks, strict=True):
        if kept and kept[-1].offset < tick <= upto:
            came_at = kept[-1].log_clock
            since = clock - (course.clocks[0] if came_at is None else came_at)
            state = history(list(kept), RULES[course.digest(tick) or ""]).state
            if since >= UNBORN_FOR and (state == 0 or (state in ENDED and since >= ENDED_FOR)):
                return tick
    return None


@settings(max_examples=examples(200, 2000), deadline=None)
@given(
    lives(at_most=4),
    st.lists(
        st.one_of(st.integers(0, 120), st.sampled_from(["d1", "d2", "event"]), st.sampled_from([90, 400])), max_size=30
    ),
    st.integers(0, 40),
)
def test_a_history_leaves_at_the_tick_at_which_looking_at_each_tick_finds_it(
    events: list[Event], goes: list[int | str], upto: int
) -> None:
    """Ticks so many days apart, activations of rules that know fewer bodies, arrivals before, between and after."""
    course, kept, left, clock = Course(digests=[(-1, "d1")]), list[Kept](), list(events), END
    for offset, went in enumerate(["event", *goes]):
        if isinstance(went, int):
            clock += went * instants.DAY
            course.tick(offset, clock)
        elif went != "event":
            course.digests.append((offset, went))
        elif left:
            came = left.pop(0)
            kept.append(Kept(offset, came, came.time, course.last_clock))
    assert plain_dossier._retired(kept, course, RULES, upto) == tick_by_tick(kept, course, upto)


def test_the_derivation_of_an_old_dossier_does_not_take_longer_with_each_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    course, folded = Course(digests=[(-1, "d1")]), list[int]()
    for minute in range(100 * 24 * 60):
        course.tick(2 + minute, END + minute * instants.MINUTE)

    def counted(kept: list[Kept], rules: PlainRules) -> History:
        folded.append(len(kept))
        return history(kept, rules)

    monkeypatch.setattr(plain_dossier, "history", counted)
    found = derive([Arrived(1, event("received", END, **BIRTH), END)], course, RULES, 10**9)
    assert not found.retired
    assert len(folded) <= 3


def test_the_derivation_knows_the_bound_of_misfits_as_the_fold_does() -> None:
    both = Both()
    for number in range(40):
        both.report(event("withdrawn", at("07-01 08:00") + number, id=f"m{number}"), at("07-01 09:00"))
        both.agree()
    found = both.derived()
    standings = [counted.standing for counted in found.counted.values()]
    assert (standings.count("parked"), standings.count("rejected")) == (32, 8)


def test_a_dossier_of_which_only_an_annulment_is_kept_is_known() -> None:
    both = Both()
    both.report(event("annulled", "07-01 08:00", event="nobody's", reason="twice"), at("07-01 08:00"))
    both.agree()
    assert both.desk.dossier is not None


def test_a_pause_over_a_night_moves_a_due_of_three_working_days_as_by_hand() -> None:
    """24 hours from Tuesday 08:00 end on Friday 08:00; 11 hours and a half were paused: Monday 11:30."""
    both = Both()
    for fact, when, data in (
        ("submitted", "07-01 08:00", {**BIRTH, "time_limit": LIMIT}),
        ("received", "07-01 08:00", {}),
        ("supplement_requested", "07-02 09:00", {"reason": "incomplete"}),
        ("supplement_provided", "07-03 14:30", {}),
    ):
        both.report(event(fact, when, **data), at(when))
        both.agree()
    assert both.derived().history.due_current == (at("07-07 11:30"), None)
