"""How many dossiers each unit receives a day, online or not, and completes in time, so that every published figure holds."""

from collections.abc import Collection, Sequence
from datetime import date
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from lab.errors import UnsolvableError
from lab.fortnight import backlog, receptions
from lab.fortnight.facts import Fact, Facts, What, a_count_for, count_for, counts_for
from lab.fortnight.implied import Cell
from lab.fortnight.shares import Member, alone, margins

# A table that fits is mostly found at once; tight ones need other habits and other days.
TRIES = 300
TRIES_TO_DOUBT = 30
# Two working days before the period ends nothing is planned to be late any more, but on its first day.
LATE_NEEDS_DAYS = 2
RANKED: Final[tuple[What, ...]] = ("received", "online", "on_time")


class UnitPlan(Struct, frozen=True, kw_only=True):
    """What one unit does over the period; `received` and `online` hold a number for each working day.

    `completed` and `on_time` are all, those among them that were carried over from before the period too.
    """

    code: str
    received: tuple[int, ...]
    online: tuple[int, ...]
    completed: int
    on_time: int
    carried_over: int = 0
    carried_completed: int = 0
    carried_on_time: int = 0

    @property
    def own_on_time(self) -> int:
        """Completed in time of those received in the period."""
        return self.on_time - self.carried_on_time

    @property
    def own_late(self) -> int:
        """Completed too late of those received in the period."""
        return self.completed - self.carried_completed - self.own_on_time


class Frame(Struct, frozen=True, kw_only=True):
    """What there is before anything is said of it.

    `shut`: cells (unit, day) in which the unit is closed. `new`: units that did not work before the period. `free`: what is
    not said to be carried over may be anything; else it is none.
    """

    units: Sequence[str]
    days: Sequence[date]
    shut: Collection[Cell] = ()
    new: Collection[str] = ()
    free: bool = False


def solve(facts: Facts, frame: Frame, chance: Random) -> list[UnitPlan]:
    """One plan for each unit; UnsolvableError names the facts that cannot hold together."""
    _check_names(facts, frame)
    for number in range(TRIES):
        # What is assumed gives way where it does not fit: nobody has published it.
        tried = facts if number < TRIES_TO_DOUBT else _without_assumed_counts(facts)
        if (plans := _plans(tried, frame, chance, bold=number > 0)) is not None:
            return plans
    raise UnsolvableError(_contradiction(facts, frame))


def _check_names(facts: Facts, frame: Frame) -> None:
    units, days = frame.units, frame.days
    if not days:
        raise UnsolvableError(f"no day from {facts.first} to {facts.last} is a working day: nothing is received")
    for fact in facts.facts:
        if fact.unit is not None and fact.unit not in units:
            raise UnsolvableError(f"no unit has the code {fact.unit} from {facts.first} to {facts.last}: {fact.said}")
        nothing = (fact.count, fact.of) in {(0, None), (0, 0)}
        if fact.day is not None and fact.day not in days and not nothing:
            raise UnsolvableError(f"{fact.day} is no working day, nothing is received on it: {fact.said}")
        cell = None if fact.unit is None or fact.day not in days else (units.index(fact.unit), days.index(fact.day))
        if cell in frame.shut and not nothing:
            raise UnsolvableError(f"{fact.unit} is shut on {fact.day}, nothing is received then: {fact.said}")
        who = set(units if fact.unit is None else [fact.unit])
        if fact.what == "carried_over" and fact.count and who <= set(frame.new):
            raise UnsolvableError(f"no working day before {facts.first} is known to carry anything over from: {fact.said}")
    for code in (*facts.assumed.received, *facts.assumed.weights):
        if code not in units:
            raise UnsolvableError(f"no unit has the code {code} from {facts.first} to {facts.last}: it stands in [assumed]")
    if facts.about("received") is None and not any(fact.what == "received" or fact.of for fact in facts.facts):
        raise UnsolvableError("the facts do not say how many were received, of anybody on any day")


def _plans(facts: Facts, frame: Frame, chance: Random, *, bold: bool) -> list[UnitPlan] | None:
    """One attempt; None when it has met a dead end."""
    units = frame.units
    try:
        facts = backlog.with_completed(facts)
        carried = backlog.spread(facts, units, frame.new, chance, bold, frame.free)
        table = receptions.solve(facts, units, frame.days, chance, bold, carried, frame.shut)
        if table is None:
            return None
        had = [_Had(sum(row.received), count, _late_at_most(row.received, number, frame.shut))
               for number, (row, count) in enumerate(zip(table, carried, strict=True))]  # fmt: skip
        completions = _completions(facts, units, had, chance, bold)
    except UnsolvableError:
        return None
    plans = []
    for unit, row, own, ends in zip(units, table, had, completions, strict=True):
        before = backlog.ended(own.carried, own.received, ends, own.late_at_most, chance)
        plans.append(UnitPlan(
            code=unit, received=row.received, online=row.online, completed=ends[0], on_time=ends[1],
            carried_over=own.carried, carried_completed=before.completed, carried_on_time=before.on_time,
        ))  # fmt: skip
    return plans if all(_leads(leader, plans) for what in RANKED if (leader := facts.leader(what)) is not None) else None


def _leads(leader: Fact, plans: Sequence[UnitPlan]) -> bool:
    """Whether no other unit equals it, compared as fractions; whoever has nothing has no share."""
    shares = {plan.code: _figure(leader.what, plan) for plan in plans}
    part, whole = shares.pop(leader.unit or "")
    return all(other * whole < part * of for other, of in shares.values() if of)


