"""One round: the load flows while its faults happen, then all is lifted, delivered, counted and judged."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import requests
from confluent_kafka import KafkaException
from msgspec import Struct

from lab.load.report.document import lying_here
from tests.faults.centres import Centres, RefusedError, Sabotage
from tests.faults.doors import Doors
from tests.faults.injecting import Injector, Suffered
from tests.faults.load import EDGE_UNITS, Load
from tests.faults.plan import Fault, Plan
from tests.faults.stand import Stand
from tests.faults.verdict import Judge, Verdict
from tests.faults.waiting import NotInTimeError

SLOT_WITHIN_SECONDS = 1_000.0


class Outcome(Struct, frozen=True):
    """What became of a round. `failed` says what kept it from a verdict; `gave_up`: processes that ended by themselves;
    `load`: the machine's over 15 minutes when it was over; `commit`: of the code that was played."""

    seed: int
    number: int
    seconds: float
    suffered: tuple[Suffered, ...]
    verdict: Verdict | None = None
    failed: str | None = None
    gave_up: tuple[str, ...] = ()
    load: float = 0.0
    commit: str = ""

    @property
    def clean(self) -> bool:
        """Whether it came to a verdict and nothing differs."""
        return self.verdict is not None and self.verdict.clean


def code() -> str:
    """The commit that lies here now, the rounds' own code included: whatever is killed starts again with what lies here."""
    return lying_here(also=("tests", "benchmarks"))


class Life:
    """One stand and all the rounds that it lives through."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._doors = Doors(stand)
        self._injector = Injector(stand, self._doors)
        self._judge = Judge(stand, self._doors)
        self._told = 0
        self._at = "the beginning"

    def round(self, plan: Plan, load: Load, sabotage: Sequence[Sabotage] = ()) -> Outcome:
        """Plays it; never raises for what the system did wrong."""
        began, before = time.monotonic(), code()
        suffered: list[Suffered] = []
        verdict, failed = None, None
        try:
            verdict = self._play(plan, load, sabotage, suffered)
        except (NotInTimeError, RefusedError, TimeoutError, requests.RequestException, KafkaException) as error:
            failed = f"{self._at}, {type(error).__name__}: {error}"
            with suppress(Exception):
                failed += "; ".join(["", *self._stand.reasons()])
        gave_up = self._stand.gave_up()
        new, self._told = gave_up[self._told :], len(gave_up)
        return Outcome(
            plan.seed, plan.number, round(time.monotonic() - began, 1), tuple(suffered), verdict, failed, tuple(new),
            round(os.getloadavg()[2], 1), before if code() == before else f"{before} and others after it",
        )  # fmt: skip

    def _play(self, plan: Plan, load: Load, sabotage: Sequence[Sabotage], suffered: list[Suffered]) -> Verdict:
        seed = f"{plan.seed} {plan.number}"
        self._stand.lines.seed(seed)
        centres = Centres(self._stand, self._doors, load, plan.batches, seed, sabotage)
        try:
            centres.begin()
            self._stand.take_dump()
            slots = len(plan.slots)
            for number, slot in enumerate(plan.slots):
                self._at = f"slot {number} ({', '.join(fault.kind for fault in slot)})"
                portions = range(number * centres.portions // slots, (number + 1) * centres.portions // slots)
                suffered += self._slot(slot, centres, portions)
            self._at = "delivering the rest"
            if not slots:
                centres.hand_in(range(centres.portions), pause_seconds=0.0)
            centres.hand_in_the_rest()
            suffered += centres.suffered()
            for number in range(len(EDGE_UNITS)):
                self._doors.drained(number)
            self._doors.fresh()
            self._at = "the verdict"
            return self._judge.judge(centres.handed_in, centres.by_edges, seed)
        finally:
            centres.close()

    def _slot(self, faults: tuple[Fault, ...], centres: Centres, portions: range) -> list[Suffered]:
        """Its faults, all at once, while its portions are handed in."""
        pool = ThreadPoolExecutor(max_workers=len(faults) + 1)
        try:
            handing_in = pool.submit(centres.hand_in, portions)
            running = [pool.submit(self._injector.suffer, fault) for fault in faults]
            told = [each.result(SLOT_WITHIN_SECONDS) for each in running]
            handing_in.result(SLOT_WITHIN_SECONDS)
            return [each for each in told if each is not None]
        finally:
            # Not waited for: whoever interrupts a round closes the stand, at which its threads end.
            pool.shutdown(wait=False, cancel_futures=True)
