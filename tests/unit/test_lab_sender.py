"""The lab's sender: every event is stored at least once, in each dossier's order, whatever intake does meanwhile."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from contracts import instants
from lab import sender as lab_sender
from lab.errors import RefusedError, UnreachableError
from lab.fortnight.writing import Reported
from lab.sender import Sender, rounds

pytestmark = pytest.mark.slow

AT = instants.parse("2025-07-01T08:00:00+07:00")


def reported(subject: str, number: int, code: str = "19753") -> Reported:
    event = json.dumps({"id": f"{subject}-{number}", "subject": subject}).encode()
    return Reported(AT + number, code, subject, event)


class FakeIntake:
    """Stores what it is sent; `troubles` are answered first, one a request, each after or instead of storing."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.keys: dict[str, str] = {}
        self.troubles: list[Callable[[list[str]], web.Response | None]] = []

    async def events(self, request: web.Request) -> web.StreamResponse:
        ids = [event["id"] for event in await request.json()]
        for each in ids:
            self.keys[each] = request.headers["Authorization"]
        if self.troubles and (answer := self.troubles.pop(0)(ids)) is not None:
            return answer
        return self.store(ids)

    async def clock(self, request: web.Request) -> web.StreamResponse:
        if self.troubles and (answer := self.troubles.pop(0)([])) is not None:
            return answer
        assert (await request.json()) == {"at": "2025-07-01T08:00:00+07:00"}
        return web.json_response({"partitions": {"0": 7}}, status=202)

    def store(self, ids: list[str]) -> web.Response:
        self.stored += ids
        results = [{"index": number, "id": each, "status": "stored"} for number, each in enumerate(ids)]
        return web.json_response({"results": results}, status=202)


def run(intake: FakeIntake, act: Callable[[Sender], Awaitable[Any]]) -> Sender:
    """Acts with a sender on a real server around the fake."""

    async def acted() -> Sender:
        app = web.Application()
        app.router.add_post("/v1/events", intake.events)
        app.router.add_post("/v1/clock", intake.clock)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession() as session:
                sender = Sender(session, f"http://127.0.0.1:{port}")
                await act(sender)
                return sender
        finally:
            await runner.cleanup()

    return asyncio.run(acted())


def unavailable(ids: list[str]) -> web.Response:
    return web.json_response({"code": "unavailable"}, status=503, headers={"Retry-After": "2"})


def test_each_request_carries_one_body_s_events_under_its_key() -> None:
    """40 units, 40 keys: none speaks for another."""
    intake = FakeIntake()
    events = [reported("X", 1), reported("Y", 2, "19774"), reported("X", 3)]
    sender = run(intake, lambda sender: sender.send(events))
    assert intake.keys == {"X-1": "Bearer dev-19753", "Y-2": "Bearer dev-19774", "X-3": "Bearer dev-19753"}
    assert sender.sent.stored == 3


def test_what_could_not_be_stored_is_sent_again_until_it_is() -> None:
    """503, 429, an answer lost after storing, some items to retry: each event is stored, some of them twice."""
    intake = FakeIntake()

    def stored_but_unsaid(ids: list[str]) -> web.Response:
        intake.store(ids)
        return web.Response(status=502)

    def first_only(ids: list[str]) -> web.Response:
        intake.stored.append(ids[0])
        results = [{"index": 0, "id": ids[0], "status": "stored"}]
        results += [{"index": n, "id": each, "status": "retry"} for n, each in enumerate(ids) if n]
        return web.json_response({"results": results}, status=207)

    intake.troubles = [unavailable, lambda ids: web.Response(status=429), stored_but_unsaid, first_only, unavailable]
    sender = run(intake, lambda sender: sender.send([reported("X", number) for number in range(4)]))
    assert set(intake.stored) == {"X-0", "X-1", "X-2", "X-3"}
    # What was stored without an answer is sent once more; what was said to be stored is not.
    assert [intake.stored.count(f"X-{number}") for number in range(4)] == [2, 2, 2, 2]
    assert sender.sent.stored == 4
    assert sender.sent.again == 5


def test_a_tick_is_repeated_and_tells_where_the_partitions_end() -> None:
    intake = FakeIntake()
    intake.troubles = [unavailable]
    assert run(intake, lambda sender: sender.tick(AT)).sent.ends == {"0": 7}


def test_a_refusal_ends_the_replay_with_its_code() -> None:
    """Sending a refused event again cannot help, and nobody may take a part for the whole."""
    intake = FakeIntake()
    refused = {"index": 0, "id": "X-1", "status": "refused", "code": "unknown_unit", "detail": "no such unit"}
    intake.troubles = [lambda ids: web.json_response({"results": [refused]}, status=422)]
    with pytest.raises(RefusedError, match="unknown_unit"):
        run(intake, lambda sender: sender.send([reported("X", 1)]))
    intake.troubles = [lambda ids: web.json_response({"code": "no_valid_key", "detail": "none"}, status=401)]
    with pytest.raises(RefusedError, match=r"401.*no_valid_key"):
        run(intake, lambda sender: sender.send([reported("X", 1)]))


def test_an_intake_that_never_comes_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every retry is bounded."""
    monkeypatch.setattr(lab_sender, "GIVE_UP_AFTER_SECONDS", 0.3)
    intake = FakeIntake()
    intake.troubles = [unavailable] * 1000
    with pytest.raises(UnreachableError, match="it answers 503"):
        run(intake, lambda sender: sender.send([reported("X", 1)]))


def test_no_dossier_s_order_depends_on_which_request_is_faster() -> None:
    """Requests of one round race; a dossier that changes bodies waits for the next round."""
    events = [reported("X", 1), reported("Y", 2), reported("X", 3, "so-tu-phap"), reported("X", 4), reported("Y", 5)]
    told = [[event.entered_at - AT for event in each] for each in rounds(events)]
    assert told == [[1, 2, 5], [3], [4]]
