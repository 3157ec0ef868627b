"""A process of the generator: what it was late with, what it never sent, and what it died of are its own faults and told."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts import instants, reference_files
from contracts.heartbeats import Heartbeat
from lab.errors import LabError
from lab.load import filled, generator
from lab.load import scenario as scenarios
from lab.load.answered import Result
from lab.load.apart import Apart
from lab.load.centre import OutboxCentre, Tally
from lab.load.flow import Backlog, Flow
from lab.load.gathering import gather
from lab.load.generator import Orders
from lab.load.lines import Lines
from lab.load.measures import Book, Latencies
from lab.load.plan import Centre, Due, Plan
from lab.load.processes import Generators
from lab.load.warp import Warp, hours_of
from lab.stack import REPOSITORY

pytestmark = pytest.mark.slow

SMOKE = str(REPOSITORY / "tests" / "load_scenarios" / "smoke.toml")
REFERENCE = REPOSITORY / "deploy" / "reference"
NOBODY = "127.0.0.1:9"
INCARNATION = "0197c348-8800-7e66-ac3d-f9a8fc4fef6f"
STOPPED_WITHIN_SECONDS = 60.0


def _orders(scenario: scenarios.Scenario) -> Orders:
    return Orders(
        scenario=scenario, reference_directory=str(REFERENCE), seed=1, run="a", process=0,
        processes=1, manner="outbox", links={link: [NOBODY] for link in scenario.links}, edges={"0": NOBODY},
    )  # fmt: skip


def _centre(unit: str, *due_at: float) -> Centre:
    events = [Due(at, f"D-{number}", b'{"id":"e%d"}' % number) for number, at in enumerate(due_at)]
    return Centre(0, unit, f"/units/{unit}/c0", "fibre", False, INCARNATION, events)


async def _generate(centre: Centre, stop_after_seconds: float = 60.0) -> tuple[dict[str, Any], Tally]:
    scenario = scenarios.read("mountain-link")
    orders, hours = _orders(scenario), hours_of(scenario.time, reference_files.read(REFERENCE).calendar)
    began, stop = time.monotonic(), asyncio.Event()
    tally = Tally(began, 1.0, ("fibre",))
    asyncio.get_running_loop().call_later(stop_after_seconds, stop.set)
    ended = generator.generate(orders, Plan([centre], {}, Warp(scenario.time, hours), []), began, tally, stop)
    return await asyncio.wait_for(ended, STOPPED_WITHIN_SECONDS), tally


def test_what_was_never_handed_to_a_centre_is_left_too() -> None:
    """Time is over when one of three events has been due; the city never heard of the others, nor did their outbox."""
    ended, tally = asyncio.run(_generate(_centre("19789", 0.0, 300.0, 301.0), stop_after_seconds=0.5))
    assert tally.counts["due"] == 1
    assert ended["left"] == 3


def test_a_heartbeat_says_up_to_when_all_is_delivered_and_what_was_put_aside() -> None:
    """By the clock of the entries, as the edge says it: without it audit would excuse every number that is missing."""
    scenario = scenarios.read("mountain-link")
    warp = Warp(scenario.time, hours_of(scenario.time, reference_files.read(REFERENCE).calendar))
    tally = Tally(time.monotonic() - 50.0, 1.0, ("fibre",))
    source = "/units/19789/c0"
    events = [
        Due(10.0 + number, f"D-{number}", b'{"source":"%b","sequence":"%d"}' % (from_.encode(), number))
        for number, from_ in enumerate((source, "/units/19789", source), start=1)
    ]
    centre = OutboxCentre(_centre("19789"), NOBODY, scenario.outbox, tally, warp)

    def beat() -> Heartbeat:
        return msgspec.convert(centre.stand(), Heartbeat)

    def until() -> int:
        return instants.parse(beat().delivered_until or "")

    async def play() -> None:
        centre.accept(events[0])
        assert 39 <= beat().oldest_unsent_age_seconds < 49, "since it was due, and not since all began"
        for each in events[1:]:
            centre.accept(each)
        assert until() == warp.simulated(11.0)
        results = [Result(None, "refused", "unknown_unit"), Result(None, "refused", "unknown_unit"), Result(None, "stored")]
        put_off = centre._heed(events, [*results[:2], Result(None, "retry")])
        centre._settle(events, put_off, True, 0.0)
        assert not centre._waiting.may_go
        assert until() == warp.simulated(13.0)
        assert beat().quarantined_sequences == [1], "of another source nothing is said"
        centre._waiting.let_go(["D-3"])
        centre._settle(events[2:], centre._heed(events[2:], results[2:]), False, 0.0)

    asyncio.run(play())
    assert beat().spool_depth == 0
    assert beat().oldest_unsent_age_seconds == 0.0
    assert warp.simulated(tally.now()) - until() < instants.MINUTE * 60
    assert until() > warp.simulated(49.0)


def test_one_event_of_a_dossier_goes_at_a_time() -> None:
    """As from an edge: what goes again never comes after its successors, and another dossier need not wait for it."""
    first, second = ([Due(float(number), subject, b"{}") for number in range(3)] for subject in ("D-1", "D-2"))
    lines = Lines()
    for each in (*first, *second):
        lines.add(each)
    assert lines.foremost(500) == [first[0], second[0]]
    lines.settle([first[0], second[0]], [first[0]])
    lines.add(late := Due(9.0, "D-3", b"{}"))
    assert lines.foremost(500) == [first[0], second[1], late]
    assert lines.foremost(1) == [first[0]]
    assert (lines.depth, lines.oldest()) == (6, first[0])
    gone = []
    while batch := lines.foremost(500):
        gone += batch
        lines.settle(batch, [])
    assert [each for each in gone if each.subject == "D-1"] == first
    assert (lines.depth, lines.oldest()) == (0, None)


def test_what_is_put_off_waits_apart_with_who_is_behind_it() -> None:
    """And is still the oldest of all: a heartbeat that passed it over would excuse its number."""
    first, second = ([Due(float(number), subject, b"{}") for number in range(2)] for subject in ("D-1", "D-2"))
    lines = Lines()
    for each in (*first, *second):
        lines.add(each)
    lines.settle(lines.foremost(500), [first[0]], are_apart=True)
    assert (lines.foremost(500), lines.oldest(), lines.depth) == ([second[1]], first[0], 3)
    lines.settle([second[1]], [])
    assert (lines.may_go, lines.oldest(), lines.depth) == (False, first[0], 2)
    lines.let_go(["D-1"])
    lines.settle(lines.foremost(500), [])
    assert lines.foremost(500) == [first[1]]


def test_what_waits_apart_is_tried_a_few_at_a_time_and_no_sooner_than_was_asked() -> None:
    """An eighth of a batch, twice as many whenever one is taken; where none is, all of them wait, each time for longer."""
    asked_for: list[int] = []

    def pause_seconds(failures: int) -> float:
        asked_for.append(failures)
        return 10.0 * failures

    apart = Apart(pause_seconds)
    apart.put([f"D-{number}" for number in range(40)], now=100.0, asked_seconds=3.0)
    assert (apart.due(109.5, 16), apart.rest_seconds(109.5)) == ([], 0.5)
    tried = apart.due(110.0, 16)
    assert (tried, apart.rest_seconds(110.0)) == (["D-0", "D-1"], None)
    assert apart.due(110.0, 16) == [], "these are not spoken of"
    assert (apart.are_tried(tried), apart.are_tried([*tried, "D-99"])) == (True, False)
    apart.put(tried, now=111.0, asked_seconds=0.0)
    assert (apart.due(130.9, 16), asked_for) == ([], [1, 2])
    assert apart.due(131.0, 16) == ["D-2", "D-3"]
    apart.spoken_of(["D-99", "D-2", "D-3"])
    assert apart.due(131.0, 16) == ["D-4", "D-5", "D-6", "D-7"]


def test_a_centre_that_has_died_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of keys has none for its unit: without this the city would be told to have lost all that it held."""
    keys = tmp_path / "keys.json"
    keys.write_text('{"20044": "k"}')
    monkeypatch.setenv("MOTCUA_LAB_KEYS_FILE", str(keys))
    with pytest.raises((LabError, ExceptionGroup)) as raised:
        asyncio.run(_generate(_centre("19789", 0.0)))
    assert "has no key of 19789" in generator._reason(raised.value)


