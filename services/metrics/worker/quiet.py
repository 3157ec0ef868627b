"""The client's chatter, bounded: a broker that is down makes aiokafka write tens of lines a second."""

import logging
import threading
import time
from typing import Final

AGAIN_SECONDS: Final = 5.0
TEMPLATES_MAX: Final = 1_000
CHATTY: Final = ("aiokafka", "faust", "mode")


class Sparingly(logging.Filter):
    """Lets a line of the clients pass once in a while, by its template."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.name.split(".", 1)[0] not in CHATTY:
            return True
        key, now = (record.name, str(record.msg)[:200]), time.monotonic()
        with self._lock:
            if now - self._last.get(key, -AGAIN_SECONDS) < AGAIN_SECONDS:
                return False
            if len(self._last) >= TEMPLATES_MAX:
                self._last.clear()
            self._last[key] = now
        return True


def be_quiet() -> None:
    """Only warnings of the clients, each seldom."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Sparingly())
