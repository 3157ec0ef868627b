"""The doctor: ends a worker that cannot be cured from inside; all it knows is in Redis, and a new one is up in seconds."""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from services.metrics.instruments import Instruments
from services.metrics.worker.health import Pulse

STATUS: Final = 71
_log = logging.getLogger(__name__)


class Doctor:
    """Looks once in a while, from a thread of its own: a loop that hangs could not say so."""

    def __init__(
        self,
        ailments: Callable[[], list[str]],
        pulse: Pulse,
        instruments: Instruments,
        watch_seconds: float,
        patience_seconds: float,
    ) -> None:
        self._ailments = ailments
        self._pulse = pulse
        self._instruments = instruments
        self._watch_seconds = watch_seconds
        self._looks_max = max(2, round(patience_seconds / watch_seconds))

    def start(self) -> None:
        """Watches until the process ends."""
        threading.Thread(target=self._watch, name="doctor", daemon=True).start()

    def _watch(self) -> None:
        beats, still = -1, 0
        while True:
            time.sleep(self._watch_seconds)
            still = still + 1 if self._pulse.beats == beats else 0
            beats = self._pulse.beats
            try:
                found = self._ailments()
            except Exception:  # a doctor that ends watches nobody any more
                _log.exception("could not look")
                found = []
            if still >= self._looks_max:
                found.append(f"the loop has not come round in {still} looks")
            self._instruments.doctor_checks.labels("sick" if found else "well").inc()
            if found:
                _log.critical("ending, to be started anew: %s", "; ".join(found))
                logging.shutdown()
                os._exit(STATUS)
