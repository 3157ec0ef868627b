"""A line of progress on a terminal: how far the logs are read, how fast, how long it will take; elsewhere nothing."""

import sys
import time
from typing import TextIO

from services.audit.reader import Reader

EVERY_SECONDS = 0.2
WIDTH = 24


class Progress:
    """Tells of a reader; `done` leaves the terminal as it was."""

    def __init__(self, to: TextIO = sys.stderr) -> None:
        self._to = to
        self._shows = to.isatty()
        self._begun = self._told = time.monotonic()

    def tell(self, reader: Reader) -> None:
        """Draws the line anew, at most five times a second."""
        now = time.monotonic()
        if not self._shows or now - self._told < EVERY_SECONDS:
            return
        self._told = now
        self._to.write("\r\x1b[K" + line(reader.read_records, reader.total, now - self._begun))
        self._to.flush()

    def done(self) -> None:
        """Takes the line away."""
        if self._shows:
            self._to.write("\r\x1b[K")
            self._to.flush()


def line(read: int, total: int, seconds: float) -> str:
    """`[#####.....]  41 %  612,000 of 1,490,000 records, 31,000/s, 28 s to go`."""
    whole = max(total, read, 1)
    full = WIDTH * read // whole
    rate = read / seconds if seconds > 0 else 0.0
    left = f"{(whole - read) / rate:,.0f} s to go" if rate > 0 else "no estimate yet"
    bar = "#" * full + "." * (WIDTH - full)
    return f"[{bar}] {100 * read // whole:3} %  {read:,} of {whole:,} records, {rate:,.0f}/s, {left}"