def test_looks_that_a_stall_swallowed_are_late_looks() -> None:
    """Eight stalls of a second in 150 s: five in a hundred looks were more than 250 ms late, and not eight in 2,840."""
    punctual = generator._Punctual()
    for _ in range(2_840):
        punctual.looked(0.0005)
    for _ in range(8):
        punctual.looked(1.0)
    loop = Latencies.decoded(punctual.told()["loop"])
    assert loop.at(50) < 1
    assert loop.at(99) > 500
    assert loop.share_above(250) == pytest.approx(8 * 15 / 3_000, abs=0.005)


def test_a_process_that_cannot_plan_says_why_in_a_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    """And prints no traceback between the lines of a live view."""
    unknown = msgspec.structs.replace(scenarios.read(SMOKE), mix=scenarios.Mix(lives={"eternal": 1.0}))

    async def start() -> None:
        generators = Generators()
        try:
            await generators.start([_orders(unknown)])
        finally:
            await generators.close()

    with pytest.raises(LabError, match=r"has failed: \[mix\] lives eternal: choose among ordinary"):
        asyncio.run(start())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("planned", [False, True])
def test_whoever_is_left_alone_ends_quietly(planned: bool) -> None:
    """Its conductor has been killed, before its orders came or while it generated: not a word, and not for ever."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.load.generator"], cwd=REPOSITORY,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        if planned:
            process.stdin.write(msgspec.json.encode(_orders(scenarios.read(SMOKE))) + b"\n")
            process.stdin.flush()
            assert b'"planned"' in process.stdout.readline()
            process.stdin.write(msgspec.json.encode({"began": time.monotonic()}) + b"\n")
            process.stdin.flush()
            assert b'"so far"' in process.stdout.readline()
        process.stdin.close()
        process.stdout.close()
        process.wait(STOPPED_WITHIN_SECONDS)
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_ctrl_c_is_the_conductors_alone() -> None:
    """A process of the generator stands in a session of its own: what a terminal sends to a group does not come to it."""

    async def sessions() -> list[int]:
        generators = Generators()
        try:
            await generators.start([_orders(scenarios.read(SMOKE))])
            return [os.getsid(pid) for pid in generators.pids.values()]
        finally:
            await generators.close()

    assert os.getsid(0) not in asyncio.run(sessions())


def test_several_processes_are_gathered_as_one() -> None:
    """Counts are added, histograms merged, the last of each link is the last of all; each core stays one."""
    first, second = ({
        "events": events, "centres": 2, "expected": {"19789": {"received": events}}, "by_link": {"fibre": events},
        "late_by": {"law": 1, "clock": events},
        "sampled": [{"lot": "a", "subject": f"D-{events}", "kind": "late", "due": events, "stands": "late"}],
        "counts": {"due": events, "stored": events - 1}, "refused": {}, "troubles": {"TimeoutError": 1},
        "left": 1, "unseen": 0, "last_stored_at": {"fibre": float(events)}, "book": Book(1.0).told(),
        "late": _late(events), "loop": _late(2 * events),
        "backlogs": [{"link": "fibre", "until": 5.0, "due": events, "stored": 9, "last_stored_at": float(events)}],
        "flows": {"fibre": {"due": [1] * (events // 10), "stored": [0, events]}},
        "lines": {"fibre": {"0": {"up_kbps": 80, "down_kbps": 80, "together": True, "spent": [[3, 10 * events, 1]]}}},
        "cpu_seconds": 3.0, "wall_seconds": 10.0,
    } for events in (10, 20))  # fmt: skip
    told = gather([first, second], [first, second], ("fibre", "mountain"))
    assert (told.planned, told.centres, told.left) == (30, 4, 2)
    assert told.expected == {"19789": {"received": 30}}
    assert told.dues == {"D-10": 10, "D-20": 20}
    assert told.by_link == {"fibre": 30}
    assert told.late_by == {"law": 2, "clock": 30}
    assert told.stands == {"D-10": "late", "D-20": "late"}
    assert (told.counts["stored"], told.troubles["TimeoutError"]) == (28, 2)
    assert told.last_stored_at == {"fibre": 20.0, "mountain": 0.0}
    assert (told.late.count, round(told.late.at(100)), round(told.loop.at(100))) == (2, 20, 40)
    assert told.generator_cores == [0.3, 0.3]
    assert told.backlogs == [Backlog("fibre", 5.0, 30, 18, 20.0)]
    assert told.flows == {"fibre": Flow([2, 1], [0, 30])}
    assert told.lines == {"fibre": {"0": filled.Line(80, 80, True, [filled.Spent(3, 300, 2)])}}


def _late(milliseconds: float) -> str:
    told = Latencies()
    told.record(milliseconds)
    return told.encoded()
