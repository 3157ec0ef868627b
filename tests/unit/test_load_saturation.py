"""What was first at its limit beside cores: a line that is full, intake's door that turns away; each with evidence."""

import asyncio
import time
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from contracts import instants, reference_files
from lab.links.oneline import OneLine, Way
from lab.links.profiles import Profile
from lab.load import knee, rates, steps
from lab.load import scenario as scenarios
from lab.load.centre import BATCH, OutboxCentre, Tally
from lab.load.filled import UNANSWERED, Crossed, Line, Narrow, Spent, fullest
from lab.load.flow import Flow
from lab.load.plan import Centre, Due
from lab.load.saturation import saturation
from lab.load.warp import Warp, hours_of
from lab.load.watch import Sample
from lab.load.whole import whole
from tests.unit import load_world as world

pytestmark = pytest.mark.slow

REFERENCE = knee.REFERENCE
LOOK_SECONDS, LOOKS_MAX = 0.02, 3_000
# A kilobyte a second each way.
NARROW = Profile(title="narrow", up_kbps=8, down_kbps=8, round_trip_ms=0, jitter_ms=0, source="made for this test")


def _line(share: float, seconds: range, together: bool = True, down: float = 0.0) -> Line:
    return Line(252.0, 400.0, together, [Spent(at, round(share * 1000), round(down * 1000)) for at in seconds])


def _away(*, since: int, until: int, a_look: int = 4) -> list[Sample]:
    return [
        replace(each, turned_away={"429": a_look * max(0, min(int(each.at), until) - since)}) for each in world.samples()
    ]


def test_a_line_that_is_full_is_named_with_its_share_and_its_rate() -> None:
    """From its first full second on; as full for eight seconds of thirty, or four fifths full all the time, it is none."""
    told = saturation(world.outcome(lines={"mountain": {"0": _line(0.95, range(5, 25))}}))
    assert told == (
        "the line that all centres on mountain share: full in 65% of 31 s, at 239 of its 252 kbit/s in these at 5 s, "
        "10 events/s reported"
    )
    for share, seconds in ((0.95, range(5, 12)), (0.79, range(30))):
        assert saturation(world.outcome(lines={"mountain": {"0": _line(share, seconds)}})) == "nothing"


def test_of_lines_of_their_own_the_one_that_was_full_for_longest_is_named() -> None:
    """A ward with ten percent of a city: its line is full, and the mean of all lines says nothing of it."""
    lines = {
        "7": _line(0.5, range(30), False, 0.4),
        "8": _line(0.9, range(10, 22), False),
        "9": _line(0.1, range(30), False),
    }
    told = saturation(world.outcome(lines={"mountain": lines, "fibre": {"1": _line(0.2, range(30), False)}}))
    assert told.startswith(
        "a line of mountain, the fullest of 2 such: full in 97% of 31 s, at 227 of its 252 kbit/s in these at 0 s"
    )
    assert "fibre" not in told


def test_a_line_is_told_as_what_it_is() -> None:
    """One of several wires is not all centres' line, and a congested one had less than its rate."""
    two = {"0": _line(0.95, range(30)), "1": _line(0.1, range(30))}
    told = saturation(world.outcome(lines={"mountain": two}))
    assert told.startswith("a line of mountain: full in 97% of 31 s, at 239 of its 252 kbit/s in these")
    narrow = replace(_line(0.95, range(30), together=False), was_narrow=True)
    told = saturation(world.outcome(lines={"mountain": {"5": narrow}}))
    assert "at 95% of what it gave then (252 kbit/s when it is good) in these" in told


def test_what_is_at_its_limit_later_stands_behind_the_first() -> None:
    """In the order in which they came to it."""
    lines = {"mountain": {"0": _line(0.95, range(15, 30))}}
    cores = [replace(each, cores={"intake": 0.97 if each.at >= 20 else 0.2}) for each in _away(since=10, until=30)]
    door, line, core = saturation(world.outcome(lines=lines, samples=cores)).split("; then ")
    assert door.startswith("intake's door at 11 s, 10 events/s reported: turned away 80 requests for a while (80 with 429)")
    assert door.endswith("in 67% of 30 looks")
    assert line.startswith("the line that all centres on mountain share")
    assert core.startswith("intake (one core) at 20 s")


