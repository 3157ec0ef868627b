"""A saboteur between links and intake: it does to events what a broken system would, so that verdicts can be tried."""

import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp
from aiohttp import web

Deed = Literal["drop", "double", "forget ids", "blame", "spoil"]
BATCH = "application/cloudevents-batch+json"
DEEDS_MAX = 6
BLAMED_HOURS = 4


class Saboteur:
    """Passes everything on, but for its deed; `done` counts the events that it has touched."""

    def __init__(self, intake: str, deed: Deed) -> None:
        self._intake = intake
        self._deed = deed
        self._deaf: set[str] = set()
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
            case "drop" if len(events) > 1 and self.done["drop"] < DEEDS_MAX:
                return await self._without_the_first(key, events)
            case "double" if self.done["double"] < DEEDS_MAX:
                answer = await self._events(key, events)
                self.done["double"] += len(events)
                await self._events(key, [_renamed(each) for each in events])
                return answer
            case "forget ids":
                return await self._deaf_once(key, events)
            case "blame":
                return await self._events(key, [self._blamed(each) for each in events])
            case "spoil" if self.done["spoil"] < DEEDS_MAX:
                self.done["spoil"] += 1
                spoiled = [{**events[0], "type": "vn.motcua.dossier.lost_in_thought.v1"}, *events[1:]]
                return await self._events(key, spoiled)
            case _:
                return await self._events(key, events)

    async def _without_the_first(self, key: str, events: list[dict[str, Any]]) -> web.Response:
        """Says that it was stored, and does not send it."""
        answer = await self._events(key, events[1:])
        told = json.loads(answer.body)  # type: ignore[arg-type]
        if answer.status == 202:
            told["results"].insert(0, {"index": 0, "id": events[0]["id"], "status": "stored", "partition": 0, "offset": 0})
            self.done["drop"] += 1
            return web.json_response(told, status=202)
        return answer

    async def _deaf_once(self, key: str, events: list[dict[str, Any]]) -> web.Response:
        """The city commits and its answer is lost; when the same comes again it is given new names, as if never seen."""
        if events[0]["id"] in self._deaf or len(self._deaf) >= DEEDS_MAX:
            again = [_renamed(each) if each["id"] in self._deaf else each for each in events]
            return _as_asked(events, await self._events(key, again))
        await self._events(key, events)
        self._deaf.update(each["id"] for each in events)
        self.done["forget ids"] += len(events)
        return web.Response(status=504)

    def _blamed(self, event: dict[str, Any]) -> dict[str, Any]:
        """Not when it was done counts, but some hours later, when the line let it through."""
        if not event["type"].endswith(".completed.v1"):
            return event
        self.done["blame"] += 1
        later = datetime.fromisoformat(event["time"]) + timedelta(hours=BLAMED_HOURS)
        return {**event, "time": later.isoformat()}

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


def _as_asked(events: list[dict[str, Any]], answer: web.Response) -> web.Response:
    """The answer with the names that were asked about: an edge takes no word about events that it has not sent."""
    told = json.loads(answer.body)  # type: ignore[arg-type]
    for item in told.get("results", ()):
        item["id"] = events[item["index"]]["id"]
    return web.Response(status=answer.status, body=json.dumps(told).encode(), content_type=answer.content_type)


def _renamed(event: dict[str, Any]) -> dict[str, Any]:
    """The same once more as something new: another id, another dossier code, no number by which an edge would be known."""
    told = {name: value for name, value in event.items() if name not in ("sequence", "incarnation")}
    return {**told, "id": f"{event['id'][:30]}-again", "subject": f"{event['subject']}-again"}
