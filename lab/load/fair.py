"""Fairness: while a link's events wait for long, which part of them goes through, beside the part of another link's."""

from collections.abc import Sequence
from itertools import accumulate
from math import ceil
from statistics import fmean
from typing import Literal

from msgspec import Struct

from lab.load.course import Stretch
from lab.load.flow import Flow
from lab.load.fresh import without_line
from lab.load.outcome import Outcome

# Whoever rests after a failure has tried again within the longest back-off; who waits for less is not starved.
WAIT_SECONDS_LEAST = 10
# Of fewer events than these a part tells nothing.
TELLING_EVENTS = 20

Line = Literal["gone", "recovering", "well"]


class Share(Struct, frozen=True):
    """A link's worst stretch: which part of what it had went through, beside the best other one's."""

    part: float
    best: float
    beside: str
    since: int
    until: int

    @property
    def ratio(self) -> float:
        """1: as well as the other one, or better."""
        return min(1.0, self.part / self.best) if self.best else 1.0


class _Course(Struct, frozen=True):
    """At each second of a run: how much had come due and been stored, how much had been due for long, how the line was."""

    due: list[int]
    stored: list[int]
    owed: list[int]
    line: list[Line]

    def waits(self, at: int) -> bool:
        return self.owed[at] > self.stored[at]

    def troubles(self) -> list[tuple[int, int]]:
        """From a second on in which something has waited for long to the one in which nothing has, or the line goes."""
        told: list[tuple[int, int]] = []
        since: int | None = None
        for at, line in enumerate(self.line):
            ends = line == "gone" or not self.waits(at) or at == len(self.line) - 1
            if since is not None and ends:
                told.append((since, at - (line == "gone")))
                since = None
            elif since is None and not ends:
                since = at
        return told

    def part(self, since: int, until: int) -> float | None:
        """The mean over these seconds of what was stored by then, of all that had waited for long by then."""
        before = self.stored[since]
        if until <= since or self.due[until] - before < TELLING_EVENTS:
            return None
        return fmean(
            min(1.0, (self.stored[at] - before) / (self.owed[at] - before)) if self.owed[at] > before else 1.0
            for at in range(since + 1, until + 1)
        )

    def compares(self, since: int, until: int, line: Line) -> bool:
        """Whose line comes back has a backlog, and is compared with whose line came back with it; no other one is gone."""
        mine = self.line[since : until + 1]
        return "gone" not in mine and (line == "well" or mine[0] == line)


def wait_seconds(outcome: Outcome) -> int:
    """What is called long."""
    return max(WAIT_SECONDS_LEAST, ceil(outcome.scenario.outbox.back_off_most_seconds))


def is_measured(outcome: Outcome) -> bool:
    """Whether there is anybody to be compared."""
    return sum(any(flow.due) for flow in outcome.flows.values()) > 1


def fairness(outcome: Outcome) -> dict[str, Share]:
    """By link its worst stretch; those that never waited for long, or beside nobody, have none."""
    courses = _courses(outcome)
    told: dict[str, Share] = {}
    for link, mine in courses.items():
        for since, until in mine.troubles():
            others = {
                other: part
                for other, each in courses.items()
                if other != link and each.compares(since, until, mine.line[since])
                and (part := each.part(since, until)) is not None
            }  # fmt: skip
            if not others or (part := mine.part(since, until)) is None:
                continue
            beside = max(others, key=lambda other: others[other])
            share = Share(part, others[beside], beside, since, until)
            if link not in told or share.ratio < told[link].ratio:
                told[link] = share
    return told


def _courses(outcome: Outcome) -> dict[str, _Course]:
    flows = {link: flow for link, flow in outcome.flows.items() if any(flow.due)}
    seconds = max([ceil(outcome.real_seconds), *(len(each.stored) for each in flows.values())])
    without = without_line(outcome.stretches)
    long = wait_seconds(outcome)
    return {
        link: _course(flow, seconds, long, [each for each in without if each.on == link]) for link, flow in flows.items()
    }


def _course(flow: Flow, seconds: int, long: int, without: Sequence[Stretch]) -> _Course:
    due, stored = (list(accumulate([*counts, *[0] * (seconds - len(counts))], initial=0))[: seconds + 1]
                   for counts in (flow.due, flow.stored))  # fmt: skip
    told = _Course(due, stored, [due[max(0, at - long)] for at in range(seconds + 1)], [])
    for at in range(seconds + 1):
        if any(each.since <= at < each.until for each in without):
            told.line.append("gone")
        elif at and told.line[-1] != "well" and told.waits(at):
            told.line.append("recovering")
        else:
            told.line.append("well")
    return told
