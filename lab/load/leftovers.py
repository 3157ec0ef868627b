"""What a lab that was killed has left running, known by its pid files and by what the processes' own environment says."""

import fcntl
from pathlib import Path
from typing import TextIO

from deploy.local import processes
from lab.errors import LabError

END_WITHIN_SECONDS = 10.0
# The proxy of the links, and the edges of each run.
LOCK = "lab.lock"
PID_FILES = ("toxiproxy.pid", "*/edge-*/edge.pid")


def hold(directory: Path) -> TextIO:
    """Keeps the directory until it is closed; LabError while another lab has it, whose programs are no leftovers."""
    directory.mkdir(parents=True, exist_ok=True)
    held = (directory / LOCK).open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise LabError(f"another load run has {directory}: wait for its end, or give this one another --state-dir") from None
    return held


def end(directory: Path) -> list[int]:
    """Ends what a former lab of a held directory still runs; the ids. It would hold the ports, and feed a city of before."""
    ended = []
    for file in (file for pattern in PID_FILES for file in sorted(directory.glob(pattern))):
        pid = processes.read_pid(file)
        # The number may be a stranger's by now; whoever is meant was told the directory of its file.
        if pid is not None and processes.is_alive(pid) and processes.belongs_to(pid, file.parent):
            processes.end(pid, END_WITHIN_SECONDS)
            ended.append(pid)
        file.unlink(missing_ok=True)
    return ended
