"""Dumps of Redis, one an hour, a bounded number kept: `python -m deploy.local.dumps` makes them until it is told to stop.

A dump is a whole state of one instant, positions included: put back, it is an older state, from which reading goes on.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import redis
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.face import logs
from deploy.local.errors import DumpError
from deploy.local.settings import StackSettings

CALL_SECONDS = 10.0
SAVE_WITHIN_SECONDS = 600.0
POLL_SECONDS = 0.1
# What keeps a dump from being made may last: so long to the next try, then twice as long, up to the most.
RETRY_FIRST_SECONDS, RETRY_MOST_SECONDS = 15.0, 600.0
# By so little a clock is set right every day; a dump that is further ahead of it was made by a wrong one.
CLOCK_SLACK_SECONDS = 60.0
STAMP = "%Y-%m-%dT%H%M%S.%fZ"
# The number says which was made before which, whatever the clock said; dumps of before there were numbers have none. Without
# its letter it would look like somebody's telephone number, which no log shows.
_NAME = re.compile(r"redis-(?:n(\d{6,})-)?(\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z)\.rdb")
# What is not made at all is missed after so many turns.
OVERDUE_TURNS = 2
_log = logging.getLogger(__name__)


class DumpSettings(BaseSettings):
    """How often, and how many are kept."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", env_ignore_empty=True, extra="ignore")

    dumps_every_seconds: float = Field(default=3600.0, ge=1.0, le=86_400.0)
    dumps_kept_max: int = Field(default=24, ge=1, le=1000)


def told(environment: Mapping[str, str]) -> DumpSettings:
    """As the processes of a stack are told, whoever gives a command now."""
    fields = DumpSettings.model_fields.items()
    return DumpSettings.model_validate(
        {name: environment.get(f"MOTCUA_{name.upper()}") or field.default for name, field in fields}
    )


@dataclass(frozen=True)
class Dump:
    """A dump in its file; `made_at` by the clock of then, which may have been wrong."""

    file: Path
    number: int
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
    failed = 0
    while True:
        try:
            wait_seconds = _made_when_due(settings, chosen)
            failed = 0
        except DumpError as error:
            failed += 1
            wait_seconds = retry_in_seconds(failed, chosen.dumps_every_seconds)
            _log.error("%s The next try is in %.0f s.", error, wait_seconds)
        time.sleep(wait_seconds)


def _made_when_due(settings: StackSettings, chosen: DumpSettings) -> float:
    dumps, now = found(settings), datetime.now(UTC)
    if (wait_seconds := due_in_seconds(dumps, now, chosen.dumps_every_seconds)) > 0:
        return wait_seconds
    if dumps and _is_ahead(dumps[-1], now):
        _log.warning("dump %s says a later time than the clock: one of them is wrong, so another is due", dumps[-1].name)
    made = make(settings, chosen.dumps_kept_max)
    _log.info("dump %s, %d bytes", made.name, made.size_bytes)
    return chosen.dumps_every_seconds


def due_in_seconds(dumps: list[Dump], now: datetime, every_seconds: float) -> float:
    """How long until the next one is due, 0 for at once: also where the newest was made by a clock that was ahead."""
    if not dumps or _is_ahead(dumps[-1], now):
        return 0.0
    return max(0.0, every_seconds - max(0.0, _age_seconds(dumps[-1], now)))


def retry_in_seconds(failed: int, every_seconds: float) -> float:
    """The pause after so many tries without a dump, one after the other; never longer than between two dumps."""
    # Bounded before it is raised: a number of any size is no exponent.
    return min(RETRY_FIRST_SECONDS * 2.0 ** min(failed - 1, 10), RETRY_MOST_SECONDS, every_seconds)


def directory(settings: StackSettings) -> Path:
    """Where dumps lie."""
    return settings.directory / "dumps"


def found(settings: StackSettings) -> list[Dump]:
    """The dumps there are, in the order in which they were made; files that somebody else has put beside them are none."""
    try:
        files = list(directory(settings).glob("redis-*.rdb")) if directory(settings).is_dir() else []
        dumps = [dump for file in files if (dump := _read(file)) is not None]
    except OSError as error:
        raise DumpError(f"{directory(settings)} cannot be looked through: {error.strerror or error}.") from error
    return sorted(dumps, key=lambda dump: (dump.number, dump.made_at))


