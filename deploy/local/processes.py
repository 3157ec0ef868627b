"""Facts about processes of this machine: alive or not, whose they are, how much memory they hold."""

import os
import signal
import subprocess
import time
from pathlib import Path


def read_pid(file: Path) -> int | None:
    """The number in a pid file, None when there is none to read."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs (a zombie, dead but not yet buried, does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] not in "ZX"


def belongs_to(pid: int, directory: Path) -> bool:
    """Whether a living process was started by the stack in `directory`: its environment says so.

    A pid file outlives its process and the number may be a stranger's by now: nothing is signalled on a number alone.
    """
    wanted = f"MOTCUA_STATE_DIR={directory}"
    environ = Path(f"/proc/{pid}/environ")
    try:
        if Path("/proc/self/environ").exists():
            return wanted.encode() in environ.read_bytes().split(b"\0")
        listed = subprocess.run(["ps", "eww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return wanted in listed.stdout.split()


def resident_bytes(pid: int) -> int | None:
    """Memory that a process holds in RAM, None when it cannot be said."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        pass
    try:
        listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, timeout=10)
        return int(listed.stdout) * 1024
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def end(pid: int, within_seconds: float) -> None:
    """Asks a process to end, and after `within_seconds` makes it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        if gone(pid, within_seconds):
            return


def gone(pid: int, within_seconds: float) -> bool:
    """Whether a process has ended, at the latest after `within_seconds`."""
    deadline = time.monotonic() + within_seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
