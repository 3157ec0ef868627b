"""What a lab that was killed has left running, known by its pid files and by what the processes' own environment says."""

from pathlib import Path

from deploy.local import processes

END_WITHIN_SECONDS = 10.0
# The proxy of the links, and the edges of each run.
PID_FILES = ("toxiproxy.pid", "*/edge-*/edge.pid")


def end(directory: Path) -> list[int]:
    """Ends what a former lab of this directory still runs; the ids. It would hold the ports, and feed a city of before."""
    ended = []
    for file in (file for pattern in PID_FILES for file in sorted(directory.glob(pattern))):
        pid = processes.read_pid(file)
        # The number may be a stranger's by now; whoever is meant was told the directory of its file.
        if pid is not None and processes.is_alive(pid) and processes.belongs_to(pid, file.parent):
            processes.end(pid, END_WITHIN_SECONDS)
            ended.append(pid)
        file.unlink(missing_ok=True)
    return ended
