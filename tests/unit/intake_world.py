"""An intake without Kafka: a journal that does what a test wants, and a caller that needs no socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI

from contracts.face.turns import Turns
from contracts.keys import FixedKeys, KeySource, development_keys
from services.intake.app import build_app
from services.intake.archive import NotUsableError
from services.intake.domain.answers import Position
from services.intake.domain.judgement import House
from services.intake.domain.quotas import Quota, QuotaBook
from services.intake.doors import Ports
from services.intake.gate import Gate
from services.intake.instruments import Instruments
from services.intake.journal import OverloadedError, Record
from services.intake.settings import Settings

CODES = frozenset({"19753", "19774", "D01"})


class FakeJournal:
    """Keeps records in a list, and how long each append may take; `acknowledges` says of a record whether its
    acknowledgement comes, `full` that none fits."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.within_seconds: list[float] = []
        self.acknowledges: Callable[[int], bool] = lambda index: True
        self.full = False
        self.hold: asyncio.Event | None = None

    async def append(self, records: Sequence[Record], within_seconds: float) -> list[Position | None]:
        self.within_seconds.append(within_seconds)
        if self.full:
            raise OverloadedError
        if self.hold is not None:
            await self.hold.wait()
        first = len(self.records)
        self.records += records
        return [
            Position(max(record.partition, 0), first + index) if self.acknowledges(index) else None
            for index, record in enumerate(records)
        ]


class FakeChecks:
    """Finds what a test wants it to find."""

    fault: str | None = None

    def check(self) -> None:
        if self.fault is not None:
            raise NotUsableError(self.fault, "as the test wants it")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class World:
    """One intake; its clock is `seconds`, its archive `checks`, its Kafka `journal`."""

    def __init__(self, clock: Literal["wall", "log"] = "log", keys: KeySource | None = None, **settings: Any) -> None:
        self.journal = FakeJournal()
        self.checks = FakeChecks()
        self.seconds = 0.0
        self.instruments = Instruments()
        self.settings = Settings(clock=clock, **settings)
        self.gate = Gate(self.checks, self.instruments, recheck_seconds=60)
        self.gate.reason = None
        given = self.settings
        ports = Ports(
            settings=given,
            keys=keys or FixedKeys(development_keys(CODES)),
            house=House(CODES, given.intake_event_bytes_max),
            journal=self.journal,
            gate=self.gate,
            quotas=QuotaBook(Quota(given.intake_quota_events_per_second, given.intake_quota_burst_events), 100),
            turns=Turns(
                given.intake_requests_in_flight_max,
                given.intake_requests_waiting_max,
                given.intake_turn_seconds,
                self.instruments.requests_in_flight,
            ),
            instruments=self.instruments,
            now=lambda: time.time_ns() // 1000,
            monotonic=lambda: self.seconds,
        )
        self.app = build_app(ports, _nothing_to_start)

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One POST, the whole body at once."""
        return asyncio.run(self.call("POST", path, headers, [body]))

    def get(self, path: str) -> Answer:
        """One GET."""
        return asyncio.run(self.call("GET", path, {}, []))

    async def call(self, method: str, path: str, headers: Mapping[str, str], chunks: Sequence[bytes | None]) -> Answer:
        """One request, its body in chunks; a None among them is a sender that falls silent."""
        sent: list[Any] = []
        left = list(chunks) or [b""]

        async def receive() -> dict[str, Any]:
            if not left or left[0] is None:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(told: Any) -> None:
            sent.append(told)

        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
                 "raw_path": path.encode(), "query_string": b"", "headers": raw, "scheme": "http", "root_path": "",
                 "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8001)}  # fmt: skip
        await self.app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:]))

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric."""
        return self.instruments.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def _nothing_to_start(app: FastAPI) -> AsyncIterator[None]:
    yield
