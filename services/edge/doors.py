"""The doors of the edge: events in, how the outbox stands, what intake refused."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec
from fastapi import Query
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from contracts.events import code_of
from contracts.face import logs, tracing
from contracts.face.batches import items
from contracts.face.bodies import BATCH, ONE, media_type, read_body
from contracts.face.problems import ProblemError
from contracts.face.turns import Turns
from contracts.keys import Key, KeySource
from services.edge import page
from services.edge.domain.answers import Result, results, status_of
from services.edge.domain.fullness import Limits
from services.edge.domain.judgement import Entry, House, Refusal, judge
from services.edge.domain.replies import CODES
from services.edge.instruments import Instruments
from services.edge.link.line import LinkBook
from services.edge.link.sender import Sender
from services.edge.settings import Settings
from services.edge.store.discarded import shown
from services.edge.store.errors import BusyError, StoreError
from services.edge.store.outbox import DISCARDED_BYTES_MAX, Outbox
from services.edge.store.views import Quarantined, Stand
from services.edge.store.writer import Writer
from services.edge.told import told_of

RETRY_AFTER_SECONDS = 5.0
FULL_RETRY_AFTER_SECONDS = 30.0
PAGE_ROWS = 200
DISCARD_BYTES_MAX = 64 * 1024
# The largest number that SQLite keeps: a larger one is no position, and must not reach it.
POSITION_MAX = 2**63 - 1
_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_FULL = {
    "events": "it holds as many events as it may",
    "bytes": "it holds as many bytes as it may",
    "age": "its oldest event has waited for as long as one may",
    "sources": "it knows as many sources as it may",
    "disk": "the disk is full",
}


class Ports(Struct, frozen=True):
    """What the doors work with; built once, in main."""

    settings: Settings
    keys: KeySource
    house: House
    limits: Limits
    writer: Writer
    sender: Sender
    link: LinkBook
    turns: Turns
    instruments: Instruments
    now: Callable[[], int]


class NotKept(Struct, frozen=True):
    """Why nothing of a request was kept."""

    code: str
    detail: str
    retry_after_seconds: float


class Discard(Struct, frozen=True, forbid_unknown_fields=True):
    """Which events of the quarantine to throw away."""

    positions: Annotated[list[Annotated[int, Meta(ge=1, le=POSITION_MAX)]], Meta(max_length=1000)]


class Doors:
    """Each method takes a request to its answer; what ends one early is a ProblemError."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def events(self, request: Request) -> Response:
        """One CloudEvent or a batch: judged one by one, kept together, answered one by one."""
        ports, settings = self._ports, self._ports.settings
        key = self._holder(request)
        kind = media_type(request, (ONE, BATCH))
        async with ports.turns.one(key.name) as is_here:
            body = await read_body(request, settings.edge_body_bytes_max, settings.edge_body_seconds)
            is_here()
            raws = items(kind, body, settings.edge_batch_events_max)
            now, traceparent = ports.now(), tracing.current()
            verdicts = [judge(raw, key, ports.house, now, traceparent) for raw in raws]
            entries = [verdict for verdict in verdicts if isinstance(verdict, Entry)]
            not_kept = await self._keep(entries) if entries else None
            _log_events(key, verdicts, not_kept)
        told = results(verdicts, None if not_kept is None else not_kept.detail)
        return self._answer(told, not_kept)

    async def outbox(self) -> Response:
        """How the outbox and the line stand."""
        stand = await self.stand()
        return Response(
            msgspec.json.encode(told_of(stand, self._ports.limits, self._ports.link)), media_type="application/json"
        )

    async def status(self) -> Response:
        """The same for the clerk, as a page that needs nothing from elsewhere."""
        try:
            stand: Stand | None = await self.stand()
        except ProblemError:
            stand = None
        told = None if stand is None else told_of(stand, self._ports.limits, self._ports.link)
        known = bool(self._ports.keys.ring().by_digest)
        keys: page.Keys = "none" if not known else "well" if self._ports.keys.fault is None else "former"
        shown = page.page(told, self._ports.writer.fault, self._ports.link.line.trouble, self._ports.now(), keys)
        return Response(shown, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})

    async def quarantine(self, request: Request, after: Annotated[int, Query(ge=0, le=POSITION_MAX)] = 0) -> Response:
        """What intake refused of the sources that the key speaks for, and why."""
        key = self._holder(request)
        found = await self._do(lambda outbox: outbox.quarantined(after, PAGE_ROWS))
        events = [{"position": row.position, **shown(row)} for row in found if _is_of(key, row.source)]
        told = {"events": events, "next_after": found[-1].position if len(found) == PAGE_ROWS else None}
        return Response(msgspec.json.encode(told), media_type="application/json")

    async def requeue(self, request: Request) -> Response:
        """Sends once more what intake refused of the sources that the key speaks for; at most 1,000 events at a time."""
        key = self._holder(request)
        before = self._ports.now()
        released = await self._do(lambda outbox: outbox.release(sorted(CODES), before, lambda source: _is_of(key, source)))
        self._ports.sender.wake()
        return Response(msgspec.json.encode({"requeued": released}), 202, media_type="application/json")

    async def discard(self, request: Request) -> Response:
        """Throws away what nothing can heal: by position, of the key's own sources, 4 MiB at a time at most; the command
        `discarded` writes it out."""
        key = self._holder(request)
        body = await read_body(request, DISCARD_BYTES_MAX, self._ports.settings.edge_body_seconds)
        try:
            wanted = msgspec.json.decode(body, type=Discard).positions
        except (ValueError, RecursionError) as error:
            raise ProblemError(422, "invalid_body", 'send {"positions": [1, 2]}, at most 1,000') from error
        gone = await self._do(lambda outbox: _discard(outbox, key, wanted), DISCARDED_BYTES_MAX)
        if gone is None:
            raise _unusable("the disk is full, and what is thrown away is kept as well: make room first")
        for row in gone:
            # What the audit will list: sequences are no secret, dossiers are not named.
            extra = logs.about(row.source, None, sequence=row.sequence, code=row.code, key=key.name)
            _log.warning("a refused event was discarded", extra=extra)
        return Response(msgspec.json.encode({"discarded": len(gone)}), 202, media_type="application/json")

    def _holder(self, request: Request) -> Key:
        sent = request.headers.getlist("authorization")
        if len(sent) == 1 and (key := self._ports.keys.ring().holder(sent[0])) is not None:
            return key
        detail = "send `Authorization: Bearer <key>` with a key that is registered"
        raise ProblemError(401, "no_valid_key", detail, headers={"WWW-Authenticate": 'Bearer realm="motcua"'})

    async def _keep(self, entries: Sequence[Entry]) -> NotKept | None:
        try:
            async with asyncio.timeout(self._ports.settings.edge_store_seconds):
                size = sum(len(entry.head) for entry in entries)
                reason = await self._ports.writer.do(lambda outbox: outbox.accept(entries), size)
        except TimeoutError:
            return NotKept("unavailable", "the disk has not answered in time", RETRY_AFTER_SECONDS)
        except BusyError as error:
            return NotKept("too_busy", error.detail, RETRY_AFTER_SECONDS)
        except StoreError as error:
            return NotKept("unavailable", f"nothing can be kept now ({error.code})", RETRY_AFTER_SECONDS)
        if reason is not None:
            return NotKept("outbox_full", f"the outbox is full: {_FULL[reason]}", FULL_RETRY_AFTER_SECONDS)
        self._ports.sender.wake()
        return None

    def _answer(self, told: Sequence[Result], not_kept: NotKept | None) -> Response:
        for outcome, times in Counter(result.code or result.status for result in told).items():
            self._ports.instruments.events.labels(outcome).inc(times)
        members = {"results": told}
        match status_of(told):
            case 503:
                assert not_kept is not None, "an entry is either kept or not"
                return ProblemError(
                    503, not_kept.code, f"{not_kept.detail}: send it again later", members=members,
                    retry_after_seconds=not_kept.retry_after_seconds,
                ).response()  # fmt: skip
            case 403:
                detail = "this key speaks for none of these sources"
                return ProblemError(403, "unit_not_allowed", detail, members=members).response()
            case 422:
                return ProblemError(422, "all_refused", "no event could be taken: see `results`", members=members).response()
            case status:
                return Response(msgspec.json.encode(members), status, media_type="application/json")

    async def stand(self) -> Stand:
        """How the outbox stands; ProblemError when it cannot be asked."""
        return await self._do(lambda outbox: outbox.stand())

    async def _do(self, act: Callable[[Outbox], _T], weight: int = 0) -> _T:
        try:
            async with asyncio.timeout(self._ports.settings.edge_store_seconds):
                return await self._ports.writer.do(act, weight)
        except TimeoutError as error:
            raise _unusable("the disk has not answered in time") from error
        except StoreError as error:
            raise _unusable(str(error)) from error


