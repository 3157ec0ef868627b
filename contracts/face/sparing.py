"""The chatter of libraries, bounded: what is away makes a client write tens of lines a second, each of them the same."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Final

TEMPLATES_MAX: Final = 1_000
TEMPLATE_CHARS: Final = 200


class Sparingly(logging.Filter):
    """Lets a line of these loggers and those below them pass once in a while, by its template; where some beginnings are
    named, only lines that begin so are held back."""

    def __init__(self, names: Iterable[str], again_seconds: float, beginnings: Iterable[str] = ("",)) -> None:
        super().__init__()
        self._names = frozenset(names)
        self._again_seconds = again_seconds
        self._beginnings = tuple(beginnings)
        self._last: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.name.split(".", 1)[0] not in self._names:
            return True
        template = str(record.msg)[:TEMPLATE_CHARS]
        if not template.startswith(self._beginnings):
            return True
        key, now = (record.name, template), time.monotonic()
        with self._lock:
            if now - self._last.get(key, -self._again_seconds) < self._again_seconds:
                return False
            if len(self._last) >= TEMPLATES_MAX:
                self._last.clear()
            self._last[key] = now
        return True