def _figure(what: What, plan: UnitPlan) -> tuple[int, int]:
    match what:
        case "received":
            return sum(plan.received), 1
        case "online":
            return sum(plan.online), sum(plan.received)
        case _:
            return plan.on_time, plan.completed


class _Had(Struct, frozen=True):
    """What a unit can complete: what it received, and of these how many it can be late with; what it had before."""

    received: int
    carried: int
    late_at_most: int

    @property
    def all(self) -> int:
        return self.received + self.carried


def _completions(
    facts: Facts, units: Sequence[str], had: Sequence[_Had], chance: Random, bold: bool
) -> list[tuple[int, int]]:
    """How many each unit completes, and how many of these in time: fewer in proportion than the best unit does."""
    everything = facts.about("on_time")
    leader = _settled(facts.leader("on_time"), facts, units, had, chance if bold else None)
    members = []
    for unit, own in zip(units, had, strict=True):
        fact, count = facts.about("on_time", unit), own.all
        usual = count * facts.assumed.completed_share * chance.uniform(0.93, 1.07)
        if leader is not None and leader.unit == unit:
            fact = leader
        known = None if fact is None else fact.of
        part = None if fact is None else fact.count
        timed = fact is not None and (fact.count is not None or fact.percent is not None)
        member = Member(
            name=f"completed by {unit}", whole_low=known or part or 0, whole_high=count if known is None else known,
            part_low=part or 0, part_high=count if part is None else part,
            # What was published is taken as it is; if it comes too late in the period, the lives will say so.
            rest_high=count if timed else min(count, own.late_at_most + own.carried),
            percents=() if fact is None or fact.percent is None else (fact.percent,),
            below=None if leader is None or leader.unit == unit else _share(leader),
            weight=usual, habit=chance.uniform(*facts.assumed.on_time_share),
        )  # fmt: skip
        if known is not None and known > count:
            raise UnsolvableError(f"{unit} cannot complete {known} of the {count} that it had")
        members.append(member)
    if everything is None:
        return [alone(each) for each in members]
    whole = sum(own.all for own in had)
    of, part = everything.of, everything.count
    total = Member(
        name="completed", whole_low=of or part or 0, whole_high=whole if of is None else of,
        part_low=part or 0, part_high=whole if part is None else part, rest_high=whole,
        percents=() if everything.percent is None else (everything.percent,),
        weight=sum(each.weight for each in members),
    )  # fmt: skip
    return margins(total, [members])[0]


def _late_at_most(row: Sequence[int], number: int, shut: Collection[Cell]) -> int:
    own = [count for column, count in enumerate(row) if (number, column) not in shut]
    return sum(own[: max(1, len(own) - LATE_NEEDS_DAYS)])


def _settled(
    leader: Fact | None, facts: Facts, units: Sequence[str], had: Sequence[_Had], chance: Random | None
) -> Fact | None:
    """The leader with a count of a whole: others can only stay below a share that is exact.

    With chance it is settled anywhere within the rounding of what was printed, else at what is nearest.
    """
    if leader is None or (leader.count is not None and leader.of is not None):
        return leader
    count = had[units.index(leader.unit or "")].all
    if leader.percent is None:
        least = leader.count or 0
        whole = round(count * facts.assumed.completed_share) if chance is None else chance.randint(min(least, count), count)
        return msgspec.structs.replace(leader, of=max(least, whole))
    for of in range(count, 0, -1) if leader.of is None else (leader.of,):
        low, high = counts_for(leader.percent, of)
        # Of many a whole no number of parts is printed like that, or not the published one: a smaller one is tried.
        if low <= (low if leader.count is None else leader.count) <= high:
            part = leader.count
            if part is None:
                part = count_for(leader.percent, of) if chance is None else a_count_for(leader.percent, of, chance)
            return msgspec.structs.replace(leader, count=part, of=of)
    return leader


def _share(leader: Fact) -> tuple[int, int] | None:
    return None if leader.count is None or not leader.of else (leader.count, leader.of)


def _without_assumed_counts(facts: Facts) -> Facts:
    return msgspec.structs.replace(facts, assumed=msgspec.structs.replace(facts.assumed, received={}))


def _contradiction(facts: Facts, frame: Frame) -> str:
    """The facts none of which can be left out of the contradiction."""
    carries = any(fact.what == "carried_over" for fact in facts.facts)
    frame = msgspec.structs.replace(frame, free=carries)
    kept = list(facts.facts)
    for fact in facts.facts:
        fewer = [each for each in kept if each is not fact]
        if not _solvable(msgspec.structs.replace(facts, facts=fewer), frame):
            kept = fewer
    told = "; ".join(fact.said for fact in kept)
    # Looked at once more for long: nobody shall be accused because a tight table was not found at once.
    if _solvable(msgspec.structs.replace(facts, facts=kept), frame, TRIES):
        return f"no table was found that meets all facts together; these leave too little room: {told}"
    kinds = {"ends" if fact.what in ("on_time", "completed") else "receptions" for fact in kept}
    if len(kinds) == 2 and not carries:
        # In life completions leave receptions any room: what was completed may have been received long before.
        return f"the facts carry nothing over from before {facts.first}: without that this cannot be: {told}"
    return f"this cannot be: {told}" if len(kept) == 1 else f"these facts contradict each other: {told}"


def _solvable(facts: Facts, frame: Frame, tries: int = TRIES_TO_DOUBT) -> bool:
    free = _without_assumed_counts(facts)
    chance = Random("what contradicts what")
    return any(_plans(free, frame, chance, bold=number > 0) is not None for number in range(tries))
