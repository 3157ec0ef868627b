"""Brings the outbox to intake: batches in order, as large as the line bears, again until intake has spoken of each event."""

import asyncio
import gzip
import logging
import random
import time
from collections.abc import Sequence
from contextlib import suppress

from contracts.face import logs
from services.edge.domain import pace
from services.edge.domain.held import Held
from services.edge.domain.patience import Patience, wait_seconds
from services.edge.domain.receipts import Receipt, receipt
from services.edge.domain.replies import HEALABLE, Meaning, Refused, meaning
from services.edge.domain.window import Waiting, Window
from services.edge.instruments import Instruments
from services.edge.link import traces
from services.edge.link.intake import BATCH, Answer, Intake, UnansweredError
from services.edge.link.line import LinkBook
from services.edge.settings import Settings
from services.edge.store.errors import MovedError, StoreError
from services.edge.store.outbox import Outbox
from services.edge.store.writer import Writer

WINDOW_BYTES_MAX = 8 * 1024 * 1024
HELD_BYTES_MAX = 32 * 1024 * 1024
STORE_REST_SECONDS = 1.0
STOP_SECONDS = 3.0
# A fast line is quicker than the packing; on a slow one each byte counts.
LEVEL_FAST, LEVEL_SLOW = 1, 6
_log = logging.getLogger(__name__)


