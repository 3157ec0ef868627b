"""The centres' software: hands in every event, again until it is stored, and keeps the list that all is judged by."""

import json
import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Literal

import requests

from tests.faults.coming import Between, Identity, identity
from tests.faults.doors import Doors
from tests.faults.injecting import Suffered
from tests.faults.load import EDGE_UNITS, Batch, Load, with_new_id, without_recordedtime
from tests.faults.plan import Fault
from tests.faults.stand import Stand
from tests.faults.waiting import NotInTimeError

Sabotage = Literal["drop", "double"]
ANSWER_SECONDS = 5.0
STORED_WITHIN_SECONDS = 420.0
COUNTED_WITHIN_SECONDS = 660.0
REST_SECONDS = (0.05, 0.5)
PORTION_PAUSE_SECONDS = 0.8
# A batch of fewer can hardly be told from one that was shuffled.
WORTH_SHUFFLING_EVENTS = 5
BATCH_HEADERS = {"Content-Type": "application/cloudevents-batch+json"}
LATER = frozenset({408, 429, 500, 502, 503, 504})


class RefusedError(Exception):
    """An event was refused: the load is wrong, or a door is."""


class Centres:
    """One round's load on its way; `handed_in` is the oracle's list, `by_edges` what it knows of times of entry that were
    left to an edge."""

    def __init__(
        self, stand: Stand, doors: Doors, load: Load, faults: Sequence[Fault], seed: str, sabotage: Sequence[Sabotage] = ()
    ) -> None:
        self.handed_in: list[bytes] = []
        self.by_edges: dict[Identity, Between] = {}
        self._stand = stand
        self._doors = doors
        self._load = load
        self._chance = Random(f"{seed} batches")
        self._faults = _chosen_batches(load, faults, self._chance)
        self._withheld: list[Batch] = []
        self._sabotage = list(sabotage)
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="centre")
        self._counting: list[Future[Suffered]] = []
        self._counters = ThreadPoolExecutor(max_workers=max(1, len(faults)), thread_name_prefix="batch")

    @property
    def portions(self) -> int:
        """Into how many parts the ticks divide the week."""
        return len(self._load.ticks) - 1

    def begin(self) -> None:
        """The week begins."""
        self._doors.tick(self._load.ticks[0])

    def hand_in(self, portions: range, pause_seconds: float = PORTION_PAUSE_SECONDS) -> None:
        """These portions, one after the other, each with the tick after it; returns when all is stored somewhere."""
        for portion in portions:
            self._send(batch for number, batch in enumerate(self._load.batches) if batch.portion == portion
                       and not self._is_withheld(number, batch))  # fmt: skip
            self._doors.tick(self._load.ticks[portion + 1])
            time.sleep(pause_seconds)

    def hand_in_the_rest(self) -> None:
        """What was withheld comes at last."""
        self._send(self._withheld)
        self._withheld = []
        self._doors.tick(self._load.ticks[-1])

    def suffered(self) -> list[Suffered]:
        """The faults of batches, when all that they happened to is counted."""
        return [each.result(COUNTED_WITHIN_SECONDS) for each in self._counting]

    def close(self) -> None:
        for pool in (self._pool, self._counters):
            pool.shutdown(wait=False, cancel_futures=True)

    def _is_withheld(self, number: int, batch: Batch) -> bool:
        fault = self._faults.get(number)
        if fault is None or fault.kind != "batch_withheld":
            return False
        self._withheld.append(batch)
        return True

    def _send(self, batches: Iterable[Batch]) -> None:
        """Each body's batches in order, the bodies side by side."""
        by_code: dict[str, list[Batch]] = {}
        for batch in batches:
            by_code.setdefault(batch.code, []).append(batch)
        for done in [self._pool.submit(self._send_all, own) for own in by_code.values()]:
            done.result(STORED_WITHIN_SECONDS + 30)

    def _send_all(self, batches: Sequence[Batch]) -> None:
        with requests.Session() as session:
            for batch in batches:
                events = [each.event for each in batch.events]
                # Else a jump could reach no event: by a log clock an edge keeps the time of entry that it is told.
                edge = EDGE_UNITS.index(batch.code) if batch.code in EDGE_UNITS else None
                if edge is None or (shift := self._stand.clocks.off_by(edge)) is None:
                    self.handed_in += events
                    self._hand_in(session, batch, events)
                else:
                    events = [without_recordedtime(each) for each in events]
                    self.handed_in += events
                    self._hand_in_by_clock_off(session, batch, events, edge, shift)

    def _hand_in_by_clock_off(
        self, session: requests.Session, batch: Batch, events: list[bytes], edge: int, shift: float
    ) -> None:
        """Notes between which instants the edge's clock was meanwhile; where it jumped back, by both clocks."""
        began = time.time()
        self._hand_in(session, batch, events)
        later = self._stand.clocks.off_by(edge) or 0.0
        between = _at(began + min(shift, later)), _at(time.time() + max(shift, later))
        self.by_edges.update((identity(each), between) for each in events)
        self._stand.clocks.entered(edge, len(events))

    def _hand_in(self, session: requests.Session, batch: Batch, events: list[bytes]) -> None:
        fault, began = self._fault_of(batch), time.monotonic()
        if fault is None:
            self._store(session, batch.code, self._sabotaged(events))
            return
        if fault.kind == "batch_duplicated":
            self._store(session, batch.code, events)
            self._store(session, batch.code, events)
        elif fault.kind == "batch_shuffled":
            for each in self._chance.sample(events, len(events)):
                self._store(session, batch.code, [each])
        else:
            self._store(session, batch.code, events)
        # Of one that was withheld it counts since it was handed in, of the others since their last event was stored.
        since = began if fault.kind == "batch_withheld" else time.monotonic()
        self._counting.append(self._counters.submit(self._counted, fault, batch.code, since))

    def _counted(self, fault: Fault, code: str, since: float) -> Suffered:
        """Waits until all that the batch handed in is counted."""
        if code in EDGE_UNITS:
            self._doors.drained(EDGE_UNITS.index(code))
        self._doors.fresh()
        return Suffered(fault.kind, fault.alone, round(time.monotonic() - since, 2), f"of {code}")

    def _fault_of(self, batch: Batch) -> Fault | None:
        return next((fault for number, fault in self._faults.items() if self._load.batches[number] is batch), None)

    def _sabotaged(self, events: list[bytes]) -> list[bytes]:
        """The verdict must be able to fail: of one batch an event vanishes, of another one comes again as another."""
        try:
            sabotage = self._sabotage.pop()
        except IndexError:
            return events
        if sabotage == "drop":
            return events[1:]
        return [*events, with_new_id(events[0], self._chance)]

    def _store(self, session: requests.Session, code: str, events: list[bytes]) -> None:
        """Once more until each is stored; an answer that never came means all of them once more."""
        door = self._stand.edges[EDGE_UNITS.index(code)] if code in EDGE_UNITS else self._stand.intake
        headers = {**BATCH_HEADERS, "Authorization": f"Bearer dev-{code}"}
        deadline = time.monotonic() + STORED_WITHIN_SECONDS
        left = events
        while left:
            try:
                body = b"[" + b",".join(left) + b"]"
                answer = session.post(f"{door.base_url}/v1/events", data=body, headers=headers, timeout=ANSWER_SECONDS)
                if answer.status_code not in LATER:
                    left = _left(answer, left)
                    continue
                why = f"{door.name} answers {answer.status_code}"
            except (requests.RequestException, json.JSONDecodeError) as error:
                why = f"{door.name}: {type(error).__name__}"
            if self._stand.is_closed or time.monotonic() > deadline:
                raise NotInTimeError(f"events of {code} are not stored: {why}")
            time.sleep(random.uniform(*REST_SECONDS))


def _left(answer: requests.Response, sent: list[bytes]) -> list[bytes]:
    results = answer.json().get("results")
    if results is None or len(results) != len(sent) or any(result["status"] == "refused" for result in results):
        raise RefusedError(f"{answer.status_code} to {len(sent)} events: {answer.text[:500]}")
    return [event for event, result in zip(sent, results, strict=True) if result["status"] != "stored"]


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _chosen_batches(load: Load, faults: Sequence[Fault], chance: Random) -> dict[int, Fault]:
    """Which batch suffers what, each at most one thing."""
    worth = [number for number, batch in enumerate(load.batches) if len(batch.events) >= WORTH_SHUFFLING_EVENTS]
    return dict(zip(chance.sample(worth, len(faults)), faults, strict=True))
