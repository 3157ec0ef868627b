"""Dossiers of a scenario: when people come, what happens to each dossier, and what must be counted of it in the end."""

from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate
from random import Random

from msgspec import Struct

from contracts import instants
from contracts.data import (
    Channel,
    Completed,
    Data,
    HandedOver,
    Nothing,
    PaymentMade,
    PaymentRequested,
    Reasoned,
    Received,
    Returned,
    Submitted,
    SupplementProvided,
    SupplementRequested,
    TimeLimit,
)
from lab.errors import ScenarioError
from lab.fortnight.hours import Hours
from lab.load.scenario import VIETNAM, Arrivals, Mix
from lab.load.warp import Warp

BIN_SECONDS = 300
# No planned end lies closer to a due than this.
SAFE_SECONDS = 600
LATE_AT_MOST_SECONDS = 3600
LATE_PAPER_SECONDS = (1800, 3 * 3600)
BETWEEN_SECONDS = 60
KINDS = (
    "ordinary", "supplement", "payment", "handed_over", "returned_alone", "withdrawn", "refused", "open",
)  # fmt: skip


class Step(Struct, frozen=True, gc=False):
    """One fact: when it happened, when it was entered, what it says."""

    at: int
    entered_at: int
    fact: str
    data: Data
    birth: bool = False


class Life(Struct, frozen=True):
    """A dossier with its steps within the period, its due (None: none, or never received), and what it adds to counters."""

    steps: list[Step]
    due: int | None
    expected: Counter[str]


