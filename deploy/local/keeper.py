"""Supervisor, which keeps the processes: its configuration, its socket, what it is asked."""

import hashlib
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local import processes, statedir
from deploy.local.errors import NotReadyError, StateDirError
from deploy.local.settings import PREFIXES

START_TIMEOUT_SECONDS = 20.0
CALL_TIMEOUT_SECONDS = 90.0
POLL_SECONDS = 0.1
# A program that died is started anew within a second, or later after many failures.
STOP_PROGRAM_SECONDS = 10.0
# A process that dies at once is tried again after 1, 2, 3, … seconds, this many times.
START_RETRIES = 60
LOG_BYTES = 20 * 1024 * 1024

# Writes its own id, then becomes the program: the pid file is right also after supervisor has restarted it. On a disk that
# is full the program is tried all the same: what dies before it has begun is given up after half an hour, for good.
_RECORDS_PID = 'echo $$ >"$0.new" && mv "$0.new" "$0"; exec "$@"'


@dataclass(frozen=True)
class Kept:
    """A program as supervisor is told to keep it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_within_seconds: int
    priority: int
    # Where it runs, if not where all run.
    directory: Path | None = None


@dataclass(frozen=True)
class Seen:
    """What supervisor says of a program."""

    name: str
    state: str
    pid: int | None
    exit_status: int

    @property
    def running(self) -> bool:
        return self.state in ("RUNNING", "STARTING")

    @property
    def alive(self) -> bool:
        """Whether it runs, is about to run, or has not ended yet."""
        return self.state in ("RUNNING", "STARTING", "BACKOFF", "STOPPING")


class Keeper:
    """The supervisor of one state directory."""

    def __init__(self, directory: Path, working_directory: Path) -> None:
        self._directory = directory
        self._working_directory = working_directory
        self._configuration = directory / "supervisord.conf"
        self._pid_file = directory / "supervisord.pid"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, also when somebody has removed its files under it."""
        pid = processes.read_pid(self._pid_file) or self._told_pid()
        return pid if pid is not None and processes.is_alive(pid) and processes.belongs_to(pid, self._directory) else None

    def start(self, programs: Iterable[Kept]) -> list[str]:
        """Starts it with these programs, none of them running yet; when it runs already, tells it what has changed.

        The names of the running programs that were started anew because their settings have changed.
        """
        self._write(programs)
        if self.pid is not None:
            return self._take_changes()
        self._pid_file.unlink(missing_ok=True)
        _socket_directory()
        done = subprocess.run(
            [sys.executable, "-c", "from supervisor.supervisord import main; main()", "-c", str(self._configuration)],
            # Settings reach the programs by the file alone, where a change is seen, not by inheritance.
            env={**_without_settings(os.environ), "MOTCUA_STATE_DIR": str(self._directory)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=START_TIMEOUT_SECONDS,
        )
        if done.returncode != 0:
            raise NotReadyError(f"supervisor did not start: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.seen():
            if time.monotonic() > deadline:
                raise NotReadyError(f"supervisor does not answer: see {self._directory / 'logs' / 'supervisord.log'}")
            time.sleep(POLL_SECONDS)
        return []

    def seen(self) -> dict[str, Seen]:
        """Every program it keeps; empty when it does not run or does not answer."""
        try:
            rows = self._ask().getAllProcessInfo()
        except (OSError, xmlrpc.client.Error):
            return {}
        return {
            row["name"]: Seen(row["name"], row["statename"], row["pid"] or None, row["exitstatus"])
            for row in rows
        }  # fmt: skip

    def unwritten(self) -> dict[str, int]:
        """Process ids of programs that it keeps while its files are gone, and theirs with them."""
        if self._pid_file.exists():
            return {}
        return {name: seen.pid for name, seen in self.seen().items() if seen.pid is not None}

    def start_program(self, name: str) -> None:
        """Starts one program and does not wait for it."""
        try:
            self._ask().startProcess(name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise NotReadyError(f"{name} could not be started: {fault.faultString}") from fault

    def stop_program(self, name: str) -> None:
        """Stops one program and waits until it has ended; it stays stopped."""
        deadline = time.monotonic() + STOP_PROGRAM_SECONDS
        while True:
            try:
                self._ask().stopProcess(name, True)
                return
            except xmlrpc.client.Fault as fault:
                if "NOT_RUNNING" not in fault.faultString and "BAD_NAME" not in fault.faultString:
                    raise
            seen = self.seen().get(name)
            # One that has died by itself is about to be started anew, and can be stopped only then.
            if seen is None or seen.state in ("STOPPED", "FATAL") or time.monotonic() > deadline:
                return
            time.sleep(POLL_SECONDS)

    def shut_down(self, waves: Iterable[Iterable[str]], within_seconds: float) -> None:
        """Stops the programs, one wave after the other, each wave at once; then itself and whatever still runs."""
        if (pid := self.pid) is None:
            return
        deadline = time.monotonic() + within_seconds
        try:
            for names in waves:
                self._stop_at_once(set(names), deadline)
            ask = self._ask()
            # Left to itself it takes a second for each program, also for those that have ended long ago.
            for name, seen in self.seen().items():
                if not seen.alive:
                    ask.removeProcessGroup(name)
            ask.shutdown()
        except (OSError, xmlrpc.client.Error):
            processes.end(pid, within_seconds)
        if not processes.gone(pid, within_seconds):
            processes.end(pid, within_seconds)
        self._pid_file.unlink(missing_ok=True)
        socket_file(self._directory).unlink(missing_ok=True)

    def _stop_at_once(self, names: set[str], deadline: float) -> None:
        ask = self._ask()
        for name, seen in self.seen().items():
            if name in names and (seen.running or seen.state == "BACKOFF"):
                ask.stopProcess(name, False)
        while any(name in names and seen.alive for name, seen in self.seen().items()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _take_changes(self) -> list[str]:
        ask = self._ask()
        running = {name for name, seen in self.seen().items() if seen.running}
        [[added, changed, removed]] = ask.reloadConfig()
        for group in [*changed, *removed]:
            ask.stopProcessGroup(group, True)
            ask.removeProcessGroup(group)
        for group in [*added, *changed]:
            ask.addProcessGroup(group)
        anew = [name for name in changed if name in running]
        for name in anew:
            self.start_program(name)
        return anew

    def _told_pid(self) -> int | None:
        try:
            return int(self._ask().getPID())
        except (OSError, xmlrpc.client.Error):
            return None

    def _ask(self) -> Any:
        return xmlrpc.client.ServerProxy(
            "http://supervisor", transport=_UnixTransport(socket_file(self._directory))
        ).supervisor

    def _write(self, programs: Iterable[Kept]) -> None:
        logs = self._directory / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        text = _HEAD.format(
            socket=_escaped(str(socket_file(self._directory))),
            log=_escaped(str(logs / "supervisord.log")),
            pid=_escaped(str(self._pid_file)),
            directory=_escaped(str(self._working_directory)),
        )
        for program in programs:
            text += _PROGRAM.format(
                name=program.name,
                command=_escaped(_shell_words(_recording_pid(self._directory / f"{program.name}.pid", program.command))),
                priority=program.priority,
                retries=START_RETRIES,
                log_bytes=LOG_BYTES,
                directory=_escaped(str(program.directory or self._working_directory)),
                environment=_escaped(",".join(f"{name}={_quoted(value)}" for name, value in program.environment.items())),
                stop=program.stop_within_seconds,
                log=_escaped(str(logs / f"{program.name}.log")),
            )
        # What programs are told may be a key.
        statedir.write_private(self._configuration, text.encode())


def socket_file(directory: Path) -> Path:
    """Supervisor's socket: a short path, since the system allows about 100 bytes and a state directory may be longer."""
    name = hashlib.blake2b(str(directory).encode(), digest_size=8).hexdigest()
    return _socket_directory_path() / f"{name}.sock"


def _socket_directory_path() -> Path:
    return Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / f"motcua-{os.getuid()}"


def _socket_directory() -> None:
    path = _socket_directory_path()
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    # Anybody may write to /tmp: a directory that somebody else has prepared under this name is not ours.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StateDirError(f"{path} is not a private directory of this user: remove it, then run the same command again.")


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(PREFIXES)}


def _recording_pid(file: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    return ("/bin/sh", "-c", _RECORDS_PID, str(file), *command)


def _shell_words(words: tuple[str, ...]) -> str:
    return " ".join(_quoted(word) for word in words)


def _quoted(text: str) -> str:
    # Supervisor splits commands and environments as a POSIX shell does; inside single quotes nothing is special.
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> Any:
        import http.client

        connection = http.client.HTTPConnection("localhost", timeout=CALL_TIMEOUT_SECONDS)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.settimeout(CALL_TIMEOUT_SECONDS)
        try:
            opened.connect(str(self._path))
        except OSError:
            opened.close()
            raise
        connection.sock = opened
        return connection


_HEAD = """\
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
logfile={log}
logfile_maxbytes=5MB
logfile_backups=1
pidfile={pid}
directory={directory}
minfds=1024

"""

_PROGRAM = """\
[program:{name}]
command={command}
priority={priority}
directory={directory}
environment={environment}
autostart=false
autorestart=true
startsecs=1
startretries={retries}
stopsignal=TERM
stopwaitsecs={stop}
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes={log_bytes}
stdout_logfile_backups=1

"""
