"""The chatter of libraries, bounded: what is away makes a client write tens of lines a second, each of them the same."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Final

TEMPLATES_MAX: Final = 1_000
TEMPLATE_CHARS: Final = 200


class Sparingly(logging.Filter):
    """Lets a line of these loggers and those below them pass once in a while, by its template."""

    def __init__(self, names: Iterable[str], again_seconds: float) -> None:
        super().__init__()
        self._names = frozenset(names)
        self._again_seconds = again_seconds
        self._last: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.name.split(".", 1)[0] not in self._names:
            return True
        key, now = (record.name, str(record.msg)[:TEMPLATE_CHARS]), time.monotonic()
        with self._lock:
            if now - self._last.get(key, -self._again_seconds) < self._again_seconds:
                return False
            if len(self._last) >= TEMPLATES_MAX:
                self._last.clear()
            self._last[key] = now
        return True
