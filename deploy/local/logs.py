"""The ends of the logs of several services, each line with its service's name."""

import contextlib
import os
import time
from collections import deque
from pathlib import Path

from contracts.face.logs import readable
from deploy.operators.reader import is_read

POLL_SECONDS = 0.5


def show(files: dict[str, Path], lines: int) -> None:
    """Prints the last lines of each file that exists."""
    for name, file in files.items():
        for line in last_lines(file, lines):
            _print(name, line)


def last_lines(file: Path, lines: int) -> list[str]:
    """The last lines of a file; none when there is no file."""
    with contextlib.suppress(FileNotFoundError), file.open(errors="replace") as opened:
        return list(deque(opened, maxlen=max(lines, 0)))
    return []


def follow(files: dict[str, Path]) -> None:
    """Prints what is added to the files, until it is interrupted; a file that was rotated is read from its start."""
    places = {name: _size(file) for name, file in files.items()}
    with contextlib.suppress(KeyboardInterrupt):
        while is_read():
            for name, file in files.items():
                if _size(file) < places[name]:
                    places[name] = 0
                if _size(file) > places[name]:
                    with file.open(errors="replace") as opened:
                        opened.seek(places[name])
                        for line in opened:
                            _print(name, line)
                        places[name] = opened.tell()
            time.sleep(POLL_SECONDS)


def _size(file: Path) -> int:
    try:
        return os.stat(file).st_size
    except FileNotFoundError:
        return 0


def _print(name: str, line: str) -> None:
    print(f"{name:<15} {readable(line.rstrip())}", flush=True)
