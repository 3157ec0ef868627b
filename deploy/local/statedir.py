"""The state directory of a stack and its marker: what may be used, and what may be wiped."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from deploy.local.errors import ForeignStateDirError, OtherClockError, OtherStackError, StateDirError
from deploy.local.settings import Clock

MARKER = "motcua-stack.json"
LOCK = "up.lock"
ENVIRONMENT = "environment.json"
STARTING = "Another command is starting or stopping"


class Marker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a state directory says of itself: the clock that drives its archive, its cluster, where it ran last."""

    clock: Clock
    cluster_id: str
    port_base: int


def read(directory: Path) -> Marker | None:
    """The marker; None for a directory that is not there or empty; ForeignStateDirError for anything else without one."""
    try:
        return msgspec.json.decode((directory / MARKER).read_bytes(), type=Marker)
    except (FileNotFoundError, NotADirectoryError):
        if directory.is_dir() and not any(each.name != LOCK for each in directory.iterdir()):
            return None
        if not directory.exists():
            return None
    except (OSError, msgspec.MsgspecError):
        pass
    raise ForeignStateDirError(directory)


def claim(directory: Path, wanted: Marker) -> Marker:
    """Makes or takes the directory for this stack; OtherClockError when it was opened with the other clock."""
    found = read(directory)
    if found is not None and found.clock != wanted.clock:
        raise OtherClockError(directory, found.clock, wanted.clock)
    marker = wanted if found is None else msgspec.structs.replace(found, port_base=wanted.port_base)
    directory.mkdir(parents=True, exist_ok=True)
    if marker != found:
        new = directory / f"{MARKER}.new"
        new.write_bytes(msgspec.json.format(msgspec.json.encode(marker)) + b"\n")
        new.replace(directory / MARKER)
    return marker


def keep_environment(directory: Path, environment: dict[str, str]) -> None:
    """Keeps what the services are told, which may be a key."""
    write_private(directory / ENVIRONMENT, msgspec.json.encode(environment) + b"\n")


def write_private(file: Path, content: bytes) -> None:
    """Writes a file in one step, for this user's eyes alone."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.replace(file)


def kept_environment(directory: Path) -> dict[str, str] | None:
    """What the services were told at the last `up`; None when nobody has written it down."""
    try:
        return msgspec.json.decode((directory / ENVIRONMENT).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return None


def wipe(directory: Path) -> bool:
    """Removes a state directory whole; False when there was none. One without a marker is left as it is."""
    is_there = read(directory) is not None or directory.exists()
    # Renamed first: whoever is interrupted here leaves no half of a state under the name that the next start uses.
    doomed = directory.with_name(f".{directory.name}.wiped")
    was_begun = doomed.exists()
    if was_begun:
        shutil.rmtree(doomed)
    if is_there:
        directory.rename(doomed)
        shutil.rmtree(doomed)
    return is_there or was_begun


@contextmanager
def only_one(directory: Path, doing: str = STARTING) -> Iterator[None]:
    """Held while a stack is started or stopped, or not to be; OtherStackError, with what they do, when others hold it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / LOCK).open("a+b")
    except OSError as error:
        raise StateDirError(
            f"{directory} cannot be made or written to ({error.strerror}): choose another one with MOTCUA_STATE_DIR."
        ) from error
    with lock as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.seek(0)
            told = opened.read().decode(errors="replace") or STARTING
            raise OtherStackError(f"{told} the stack in {directory}: wait for it.") from None
        # A disk that is full keeps nobody from stopping what fills it.
        with suppress(OSError):
            opened.truncate(0)
            os.write(opened.fileno(), doing.encode())
        yield
