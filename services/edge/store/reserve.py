"""Room held back on the disk, given up when it runs full, so that deliveries can still be written down.

What was committed lies in the log of changes until it is carried over into the store; on a full disk that fails, the log
cannot begin anew, and then not even a deletion could be written. With this room it can.
"""

import os
from contextlib import suppress
from pathlib import Path


class Reserve:
    """A file of `size` bytes beside the outbox; while it is missing nothing is taken that would make that file grow."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self.size = size
        self.in_place = False

    def hold(self) -> bool:
        """Takes the room, if there is so much; whether it is held."""
        if self.size == 0:
            self.in_place = True
            return True
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(file, 0, self.size)
            finally:
                os.close(file)
        except OSError:
            self.give_up()
        else:
            self.in_place = True
        return self.in_place

    def give_up(self) -> None:
        """Lets the room go."""
        self.in_place = False
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
