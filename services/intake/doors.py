"""The three doors, one method each: events, heartbeats, the clock."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import uuid4

import msgspec
from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from contracts import instants
from contracts.events import Event, Ticked, code_of, control_record, to_record, without_values
from contracts.face import logs, tracing
from contracts.face.batches import check_json, items
from contracts.face.bodies import BATCH, JSON, ONE, SlowBodyError, media_type, read_body
from contracts.face.problems import ProblemError
from contracts.face.turns import Turns, too_busy
from contracts.heartbeats import Heartbeat
from contracts.keys import Key, KeySource
from contracts.topics import CENTRE_STATUS, PARTITIONS, REPORTED
from services.intake import traces
from services.intake.domain.answers import Position, Result, all_retry, results, status_of
from services.intake.domain.judgement import House, Refusal, judge, readable_id
from services.intake.domain.quotas import QuotaBook
from services.intake.gate import Gate
from services.intake.instruments import Instruments
from services.intake.journal import Appends, OverloadedError, Record
from services.intake.settings import Settings

# A broker that comes back is found within this; senders add their own spread.
RETRY_AFTER_SECONDS = 2.0
_T = TypeVar("_T")
_log = logging.getLogger(__name__)
TICK_SOURCE = "/intake/clock"
TICK_LATEST = instants.parse("2049-12-31T23:59:59+07:00")


class Ports(Struct, frozen=True):
    """What the doors work with; built once, in main."""

    settings: Settings
    keys: KeySource
    house: House
    journal: Appends
    gate: Gate
    quotas: QuotaBook
    turns: Turns
    instruments: Instruments
    now: Callable[[], int]
    monotonic: Callable[[], float]


class Doors:
    """Each method takes a request to its answer; what ends one early is a ProblemError."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def events(self, request: Request) -> Response:
        """One CloudEvent or a batch: judged one by one, stored together, answered one by one."""
        key = self._holder(request)
        kind = media_type(request, (ONE, BATCH))
        async with self._turn(key) as (is_here, seconds):
            body = await self._read(request, is_here)
            raws = items(kind, body, self._ports.settings.intake_batch_events_max)
            wait = self._ports.quotas.wait_seconds(key.name, len(raws), self._ports.monotonic())
            if wait > 0:
                raise self._over_quota(key, raws, wait)
            now = self._ports.now()
            verdicts = [judge(raw, key, self._ports.house, now) for raw in raws]
            events = [verdict for verdict in verdicts if isinstance(verdict, Event)]
            positions = await self._store_events(events, seconds)
            _log_events(key, verdicts, positions)
            return self._answer(results(verdicts, positions))

    async def heartbeats(self, request: Request) -> Response:
        """How an edge stands, kept under its source."""
        key = self._holder(request)
        media_type(request, (JSON,))
        async with self._turn(key) as (is_here, seconds):
            beat = _decode(await self._read(request, is_here), Heartbeat)
            self._allow(beat, key)
            if (wait := self._ports.quotas.wait_seconds(key.name, 1, self._ports.monotonic())) > 0:
                raise self._over_quota(key, None, wait)
            record = Record(CENTRE_STATUS.name, beat.source.encode(), msgspec.json.encode(beat), _JSON_HEADERS)
            await self._store([record], seconds)
        self._ports.instruments.heartbeats.inc()
        return _json(202, {"status": "stored"})

    async def clock(self, request: Request) -> Response:
        """Time passes, said from outside: one tick for each partition."""
        key = self._holder(request)
        if not key.operator:
            raise ProblemError(403, "operator_only", "the clock takes the operator's key alone")
        if self._ports.settings.clock != "log":
            raise ProblemError(409, "clock_is_wall", "this archive lives by the wall clock (MOTCUA_CLOCK=wall)")
        media_type(request, (JSON,))
        async with self._turn(key) as (is_here, seconds):
            at = _instant("at", _decode(await self._read(request, is_here), _Tick).at, TICK_LATEST)
            ticks = [control_record(Ticked(at), str(uuid4()), TICK_SOURCE) for _ in range(PARTITIONS)]
            records = [Record(REPORTED.name, None, value, headers, number) for number, (value, headers) in enumerate(ticks)]
            positions = await self._store(records, seconds)
        self._ports.instruments.ticks.inc(len(positions))
        return _json(202, {"partitions": {str(kept.partition): kept.offset for kept in positions}})

    def _holder(self, request: Request) -> Key:
        sent = request.headers.getlist("authorization")
        if len(sent) == 1 and (key := self._ports.keys.ring().holder(sent[0])) is not None:
            return key
        raise ProblemError(
            401, "no_valid_key", "send `Authorization: Bearer <key>` with a key that is registered", headers=_CHALLENGE
        )

    @asynccontextmanager
    async def _turn(self, key: Key) -> AsyncIterator[tuple[Callable[[], None], float]]:
        """One turn, and the seconds that are left for Kafka's answer: what was waited for the turn is taken off them."""
        asked_at = self._ports.monotonic()
        async with self._ports.turns.one(key.name) as is_here:
            waited = self._ports.monotonic() - asked_at
            yield is_here, max(self._ports.settings.intake_answer_seconds - waited, 0.0)

    async def _read(self, request: Request, is_here: Callable[[], None]) -> bytes:
        settings = self._ports.settings
        try:
            body = await read_body(request, settings.intake_body_bytes_max, settings.intake_body_seconds)
        except SlowBodyError:
            self._ports.instruments.slow_bodies.inc()
            raise
        is_here()
        return body

    def _over_quota(self, key: Key, raws: Sequence[bytes | Raw] | None, wait: float) -> ProblemError:
        self._ports.instruments.over_quota.labels(key.name).inc()
        detail = "this key has used up its quota: nothing was stored, send it again later"
        members = {} if raws is None else {"results": all_retry([readable_id(raw) for raw in raws], detail)}
        return ProblemError(429, "over_quota", detail, retry_after_seconds=wait, members=members)

    async def _store_events(self, events: Sequence[Event], seconds: float) -> list[Position | None]:
        if (traceparent := tracing.current()) is None:
            return await self._store_or_none([_record(event) for event in events], seconds)
        events = traces.carried(events, traceparent)
        spans = traces.begin(events)
        positions = await self._store_or_none([_record(event) for event in events], seconds)
        traces.end(spans, positions)
        return positions

    async def _store_or_none(self, records: Sequence[Record], seconds: float) -> list[Position | None]:
        if not records:
            return []
        if not self._ports.gate.is_open:
            return [None] * len(records)
        try:
            return await self._ports.journal.append(records, seconds)
        except OverloadedError:
            return [None] * len(records)

    async def _store(self, records: Sequence[Record], seconds: float) -> list[Position]:
        if not self._ports.gate.is_open:
            raise self._unavailable({})
        try:
            positions = await self._ports.journal.append(records, seconds)
        except OverloadedError as error:
            raise too_busy() from error
        kept = [position for position in positions if position is not None]
        if len(kept) < len(records):
            raise self._unavailable({})
        return kept

    def _unavailable(self, members: Mapping[str, object]) -> ProblemError:
        reason = (self._ports.gate.reason or "no acknowledgement in time").split(":")[0]
        detail = f"nothing can be stored now ({reason}): send it again later"
        return ProblemError(503, "unavailable", detail, retry_after_seconds=RETRY_AFTER_SECONDS, members=members)

    def _answer(self, told: Sequence[Result]) -> Response:
        for outcome, times in Counter(result.code or result.status for result in told).items():
            self._ports.instruments.events.labels(outcome).inc(times)
        members = {"results": told}
        match status_of(told):
            case 503:
                return self._unavailable(members).response()
            case 403:
                problem = ProblemError(403, "unit_not_allowed", "this key speaks for none of these sources", members=members)
                return problem.response()
            case 422:
                return ProblemError(422, "all_refused", "no event could be taken: see `results`", members=members).response()
            case status:
                return _json(status, members, again=any(result.status == "retry" for result in told))

    def _allow(self, beat: Heartbeat, key: Key) -> None:
        latest = self._ports.now() + instants.AHEAD
        _instant("at", beat.at, latest)
        if beat.delivered_until is not None:
            _instant("delivered_until", beat.delivered_until, latest)
        if (code := code_of(beat.source)) not in self._ports.house.codes:
            raise ProblemError(422, "unknown_unit", "the code in `source` is not known to the reference data")
        if not key.speaks_for(code):
            raise ProblemError(403, "unit_not_allowed", "this key does not speak for the code in `source`")


