"""One fault from its beginning to fresh counters: injected, held, lifted, recovered from."""

import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from services.processing.worker.turns import FAULT_EXIT
from tests.faults.doors import Doors
from tests.faults.kept import Kept
from tests.faults.kinds import KAFKA_LINES
from tests.faults.plan import Fault
from tests.faults.proof import Proof
from tests.faults.stand import Stand

DIES_WITHIN_SECONDS = 180.0
DIES_AT_COMMIT = (2, 3, 4)
# With what a worker ends that died as it was told to; with anything else it ended for a reason of its own.
DIES_WITH = {"processing": FAULT_EXIT, "metrics": -signal.SIGKILL}
DIES_IN_TRIES = 3
# A line that has hit nothing yet is left spoilt, a clock that nobody has read yet left off, for so much longer.
WAITS_SECONDS = 15.0
# Until something lies on a line that could be hit: a broker that is dead just then must come back before.
CARRIES_WITHIN_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.2
# Of a centre's line these must hit a request with events, which its edge counts.
HITS_REQUESTS = ("lossy", "unanswered")

Lift = Callable[[], None]


class NotInjectedError(Exception):
    """It could not be done just now: it is not counted."""


class Suffered(Struct, frozen=True):
    """A fault that was injected. `recovered_seconds`: from its lifting to fresh counters in every partition."""

    kind: str
    alone: bool
    recovered_seconds: float | None
    what: str = ""


class Injected(NamedTuple):
    """What it happened to, how it is lifted, and what it has hit in words: None while that is nothing."""

    what: str
    lift: Lift = lambda: None
    hit: Callable[[], str | None] = lambda: ""


class Injector:
    """Does to the stand what a fault says."""

    def __init__(self, stand: Stand, doors: Doors) -> None:
        self._stand = stand
        self._doors = doors

    def suffer(self, fault: Fault) -> Suffered | None:
        """All of it, in a thread of its own; None when it could not be injected."""
        time.sleep(fault.delay_seconds)
        try:
            done = self._inject(fault)
        except NotInjectedError:
            return None
        time.sleep(fault.seconds)
        try:
            hit = self._hit(done, fault)
        finally:
            done.lift()
        lifted = time.monotonic()
        if fault.of.area == "edge":
            self._doors.drained(fault.target)
        self._doors.fresh()
        recovered_seconds = round(time.monotonic() - lifted, 2)
        what = ": ".join(filter(None, (done.what, hit)))
        return None if hit is None else Suffered(fault.kind, fault.alone, recovered_seconds, what)

    def _hit(self, done: Injected, fault: Fault) -> str | None:
        """What it hits in its time, which begins when it has lasted as long as planned."""
        deadline = time.monotonic() + WAITS_SECONDS
        while (hit := done.hit()) is None and time.monotonic() < deadline:
            if fault.of.on == "line to kafka":
                # Something to carry.
                self._doors.nudge()
            time.sleep(LOOK_EVERY_SECONDS)
        return hit

    def _inject(self, fault: Fault) -> Injected:
        verb = fault.kind.partition("_")[0]
        match fault.of.on:
            case "processing" | "metrics":
                return self._of_worker(verb, fault.of.on, fault)
            case "intake":
                return self._of_process(verb, self._stand.intake)
            case "edge" if verb == "clock":
                return self._of_clock(fault)
            case "edge":
                return self._of_process(verb, self._stand.edges[fault.target])
            case "kafka":
                return self._of_process(verb, self._stand.kafka)
            case "valkey":
                return self._of_valkey(verb)
            case "line":
                return self._of_centre_line(fault)
            case "line to kafka":
                return self._of_line(f"kafka {KAFKA_LINES[fault.target]}", fault)
            case _:
                raise AssertionError(f"{fault.kind} is no fault of the stand")

    def _of_worker(self, verb: str, service: str, fault: Fault) -> Injected:
        stand = self._stand
        if verb == "join":
            if not stand.may_join(service):
                raise NotInjectedError
            return Injected(stand.join(service).name)
        if verb == "leave":
            if not stand.may_leave(service):
                raise NotInjectedError
            leaver = stand.worker(service, fault.target)
            stand.workers[service].remove(leaver)
            if not leaver.ask_to_stop():
                raise NotInjectedError
            return Injected(leaver.name)
        if verb == "die":
            return Injected(self._die(service, DIES_AT_COMMIT[fault.target % len(DIES_AT_COMMIT)]))
        return self._of_process(verb, stand.worker(service, fault.target))

    def _of_process(self, verb: str, process: Kept) -> Injected:
        if not (process.freeze() if verb == "stop" else process.kill()):
            raise NotInjectedError
        return Injected(process.name, process.thaw) if verb == "stop" else Injected(process.name)

    def _die(self, service: str, commit: int) -> str:
        """A worker joins that dies as it is about to commit; one that ends in another way is followed by another one."""
        deadline = time.monotonic() + DIES_WITHIN_SECONDS
        for _ in range(DIES_IN_TRIES):
            doomed = self._stand.join(service, anew=False, MOTCUA_FAULT=f"exit_before_commit:{commit}")
            if self._end_of(doomed, deadline) == DIES_WITH[service]:
                return f"{doomed.name} at its commit {commit}"
        raise NotInjectedError

    def _end_of(self, doomed: Kept, deadline: float) -> int | None:
        """Its exit status; ticks give it something to commit."""
        while doomed.running:
            if time.monotonic() > deadline:
                doomed.stop()
                raise NotInjectedError
            self._doors.tick(self._doors.clock)
            time.sleep(0.3)
        doomed.ask_to_stop()
        return doomed.status

    def _of_valkey(self, verb: str) -> Injected:
        match verb:
            case "kill":
                return self._of_process(verb, self._stand.valkey)
            case "flush":
                self._stand.flush()
            case _:
                self._stand.restore_dump()
        return Injected("valkey")

    def _of_centre_line(self, fault: Fault) -> Injected:
        if fault.of.spoilt not in HITS_REQUESTS:
            return self._of_line(f"line {fault.target}", fault)
        if (before := self._doors.lost_requests(fault.target)) is None:
            raise NotInjectedError
        lines, name = self._stand.lines, f"line {fault.target}"

        def hit() -> str | None:
            lost = (self._doors.lost_requests(fault.target) or 0) - before
            return f"{lost} requests lost" if lost > 0 else None

        lines.spoil(name, fault.of.spoilt)
        return Injected(name, lambda: lines.heal(name), hit)

    def _of_line(self, name: str, fault: Fault) -> Injected:
        lines, deadline = self._stand.lines, time.monotonic() + CARRIES_WITHIN_SECONDS
        while not (proof := Proof(fault.of.spoilt, lambda: self._stand.connections(name))).is_carrying:
            if time.monotonic() > deadline:
                raise NotInjectedError
            time.sleep(LOOK_EVERY_SECONDS)
        lines.spoil(name, fault.of.spoilt)
        proof.spoilt()
        return Injected(name, lambda: lines.heal(name), proof.hit)

    def _of_clock(self, fault: Fault) -> Injected:
        clocks, edge = self._stand.clocks, fault.target
        of_what = "the log clock" if fault.in_week else "the right time"
        begins = self._doors.clock / 1_000_000 - time.time() if fault.in_week else 0.0
        clocks.shift(edge, begins + fault.amount)

        def hit() -> str | None:
            return f"{entered} events" if (entered := clocks.entered_while_off(edge)) else None

        return Injected(
            f"edge {edge} by {fault.amount:g} s from {of_what}", lambda: clocks.shift(edge, 0), hit
        )  # fmt: skip
