"""The edges' clocks: shifted by a file each, and who entered what by one that is off."""

import threading
from collections.abc import Callable
from pathlib import Path


class Clocks:
    """By number of the edge; `file_of` is where its clock looks how far it is off."""

    def __init__(self, file_of: Callable[[int], Path]) -> None:
        self._file_of = file_of
        # Those that are off just now: by how much, and how many events were entered there since.
        self._off: dict[int, tuple[float, int]] = {}
        # Between the injector, which lifts a jump, and the centre that has just entered something by it.
        self._lock = threading.Lock()

    def shift(self, number: int, seconds: float) -> None:
        """From now on the clock of this edge is so far off."""
        with self._lock:
            # Told as right before it is: whoever asks meanwhile reckons with both.
            if not seconds:
                self._off.pop(number, None)
            fresh = self._file_of(number).with_suffix(".new")
            fresh.write_text(str(seconds))
            fresh.replace(self._file_of(number))
            if seconds:
                self._off[number] = seconds, 0

    def off_by(self, number: int) -> float | None:
        """By how many seconds it is off; None while it is right."""
        return None if (off := self._off.get(number)) is None else off[0]

    def entered(self, number: int, events: int) -> None:
        """An edge has stored so many events that left it to its clock to say when they were entered."""
        with self._lock:
            if (off := self._off.get(number)) is not None:
                self._off[number] = off[0], off[1] + events

    def entered_while_off(self, number: int) -> int:
        """How many of them since its clock jumped."""
        return self._off.get(number, (0.0, 0))[1]
