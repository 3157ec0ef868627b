"""Dumps of Redis, one an hour, a bounded number kept: `python -m deploy.local.dumps` makes them until it is told to stop.

A dump is a whole state of one instant, positions included: put back, it is an older state, from which reading goes on.
"""

import logging
import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import redis
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.face import logs
from deploy.local import valkey
from deploy.local.errors import DumpError
from deploy.local.settings import StackSettings

CALL_SECONDS = 10.0
SAVE_WITHIN_SECONDS = 600.0
CHECK_WITHIN_SECONDS = 600.0
POLL_SECONDS = 0.1
STAMP = "%Y-%m-%dT%H%M%S.%fZ"
# What is not made at all is missed after so many turns.
OVERDUE_TURNS = 2
# The append-only files that a dump has taken the place of: kept once, in case somebody wants them after all.
BEFORE = "appendonlydir.before"
NEW = "appendonlydir.new"
_log = logging.getLogger(__name__)


class DumpSettings(BaseSettings):
    """How often, and how many are kept."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", extra="ignore")

    dumps_every_seconds: float = Field(default=3600.0, ge=1.0, le=86_400.0)
    dumps_kept_max: int = Field(default=24, ge=1, le=1000)


@dataclass(frozen=True)
class Dump:
    """A dump in its file."""

    file: Path
    made_at: datetime
    size_bytes: int

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name


def main() -> None:
    """A dump at once, where the newest is older than an hour, and then one an hour."""
    with logs.begun("dumps"):
        _go_on(StackSettings(), DumpSettings())


def _go_on(settings: StackSettings, chosen: DumpSettings) -> None:
    while True:
        newest = found(settings)[-1:]
        age = (datetime.now(UTC) - newest[0].made_at).total_seconds() if newest else chosen.dumps_every_seconds
        if age >= chosen.dumps_every_seconds:
            try:
                made = make(settings, chosen.dumps_kept_max)
                _log.info("dump %s, %d bytes", made.name, made.size_bytes)
            except DumpError as error:
                _log.error("%s", error)
        time.sleep(min(chosen.dumps_every_seconds, max(1.0, chosen.dumps_every_seconds - age)))


def directory(settings: StackSettings) -> Path:
    """Where dumps lie."""
    return settings.directory / "dumps"


def found(settings: StackSettings) -> list[Dump]:
    """The dumps there are, the oldest first; files that somebody else has put beside them are none."""
    files = sorted(directory(settings).glob("redis-*.rdb")) if directory(settings).is_dir() else []
    named = [(file, _made_at(file)) for file in files]
    return [Dump(file, made_at, file.stat().st_size) for file, made_at in named if made_at is not None]


def make(settings: StackSettings, kept: int) -> Dump:
    """Redis writes its state of this instant beside what it does; the oldest dumps beyond `kept` go. Blocks until it has."""
    home = directory(settings)
    home.mkdir(parents=True, exist_ok=True)
    made_at = datetime.now(UTC)
    try:
        with redis.Redis.from_url(settings.redis_url, socket_timeout=CALL_SECONDS) as client:
            _save(client)
            written = Path(client.config_get("dir")["dir"]) / client.config_get("dbfilename")["dbfilename"]
    except redis.RedisError as error:
        raise DumpError(f"Redis at {settings.redis_url} made no dump: {type(error).__name__}.") from error
    file = home / f"redis-{made_at.strftime(STAMP)}.rdb"
    # Redis renames each dump into place and never writes to one again: a second name keeps it, and costs nothing.
    os.link(written, file)
    for dump in found(settings)[:-kept]:
        dump.file.unlink()
    return Dump(file, made_at, file.stat().st_size)


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
    """Makes what `lay_ready` has laid there what Redis starts with, by a rename; Redis must not run."""
    home = valkey.directory(settings)
    new, present, before = home / NEW, home / "appendonlydir", home / BEFORE
    if present.exists():
        shutil.rmtree(before, ignore_errors=True)
        present.rename(before)
    new.rename(present)


def check(dump: Dump) -> None:
    """DumpError when a dump is not whole: its sum is worked out again, by Redis' own checker."""
    server = valkey.command(StackSettings())[0]
    # The server is its own checker when it is called by that name.
    name = "valkey-check-rdb" if "valkey" in Path(server).name else "redis-check-rdb"
    looked = subprocess.run(
        [name, str(dump.file)],
        executable=server,
        capture_output=True,
        text=True,
        errors="replace",  # it shows what it has found as it stands there, and a damaged file holds any bytes
        timeout=CHECK_WITHIN_SECONDS,
    )
    if looked.returncode != 0:
        raise DumpError(f"{dump.file} is not whole ({(looked.stdout.strip().splitlines() or ['no reason'])[-1][:200]}).")


def reason_not_ready(settings: StackSettings) -> str | None:
    """None while the newest dump is of this or the last hour."""
    dumps, chosen = found(settings), DumpSettings()
    if not dumps:
        return "has made no dump yet"
    age = (datetime.now(UTC) - dumps[-1].made_at).total_seconds()
    if age > OVERDUE_TURNS * chosen.dumps_every_seconds + SAVE_WITHIN_SECONDS:
        return f"has made no dump for {age / 3600:.1f} h"
    return None


def _save(client: "redis.Redis") -> None:
    deadline = time.monotonic() + SAVE_WITHIN_SECONDS
    before = client.lastsave()
    while True:
        try:
            client.bgsave()
            break
        except redis.ResponseError:  # it rewrites its append-only file, or saves already
            _wait(deadline)
    while client.info("persistence")["rdb_bgsave_in_progress"]:
        _wait(deadline)
    if client.info("persistence")["rdb_last_bgsave_status"] != "ok" or client.lastsave() < before:
        raise DumpError("Redis could not save its dump: see its log, and the room on its disk.")


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise DumpError(f"Redis has not saved its dump after {SAVE_WITHIN_SECONDS:.0f} s.")
    time.sleep(POLL_SECONDS)


def _made_at(file: Path) -> datetime | None:
    with suppress(ValueError):
        return datetime.strptime(file.stem.removeprefix("redis-"), STAMP).replace(tzinfo=UTC)
    return None


if __name__ == "__main__":
    main()
