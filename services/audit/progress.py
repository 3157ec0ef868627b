"""How far a recount is: on a terminal a line that is drawn anew, elsewhere one each half minute."""

import sys
import threading
import time
from typing import Protocol, TextIO

EVERY_SECONDS = 0.2
PLAIN_EVERY_SECONDS = 30.0
WIDTH = 24


class Counted(Protocol):
    """Whoever reads, as far as this concerns progress."""

    @property
    def read_records(self) -> int:
        """So many by now."""

    total: int


class Progress:
    """Tells of a reader, also while it is not read but asked and compared; `done` leaves the terminal as it was."""

    def __init__(self, to: TextIO = sys.stderr, plain_every_seconds: float = PLAIN_EVERY_SECONDS) -> None:
        self._to = to
        self._shows = to.isatty()
        self._every_seconds = EVERY_SECONDS if self._shows else plain_every_seconds
        self._begun = time.monotonic()
        self._all_read: float | None = None
        self._reader: Counted | None = None
        self._ended = threading.Event()
        self._teller = threading.Thread(target=self._go_on, name="progress", daemon=True)
        self._teller.start()

    def tell(self, reader: Counted) -> None:
        """Whom it is about; what it has read is looked at when a line is due."""
        self._reader = reader

    def done(self) -> None:
        """Takes the line away."""
        self._ended.set()
        self._teller.join()
        if self._shows:
            self._to.write("\r\x1b[K")
            self._to.flush()

    def _go_on(self) -> None:
        while not self._ended.wait(self._every_seconds):
            told = self._line(time.monotonic())
            try:
                self._to.write(f"\r\x1b[K{told}" if self._shows else f"{told}\n")
                self._to.flush()
            except OSError:
                return  # nobody reads it any more; the verdict is another matter

    def _line(self, now: float) -> str:
        if self._reader is None:
            return f"asking Kafka for its logs, {now - self._begun:.0f} s so far"
        read, total = self._reader.read_records, self._reader.total
        if read < total:
            self._all_read = None
            return line(read, total, now - self._begun)
        if self._all_read is None:
            self._all_read = now
        return f"{read:,} records read; asking and comparing, {now - self._all_read:.0f} s so far"


def line(read: int, total: int, seconds: float) -> str:
    """`[#####.....]  41 %  612,000 of 1,490,000 records, 31,000/s, 28 s to go`."""
    whole = max(total, read, 1)
    full = WIDTH * read // whole
    rate = read / seconds if seconds > 0 else 0.0
    left = f"{(whole - read) / rate:,.0f} s to go" if rate > 0 else "no estimate yet"
    bar = "#" * full + "." * (WIDTH - full)
    return f"[{bar}] {100 * read // whole:3} %  {read:,} of {whole:,} records, {rate:,.0f}/s, {left}"
