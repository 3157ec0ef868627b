"""The worker's turns: read, fold, send, wait until all is acknowledged, store; one thread, one step after the other."""

import os
import time
from collections.abc import Callable
from typing import Final

from contracts.topics import REPORTED
from services.processing.errors import DivergedError, TornError, UnavailableError
from services.processing.log import records
from services.processing.log.membership import Membership
from services.processing.log.reading import Reader
from services.processing.log.sending import Sender
from services.processing.settings import Settings
from services.processing.store.store import Commit, Store
from services.processing.worker import bound
from services.processing.worker.bound import Bound
from services.processing.worker.followed import Followed
from services.processing.worker.lane import Lane
from services.processing.worker.ownership import Ownership
from services.processing.worker.state import State
from services.processing.worker.ticking import Ticker
from services.processing.worker.watch import Watch

IDLE_SECONDS: Final = 0.25
LINGER_SECONDS: Final = 0.1
# Records that wait behind a long tick or activation; beyond it nothing more is read, and the group is served now and then.
QUEUED_CHUNKS_MAX: Final = 4
SERVE_GROUP_SECONDS: Final = 1.0
# Told to stop, what was sent is waited for no longer than this.
STOP_SECONDS: Final = 10.0
FAULT_EXIT: Final = 137


class Turns:
    """The loop around the lanes. `run` ends when `should_stop` says so; whatever it raises ends the process uncommitted."""

    def __init__(
        self, settings: Settings, store: Store, reader: Reader, sender: Sender, ownership: Ownership, ticker: Ticker | None,
        state: State, should_stop: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._chunk_records = settings.processing_chunk_records
        self._store = store
        self._reader = reader
        self._sender = sender
        self._owned = ownership
        self._ticker = ticker
        self._state = state
        self._should_stop = should_stop
        self._membership = Membership(settings, ownership.take_over, ownership.let_go, state.kafka_error)
        self._watch = Watch(settings, store, reader, self._membership, ownership, state)
        self._bound = Bound(settings)
        self._followed = Followed(settings.processing_chunk_records)
        self._group_served = time.monotonic()
        self._dies_at = int(settings.fault.partition(":")[2] or 0)
        self._commits = 0

    def run(self) -> None:
        """Turn after turn."""
        try:
            while not self._should_stop():
                self._turn()
        finally:
            self._membership.close()

    def _turn(self) -> None:
        self._read()
        self._owned.lost_ends(self._membership)
        self._owned.come_back(self._membership)
        for number in self._bound.passed() & self._owned.lanes.keys():
            self._owned.stop(self._membership, number, bound.REASON, self._bound.detail)
        if moved := self._fold():
            # A slice of a long tick may have changed nothing: then nobody has heard from Kafka.
            was_sent = self._sender.outstanding > 0
            self._sender.wait(self._meanwhile(time.monotonic()))
            if was_sent:
                self._watch.acknowledged()
            # Waiting may have cost us a partition: then somebody else sends and stores it.
            self._commit({number: lane for number, lane in moved.items() if self._owned.lanes.get(number) is lane})
        for number, lane in list(self._owned.lanes.items()):
            if lane.position.too_many_errors:
                self._owned.stop(self._membership, number, "internal_errors", "more than 10 within an hour")
        self._watch.look()
        if self._ticker is not None:
            self._ticker.look(self._owned.lanes, self._membership.owned, self._is_at_end)
        for lane in self._owned.lanes.values():
            lane.ticks_read.clear()
        self._sender.poll()
        self._state.looked(self._membership, self._owned.lanes, self._owned.resting, self._owned.stood)

    # --- reading -----------------------------------------------------------------------------------------------

    def _read(self) -> None:
        queued = sum(len(lane.queue) for lane in self._owned.lanes.values())
        now = time.monotonic()
        if queued < QUEUED_CHUNKS_MAX * self._chunk_records:
            for found in self._membership.gather(self._chunk_records, 0.0 if queued else IDLE_SECONDS):
                self._owned.add(found.partition() or 0, records.of(found))
            self._group_served = now
        elif now - self._group_served > SERVE_GROUP_SECONDS:
            self._membership.linger(0.0)
            self._group_served = now

    def _is_at_end(self, number: int) -> bool:
        end = self._membership.end_of(number)
        return end is not None and self._owned.lanes[number].position.offset >= end

    # --- folding and sending -------------------------------------------------------------------------------------

    def _fold(self) -> dict[int, Lane]:
        """Folds what came in and sends what that leaves, so that Kafka stores one lane's while the next is folded."""
        busy = {number: lane for number, lane in self._owned.lanes.items() if lane.has_work}
        moved: dict[int, Lane] = {}
        self._followed.begin(busy)
        try:
            for number, found in self._store.load({number: lane.missing() for number, lane in busy.items()}).items():
                busy[number].loaded(found)
        except TornError as error:
            self._owned.torn(self._membership, error)
            return moved
        for number, lane in busy.items():
            try:
                if self._fold_one(number, lane):
                    moved[number] = lane
            except TornError as error:
                self._owned.torn(self._membership, error)
        return moved

    def _fold_one(self, number: int, lane: Lane) -> bool:
        """Whether something was sent that is to be stored now."""
        diverged: str | None = None
        try:
            lane.fold()
        except DivergedError as error:
            diverged = str(error)
        if not lane.is_moved and diverged is None:
            return False
        # Kafka takes back nothing: what was folded from a Redis that was emptied meanwhile must never be sent.
        if not self._store.stands_at(number, self._owned.epochs[number], lane.pending.begin):
            self._owned.fenced(self._membership, number, "the stored state was moved while it was read")
            return False
        if diverged is not None:
            self._owned.stop(self._membership, number, "diverged", diverged)
            return False
        self._send(number, lane)
        return True

    def _send(self, number: int, lane: Lane) -> None:
        pending = lane.pending
        self._sender.lifecycle(number, pending.sent, self._followed.traceparents(number))
        if not pending.letters:
            return
        known = pending.originals
        older = {letter.offset for letter in pending.letters} - known.keys()
        originals = {**known, **self._reader.some(REPORTED.name, number, older)}
        for letter in pending.letters:
            self._sender.letter(number, letter, originals[letter.offset])

    def _meanwhile(self, began: float) -> Callable[[], None]:
        def linger() -> None:
            self._membership.linger(LINGER_SECONDS)
            self._watch.wait()
            self._state.came_round()
            if self._should_stop() and time.monotonic() - began > STOP_SECONDS:
                raise UnavailableError("told to stop while Kafka acknowledges nothing")

        return linger

    # --- storing -----------------------------------------------------------------------------------------------

    def _commit(self, moved: dict[int, Lane]) -> None:
        self._commits += 1
        if self._commits == self._dies_at:
            os._exit(FAULT_EXIT)
        commits = [self._commit_of(number, lane) for number, lane in moved.items()]
        for (number, lane), outcome in zip(moved.items(), self._store.commit(commits), strict=True):
            if outcome is True:
                self._state.committed(number, lane, self._bound.committed(number, lane.pending.outcomes))
                self._followed.committed(number, lane)
                lane.committed()
            elif isinstance(outcome, TornError):
                self._owned.torn(self._membership, outcome)
            else:
                self._owned.fenced(self._membership, number, "a commit was refused")

    def _commit_of(self, number: int, lane: Lane) -> Commit:
        pending = lane.pending
        return Commit(
            partition=number,
            epoch=self._owned.epochs[number],
            begin=pending.begin,
            position=lane.position,
            identity=self._owned.identity(number, lane),
            dossiers=pending.dossiers,
            due=pending.due,
            kept=pending.kept,
            parked=pending.parked,
            lists=lane.lists(),
        )
