"""A virtual centre beside the real edge's sender: the same events over the same spoilt line, what the city has of both."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from contracts import reference_files
from lab.load import knee
from lab.load import scenario as scenarios
from lab.load.apart import Apart
from lab.load.centre import OutboxCentre, Tally
from lab.load.plan import Centre, Due
from lab.load.warp import Warp, hours_of
from services.edge.domain.held import Held
from services.edge.domain.patience import Patience, wait_seconds
from services.edge.domain.window import Waiting
from tests.unit.edge_city import City, Events, depth, listening, until, with_line
from tests.unit.edge_world import World, entry

pytestmark = pytest.mark.slow

# By the number of the batch; then all is well, but for single events.
LOST, BUSY, CLOSED, STRANGE = 1, 2, 3, 4
ASKED_SECONDS = 1
FIRST_SECONDS, MOST_SECONDS = 0.1, 0.4
PATIENCE = Patience(FIRST_SECONDS, MOST_SECONDS, 10.0)
# What a request, packing and a very busy machine take beside a pause.
BESIDE_SECONDS = 10.0
# Ninety dossiers, in which some of the first come again.
SUBJECTS = [f"D{number % 90}" for number in range(240)]
REFUSED = {"e7", "e103"}
# Of a batch whose answer comes through: else nobody hears that they are put off.
LATER = {"e110", "e111"}
IDS = {f"e{number}" for number in range(len(SUBJECTS))}


class Spoilt:
    """What is at the other end: an answer that is lost, 429, 503, somebody else's page, events refused, events for later."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.stored: list[str] = []
        self.refused: Counter[str] = Counter()
        self.subjects: dict[str, str] = {}
        self._put_off: set[str] = set()
        self._answered_at = 0.0
        # Between an answer and the next batch, by the number of the answered one.
        self.pauses: dict[int, float] = {}

    def says(self, events: Events, request: web.Request) -> web.Response:
        """To one batch."""
        if self._answered_at:
            self.pauses[len(self.batches)] = time.monotonic() - self._answered_at
        self.batches.append([each["id"] for each in events])
        self.subjects.update({each["id"]: each["subject"] for each in events})
        self._answered_at = time.monotonic()
        asked = {"Retry-After": str(ASKED_SECONDS)}
        number = len(self.batches)
        if number == BUSY:
            return web.json_response({"code": "over_quota"}, status=429, headers=asked)
        if number == CLOSED:
            return web.json_response({"code": "unavailable"}, status=503, headers=asked)
        if number == STRANGE:
            return web.Response(text="<html>Wi-Fi</html>", content_type="text/html")
        results = [{"index": index, "id": each["id"], **self._of(each["id"])} for index, each in enumerate(events)]
        if number == LOST:
            assert request.transport is not None
            request.transport.close()
        later = any(each["status"] == "retry" for each in results)
        return web.json_response({"results": results}, status=207, headers=asked if later else {})

    def _of(self, name: str) -> dict[str, Any]:
        if name in REFUSED:
            self.refused[name] += 1
            return {"status": "refused", "code": "invalid_data"}
        if name in LATER - self._put_off:
            self._put_off.add(name)
            return {"status": "retry", "code": "unavailable"}
        self.stored.append(name)
        return {"status": "stored", "partition": 0, "offset": len(self.stored)}

    @property
    def put_off(self) -> int:
        """The number of the batch that had to do with what is for later first."""
        return 1 + next(place for place, batch in enumerate(self.batches) if LATER & set(batch))

    def of_each_dossier(self) -> dict[str, list[str]]:
        """Its events in the order in which the city first had them."""
        told: dict[str, list[str]] = {}
        for name in dict.fromkeys(self.stored):
            told.setdefault(self.subjects[name], []).append(name)
        return told


def _by_edge(directory: Path) -> tuple[Spoilt, int]:
    """And how many events stand aside in its store."""
    spoilt, aside = Spoilt(), 0

    async def act(world: World, city: City) -> None:
        nonlocal aside
        city.says = spoilt.says
        entries = [entry(f"e{number}", subject) for number, subject in enumerate(SUBJECTS)]
        assert await world.ports.writer.do(lambda outbox: outbox.accept(entries)) is None
        world.ports.sender.wake()

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)
        stand = await world.ports.writer.do(lambda outbox: outbox.stand())
        aside = sum(stand.quarantine.values())

    with_line(
        directory, act, edge_send_requests_max=1, edge_back_off_first_seconds=FIRST_SECONDS,
        edge_back_off_most_seconds=MOST_SECONDS, edge_retry_after_most_seconds=10.0, edge_heartbeat_seconds=600.0,
    )  # fmt: skip
    return spoilt, aside