def make(settings: StackSettings, kept: int) -> Dump:
    """Redis writes its state of this instant beside what it does; the oldest dumps beyond `kept` go. Blocks until it has."""
    home = directory(settings)
    made_at = datetime.now(UTC)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with redis.Redis.from_url(
            settings.redis_url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS
        ) as client:
            written = Path(client.config_get("dir")["dir"]) / client.config_get("dbfilename")["dbfilename"]
            before = _which(written)
            _save(client)
        # Not by the time at which Redis says it saved: that is a clock's as well.
        if _which(written) == before:
            raise DumpError(f"Redis says that it has saved, and {written} is not new: see its log.")
        dumps = found(settings)
        number = dumps[-1].number + 1 if dumps else 1
        file = home / f"redis-n{number:06}-{made_at.strftime(STAMP)}.rdb"
        _keep(written, file)
        for dump in found(settings)[:-kept]:
            dump.file.unlink(missing_ok=True)
        return Dump(file, number, made_at, file.stat().st_size)
    except redis.RedisError as error:
        raise DumpError(f"Redis at {settings.redis_url} made no dump: {type(error).__name__}.") from error
    except OSError as error:
        raise DumpError(f"A dump cannot be kept in {home}: {error.strerror or error}.") from error


def reason_not_ready(settings: StackSettings, every_seconds: float) -> str | None:
    """None while the newest dump is of this or the last hour, where one is due each hour."""
    now = datetime.now(UTC)
    try:
        dumps = found(settings)
    except DumpError as error:
        return f"says: {error}"
    if not dumps:
        return "has made no dump yet"
    if _is_ahead(dumps[-1], now):
        return f"has made its newest dump {-_age_seconds(dumps[-1], now) / 3600:.1f} h from now, if the clock is right"
    age_seconds = _age_seconds(dumps[-1], now)
    if age_seconds > OVERDUE_TURNS * every_seconds + SAVE_WITHIN_SECONDS:
        return f"has made no dump for {age_seconds / 3600:.1f} h"
    return None


def _age_seconds(dump: Dump, now: datetime) -> float:
    return (now - dump.made_at).total_seconds()


def _is_ahead(dump: Dump, now: datetime) -> bool:
    return _age_seconds(dump, now) < -CLOCK_SLACK_SECONDS


def _read(file: Path) -> Dump | None:
    if (named := _NAME.fullmatch(file.name)) is None:
        return None
    with suppress(ValueError, FileNotFoundError):  # no such day; or one that has gone meanwhile
        made_at = datetime.strptime(named[2], STAMP).replace(tzinfo=UTC)
        return Dump(file, int(named[1] or 0), made_at, file.stat().st_size)
    return None


def _save(client: "redis.Redis") -> None:
    deadline = time.monotonic() + SAVE_WITHIN_SECONDS
    while True:
        try:
            client.bgsave()
            break
        except redis.ResponseError:  # it rewrites its append-only file, or saves already
            _wait(deadline)
    while client.info("persistence")["rdb_bgsave_in_progress"]:
        _wait(deadline)
    if client.info("persistence")["rdb_last_bgsave_status"] != "ok":
        raise DumpError("Redis could not save its dump: see its log, and the room on its disk.")


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise DumpError(f"Redis has not saved its dump after {SAVE_WITHIN_SECONDS:.0f} s.")
    time.sleep(POLL_SECONDS)


def _which(file: Path) -> tuple[int, int] | None:
    """By what a file is known from the one that was there before under its name."""
    with suppress(FileNotFoundError):
        found = file.stat()
        return found.st_ino, found.st_mtime_ns
    return None


def _keep(written: Path, file: Path) -> None:
    try:
        # Redis renames each dump into place and never writes to one again: a second name keeps it, and costs nothing.
        os.link(written, file)
    except OSError:
        # Another file system, or one without second names.
        new = file.with_suffix(".new")
        try:
            shutil.copyfile(written, new)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
