"""One fault from its beginning to fresh counters: injected, held, lifted, recovered from."""

import time
from collections.abc import Callable

from msgspec import Struct

from tests.faults.doors import Doors
from tests.faults.kept import Kept
from tests.faults.kinds import KAFKA_LINES
from tests.faults.plan import Fault
from tests.faults.stand import Stand

DIES_WITHIN_SECONDS = 180.0
DIES_AT_COMMIT = (2, 3, 4)

Lift = Callable[[], None]


class NotInjectedError(Exception):
    """It could not be done just now: it is not counted."""


class Suffered(Struct, frozen=True):
    """A fault that was injected. `recovered_seconds`: from its lifting to fresh counters in every partition."""

    kind: str
    alone: bool
    recovered_seconds: float | None
    what: str = ""


class Injector:
    """Does to the stand what a fault says."""

    def __init__(self, stand: Stand, doors: Doors) -> None:
        self._stand = stand
        self._doors = doors

    def suffer(self, fault: Fault) -> Suffered | None:
        """All of it, in a thread of its own; None when it could not be injected."""
        time.sleep(fault.delay_seconds)
        try:
            what, lift = self._inject(fault)
        except NotInjectedError:
            return None
        time.sleep(fault.seconds)
        lift()
        lifted = time.monotonic()
        if fault.of.area == "edge":
            self._doors.drained(fault.target)
        self._doors.fresh()
        return Suffered(fault.kind, fault.alone, round(time.monotonic() - lifted, 2), what)

    def _inject(self, fault: Fault) -> tuple[str, Lift]:
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
                self._stand.kafka.kill()
                return "kafka", _nothing
            case "valkey":
                return self._of_valkey(verb)
            case "line":
                return self._of_line(f"line {fault.target}", fault)
            case "line to kafka":
                return self._of_line(f"kafka {KAFKA_LINES[fault.target]}", fault)
            case _:
                raise AssertionError(f"{fault.kind} is no fault of the stand")

    def _of_worker(self, verb: str, service: str, fault: Fault) -> tuple[str, Lift]:
        stand = self._stand
        if verb == "join":
            if not stand.may_join(service):
                raise NotInjectedError
            return stand.join(service).name, _nothing
        if verb == "leave":
            if not stand.may_leave(service):
                raise NotInjectedError
            leaver = stand.worker(service, fault.target)
            stand.workers[service].remove(leaver)
            leaver.ask_to_stop()
            return leaver.name, _nothing
        if verb == "die":
            return self._die(service, DIES_AT_COMMIT[fault.target % len(DIES_AT_COMMIT)]), _nothing
        return self._of_process(verb, stand.worker(service, fault.target))

    def _of_process(self, verb: str, process: Kept) -> tuple[str, Lift]:
        if verb == "stop":
            process.freeze()
            return process.name, process.thaw
        process.kill()
        return process.name, _nothing

    def _die(self, service: str, commit: int) -> str:
        """A worker joins that dies as it is about to commit; ticks give it something to commit."""
        doomed = self._stand.join(service, anew=False, MOTCUA_FAULT=f"exit_before_commit:{commit}")
        deadline = time.monotonic() + DIES_WITHIN_SECONDS
        while doomed.running:
            if time.monotonic() > deadline:
                doomed.stop()
                raise NotInjectedError
            self._doors.tick(self._doors.clock)
            time.sleep(0.3)
        doomed.ask_to_stop()
        return f"{doomed.name} at its commit {commit}"

    def _of_valkey(self, verb: str) -> tuple[str, Lift]:
        match verb:
            case "kill":
                self._stand.valkey.kill()
            case "flush":
                self._stand.flush()
            case _:
                self._stand.restore_dump()
        return "valkey", _nothing

    def _of_line(self, name: str, fault: Fault) -> tuple[str, Lift]:
        self._stand.lines.spoil(name, fault.of.spoilt)
        return name, lambda: self._stand.lines.heal(name)

    def _of_clock(self, fault: Fault) -> tuple[str, Lift]:
        edge = fault.target
        self._stand.shift_clock(edge, fault.amount)
        return f"edge {edge} by {fault.amount:g} s", lambda: self._stand.shift_clock(edge, 0)


def _nothing() -> None:
    pass
