"""The paper era is made no worse than it was: a desk whose last attempt came to nothing is free at once."""

import asyncio
import threading
import time
from collections import Counter

import pytest

from contracts import reference_files
from lab.load import archived, paper
from lab.load import scenario as scenarios
from lab.load.archived import Standing
from lab.load.centre import Tally, members
from lab.load.paper import PaperCentre
from lab.load.plan import Centre, Due, Plan
from lab.load.warp import Warp, hours_of
from lab.stack import REPOSITORY

# Nobody listens there.
NOBODY = "127.0.0.1:9"
GIVEN_UP_WITHIN_SECONDS = 30.0


def test_nobody_waits_after_the_last_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three attempts at a door that refuses, and two waits between them; not a third one behind them."""
    waited: list[float] = []
    really, here = asyncio.sleep, threading.get_ident()

    async def sleep(seconds: float) -> None:
        # A server that another test keeps in a thread sleeps as well.
        if threading.get_ident() == here:
            waited.append(seconds)
        await really(0 if threading.get_ident() == here else seconds)

    async def work() -> Tally:
        scenario = scenarios.read("mountain-link")
        warp = Warp(
            scenario.time, hours_of(scenario.time, reference_files.read(REPOSITORY / "deploy" / "reference").calendar)
        )
        tally = Tally(time.monotonic(), 1.0, ("fibre",))
        centre = PaperCentre(Centre(0, "19789", "/units/19789/c0", "fibre", False, "", []), NOBODY, tally, warp)
        centre.accept(Due(0.0, "D-1", b'{"id":"e1"}', birth=True))
        working = asyncio.create_task(centre.run())
        deadline = time.monotonic() + GIVEN_UP_WITHIN_SECONDS
        while centre.depth and time.monotonic() < deadline:
            await really(0.02)
        working.cancel()
        return tally

    monkeypatch.setattr(asyncio, "sleep", sleep)
    tally = asyncio.run(work())
    assert tally.counts["requests"] == paper.ATTEMPTS
    assert tally.counts["given_up"] == 1
    assert waited == [paper.AGAIN_AFTER_SECONDS] * (paper.ATTEMPTS - 1)


def test_what_stands_twice_is_counted_by_what_it_says() -> None:
    """Each attempt has an id of its own and a birth another code; what was given up may stand there all the same."""
    scenario = scenarios.read("mountain-link")
    warp = Warp(scenario.time, hours_of(scenario.time, reference_files.read(REPOSITORY / "deploy" / "reference").calendar))
    tally = Tally(time.monotonic(), 1.0, ("fibre",))
    facts = [("D-1", "received", True), ("D-1", "completed", False), ("D-2", "received", True), ("D-3", "received", True)]
    events = [
        Due(0.0, subject, b'{"id":"e","subject":"%b","type":"%b"}' % (subject.encode(), fact.encode()), birth)
        for subject, fact, birth in facts
    ]
    centre = Centre(0, "19789", "/units/19789/c0", "fibre", False, "", events)
    sender = PaperCentre(centre, NOBODY, tally, warp)
    told = [members(sender._written(event, attempt)) for event, attempt in (
        (events[0], 0), (events[0], 1), (events[1], 0), (events[1], 2), (events[1], 2), (events[2], 0))]  # fmt: skip
    assert told[1]["subject"] == "D-1-r1"
    assert len({each["id"] for each in told}) == len(told)
    found = Counter(
        archived.key([("ce_subject", each["subject"].encode()), ("ce_type", each["type"].encode())]) for each in told
    )
    found[archived.key([("ce_type", b"tick")])] += 5
    plan = archived.planned(Plan([centre], {}, warp, []))
    assert archived.standing(plan, found) == Standing(double=3, absent=1)
    assert archived.standing(plan, plan) == Standing(0, 0)
