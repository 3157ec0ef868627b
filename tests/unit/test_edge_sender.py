"""The sender on a real socket, at whose other end somebody answers as a test wants."""

import asyncio
import json
import sqlite3
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web

from contracts import instants
from services.edge import carrying
from services.edge.domain.health import Line
from services.edge.link.line import DOWN_AFTER_FAILURES
from services.edge.store.outbox import Outbox
from services.edge.store.reserve import Reserve
from services.edge.store.views import Places
from tests.unit.edge_city import City, Events, depth, hand_in, stored, until, with_line
from tests.unit.edge_world import World, entry

pytestmark = pytest.mark.slow


def test_what_one_partition_cannot_take_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def act(world: World, city: City) -> None:
        city.says = lambda events, request: stored(events, but=lambda each: "retry" if each["subject"] == "A" else None)
        await hand_in(world, "A", "B", "A", "C", "A", "B", "C", "D")

        async def only_a_is_left() -> bool:
            return await depth(world) == 3

        await until(only_a_is_left)
        city.says = lambda events, request: stored(events)

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)
        order = [each for batch in city.batches for each in batch]
        assert [each for each in dict.fromkeys(order) if each in ("e0", "e2", "e4")] == ["e0", "e2", "e4"]

    with_line(tmp_path, act)


def test_a_page_of_somebody_else_is_no_answer_and_deletes_nothing(tmp_path: Path) -> None:
    async def act(world: World, city: City) -> None:
        city.says = lambda events, request: web.Response(text="<html>Đăng nhập Wi-Fi</html>", content_type="text/html")
        await hand_in(world, "A", "B")
        await until(lambda: world.ports.link.state == "down")
        assert await depth(world) == 2
        assert world.ports.link.line.trouble == "not_intake"

    with_line(tmp_path, act)


def test_results_of_other_events_delete_nothing(tmp_path: Path) -> None:
    async def act(world: World, city: City) -> None:
        city.says = lambda events, request: stored([{"id": "somebody-else's"} for _ in events])
        await hand_in(world, "A", "B")
        await until(lambda: len(city.batches) > 3)
        assert await depth(world) == 2

    with_line(tmp_path, act)


def test_batches_shrink_to_what_is_taken_and_one_that_never_is_stands_aside(tmp_path: Path) -> None:
    """A gateway between them takes few events at a time, and one of them not even alone."""

    def narrow(events: Events, request: web.Request) -> web.Response:
        if len(events) > 3 or any(event["subject"] == "huge" for event in events):
            return web.json_response({"code": "body_too_large"}, status=413)
        return stored(events)

    async def act(world: World, city: City) -> None:
        city.says = narrow
        await hand_in(world, *(f"D{number}" for number in range(10)), "huge", *(f"E{number}" for number in range(10)))

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)
        stand = await world.ports.writer.do(lambda outbox: outbox.stand())
        assert stand.quarantine == {"too_large": 1}
        assert stand.lines[0].quarantined == ((11, 11),)

    with_line(tmp_path, act)


def test_a_key_that_was_refused_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old\n")

    def guarded(events: Events, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bearer new":
            return web.json_response({"code": "no_valid_key"}, status=401)
        return stored(events)

    async def act(world: World, city: City) -> None:
        city.says = guarded
        await hand_in(world, "A")
        await until(lambda: world.ports.link.line.trouble == "key_refused")
        assert await depth(world) == 1
        file.write_text("new\n")

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)

    with_line(tmp_path, act, edge_intake_key_file=file)


def test_a_key_that_does_not_speak_for_a_unit_is_read_again(tmp_path: Path) -> None:
    """The centre has got another one, which speaks for all its points, and the former one is still good."""
    file = tmp_path / "key"
    file.write_text("old\n")

    def guarded(events: Events, request: web.Request) -> web.Response:
        if request.headers["Authorization"] == "Bearer new":
            return stored(events)
        results = [{"id": each["id"], "status": "refused", "code": "unit_not_allowed"} for each in events]
        return web.json_response({"results": results}, status=207)

    async def act(world: World, city: City) -> None:
        city.says = guarded
        await hand_in(world, "A")
        await until(lambda: len(city.batches) >= 1)
        file.write_text("new\n")

        async def nothing_is_left() -> bool:
            stand = await world.ports.writer.do(lambda outbox: outbox.stand())
            return stand.unsent + sum(stand.quarantine.values()) == 0

        await until(nothing_is_left)

    with_line(tmp_path, act, edge_intake_key_file=file, edge_requeue_seconds=0.1)


