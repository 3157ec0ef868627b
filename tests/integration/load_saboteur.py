"""A saboteur between links and intake: it does to events what a broken system would, so that verdicts can be tried."""

import gzip
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp
from aiohttp import web

Deed = Literal["nothing", "drop", "drop withdrawals", "double", "lose answers", "blame", "spoil", "starve"]
BATCH = "application/cloudevents-batch+json"
DEEDS_MAX = 6
# What no counter shows, so that the archive alone can give it away.
UNCOUNTED = ".processing_started.v1"
DROPPED = {"drop": UNCOUNTED, "drop withdrawals": ".withdrawn.v1"}
# Of withdrawals all, so that those are among them who are asked for.
ALL = ("drop withdrawals",)
ENDS = (".completed.v1", ".returned.v1")
# What comes so much later than the quickest event was held up by its line.
DELAYED_SECONDS = 0.5
# Whom it turns away, and for how long: twice as long as one may wait who is not starved.
STARVED_UNITS = ("20107", "20122")
STARVED_SECONDS = 20.0


class Saboteur:
    """Passes everything on, but for its deed; `done` counts the events that it has touched.

    `speed`: seconds of the scenario in a real one.
    """

    def __init__(self, intake: str, deed: Deed, speed: float) -> None:
        self._intake = intake
        self._deed = deed
        self._speed = speed
        # By id what has become of an event: when it comes again it is touched in the same way, or not once more.
        self._touched: dict[str, dict[str, Any]] = {}
        self._began: float | None = None
        self.done: Counter[str] = Counter()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Where links are to lead."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"{host}:{port}"
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        key = request.headers["Authorization"]
        if request.path != "/v1/events":
            return await self._pass(request.path, key, request.content_type, raw)
        events = json.loads(raw)
        match self._deed:
            case "drop" | "drop withdrawals":
                return await self._without(key, events, [each for each in events if self._is_dropped(each)])
            case "double" if self._are_new(events):
                self._touch(events)
                answer = await self._events(key, events)
                await self._events(key, [_again(each) for each in events])
                return answer
            case "lose answers" if self._are_new(events):
                self._touch(events)
                await self._events(key, events)
                return web.Response(status=504)
            case "blame":
                return await self._events(key, [self._blamed(each) for each in events])
            case "spoil":
                return await self._events(key, [self._spoiled(each) for each in events])
            case "starve" if self._are_starved(events):
                self.done["starve"] += len(events)
                return web.json_response({"code": "unavailable"}, status=503, headers={"Retry-After": "1"})
            case _:
                return await self._events(key, events)

    def _touch(self, events: list[dict[str, Any]]) -> None:
        for each in events:
            self._touched[each["id"]] = each
            self.done[self._deed] += 1

    def _are_new(self, events: list[dict[str, Any]]) -> bool:
        """Some batches, and each of them once."""
        is_enough = len(self._touched) >= DEEDS_MAX and self._deed not in ALL
        return not is_enough and not any(each["id"] in self._touched for each in events)

    def _are_starved(self, events: list[dict[str, Any]]) -> bool:
        """All that some units send, from their first batch on; then they are served like all others."""
        if events[0]["source"].split("/")[2] not in STARVED_UNITS:
            return False
        self._began = time.monotonic() if self._began is None else self._began
        return time.monotonic() - self._began < STARVED_SECONDS

    def _is_dropped(self, event: dict[str, Any]) -> bool:
        if event["type"].endswith(DROPPED[self._deed]) and self._are_new([event]):
            self._touch([event])
        return event["id"] in self._touched

    async def _without(self, key: str, events: list[dict[str, Any]], dropped: list[dict[str, Any]]) -> web.Response:
        """Says of what is dropped that it was stored, and does not send it."""
        told: dict[str, Any] = {"results": []}
        if sent := [each for each in events if each not in dropped]:
            answer = await self._events(key, sent)
            if answer.status != 202:
                return answer
            told = json.loads(answer.body)  # type: ignore[arg-type]
        for each in dropped:
            said = {"index": 0, "id": each["id"], "status": "stored", "partition": 0, "offset": 0}
            told["results"].insert(events.index(each), said)
        return web.json_response(told, status=202)

    def _blamed(self, event: dict[str, Any]) -> dict[str, Any]:
        """Not when it was done counts, but as much later as the line has held it up."""
        entered = datetime.fromisoformat(event["recordedtime"]).timestamp() / self._speed
        now = time.monotonic()
        self._began = now - entered if self._began is None else min(self._began, now - entered)
        delay = now - entered - self._began
        if event["id"] not in self._touched:
            later = datetime.fromisoformat(event["time"]) + timedelta(seconds=delay * self._speed)
            is_blamed = delay >= DELAYED_SECONDS and event["type"].endswith(ENDS)
            self._touched[event["id"]] = {**event, "time": later.isoformat()} if is_blamed else event
            self.done["blame"] += is_blamed
        return self._touched[event["id"]]

    def _spoiled(self, event: dict[str, Any]) -> dict[str, Any]:
        """Some events, of a type that no city knows."""
        if event["type"].endswith(UNCOUNTED) and self._are_new([event]):
            self._touch([event])
        return {**event, "type": "vn.motcua.dossier.lost_in_thought.v1"} if event["id"] in self._touched else event

    async def _events(self, key: str, events: list[dict[str, Any]]) -> web.Response:
        body = gzip.compress(json.dumps(events).encode())
        return await self._pass("/v1/events", key, BATCH, body, packed=True)

    async def _pass(self, path: str, key: str, kind: str, body: bytes, packed: bool = False) -> web.Response:
        headers = {"Authorization": key, "Content-Type": kind, **({"Content-Encoding": "gzip"} if packed else {})}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._intake}{path}", data=body, headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")


def _again(event: dict[str, Any]) -> dict[str, Any]:
    """The same of the same dossier once more, as something new: another id, no number by which it would be known."""
    told = {name: value for name, value in event.items() if name not in ("sequence", "incarnation")}
    return {**told, "id": f"{event['id'][:30]}-again"}
