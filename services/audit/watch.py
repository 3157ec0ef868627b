"""The watch: look after look in a thread of its own, reading on from where it is; the newest verdict is kept."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException

from contracts import instants
from services.audit import verdict
from services.audit.archive import CouldNotRunError
from services.audit.instruments import Instruments
from services.audit.looking import Scope
from services.audit.reader import Reader
from services.audit.settings import Settings
from services.audit.verification import Verification

log = logging.getLogger(__name__)
STOP_SECONDS = 4.0


class _StoppedError(Exception):
    """The service is told to stop in the middle of a look."""


@dataclass(frozen=True)
class Verdict:
    """What a look came to; `shown` for everybody, `full` with the codes of dossiers."""

    clean: bool
    shown: dict[str, Any]
    full: dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """How the watch itself stands: whether it has reached the logs, why its newest look came to no verdict."""

    reached: bool = False
    could_not_run: str | None = None
    read_records: int = 0
    total_records: int = 0


class Watch:
    """Looks until it is stopped or `failed`; what it tells is replaced as a whole, so that readers need no lock."""

    def __init__(self, settings: Settings, seed: int, instruments: Instruments, failed: Callable[[], None]) -> None:
        self.verdict: Verdict | None = None
        self._why: str | None = None
        self._settings, self._instruments, self._failed = settings, instruments, failed
        self._verification = Verification(settings, settings.audit_sample_dossiers, seed, self._tell)
        self._scope = Scope(
            settings.audit_days_max, settings.audit_units_max, settings.audit_sample_asked_max, is_only=False
        )
        self._looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="looks", daemon=True)

    @property
    def standing(self) -> Standing:
        """How it stands just now."""
        reader = self._verification.reader
        return Standing(reader.total > 0, self._why, reader.read_records, reader.total)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the look that is under way."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)
        if not self._thread.is_alive():
            self._verification.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except _StoppedError:
                return
            except Exception as error:
                self._why = _fault(error)
            if self._verification.reader.is_broken:
                # Nothing more can be told from what it has read: whoever keeps the process starts it anew.
                self._failed()
                return
            self._stop.wait(self._pause_seconds)

    @property
    def _pause_seconds(self) -> float:
        every = self._settings.audit_every_seconds
        has_verdict = self._why is None or not self._verification.findings.clean
        return every if has_verdict else min(every, self._settings.audit_again_seconds)

    def _look(self) -> None:
        began, why = time.monotonic(), None
        self._instruments.looking.set(1)
        try:
            self._verification.run(self._scope)
        except CouldNotRunError as error:
            why = str(error)
        except KafkaException as error:
            why = f"Kafka at {self._settings.bootstrap} failed: {error.args[0]}"
        except _StoppedError:
            raise
        except Exception as error:
            why = _fault(error)
        seconds = time.monotonic() - began
        self._scope.turn += 1
        self._looks += 1
        clean = self._verification.findings.clean
        outcome = "differences" if not clean else "clean" if why is None else "could_not_run"
        self._count(outcome, seconds)
        self._why = why
        self._measure(self._verification.reader)
        # What could not be compared was not: a look that ended early is no clean verdict, but what it found is found.
        if why is None or not clean:
            self._publish(clean, why, seconds)
        if why is not None:
            log.warning("no verdict: %s", why)
        if not clean:
            for check in self._verification.findings.checks.values():
                if check.first is not None:
                    # Not its dossier: that is for the operator, who asks /v1/audit.
                    first = check.first
                    place = {"partition": first.partition, "offset": first.offset, "counter": first.counter}
                    log.error(
                        "%s: %d difference(s), the first: %s", check.name, check.differences, first.detail,
                        extra={"check": check.name, **place},
                    )  # fmt: skip

    def _publish(self, clean: bool, why: str | None, seconds: float) -> None:
        verification, now = self._verification, time.time_ns() // 1000
        clock = verification.log_clock
        head = {
            "as_of": {
                "time": instants.show(now),
                "log_clock": None if clock is None else instants.show(clock),
                "partitions": verification.as_of(),
            },
            "lag_seconds": self._lag_seconds(now),
            "verdict": "clean" if clean else "differences",
            "could_not_run": why,
            "looks": self._looks,
            "look_seconds": round(seconds, 3),
        }
        counts, lists, instruments = verification.counts(), verification.lists(), self._instruments
        instruments.clean.set(clean)
        instruments.last_look.set(now / instants.SECOND)
        instruments.look_seconds.set(seconds)
        for check in verification.findings.checks.values():
            instruments.differences.labels(check.name).set(check.differences)
            instruments.examined.labels(check.name).set(check.examined)
        for name, number in counts.items():
            if name.startswith("standing_"):
                instruments.standings.labels(name.removeprefix("standing_")).set(number)
        for kind, units in lists.items():
            instruments.listed.labels(kind).set(sum(listed.count for listed in units.values()))
        instruments.sample_dossiers.set(counts["sample_dossiers"])
        # Last: whoever has read a verdict finds its figures among the instruments.
        shown = head | verdict.told(verification.findings, counts, lists, with_dossiers=False)
        self.verdict = Verdict(clean, shown, head | verdict.told(verification.findings, counts, lists))

    # --- what is told meanwhile ------------------------------------------------------------------------------

    def _tell(self, reader: Reader) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._measure(reader)

    def _measure(self, reader: Reader) -> None:
        self._instruments.records_read.set(reader.read_records)
        self._instruments.remembered_records.set(sum(line.memory_records for line in reader.lines))
        below = sum(line.closed + 1 for line in reader.lines)
        self._instruments.lag_records.set(max(0, reader.reported_end - below))
        self._instruments.lag_seconds.set(self._lag_seconds(time.time_ns() // 1000))

    def _lag_seconds(self, now: int) -> float:
        ages = [
            now - line.recorded_at
            for line, end in zip(self._verification.reader.lines, self._verification.reader.reported_ends, strict=True)
            if line.recorded_at is not None and line.closed + 1 < end
        ]
        return max(0, *ages, 0) / instants.SECOND

    def _count(self, outcome: str, seconds: float) -> None:
        self._instruments.looking.set(0)
        self._instruments.looks.labels(outcome).inc()
        self._instruments.busy_seconds.inc(seconds)


def _fault(error: Exception) -> str:
    """A fault of audit's own, which costs a look: what was read stays good, unless it came in the middle of a record."""
    log.exception("audit failed")
    return f"audit itself failed ({type(error).__name__}), as its log tells"
