"""The high-water mark in a file of its own, written before an acknowledgement, so that an old copy of the store shows."""

import os
from pathlib import Path

import msgspec

from services.edge.domain.incarnations import HighWater

# One block of fixed length, written over in place: it needs no room on a full disk and is never half of two marks.
MARK_BYTES = 128


def read_mark(path: Path) -> HighWater | None:
    """The mark; None when there is no file or none that can be read, which both mean that nothing is known."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=HighWater)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


class MarkFile:
    """The open file; each `write` returns when the mark is on the disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if is_new:
            directory = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def write(self, mark: HighWater) -> None:
        """Replaces the mark."""
        told = msgspec.json.encode(mark).ljust(MARK_BYTES)
        if os.pwrite(self._file, told, 0) != MARK_BYTES:
            raise OSError("the high-water mark was written in part")
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)