def test_a_door_that_turned_away_once_is_not_at_its_limit() -> None:
    """Two looks in a row are one batch that came again."""
    assert saturation(world.outcome(samples=_away(since=10, until=12))) == "nothing"
    assert saturation(world.outcome(samples=_away(since=10, until=13))).startswith("intake's door at 11 s")


def test_what_steps_were_turned_away_is_added_up() -> None:
    """A counter that begins anew with each step is none that runs backwards."""
    step = world.outcome(samples=_away(since=10, until=13), lines={"mountain": {"0": _line(0.95, range(5, 25))}})
    told = whole(scenarios.read("find-the-knee"), 1, [step, replace(step, started_at=step.started_at + 60)], None)
    looks = [each.turned_away.get("429", 0) for each in told.samples]
    assert looks == [*([0] * 11), 4, 8, *([12] * 29), 16, 20, *([24] * 18)]
    assert [each.second for each in told.lines["mountain"]["0"].spent] == [*range(5, 25), *range(65, 85)]
    assert saturation(told).startswith("the line that all centres on mountain share: full in 44% of 91 s")


@pytest.mark.parametrize(("narrow", "share"), [((), 0.5), ((Narrow("mountain", 0.0, 9.0),), 5.0)])
def test_how_full_a_line_was_is_told_by_the_rate_that_it_had(narrow: tuple[Narrow, ...], share: float) -> None:
    """Four kilobytes within eight seconds and eight more on the way down; a congested line has a tenth of its rate."""
    crossed = Crossed()
    crossed.add(0, 3, 0.5, 8.5, 4_000, 1_000)
    wide = replace(NARROW, down_kbps=80)
    told = crossed.used(("mountain",), {"mountain": wide}, lambda one: (one.up_kbps, one.down_kbps), narrow, False)
    [spent] = [each for each in told["mountain"]["3"].spent if each.second == 4]
    assert (spent.up, spent.down) == (round(share * 1000), round(share * 25))
    assert told["mountain"]["3"].was_narrow is bool(narrow)
    assert sum(each.up for each in told["mountain"]["3"].spent) == pytest.approx(8 * share * 1000, rel=0.01)


@pytest.mark.parametrize(("bytes_", "took", "share"), [(4_000, 8.0, 0.5), (40_000, 8.0, 1.0), (40_000, 0.01, 1.0)])
def test_a_batch_without_an_answer_took_no_more_of_its_line_than_that_gave(bytes_: int, took: float, share: float) -> None:
    """Its bytes up, over the time until it was given up: one that a cut line refuses at once fills nothing."""
    crossed = Crossed()
    crossed.add(0, 3, 0.0, took, bytes_, None)
    told = crossed.used(("mountain",), {"mountain": NARROW}, lambda one: (one.up_kbps, one.down_kbps), (), False)
    spent = told["mountain"]["3"].spent
    assert sum(each.up for each in spent) == pytest.approx(share * took * 1000)
    assert {each.down for each in spent} == {0}


def test_a_step_is_blamed_on_the_line_that_was_full_or_the_door_that_turned_away() -> None:
    """Before what intake holds: bodies that are still on the line are requests within intake, too."""
    late = [replace(each, waits={"intake_in_flight": 64.0, "intake_queue": 0.0}) for each in world.samples()]
    full = {"mountain": {"0": _line(0.93, range(30))}}
    for changed, stage, said in (
        ({"samples": late}, "intake", "64 requests"),
        ({"samples": late, "lines": full}, "the line (mountain)", "full in 100% of 21 s, at 234 of its 252 kbit/s"),
        ({"samples": _away(since=0, until=31)}, "intake's door", "intake turned away 84 requests for a while (84 with 429)"),
    ):
        book = world.book(9_000, 9_000)
        step = steps.judged(world.outcome(book=book, **changed), 0, 20, knee.knee_of(scenarios.read("knee-mountain")))
        assert (step.kept, step.stage, step.centres) == (False, stage, 20)
        assert said in step.evidence


