"""The audit of operators' acts: an append-only file of JSON lines, each on the disk before the next thing happens."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from deploy.operators.errors import JournalError

FILE: Final = "operators.jsonl"


class Journal:
    """Open for one operator at a time; JournalError when another one is at it, or the file cannot be written."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The name, too, must survive a power cut.
            _sync_directory(directory)
        except BlockingIOError as error:
            os.close(self._file)
            raise JournalError(str(self.path), "another operator is acting on it now") from error
        except OSError as error:
            raise JournalError(str(self.path), error.strerror or str(error)) from error

    def write(self, **members: object) -> None:
        """One line, on the disk when this returns."""
        line = msgspec.json.encode(members) + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                raise JournalError(str(self.path), "the line could not be written whole")
            os.fsync(self._file)
        except OSError as error:
            raise JournalError(str(self.path), error.strerror or str(error)) from error

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._file)


def _sync_directory(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