class Sender:
    """Runs until cancelled. `wake` says that there may be something new."""

    def __init__(self, settings: Settings, writer: Writer, intake: Intake, link: LinkBook, instruments: Instruments) -> None:
        self._settings = settings
        self._writer = writer
        self._intake = intake
        self._link = link
        self._instruments = instruments
        self._patience = Patience(
            settings.edge_back_off_first_seconds,
            settings.edge_back_off_most_seconds,
            settings.edge_retry_after_most_seconds,
        )
        self._window = Window()
        self._held = Held(self._patience)
        self._read_from: str | None = None
        self._cursor = 0
        self._may_be_more = True
        self._resting_until = float("-inf")
        self._under_way: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._stored: list[int] = []
        self._refused: list[tuple[int, Refused]] = []
        self._receipts: list[Receipt] = []
        self._spoken = asyncio.Event()
        instruments.held_events.set_function(lambda: self._window.held_events)

    def wake(self) -> None:
        """There may be something new in the outbox."""
        self._may_be_more = True
        self._awake.set()

    async def run(self) -> None:
        """Sends, writes down what intake said, and tries again what the city may have put right."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_all())
            group.create_task(self._write_down_all())
            group.create_task(self._requeue())

    async def stop(self) -> None:
        """After `run` was cancelled: waits a moment for answers, and writes down what was said."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_SECONDS)
        for task in self._under_way:
            task.cancel()
        with suppress(StoreError):
            await self._write_down()

    async def _send_all(self) -> None:
        while True:
            self._awake.clear()
            await self._fill()
            now = time.monotonic()
            rest = self._resting_until - now
            if rest <= 0:
                self._window.let_go(self._held.due(now, self._link.pace.events))
                if self._may_send():
                    batch = self._window.take(self._link.pace.events, self._settings.edge_send_body_bytes_max)
                    task = asyncio.create_task(self._send(batch))
                    self._under_way.add(task)
                    task.add_done_callback(self._done)
                    continue
            with suppress(TimeoutError):
                async with asyncio.timeout(rest if rest > 0 else self._held.rest_seconds(now)):
                    await self._awake.wait()

    def _may_send(self) -> bool:
        return (
            self._window.has_ready
            and len(self._under_way) < self._link.requests_max
            and len(self._stored) + len(self._refused) < self._settings.edge_window_events_max
        )

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._awake.set()

    async def _fill(self) -> None:
        window, settings = self._window, self._settings
        room = settings.edge_window_events_max - window.events
        is_full = room < settings.edge_window_events_max // 2 or window.bytes > WINDOW_BYTES_MAX
        holds_all_it_may = window.held_events >= settings.edge_held_events_max or window.held_bytes > HELD_BYTES_MAX
        if not self._may_be_more or is_full or holds_all_it_may:
            return
        self._may_be_more = False
        cursor = self._cursor

        def read(outbox: Outbox) -> tuple[str, list[Waiting]]:
            return outbox.incarnation, outbox.waiting(cursor, room, WINDOW_BYTES_MAX)

        try:
            read_from, found = await self._writer.do(read)
        except StoreError:
            self._may_be_more = True
            await asyncio.sleep(STORE_REST_SECONDS)
            # Nothing may be under way whose end would wake the line: it looks again by itself.
            self._awake.set()
            return
        if self._read_from not in (None, read_from):
            raise MovedError("what is under way was read from another store: the edge ends, to begin anew with this one")
        self._read_from = read_from
        if found:
            window.add(found)
            self._cursor = found[-1].position
            self._may_be_more = True

    async def _send(self, batch: Sequence[Waiting]) -> None:
        link = self._link
        try:
            answer = await self._ask(batch)
            self._heed(batch, answer, meaning([each.id for each in batch], answer.status, answer.reply))
        except UnansweredError as error:
            if error.broke:
                link.pace = pace.after_break(link.pace, len(batch))
            self._window.again(batch)
            self._instruments.send_failures.labels(error.kind).inc()
            self._rest(error.kind, None)
        except asyncio.CancelledError:
            self._window.again(self._window.under_way(batch))
            raise
        except Exception:
            _log.exception("a batch ended unexpectedly")
            self._stumble(batch)
        self._instruments.batch_events.set(link.pace.events)

    async def _ask(self, batch: Sequence[Waiting]) -> Answer:
        level = LEVEL_SLOW if pace.is_slow(self._link.pace, self._link.bounds) else LEVEL_FAST
        # Beside the loop: a large batch packed well takes as long as many requests of the counter.
        body = await asyncio.to_thread(_packed, batch, level)
        self._instruments.sent_bytes.inc(len(body))
        with traces.sending(batch) as traceparent:
            return await self._intake.post("/v1/events", BATCH, body, packed=True, traceparent=traceparent)

    def _stumble(self, batch: Sequence[Waiting]) -> None:
        """Nobody foresaw this: what intake did not speak of goes again after a rest, in smaller batches, and an event that
        alone makes the line stumble waits by itself, so that it does not block those behind it."""
        left = self._window.under_way(batch)
        self._link.pace = pace.after_break(self._link.pace, len(batch))
        self._instruments.send_failures.labels("unexpected").inc()
        self._rest("unexpected", None)
        if len(batch) == 1:
            self._hold(left, None)
        else:
            self._window.again(left)

    def _heed(self, batch: Sequence[Waiting], answer: Answer, told: Meaning) -> None:
        stored, refused = [batch[index] for index in told.stored], [batch[why.index] for why in told.refused]
        again = [batch[index] for index in told.again]
        # First what must not be forgotten, whatever goes wrong with the rest.
        self._stored += [each.position for each in stored]
        self._refused += [(batch[why.index].position, why) for why in told.refused]
        if took_some := bool(stored or refused):
            self._spoken.set()
        self._window.settle(stored)
        self._window.settle(refused)
        only_tried = self._held.is_trying(batch)
        self._held.taken(stored + refused)
        trouble = told.trouble or "nothing_taken"
        if took_some or told.apart:
            self._hold(again, answer.retry_after_seconds)
        else:
            self._window.again(again)
        if not took_some:
            self._instruments.send_failures.labels(trouble).inc()
            # That what waits apart still cannot be taken says nothing of the line.
            if not (told.apart and only_tried):
                self._rest(trouble, answer.retry_after_seconds)
        self._keep_receipt(batch, answer, told)
        self._learn(batch, answer, told)
        self._count(batch, told)

    def _keep_receipt(self, batch: Sequence[Waiting], answer: Answer, told: Meaning) -> None:
        wanted = told.stored and self._settings.edge_receipts_events_max
        if wanted and answer.reply is not None and answer.reply.results is not None:
            self._receipts.append(receipt(batch, answer.reply.results, told.stored, time.time_ns() // 1000))

    def _learn(self, batch: Sequence[Waiting], answer: Answer, told: Meaning) -> None:
        link = self._link
        self._instruments.send_seconds.observe(answer.seconds)
        if told.stored or told.refused:
            link.heard(answer.clock_offset_seconds)
            link.pace = pace.after_answer(link.pace, link.bounds, len(batch), answer.seconds)
        if told.broke:
            link.pace = pace.after_break(link.pace, len(batch))

    def _count(self, batch: Sequence[Waiting], told: Meaning) -> None:
        self._instruments.sent.labels("stored").inc(len(told.stored))
        if _log.isEnabledFor(logging.DEBUG):
            for index in told.stored:
                _log.debug("delivered", extra=logs.about(None, batch[index].id))
        for why in told.refused:
            self._instruments.sent.labels(why.code).inc()
            _log.info("refused by intake: %s", why.code, extra=logs.about(None, batch[why.index].id, code=why.code))

    def _hold(self, some: Sequence[Waiting], asked_seconds: float | None) -> None:
        """These wait by themselves, and do not hold up what is behind them."""
        self._window.hold(some)
        self._held.put(some, time.monotonic(), random.random(), asked_seconds)

    def _rest(self, trouble: str, asked_seconds: float | None) -> None:
        """Failures of requests that were under way together are one failure of the line."""
        now = time.monotonic()
        if now >= self._resting_until:
            self._link.missed(trouble)
        wait = wait_seconds(self._patience, max(1, self._link.line.failures), random.random(), asked_seconds)
        self._resting_until = max(self._resting_until, now + wait)

    async def _write_down_all(self) -> None:
        while True:
            await self._spoken.wait()
            try:
                await self._write_down()
            except StoreError:
                await asyncio.sleep(STORE_REST_SECONDS)

    async def _write_down(self) -> None:
        """What intake said, taken off the list only when it is on the disk."""
        stored, refused, receipts = list(self._stored), list(self._refused), list(self._receipts)
        if stored or refused:
            await self._writer.do(lambda outbox: outbox.settle(stored, refused, receipts, self._read_from))
            del self._stored[: len(stored)], self._refused[: len(refused)], self._receipts[: len(receipts)]
        if not self._stored and not self._refused:
            self._spoken.clear()
        self._awake.set()

    async def _requeue(self) -> None:
        seconds = self._settings.edge_requeue_seconds
        while True:
            await asyncio.sleep(seconds)
            if self._link.state == "down":
                continue
            before = time.time_ns() // 1000 - int(seconds * 1_000_000)
            with suppress(StoreError):
                if await self._release(before):
                    self.wake()

    async def _release(self, refused_before: int) -> int:
        return await self._writer.do(lambda outbox: outbox.release(HEALABLE, refused_before))


def _packed(batch: Sequence[Waiting], level: int) -> bytes:
    return gzip.compress(b"[" + b",".join(each.body for each in batch) + b"]", level, mtime=0)