@pytest.mark.parametrize(
    ("lines", "full", "due", "stage"),
    [
        ({"0": 252.0}, ["0"], (1, 999), "intake"),
        ({"0": 252.0}, ["0"], (1, 99), "the line (mountain)"),
        ({str(number): 252.0 for number in range(300)}, ["7"], (10, 10), "intake"),
        ({str(number): 252.0 for number in range(300)}, ["7", "8", "9", "11", "12", "13"], (10, 10), "the line (mountain)"),
        ({str(number): 252.0 if number == 7 else 2.0 for number in range(300)}, ["7"], (10, 10), "the line (mountain)"),
    ],
)
def test_no_step_is_blamed_on_a_line_that_no_p99_can_wait_for(
    lines: dict[str, float], full: list[str], due: tuple[int, int], stage: str
) -> None:
    """A link that a thousandth comes over, one private line of 300: these are told, not blamed; a busy one of them is."""
    late = [replace(each, waits={"intake_in_flight": 64.0, "intake_queue": 0.0}) for each in world.samples()]
    used = {
        name: replace(_line(0.93 if name in full else 0.5, range(30), False), up_kbps=kbps) for name, kbps in lines.items()
    }
    flows = {link: Flow([each] * 30, [each] * 30) for link, each in zip(("mountain", "fibre"), due, strict=True)}
    outcome = world.outcome(book=world.book(9_000, 9_000), samples=late, lines={"mountain": used}, flows=flows)
    step = steps.judged(outcome, 0, 20, knee.knee_of(scenarios.read("knee-mountain")))
    assert step.stage == stage
    assert "full in 100% of 21 s, at 234 of its 252 kbit/s" in step.evidence


def test_of_full_lines_one_that_a_p99_can_wait_for_comes_first() -> None:
    """Though another one was full for longer."""
    lines = {"mountain": {"0": _line(0.93, range(30), False)}, "fibre": {"1": _line(0.9, range(5, 28), False)}}
    flows = {"mountain": Flow([1] * 30, [1] * 30), "fibre": Flow([999] * 30, [999] * 30)}
    outcome = world.outcome(book=world.book(9_000, 9_000), lines=lines, flows=flows)
    step = steps.judged(outcome, 0, 20, knee.knee_of(scenarios.read("knee-mountain")))
    assert step.line is not None
    assert (step.line.link, step.stage) == ("fibre", "the line (fibre)")


@pytest.mark.parametrize(("since", "until", "seconds"), [(5.0, 17.5, 13), (4.5, 17.0, 12), (4.5, 5.5, 1), (5.0, 17.0, 12)])
def test_no_line_is_full_in_more_than_all_seconds(since: float, until: float, seconds: int) -> None:
    """Those that begin within the stretch are counted, full and all alike."""
    [told] = fullest({"mountain": {"0": _line(0.93, range(30))}}, since, until, 1)
    assert (told.seconds, told.share) == (seconds, 1.0)


def test_segments_wait_their_turn_on_a_line_and_leave_the_rest_to_others() -> None:
    """By a clock of the test's own: what comes while it is free passes at once, what comes behind others after them."""
    at = 0.0
    way = Way(8.0, lambda: at)
    assert [way.turn(500), way.turn(500)] == [0.5, 1.0]
    at = 5.0
    assert way.turn(250) == 0.25