class Lives:
    """Makes the dossiers of one centre after the other; equal for equal chance. ScenarioError when offices are shut."""

    def __init__(self, arrivals: Arrivals, mix: Mix, hours: Hours, warp: Warp, procedures: tuple[str, ...]) -> None:
        self._mix = mix
        self._hours = hours
        self._warp = warp
        self._procedures, self._weights = _chosen(mix, procedures)
        self._bins = [found for start in range(0, hours.total, BIN_SECONDS) if (found := self._inside(start))]
        self._cumulative = list(accumulate(
            _weight(arrivals, hours.instant(found[0])) * (len(found) / BIN_SECONDS) for found in self._bins
        ))  # fmt: skip
        if not self._bins or not self._cumulative[-1]:
            period = f"{instants.show(warp.starts)[:16]} to {instants.show(warp.ends)[:16]}"
            raise ScenarioError(f"nobody comes from {period}: offices are shut all the time, or [arrivals] says so")
        self._kinds, self._shares = list(mix.lives), list(accumulate(mix.lives.values()))

    def of_centre(self, unit: str, others: tuple[str, ...], count: int, chance: Random) -> Iterator[Life]:
        """So many dossiers in the order in which they were received; births lie within the period."""
        for worked in sorted(self._arrivals(count, chance)):
            yield self._life(worked, unit, others, chance)

    def _inside(self, worked: int) -> range:
        """The seconds of a bin that lie within the period."""
        at = self._hours.instant(worked)
        first, last = (-(-(moment - at) // instants.SECOND) for moment in (self._warp.starts, self._warp.ends))
        return range(worked + max(0, first), worked + min(BIN_SECONDS, last))

    def _arrivals(self, count: int, chance: Random) -> list[int]:
        """When each of so many dossiers is brought; some people bring a pile of them."""
        told: list[int] = []
        while len(told) < count:
            is_pile = self._mix.batch_share > 0 and chance.random() < self._mix.batch_share
            pile = min(self._mix.batch_dossiers if is_pile else 1, count - len(told))
            told += [self._arrival(chance)] * pile
        return told

    def _arrival(self, chance: Random) -> int:
        drawn = chance.random() * self._cumulative[-1]
        found = self._bins[min(bisect(self._cumulative, drawn), len(self._bins) - 1)]
        return found[0] + chance.randrange(len(found))

    def _life(self, worked: int, unit: str, others: tuple[str, ...], chance: Random) -> Life:
        kind = chance.choices(self._kinds, cum_weights=self._shares)[0]
        limit = chance.choice(self._mix.limits_working_hours)
        online = kind == "refused" or chance.random() < self._mix.online_share
        steps = self._birth(worked, unit, online, limit, chance)
        if kind == "refused":
            steps[-1] = self._step(worked, "refused", Reasoned("not_complete"))
        else:
            steps += self._course(kind, worked, limit, others, chance)
        paper = not online and chance.random() < self._mix.late_paper_share
        if paper:
            entered = steps[0].at + chance.randrange(*LATE_PAPER_SECONDS) * instants.SECOND
            steps = [Step(each.at, max(entered, each.at), each.fact, each.data, each.birth) for each in steps]
        seen = [each for each in steps if self._warp.starts <= each.at and each.entered_at < self._warp.ends]
        # A dossier whose birth lies before the period, or is entered only after it, is no part of it.
        if not seen or not seen[0].birth:
            return Life([], None, Counter())
        return _told(seen, worked, limit, self._hours, self._warp.ends)

    def _birth(self, worked: int, unit: str, online: bool, limit: int, chance: Random) -> list[Step]:
        procedure = (
            chance.choices(self._procedures, cum_weights=self._weights)[0]
            if self._weights
            else chance.choice(self._procedures)
        )
        asked = TimeLimit(limit, "working_hours")
        if not online:
            channel: Channel = "post" if chance.random() < self._mix.post_share else "direct"
            data = Received(procedure=procedure, channel=channel, receiver=unit, competent=unit, time_limit=asked)
            return [self._step(worked, "received", data, birth=True)]
        received = self._hours.instant(worked)
        submitted = received - chance.randrange(30, 900) * instants.SECOND
        asks = Submitted(procedure=procedure, channel="online", receiver=unit, competent=unit, time_limit=asked)
        born = max(submitted, self._warp.starts)
        return [Step(born, born, "submitted", asks, birth=True), Step(received, received, "received", Received())]

    def _course(self, kind: str, worked: int, limit: int, others: tuple[str, ...], chance: Random) -> list[Step]:
        """What follows the reception; pauses move the due, and the end is planned on the wanted side of it."""
        facts = _facts(kind, others, chance)
        late = kind in ("ordinary", "handed_over") and chance.random() < self._mix.late_share
        latest = worked + limit * 3600
        moments = sorted(chance.sample(range(worked + BETWEEN_SECONDS, latest - 2 * SAFE_SECONDS, 30), len(facts)))
        told = [self._step(at, fact, data) for at, (fact, data) in zip(moments, facts, strict=True)]
        if late:
            # Only the end is late: what came before it stays where it was.
            ending = next(n for n, (fact, _) in enumerate(facts) if fact == "completed")
            at = latest + SAFE_SECONDS + chance.randrange(LATE_AT_MOST_SECONDS)
            for offset, (fact, data) in enumerate(facts[ending:]):
                told[ending + offset] = self._step(at + offset * BETWEEN_SECONDS, fact, data)
        return told

    def _step(self, worked: int, fact: str, data: Data, birth: bool = False) -> Step:
        at = self._hours.instant(worked)
        return Step(at, at, fact, data, birth)


def _chosen(mix: Mix, catalogue: tuple[str, ...]) -> tuple[tuple[str, ...], list[float]]:
    """The procedures with their weights added up; without weights all are alike."""
    if unknown := set(mix.procedures) - set(catalogue):
        raise ScenarioError(f"[mix] procedures {', '.join(sorted(unknown))} are not in the catalogue, or joint ones")
    if mix.procedures and not sum(mix.procedures.values()):
        raise ScenarioError("[mix] procedures: none of them has a weight")
    return tuple(mix.procedures) or catalogue, list(accumulate(mix.procedures.values()))


def _facts(kind: str, others: tuple[str, ...], chance: Random) -> list[tuple[str, Data]]:
    started: tuple[str, Data] = ("processing_started", Nothing())
    ended: list[tuple[str, Data]] = [("completed", Completed(electronic_result=True)), ("returned", Returned())]
    match kind:
        case "supplement":
            asked = ("supplement_requested", SupplementRequested("document_missing"))
            return [started, asked, ("supplement_provided", SupplementProvided()), *ended]
        case "payment":
            return [started, ("payment_requested", PaymentRequested()), ("payment_made", PaymentMade(online=True)), *ended]
        case "handed_over":
            return [("handed_over", HandedOver(competent=chance.choice(others))), started, *ended]
        case "returned_alone":
            return [started, ("returned", Returned())]
        case "withdrawn":
            return [started, ("withdrawn", Nothing())]
        case "open":
            return [started]
        case _:
            return [started, *ended]


def _told(steps: list[Step], worked: int, limit: int, hours: Hours, ends: int) -> Life:
    """What counters must say of these steps at the period's end, worked out from the plan alone."""
    facts = {each.fact: each for each in steps}
    birth = steps[0].data
    assert isinstance(birth, Submitted | Received)
    told: Counter[str] = Counter()
    if "submitted" in facts:
        told["submitted"] += 1
    received = "received" in facts
    if received:
        told["received"] += 1
        told[f"received_{birth.channel}"] += 1
    for fact in ("returned", "withdrawn", "refused", "handed_over"):
        told[fact] += fact in facts
    paused = 0
    for begin, finish in (("supplement_requested", "supplement_provided"), ("payment_requested", "payment_made")):
        if begin in facts and finish in facts:
            paused += _worked(hours, facts[finish].at) - _worked(hours, facts[begin].at)
    # The instant at which the last second of the limit is over: a closing, not the opening after it.
    due = hours.instant(worked + limit * 3600 + paused - 1) + instants.SECOND if received else None
    end = facts.get("completed") or facts.get("returned")
    if end is not None and due is not None:
        told["completed"] += 1
        told["completed_late"] += end.at > due
    waits = any(a in facts and b not in facts for a, b in (
        ("supplement_requested", "supplement_provided"), ("payment_requested", "payment_made")))  # fmt: skip
    is_open = end is None and "withdrawn" not in facts and "refused" not in facts
    told["open"] += is_open
    told["overdue_open"] += bool(is_open and due is not None and not waits and ends > due)
    return Life(steps, due, +told)


def _worked(hours: Hours, at: int) -> int:
    """Working seconds at an instant within working time, by bisection: the hours know the other direction alone."""
    low, high = 0, hours.total - 1
    while low < high:
        middle = (low + high) // 2
        if hours.instant(middle) < at:
            low = middle + 1
        else:
            high = middle
    return low


def _weight(arrivals: Arrivals, at: int) -> float:
    moment = datetime.fromtimestamp(at / instants.SECOND, UTC).astimezone(VIETNAM)
    hour = arrivals.hours.get(str(moment.hour), 1.0 if not arrivals.hours else 0.0)
    return hour * arrivals.weekdays.get(str(moment.weekday()), 1.0) * arrivals.dates.get(moment.date().isoformat(), 1.0)