def _by_centre() -> tuple[Spoilt, int]:
    spoilt = Spoilt()
    scenario = scenarios.read("mountain-link")
    warp = Warp(scenario.time, hours_of(scenario.time, reference_files.read(knee.REFERENCE).calendar))
    settings = replace(
        scenario.outbox, back_off_first_seconds=FIRST_SECONDS, back_off_most_seconds=MOST_SECONDS, heartbeat_seconds=600.0
    )  # fmt: skip
    source = "/units/19753/c0"

    async def play() -> Tally:
        city = City()
        city.says = spoilt.says
        runner, door = await listening(city)
        tally = Tally(time.monotonic(), 1.0, ("fibre",))
        centre = OutboxCentre(Centre(0, "19753", source, "fibre", False, "i", []), door, settings, tally, warp)
        for number, subject in enumerate(SUBJECTS):
            event = {"id": f"e{number}", "source": source, "subject": subject, "sequence": str(number + 1)}
            centre.accept(Due(0.0, subject, json.dumps(event).encode()))
        running = asyncio.create_task(centre.run())
        try:
            async with asyncio.timeout(60):
                await until(lambda: not centre.depth)
            assert [number - 1 for number in centre.stand()["quarantined_sequences"]] == [7, 103]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await runner.cleanup()
        return tally

    tally = asyncio.run(play())
    assert tally.counts["stored"] == len(IDS - REFUSED)
    return spoilt, tally.counts["refused"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[Spoilt, int], tuple[Spoilt, int]]:
    """The edge's, and the centre's."""
    return _by_edge(tmp_path_factory.mktemp("edge")), _by_centre()


Both = tuple[tuple[Spoilt, int], tuple[Spoilt, int]]


def test_the_city_has_the_same_of_both(both: Both) -> None:
    """All but what it refused, which stands aside; only what was in the batch whose answer was lost came to it twice."""
    for spoilt, aside in both:
        assert set(spoilt.stored) == IDS - REFUSED
        twice = {name for name, times in Counter(spoilt.stored).items() if times > 1}
        assert twice == set(spoilt.batches[LOST - 1]) - REFUSED
        assert aside == len(REFUSED)


def test_no_event_of_a_dossier_overtakes_another_from_either(both: Both) -> None:
    """Though some of them are refused, others put off."""
    wanted: dict[str, list[str]] = {}
    for number, subject in enumerate(SUBJECTS):
        if f"e{number}" not in REFUSED:
            wanted.setdefault(subject, []).append(f"e{number}")
    for spoilt, _ in both:
        assert spoilt.of_each_dossier() == wanted
        for batch in spoilt.batches:
            subjects = Counter(spoilt.subjects[name] for name in batch)
            assert max(subjects.values()) == 1


def test_both_send_the_same_batches(both: Both) -> None:
    """As sets: as large as the line has borne so far, half after what came to nothing, and apart what was put off."""
    (edge, _), (centre, _) = both
    assert [set(each) for each in edge.batches] == [set(each) for each in centre.batches]


def test_what_the_city_puts_off_holds_up_no_other_from_either(both: Both) -> None:
    """Its answer came through: the others go on at once, these and those behind them when the time is over that it asked."""
    for spoilt, _ in both:
        number = spoilt.put_off
        assert number > STRANGE, "it was heard"
        first, others, again, behind = (set(each) for each in spoilt.batches[number - 1 :])
        assert first > LATER
        assert again == LATER
        assert not others & LATER
        subjects = {spoilt.subjects[name] for name in LATER}
        assert {spoilt.subjects[name] for name in behind} == subjects
        assert spoilt.pauses[number] + spoilt.pauses[number + 1] >= ASKED_SECONDS


@pytest.mark.parametrize("seed", range(40))
def test_both_try_what_was_put_off_by_the_same_rule(seed: int) -> None:
    """Which of it, when, and how long they rest, whatever the city says of it how often; by a clock of the test's own."""
    chance, now, entered = Random(seed), 1_000.0, 0
    spread = [0.5]
    held = Held(PATIENCE)
    apart = Apart(lambda failures: wait_seconds(PATIENCE, failures, spread[0]))
    tried: list[Waiting] = []
    seen = 0
    for _ in range(200):
        now += chance.choice((0.0, 0.05, 0.3, 2.0))
        due = held.due(now, size := chance.choice((1, 16, 200)))
        assert [each.subject for each in due] == apart.due(now, size)
        assert held.rest_seconds(now) == apart.rest_seconds(now)
        tried += due
        seen += len(due)
        fresh = [Waiting(entered + place, "", f"D-{entered + place}", b"") for place in range(chance.choice((0, 0, 1, 30)))]
        entered += len(fresh)
        batch = [*tried, *fresh] if chance.random() < 0.6 else fresh
        if not batch:
            continue
        assert held.is_trying(batch) == apart.are_tried(each.subject for each in batch)
        taken = [each for each in batch if chance.random() < 0.5]
        left = [each for each in batch if each not in taken]
        held.taken(taken)
        apart.spoken_of(each.subject for each in taken)
        spread[0], asked = chance.random(), chance.choice((0.0, 1.0))
        held.put(left, now, spread[0], asked)
        apart.put([each.subject for each in left], now, asked)
        tried = [each for each in tried if each not in batch]
    assert seen > 20


@pytest.mark.parametrize(("number", "failures"), [(LOST, 1), (BUSY, 2), (CLOSED, 3), (STRANGE, 4)])
def test_both_pause_within_the_same_bounds(both: Both, number: int, failures: int) -> None:
    """Never sooner than the city asks, never later than the edge's own rule allows; how long by chance."""
    asked = float(ASKED_SECONDS) if number in (BUSY, CLOSED) else None
    least, most = (wait_seconds(PATIENCE, failures, chance, asked) for chance in (0.0, 1.0))
    for spoilt, _ in both:
        assert least <= spoilt.pauses[number] <= most + BESIDE_SECONDS