async def _city(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(text="ok")


def test_one_line_has_its_rate_once_whoever_is_on_it() -> None:
    """Four connections send 500 bytes each: together no faster than a kilobyte a second, and one has not four times less."""

    async def play() -> list[float]:
        app = web.Application()
        app.router.add_post("/", _city)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        target = f"127.0.0.1:{runner.addresses[0][1]}"
        line = OneLine(NARROW, "127.0.0.1:0", target)
        await line.open()
        assert line._server is not None
        port = line._server.sockets[0].getsockname()[1]
        began = time.monotonic()
        try:
            await asyncio.gather(*(_post(port) for _ in range(4)))
            alone = time.monotonic()
            await _post(port)
            return [alone - began, time.monotonic() - alone]
        finally:
            line.close()
            await runner.cleanup()

    together, alone = asyncio.run(play())
    assert together >= 4 * 0.5
    assert 0.5 <= alone < together


async def _post(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 450\r\n\r\n" + b"x" * 450)
    assert b"200 OK" in await asyncio.wait_for(reader.read(), 30)
    writer.close()


def test_an_outbox_tells_what_crossed_its_line_and_how_often_it_was_turned_away() -> None:
    """Over a line of a kilobyte a second, to a city that says twice to stay away: most of the time is the rate's."""
    scenario = scenarios.read("knee-mountain")
    scenario = replace(scenario, profiles={"mountain": NARROW})
    warp = Warp(scenario.time, hours_of(scenario.time, reference_files.read(REFERENCE).calendar))
    noise = instants.show(1).encode()
    due = [Due(0.0, f"D-{n}", b'{"id":"%d","source":"%b","x":"%d"}' % (n, noise, n * 7_919**3)) for n in range(40)]

    async def play() -> Tally:
        answers = iter((429, 503))

        async def city(request: web.Request) -> web.Response:
            assert request.content_type == BATCH
            told: list[dict[str, Any]] = await request.json()
            if (status := next(answers, 200)) != 200:
                return web.json_response({"code": "over_quota"}, status=status, headers={"Retry-After": "0"})
            results = [{"id": each["id"], "status": "stored", "partition": 0, "offset": 1} for each in told]
            return web.json_response({"results": results})

        app = web.Application()
        app.router.add_post("/v1/events", city)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        line = OneLine(NARROW, "127.0.0.1:0", f"127.0.0.1:{runner.addresses[0][1]}")
        await line.open()
        assert line._server is not None
        tally = Tally(time.monotonic(), 1.0, ("mountain",))
        centre = OutboxCentre(
            Centre(0, "19789", "/units/19789/c0", "mountain", False, "i", []),
            f"127.0.0.1:{line._server.sockets[0].getsockname()[1]}",
            replace(scenario.outbox, back_off_first_seconds=0.01, heartbeat_seconds=600.0), tally, warp,
        )  # fmt: skip
        for each in due:
            centre.accept(each)
        running = asyncio.create_task(centre.run())
        try:
            for _ in range(LOOKS_MAX):
                if not centre.depth:
                    break
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            running.cancel()
            line.close()
            await runner.cleanup()
        assert centre.depth == 0
        return tally

    tally = asyncio.run(play())
    assert (tally.counts["turned_away_429"], tally.counts["turned_away_503"]) == (1, 1)
    assert len(tally.crossed.up) == 3
    assert sum(tally.crossed.up) > tally.counts["bytes"] + 3 * 100
    told = rates.used(tally, scenario, False, [])
    line = told["mountain"]["0"]
    assert (line.up_kbps, line.together) == (8.0, True)
    busy = sum(each.up + each.down for each in line.spent) / 1000
    whole_seconds = sum(tally.crossed.ended) - sum(tally.crossed.began)
    assert 0.7 * whole_seconds < busy <= 1.05 * whole_seconds


def test_a_batch_that_no_answer_came_to_has_used_its_line_and_one_that_never_left_has_not() -> None:
    """A line too narrow for its batches within the time for an answer is full all the time, though none comes through."""
    scenario = scenarios.read("knee-mountain")
    warp = Warp(scenario.time, hours_of(scenario.time, reference_files.read(REFERENCE).calendar))
    settings = replace(scenario.outbox, back_off_first_seconds=0.01, back_off_most_seconds=0.02, answer_seconds=0.3)

    async def play() -> tuple[Tally, Tally]:
        silent = asyncio.Event()

        async def city(request: web.Request) -> web.Response:
            await silent.wait()
            return web.Response()

        app = web.Application()
        app.router.add_post("/v1/events", city)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told: list[Tally] = []
        for door in (f"127.0.0.1:{runner.addresses[0][1]}", "127.0.0.1:1"):
            told.append(tally := Tally(time.monotonic(), 1.0, ("mountain",)))
            unit = Centre(0, "19789", "/units/19789/c0", "mountain", False, "i", [])
            centre = OutboxCentre(unit, door, replace(settings, heartbeat_seconds=600.0), tally, warp)
            centre.accept(Due(0.0, "D-1", b"{}"))
            running = asyncio.create_task(centre.run())
            for _ in range(LOOKS_MAX):
                if sum(tally.troubles.values()):
                    break
                await asyncio.sleep(LOOK_SECONDS)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        silent.set()
        await runner.cleanup()
        return told[0], told[1]

    unanswered, refused = asyncio.run(play())
    [up], [down] = unanswered.crossed.up, unanswered.crossed.down
    assert (up, down) == (unanswered.counts["bytes"] // unanswered.counts["requests"], UNANSWERED)
    assert unanswered.crossed.ended[0] - unanswered.crossed.began[0] >= 0.3
    assert refused.troubles["ClientConnectorError"]
    assert not refused.crossed.up
