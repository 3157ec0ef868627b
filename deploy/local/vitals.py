"""What a process does that is not ready: for how long it has run, and whether it stands still."""

import os
from pathlib import Path

# As Linux says it in /proc: stopped by a signal, held by a debugger, waiting for a disk that does not answer.
STOPPED, HELD, ON_DISK = "T", "t", "D"


def words(pid: int) -> str:
    """`PID 123 has run for 2 h 5 min and stands still (state T): …`; only its number where the machine does not say more."""
    seen = _seen(pid)
    if seen is None:
        return f"PID {pid}"
    state, age_seconds = seen
    told = f"PID {pid} has run for {_spoken(age_seconds)}"
    if state == STOPPED:
        return f"{told} and stands still (state T): kill -KILL {pid}, supervisor starts it anew"
    if state == HELD:
        return f"{told} and stands still (state t): a debugger holds it"
    return f"{told} and waits for a disk (state D)" if state == ON_DISK else told


def _seen(pid: int) -> tuple[str, float] | None:
    """Its state, one letter, and its age."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        up_seconds = float(Path("/proc/uptime").read_text().split()[0])
        return fields[0], max(up_seconds - int(fields[19]) / os.sysconf("SC_CLK_TCK"), 0.0)
    except (OSError, ValueError, IndexError):
        return None


def _spoken(seconds: float) -> str:
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
