"""An edge without a line: a real outbox on a real disk, and a caller that needs no socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI

from contracts.keys import FixedKeys, development_keys
from services.edge.app import build_app
from services.edge.domain.fullness import Limits
from services.edge.domain.judgement import Entry, House, judge
from services.edge.main import compose
from services.edge.settings import Settings
from services.edge.store.outbox import Outbox
from services.edge.store.reserve import Reserve
from services.edge.store.views import Places
from tests.intake_bad_inputs import UNIT, event

CODES = frozenset({"19753", "19774", "D01"})
KEYS = development_keys([UNIT])
HOUSE = House(CODES, 63 * 1024, keeps_recordedtime=False)
ROOMY = Limits(events_max=1_000_000, bytes_max=1 << 30, age_max_seconds=1e9, sources_max=100)
_T = TypeVar("_T")


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def entry(event_id: str, subject: str = "H57.19753-250701-0001", point: str = "") -> Entry:
    """An event as the door hands it to the outbox."""
    source = f"/units/{UNIT}{point}"
    head = _LIKE.head.replace(b"the-id", event_id.encode()).replace(b"the-subject", subject.encode())
    return Entry(event_id, source, head.replace(_LIKE.source.encode(), source.encode()))


def outbox(
    directory: Path, limits: Limits = ROOMY, reserve_bytes: int = 0, high_water: Path | None = None,
    clock: Callable[[], int] | None = None, steady: Callable[[], int] | None = None,
) -> Outbox:  # fmt: skip
    """An outbox that is not open yet; a clock of a test's own is its steady one, too."""
    places = Places(directory / "edge", high_water or directory / "edge.high-water")
    reserve = Reserve(directory / "edge" / "reserve", reserve_bytes)
    return Outbox(places, limits, reserve, clock or now, steady=steady or clock or now)


def accept(box: Outbox, *entries: Entry) -> str | None:
    """One transaction of one request."""
    box.begin()
    told = box.accept(entries)
    box.commit()
    return told


def kept(box: Outbox) -> list[dict[str, Any]]:
    """Every undelivered event, as it would be sent."""
    box.begin()
    found = [json.loads(each.body) for each in box.waiting(0, 1_000_000, 1 << 30)]
    box.commit()
    return found


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class World:
    """One edge whose line goes nowhere; `do` runs what a test wants while its store is open."""

    def __init__(self, directory: Path, keys: FixedKeys | None = None, **settings: Any) -> None:
        chosen = {"state_dir": directory, "dev_keys": True, "edge_unit": UNIT, "edge_reserve_kib": 0, **settings}
        self.ports, self.intake, self.heartbeats = compose(Settings(**chosen), keys or FixedKeys(KEYS), CODES)
        self.app = build_app(self.ports, _nothing_to_start)

    def do(self, act: Callable[[], Awaitable[_T]]) -> _T:
        """Opens the store, acts, closes it."""

        async def acted() -> _T:
            self.ports.writer.open()
            try:
                return await act()
            finally:
                await asyncio.to_thread(self.ports.writer.close)

        return asyncio.run(acted())

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One POST in the life of a store."""
        return self.do(lambda: self.call("POST", path, headers, [body]))

    async def call(self, method: str, path: str, headers: Mapping[str, str], chunks: Sequence[bytes | None] = ()) -> Answer:
        """One request, its body in chunks; a None among them is a sender that falls silent."""
        sent: list[Any] = []
        left = list(chunks)

        async def receive() -> dict[str, Any]:
            if left and left[0] is None:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": left.pop(0) if left else b"", "more_body": bool(left)}

        async def send(told: Any) -> None:
            sent.append(told)

        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        bare, _, query = path.partition("?")
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": bare,
                 "raw_path": bare.encode(), "query_string": query.encode(), "headers": raw, "scheme": "http",
                 "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8004)}  # fmt: skip
        await self.app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:]))


@asynccontextmanager
async def _nothing_to_start(app: FastAPI) -> AsyncIterator[None]:
    yield


def _like() -> Entry:
    holder = KEYS.holder(f"Bearer dev-{UNIT}")
    assert holder is not None
    found = judge(json.dumps(event(id="the-id", subject="the-subject")).encode(), holder, HOUSE, now())
    assert isinstance(found, Entry), found
    return found


_LIKE = _like()
