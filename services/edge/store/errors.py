"""What can be wrong with the outbox on disk, named for its remedy; nothing that was acknowledged is lost by any of it.

StoreError
├── DiskFullError    make room on the disk; deliveries go on and make some
├── ReadOnlyError    give the process the right to write there
├── DamagedError     put back a copy, or move the file away and keep it for somebody who can read it
├── InUseError       stop the other edge
├── MovedError       put the file back, or start the edge anew
├── BusyError        wait: the disk is slower than what comes
└── FailingError     look at the disk
"""

import errno
import sqlite3
from pathlib import Path


class StoreError(Exception):
    """Nothing can be kept or read now; `code` is stable, `detail` is one sentence about what to do."""

    code = "store_failing"

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.code}: {detail}")
        self.detail = detail


class DiskFullError(StoreError):
    code = "disk_full"


class ReadOnlyError(StoreError):
    code = "read_only"


class DamagedError(StoreError):
    code = "damaged"


class InUseError(StoreError):
    code = "in_use"


class MovedError(StoreError):
    code = "moved"


class BusyError(StoreError):
    code = "store_busy"


class FailingError(StoreError):
    code = "store_failing"


_DENIED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR)
_FULL = (errno.ENOSPC, errno.EDQUOT)


def named(error: Exception, path: Path) -> StoreError:
    """The error of SQLite or of the operating system under the name that says what to do."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return DiskFullError(f"the disk under {path} is full: make room")
        if error.errno in _DENIED:
            return ReadOnlyError(f"{path} cannot be written ({error.strerror}): correct the directory or its rights")
        return FailingError(f"{path} cannot be used ({error.strerror}): look at the disk")
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    if name.startswith("SQLITE_FULL"):
        return DiskFullError(f"the disk under {path} is full: make room")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return ReadOnlyError(f"{path} cannot be written ({name}): correct the directory or its rights")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return DamagedError(f"{path} is damaged ({name}): keep it, put back a copy or move it away")
    return FailingError(f"{path} cannot be used ({name}): look at the disk")


def is_disk_trouble(error: Exception) -> bool:
    """Whether it is the disk's fault and not the program's."""
    return isinstance(error, StoreError | sqlite3.Error | OSError)
