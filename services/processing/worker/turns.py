"""The worker's turns: read, fold, send, wait until all is acknowledged, store; one thread, one step after the other."""

import logging
import os
import time
from collections.abc import Callable
from typing import Final

from contracts.topics import REPORTED
from services.processing.errors import DivergedError, TornError
from services.processing.log import records
from services.processing.log.membership import Membership
from services.processing.log.reading import Reader
from services.processing.log.sending import Sender
from services.processing.settings import Settings
from services.processing.store.store import Commit, Store
from services.processing.worker.lane import Lane
from services.processing.worker.ownership import Ownership
from services.processing.worker.state import State
from services.processing.worker.ticking import Ticker

IDLE_SECONDS: Final = 0.25
FAULT_EXIT: Final = 137
_log = logging.getLogger(__name__)


class Turns:
    """The loop around the lanes. `run` ends when `should_stop` says so; whatever it raises ends the process uncommitted."""

    def __init__(
        self, settings: Settings, store: Store, reader: Reader, sender: Sender, ownership: Ownership, ticker: Ticker | None,
        state: State,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._store = store
        self._reader = reader
        self._sender = sender
        self._owned = ownership
        self._ticker = ticker
        self._state = state
        self._membership = Membership(settings, ownership.take_over, ownership.let_go, state.kafka_error)
        self._watched = self._lag_shown = time.monotonic()
        self._dies_at = int(settings.fault.partition(":")[2] or 0)
        self._commits = 0

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Turn after turn."""
        try:
            while not should_stop():
                self._turn()
        finally:
            self._membership.close()

    def _turn(self) -> None:
        busy = any(lane.has_work for lane in self._owned.lanes.values())
        count = self._settings.processing_chunk_records
        for found in self._membership.gather(count, 0.0 if busy else IDLE_SECONDS):
            self._owned.add(found.partition() or 0, records.of(found))
        self._owned.lost_ends(self._membership)
        self._owned.come_back(self._membership)
        self._fold()
        self._store_moved()
        self._look_around()

    # --- folding ---------------------------------------------------------------------------------------------

    def _fold(self) -> None:
        wanted = {number: codes for number, lane in self._owned.lanes.items() if lane.has_work and (codes := lane.missing())}
        for number, found in self._store.load(wanted).items():
            self._owned.lanes[number].loaded(found)
        for number, lane in list(self._owned.lanes.items()):
            if not lane.has_work:
                continue
            try:
                lane.fold()
            except DivergedError as error:
                self._owned.stop(self._membership, number, "diverged", str(error))
            except TornError as error:
                self._owned.torn(self._membership, error)
            if lane.position.too_many_errors and not lane.is_moved:
                self._owned.stop(self._membership, number, "internal_errors", "more than 10 within an hour")

    # --- sending and storing -----------------------------------------------------------------------------------

    def _store_moved(self) -> None:
        moved = {number: lane for number, lane in self._owned.lanes.items() if lane.is_moved}
        if not moved:
            return
        for number, lane in moved.items():
            self._send(number, lane)
        self._sender.wait(self._membership.linger)
        # Waiting may have cost us a partition: then somebody else sends and stores it.
        moved = {number: lane for number, lane in moved.items() if self._owned.lanes.get(number) is lane}
        self._commits += 1
        if self._commits == self._dies_at:
            os._exit(FAULT_EXIT)
        commits = [self._commit(number, lane) for number, lane in moved.items()]
        for (number, lane), outcome in zip(moved.items(), self._store.commit(commits), strict=True):
            if outcome is True:
                self._state.committed(number, lane)
                lane.committed()
            elif isinstance(outcome, TornError):
                self._owned.torn(self._membership, outcome)
            else:
                self._owned.fenced(self._membership, number, "a commit was refused")

    def _send(self, number: int, lane: Lane) -> None:
        pending = lane.pending
        self._sender.lifecycle(number, pending.sent)
        if not pending.letters:
            return
        known = pending.originals
        older = {letter.offset for letter in pending.letters} - known.keys()
        originals = {**known, **self._reader.some(REPORTED.name, number, older)}
        for letter in pending.letters:
            self._sender.letter(number, letter, originals[letter.offset])

    def _commit(self, number: int, lane: Lane) -> Commit:
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
        )

    # --- besides ---------------------------------------------------------------------------------------------

    def _look_around(self) -> None:
        """What is looked at now and then: whether the partitions are still ours, the lag, the next tick."""
        now = time.monotonic()
        if now - self._watched >= self._settings.processing_watch_seconds:
            self._watched = now
            for number, is_ours in self._store.is_held(dict(self._owned.epochs)).items():
                if not is_ours and number in self._owned.lanes:
                    self._owned.fenced(self._membership, number, "Redis knows another owner, or none")
        if now - self._lag_shown >= self._settings.processing_lag_commit_seconds:
            self._lag_shown = now
            self._membership.show_lag({number: lane.position.offset for number, lane in self._owned.lanes.items()})
        if self._ticker is not None:
            self._ticker.look(self._owned.lanes)
        self._sender.poll()
        self._state.looked(self._membership, self._owned.lanes, self._sender.outstanding)