def test_what_the_city_can_heal_is_tried_again_by_itself_and_the_rest_only_when_somebody_says_so(tmp_path: Path) -> None:
    refuses = {"A": "unknown_unit", "B": "invalid_data"}

    def strict(events: Events, request: web.Request) -> web.Response:
        results = [
            {"id": each["id"], "status": "refused", "code": refuses[each["subject"]]}
            if each["subject"] in refuses
            else {"id": each["id"], "status": "stored"}
            for each in events
        ]
        return web.json_response({"results": results}, status=207)

    async def act(world: World, city: City) -> None:
        city.says = strict
        await hand_in(world, "A", "B", "C")

        async def aside() -> dict[str, int]:
            return (await world.ports.writer.do(lambda outbox: outbox.stand())).quarantine

        async def both_are_aside() -> bool:
            return await aside() == {"unknown_unit": 1, "invalid_data": 1}

        await until(both_are_aside)
        refuses.clear()

        async def one_is_left() -> bool:
            return await aside() == {"invalid_data": 1}

        await until(one_is_left)
        headers = {"Authorization": "Bearer dev-19753"}
        shown = (await world.call("GET", "/v1/quarantine", headers)).told["events"]
        assert [each["event"]["id"] for each in shown] == ["e1"]
        body = json.dumps({"positions": [shown[0]["position"], 1]}).encode()
        with patch.object(Reserve, "hold", return_value=False):
            await world.ports.writer.do(lambda outbox: outbox.give_up_reserve())
            kept = await world.call("POST", "/v1/quarantine/discard", headers, [body])
            assert (kept.status, await aside()) == (503, {"invalid_data": 1}), "a full disk has no room to keep it elsewhere"
        await world.ports.writer.do(lambda outbox: outbox.take_reserve_back())
        gone = await world.call("POST", "/v1/quarantine/discard", headers, [body])
        assert (gone.status, gone.told) == (202, {"discarded": 1})
        carrying.export_discarded(Places(tmp_path / "edge", tmp_path / "edge.high-water"), tmp_path / "discarded")
        told = json.loads((tmp_path / "discarded").read_text())
        assert (told["event"]["id"], told["discarded_by"]) == ("e1", "dev-19753")

        async def nothing_is_left() -> bool:
            load = (await world.ports.writer.do(lambda outbox: outbox.stand())).load
            return (load.events, load.bytes) == (0, 0)

        await until(nothing_is_left)

    with_line(tmp_path, act, edge_requeue_seconds=0.2)


def test_what_the_city_can_heal_stays_aside_while_the_line_is_down(tmp_path: Path) -> None:
    """Nobody could say whether it is healed, and it would wait among the others for the rest of the outage."""

    async def act(world: World, city: City) -> None:
        refused = {"id": "e0", "status": "refused", "code": "unknown_unit"}
        city.says = lambda events, request: web.json_response({"results": [refused]}, status=207)

        async def aside() -> bool:
            return (await world.ports.writer.do(lambda outbox: outbox.stand())).quarantine == {"unknown_unit": 1}

        async def is_delivered() -> bool:
            return not await aside() and await depth(world) == 0

        def heartbeat_is_heard() -> bool:
            told = world.ports.instruments.registry.get_sample_value("motcua_edge_heartbeats_total", {"status": "202"})
            return told == 1

        await hand_in(world, "A")
        await until(heartbeat_is_heard)
        await until(aside)
        world.ports.link.line = Line(failures=DOWN_AFTER_FAILURES)
        city.says = lambda events, request: stored(events)
        await asyncio.sleep(0.7)
        assert await aside()
        world.ports.link.heard(None)
        await until(is_delivered)

    with_line(tmp_path, act, edge_requeue_seconds=0.3)


def test_a_heartbeat_that_cannot_be_stored_silences_no_other_source(tmp_path: Path) -> None:
    """The partition of one source has no leader, those of the others have; the line is told to be troubled all the same."""
    centre, post = "/units/19753", "/units/19753/post"

    async def act(world: World, city: City) -> None:
        city.unstorable_sources = {centre}
        assert await world.ports.writer.do(lambda outbox: outbox.accept([entry("a", "A"), entry("b", "B", "/post")])) is None
        await until(lambda: post in city.beats and world.ports.link.line.trouble == "answer_503")
        assert centre not in city.beats

    with_line(tmp_path, act, edge_heartbeat_seconds=0.05)


def test_heartbeats_speak_for_each_source_from_the_start_and_one_that_is_not_known_stops_none(tmp_path: Path) -> None:
    centre, post = "/units/19753", "/units/19753/post"

    async def act(world: World, city: City) -> None:
        city.unknown_sources = {centre}
        await until(lambda: centre in city.beats)
        assert (city.beats[centre]["spool_depth"], city.beats[centre]["oldest_unsent_age_seconds"]) == (0, 0.0)
        assert city.beats[centre]["delivered_until"] == city.beats[centre]["at"]

        city.says = lambda events, request: web.json_response({"code": "unavailable"}, status=503)
        entries = [entry("a", "A"), entry("b", "B", "/post"), entry("c", "C", "/post")]
        assert await world.ports.writer.do(lambda outbox: outbox.accept(entries)) is None
        world.ports.sender.wake()
        await until(lambda: city.beats.get(post, {}).get("spool_depth") == 2 and city.beats[centre]["spool_depth"] == 1)
        kept = await world.ports.writer.do(lambda outbox: outbox.stand())
        beat = city.beats[post]
        assert beat["incarnation"] == kept.incarnation
        entered = {line.oldest_entered_at for line in kept.lines}
        assert instants.parse(beat["delivered_until"]) in entered, "all that was entered before is delivered"
        assert beat["oldest_unsent_age_seconds"] > 0

        city.says = lambda events, request: web.json_response(
            {"results": [{"id": each["id"], "status": "refused", "code": "invalid_data"} for each in events]}, status=422
        )
        await until(lambda: city.beats[post].get("quarantined_sequences") == [1, 2])
        assert (city.beats[post]["spool_depth"], city.beats[centre]["quarantined_sequences"]) == (0, [1])

    with_line(tmp_path, act, edge_heartbeat_seconds=0.05)


