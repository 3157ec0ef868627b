"""How many due dates a second one core works out, beside a walk through every minute of the same cases."""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks import table
from contracts.data import TimeLimit
from services.processing.domain import deadline
from services.processing.domain.calendar import WorkingTime
from tests.unit.legal_clock_world import FIRST, HOURS, OFFICES, SHIPPED
from tests.unit.oracle_minutes import MINUTE, Office, local

DAY = 1440 * MINUTE
TARGET = 200_000
LAST_RECEPTION = local("2026-08-01 00:00")
LIMITS = (
    TimeLimit(0, "working_days"),
    TimeLimit(8, "working_hours"),
    TimeLimit(3, "working_days"),
    TimeLimit(5, "working_days"),
    TimeLimit(15, "working_days"),
    TimeLimit(15, "calendar_days"),
    TimeLimit(1, "months"),
)

Case = tuple[TimeLimit, int, int, int]
Outcome = TypeVar("Outcome")


def main() -> None:
    """Print dues per second of both, and fail when they differ on any case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--walked", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    chance = random.Random("due dates")
    cases = [_case(chance) for _ in range(wanted.cases)]
    walked = cases[: wanted.walked]
    hours, office = HOURS["default"], OFFICES["default"]
    print(f"{wanted.cases:,} cases, best of {wanted.rounds}; load {os.getloadavg()[0]:.2f}, Python {sys.version.split()[0]}")
    seconds, _ = _best(wanted.rounds, lambda: WorkingTime(SHIPPED, "default"))
    print(f"compiling a calendar of 51 years            {seconds * 1000:>12,.1f} ms")
    seconds, _ = _best(wanted.rounds, lambda: [deadline.first_due(case[0], case[1], hours).at for case in cases])
    print(f"first due                                   {len(cases) / seconds:>12,.0f} dues/s")
    seconds, _ = _best(wanted.rounds, lambda: [_bisected(case, hours) for case in cases])
    quick = 2 * len(cases) / seconds
    judged = table.judged(quick, TARGET, "dues/s")
    print(f"first due, then moved by a pause            {quick:>12,.0f} dues/s ({judged})")
    seconds, expected = _best(1, lambda: [_walked(case, office) for case in walked])
    slow = 2 * len(walked) / seconds
    print(f"the same, minute by minute ({len(walked):,} cases)    {slow:>12,.0f} dues/s")
    print(f"ratio                                       {quick / slow:>12,.0f}")
    table.row(
        "due dates, a pause each (`deadlines`)",
        f"{quick:,.0f} dues/s ({judged})",
        f"{slow:,.0f}/s minute by minute",
        f"{quick / slow:,.0f}",
    )
    if [_bisected(case, hours) for case in walked] != expected:
        sys.exit("the two differ: run tests/unit/test_deadline.py")


def _case(chance: random.Random) -> Case:
    received = chance.randrange(FIRST, LAST_RECEPTION)
    begin = received + chance.randrange(2 * DAY)
    return chance.choice(LIMITS), received, begin, begin + chance.randrange(3 * DAY)


def _bisected(case: Case, hours: WorkingTime) -> int:
    limit, received, begin, end = case
    return deadline.after_pause(deadline.first_due(limit, received, hours), limit, begin, end, hours).at


def _walked(case: Case, office: Office) -> int:
    limit, received, begin, end = case
    due, base = office.first_due(limit.unit, limit.amount, received)
    return office.after_pauses(limit.unit, due, base, [(begin, end)])[0]


def _best(rounds: int, work: Callable[[], Outcome]) -> tuple[float, Outcome]:
    best, outcome = float("inf"), None
    for _ in range(rounds):
        begin = time.perf_counter()
        outcome = work()
        best = min(best, time.perf_counter() - begin)
    assert outcome is not None
    return best, outcome


if __name__ == "__main__":
    main()
