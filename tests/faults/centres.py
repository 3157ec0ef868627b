"""The centres' software: hands in every event, again until it is stored, and keeps the list that all is judged by."""

import json
import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Literal

import requests

from tests.faults.doors import Doors
from tests.faults.load import EDGE_UNITS, Batch, Load, with_new_id, without_recordedtime
from tests.faults.plan import Fault
from tests.faults.stand import Stand
from tests.faults.waiting import NotInTimeError

Sabotage = Literal["drop", "double"]
ANSWER_SECONDS = 5.0
STORED_WITHIN_SECONDS = 420.0
REST_SECONDS = (0.05, 0.5)
PORTION_PAUSE_SECONDS = 0.8
# A batch of fewer can hardly be told from one that was shuffled.
WORTH_SHUFFLING_EVENTS = 5
BATCH_HEADERS = {"Content-Type": "application/cloudevents-batch+json"}
LATER = frozenset({408, 429, 500, 502, 503, 504})


class RefusedError(Exception):
    """An event was refused: the load is wrong, or a door is."""


class Centres:
    """One round's load on its way; `handed_in` is the oracle's list."""

    def __init__(
        self, stand: Stand, doors: Doors, load: Load, faults: Sequence[Fault], seed: str, sabotage: Sequence[Sabotage] = ()
    ) -> None:
        self.handed_in: list[bytes] = []
        self.suffered: list[Fault] = []
        self._stand = stand
        self._doors = doors
        self._load = load
        self._chance = Random(f"{seed} batches")
        self._faults = _chosen_batches(load, faults, self._chance)
        self._withheld: list[Batch] = []
        self._sabotage = list(sabotage)
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="centre")

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

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_withheld(self, number: int, batch: Batch) -> bool:
        fault = self._faults.get(number)
        if fault is None or fault.kind != "batch_withheld":
            return False
        self.suffered.append(fault)
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
                if (edge := self._with_clock_off(batch.code)) is not None:
                    events = [without_recordedtime(each) for each in events]
                self.handed_in += events
                self._hand_in(session, batch, events)
                if edge is not None:
                    self._stand.entered(edge, len(events))

    def _with_clock_off(self, code: str) -> int | None:
        """The edge of this body, if it has one whose clock is off just now."""
        edge = EDGE_UNITS.index(code) if code in EDGE_UNITS else None
        return edge if edge is not None and self._stand.is_clock_off(edge) else None

    def _hand_in(self, session: requests.Session, batch: Batch, events: list[bytes]) -> None:
        fault = self._fault_of(batch)
        if fault is None:
            self._store(session, batch.code, self._sabotaged(events))
        elif fault.kind == "batch_duplicated":
            self._store(session, batch.code, events)
            self._store(session, batch.code, events)
        elif fault.kind == "batch_shuffled":
            for each in self._chance.sample(events, len(events)):
                self._store(session, batch.code, [each])
        else:
            self._store(session, batch.code, events)
            return  # withheld: it was noted when it was
        if fault is not None:
            self.suffered.append(fault)

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


def _chosen_batches(load: Load, faults: Sequence[Fault], chance: Random) -> dict[int, Fault]:
    """Which batch suffers what, each at most one thing."""
    worth = [number for number, batch in enumerate(load.batches) if len(batch.events) >= WORTH_SHUFFLING_EVENTS]
    return dict(zip(chance.sample(worth, len(faults)), faults, strict=True))