def test_a_heartbeat_calls_nothing_delivered_that_shared_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow disk: what was entered after the outbox was looked at is acknowledged, and not in the stand."""
    centre, plain = "/units/19753", Outbox.commit

    def slow(self: Outbox) -> None:
        time.sleep(0.2)
        plain(self)

    async def act(world: World, city: City) -> None:
        await until(lambda: centre in city.beats)
        first = city.beats.pop(centre)
        city.says = lambda events, request: web.json_response({"code": "unavailable"}, status=503)
        monkeypatch.setattr(Outbox, "commit", slow)
        # While this one is being committed, the next two come to wait together.
        busy = asyncio.create_task(world.ports.writer.do(lambda outbox: outbox.stand()))
        await asyncio.sleep(0.05)
        beating = asyncio.create_task(world.heartbeats._beat())
        await asyncio.sleep(0.02)
        await hand_in(world, "A")
        await asyncio.gather(busy, beating)
        [line] = (await world.ports.writer.do(lambda outbox: outbox.stand())).lines
        beat = city.beats[centre]
        assert (first["spool_depth"], beat["spool_depth"]) == (0, 0)
        assert line.oldest_entered_at is not None
        assert instants.parse(beat["delivered_until"]) <= line.oldest_entered_at

    with_line(tmp_path, act)


@pytest.mark.parametrize("ahead_hours", [25, 24 * 400])
def test_a_clock_too_far_ahead_for_intake_is_told_to_the_city_and_to_the_clerk(ahead_hours: int, tmp_path: Path) -> None:
    """Intake takes no heartbeat from more than a day ahead; its `Date` says what it would take."""
    centre = "/units/19753"

    async def act(world: World, city: City) -> None:
        city.clock_ahead_seconds = -3600.0 * ahead_hours
        link = world.ports.link
        await until(lambda: bool(link.unheard))
        told = (await world.call("GET", "/v1/outbox", {})).told
        assert told["heartbeats_refused"] == {centre: "time_out_of_range"}
        assert told["link"] == "up", "the line is not what is wrong"
        page = (await world.call("GET", "/", {})).body.decode()
        assert "không nhận báo cáo tình trạng" in page
        assert "Đồng hồ máy này nhanh" in page
        exposed = (await world.call("GET", "/metrics", {})).body.decode()
        assert "motcua_edge_heartbeats_refused 1.0" in exposed

        await world.heartbeats._beat()
        beat = city.beats[centre]
        now = time.time() - 3600 * ahead_hours
        assert abs(beat["clock_offset_seconds"] - 3600 * ahead_hours) < 5
        assert abs(instants.parse(beat["at"]) / instants.SECOND - now) < 5, "the newest is the newest by the city's clock"
        until_seconds = instants.parse(beat["delivered_until"]) / instants.SECOND
        assert now < until_seconds <= now + 24 * 3600
        assert not link.unheard
        assert (await world.call("GET", "/v1/outbox", {})).told["heartbeats_refused"] == {}

    # The second heartbeat comes when all has been looked at that the first one has left.
    with_line(tmp_path, act, edge_heartbeat_seconds=3600)


def test_a_store_that_fails_once_while_nothing_is_under_way_does_not_stop_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody enters another event, so nobody wakes it: it looks again by itself."""
    failures = iter([True])
    waiting = Outbox.waiting

    def fails_once(*of: Any) -> Any:
        if next(failures, False):
            raise sqlite3.OperationalError("disk I/O error")
        return waiting(*of)

    async def act(world: World, city: City) -> None:
        await until(lambda: not world.ports.sender._may_be_more)
        assert await world.ports.writer.do(lambda outbox: outbox.accept([entry("e0", "A")])) is None
        monkeypatch.setattr(Outbox, "waiting", fails_once)
        world.ports.sender.wake()
        await until(lambda: city.batches == [["e0"]])

    with_line(tmp_path, act)


def test_a_key_file_of_two_lines_costs_the_line_and_not_the_door(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("one-key\n")

    async def act(world: World, city: City) -> None:
        city.says = lambda events, request: web.json_response({"code": "unauthorized"}, status=401)
        key.write_text("the-old-key\nthe-new-key\n")
        await hand_in(world, "A")
        await until(lambda: world.ports.link.line.trouble == "no_key")
        key.write_text("the-new-key\n")
        city.says = lambda events, request: stored(events)

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)
        await until(lambda: len(city.beats) > 0)

    with_line(tmp_path, act, edge_intake_key_file=key, edge_heartbeat_seconds=0.05)
