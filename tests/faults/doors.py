"""The doors of the system under faults as everybody outside sees them: ticks in, figures out, each wait bounded."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import requests

from contracts import instants
from contracts.keys import DEV_OPERATOR
from tests.faults.load import DIRECT_UNITS
from tests.faults.stand import Stand
from tests.faults.waiting import NotInTimeError

ANSWER_SECONDS = 5.0
# Of what the verdict asks for, once: the audit computes beside it.
VERDICT_ANSWER_SECONDS = 60.0
FRESH_WITHIN_SECONDS = 300.0
DRAINED_WITHIN_SECONDS = 300.0
LOOK_EVERY_SECONDS = 0.1
LOST_REQUESTS = 'motcua_edge_send_failures_total{kind="connection_lost"}'
OPERATOR = {"Authorization": f"Bearer {DEV_OPERATOR}"}


class Doors:
    """Time is what `tick` said last; nobody else says what time it is."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._lock = threading.Lock()
        self._clock = 0

    @property
    def clock(self) -> int:
        """The log clock, in microseconds since 1970."""
        return self._clock

    def tick(self, at: int) -> dict[str, int]:
        """Time passes; again until intake has stored it. Where each partition ends then."""
        with self._lock:
            self._clock = max(self._clock, at)
        deadline = time.monotonic() + FRESH_WITHIN_SECONDS
        while True:
            try:
                answer = self._tick_once()
                if answer.status_code == 202:
                    ends: dict[str, int] = answer.json()["partitions"]
                    return ends
                why = f"intake answers {answer.status_code}"
            except (requests.RequestException, ValueError) as error:
                why = type(error).__name__
            self._rest(deadline, f"a tick is not stored: {why}")

    def nudge(self) -> None:
        """A tick of the same time if intake takes it now: something for all lines to carry."""
        with suppress(requests.RequestException):
            self._tick_once()

    def fresh(self) -> None:
        """Returns when a record that every partition got after this call is counted in what metrics answers."""
        self.wait_counted(self.tick(self._clock))

    def wait_counted(self, ends: Mapping[str, int]) -> None:
        """Until every partition is counted up to here."""
        deadline = time.monotonic() + FRESH_WITHIN_SECONDS
        while True:
            counted = self._counted()
            left = sum(max(0, end - counted.get(partition, -1)) for partition, end in ends.items())
            if left == 0:
                return
            self._rest(deadline, f"{left} records are not counted")

    def units(self, role: str) -> dict[str, Any]:
        """What metrics says of all units."""
        answer = requests.get(f"{self._stand.metrics_api.base_url}/v1/units?role={role}", timeout=VERDICT_ANSWER_SECONDS)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def dossier(self, session: requests.Session, code: str) -> dict[str, Any]:
        """What processing says of a dossier; of one that it does not know, nothing."""
        url = f"{self._stand.processing_api.base_url}/v1/dossiers/{code}"
        answer = session.get(url, headers=OPERATOR, timeout=VERDICT_ANSWER_SECONDS)
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def drained(self, number: int) -> None:
        """Returns when an edge has delivered all that it had accepted when this was called."""
        deadline = time.monotonic() + DRAINED_WITHIN_SECONDS
        wanted: int | None = None
        while True:
            told = self.outbox(number)
            if told is not None:
                delivered = sum(source["last_acknowledged_sequence"] for source in told["sources"].values())
                wanted = delivered + told["depth"] if wanted is None else wanted
                if delivered >= wanted:
                    return
            self._rest(deadline, f"edge {number} has not delivered what it holds")

    def lost_requests(self, number: int) -> int | None:
        """How many of its requests with events an edge has lost to a line that broke; None when it does not answer."""
        try:
            answer = requests.get(f"{self._stand.edges[number].base_url}/metrics", timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return None
        if answer.status_code != 200:
            return None
        return sum(int(float(line.split()[-1])) for line in answer.text.splitlines() if line.startswith(LOST_REQUESTS))

    def outbox(self, number: int) -> dict[str, Any] | None:
        """How an edge stands; None when it does not answer."""
        try:
            answer = requests.get(f"{self._stand.edges[number].base_url}/v1/outbox", timeout=ANSWER_SECONDS)
            told: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        except (requests.RequestException, ValueError):
            return None
        return told

    def _tick_once(self) -> requests.Response:
        return requests.post(
            f"{self._stand.intake.base_url}/v1/clock", json={"at": instants.show(self._clock)}, headers=OPERATOR,
            timeout=ANSWER_SECONDS,
        )  # fmt: skip

    def _counted(self) -> dict[str, int]:
        try:
            answer = requests.get(f"{self._stand.metrics_api.base_url}/v1/units/{DIRECT_UNITS[0]}", timeout=ANSWER_SECONDS)
            found: dict[str, int] = answer.json()["as_of"]["partitions"] if answer.status_code == 200 else {}
        except (requests.RequestException, ValueError):
            return {}
        return found

    def _rest(self, deadline: float, why: str) -> None:
        if self._stand.is_closed or time.monotonic() > deadline:
            raise NotInTimeError(why)
        time.sleep(LOOK_EVERY_SECONDS)
