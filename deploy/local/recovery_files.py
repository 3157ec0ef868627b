"""A dump laid where Redis starts from, checked before: it becomes the base of a new append-only file."""

import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from deploy.local import valkey
from deploy.local.dumps import Dump
from deploy.local.errors import DumpError
from deploy.local.settings import StackSettings

CHECK_WITHIN_SECONDS = 600.0
ASK_PORT_SECONDS = 1.0
# The append-only files that a dump has taken the place of: kept once, in case somebody wants them after all.
BEFORE = "appendonlydir.before"
NEW = "appendonlydir.new"


def lay_ready(settings: StackSettings, dump: Dump) -> None:
    """Copies a dump to where `put_back` takes it from, while Redis may still run. DumpError, and nothing changed, when it is
    not whole or there is no room for it.

    With an append-only file Redis never reads a dump: so the dump becomes the base of a new one, in the form in which Redis
    itself rewrites it.
    """
    check(dump)
    new = valkey.directory(settings) / NEW
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        shutil.copyfile(dump.file, new / "appendonly.aof.1.base.rdb")
        (new / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise DumpError(f"{dump.name} cannot be copied into {new.parent}: {error.strerror or error}.") from error


def put_back(settings: StackSettings) -> None:
    """Makes what `lay_ready` has laid there what Redis starts with, by a rename. DumpError, and nothing changed, while Redis
    runs: it would go on writing to files that nobody reads again."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", settings.port("redis")), ASK_PORT_SECONDS):
        raise DumpError(f"Port {settings.port('redis')} still answers: stop the Redis there, then run it again.")
    home = valkey.directory(settings)
    new, present, before = home / NEW, home / "appendonlydir", home / BEFORE
    moved = False
    try:
        if present.exists():
            shutil.rmtree(before, ignore_errors=True)
            present.rename(before)
            moved = True
        new.rename(present)
    except OSError as error:
        if moved:
            before.rename(present)
        raise DumpError(f"{new} cannot take the place of {present}: {error.strerror or error}.") from error


def check(dump: Dump) -> None:
    """DumpError when a dump is not whole: its sum is worked out again, by Redis' own checker."""
    server = valkey.command(StackSettings())[0]
    # The server is its own checker when it is called by that name.
    name = "valkey-check-rdb" if "valkey" in Path(server).name else "redis-check-rdb"
    try:
        looked = subprocess.run(
            [name, str(dump.file)],
            executable=server,
            capture_output=True,
            text=True,
            errors="replace",  # it shows what it has found as it stands there, and a damaged file holds any bytes
            timeout=CHECK_WITHIN_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DumpError(f"{dump.file} could not be looked through ({type(error).__name__}).") from error
    if looked.returncode != 0:
        raise DumpError(f"{dump.file} is not whole ({(looked.stdout.strip().splitlines() or ['no reason'])[-1][:200]}).")