class _Tick(Struct, forbid_unknown_fields=True):
    at: str


_JSON_HEADERS = (("content-type", b"application/json"),)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="motcua"'}


def _log_events(key: Key, verdicts: Sequence[Event | Refusal], positions: Sequence[Position | None]) -> None:
    for verdict in verdicts:
        if isinstance(verdict, Refusal):
            _log.info("refused: %s", verdict.code, extra=logs.about(None, verdict.id, code=verdict.code, key=key.name))
    if _log.isEnabledFor(logging.DEBUG):
        events = (verdict for verdict in verdicts if isinstance(verdict, Event))
        for event, kept in zip(events, positions, strict=True):
            if kept is not None:
                place = {"partition": kept.partition, "offset": kept.offset}
                _log.debug("stored", extra=logs.about(event.source, event.id, **place))


def _record(event: Event) -> Record:
    key, value, headers = to_record(event)
    return Record(REPORTED.name, key, value, headers)


def _decode(body: bytes, shape: type[_T]) -> _T:
    check_json(body)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise ProblemError(422, "invalid_body", without_values(str(error))) from error


def _instant(name: str, text: str, latest: int) -> int:
    try:
        instant = instants.parse(text)
    except ValueError as error:
        raise ProblemError(422, "invalid_instant", f"`{name}` is not an RFC 3339 date-time with an offset") from error
    if not instants.EARLIEST <= instant <= latest:
        raise ProblemError(422, "time_out_of_range", f"`{name}` is too far in the past or in the future")
    return instant


def _json(status: int, told: object, again: bool = False) -> Response:
    headers = {"Retry-After": str(round(RETRY_AFTER_SECONDS))} if again else None
    return Response(msgspec.json.encode(told), status, headers, JSON)