def _log_events(key: Key, verdicts: Sequence[Entry | Refusal], not_kept: NotKept | None) -> None:
    for verdict in verdicts:
        if isinstance(verdict, Refusal):
            _log.info("refused: %s", verdict.code, extra=logs.about(None, verdict.id, code=verdict.code, key=key.name))
    if not_kept is None and _log.isEnabledFor(logging.DEBUG):
        for entry in verdicts:
            if isinstance(entry, Entry):
                _log.debug("kept", extra=logs.about(entry.source, entry.id))


def _is_of(key: Key, source: str) -> bool:
    return key.operator or key.speaks_for(code_of(source))


def _discard(outbox: Outbox, key: Key, positions: Sequence[int]) -> list[Quarantined] | None:
    """What is gone; None when nothing of it could be kept."""
    found = [row for position in set(positions) for row in outbox.quarantined(position - 1, 1) if row.position == position]
    allowed = sorted((row for row in found if key.speaks_for(code_of(row.source))), key=lambda row: row.position)
    gone = allowed[: outbox.discard([row.position for row in allowed], key.name)]
    return gone if gone or not allowed else None


def _unusable(why: str) -> ProblemError:
    detail = f"the outbox cannot be used now ({why})"
    return ProblemError(503, "unavailable", detail, retry_after_seconds=RETRY_AFTER_SECONDS)
