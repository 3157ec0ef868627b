"""What the last comparison of two generations came to: kept in the state directory, asked before a switch."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.local.beside import beside
from deploy.local.generations import Generations
from deploy.local.stack import Stack
from deploy.operators.generation.since import Since

FOLDER = "generations"
# Read, discussed and approved, a comparison may be some hours old; what was reported since then nobody has compared.
SINCE_RECORDS_MAX, SINCE_PERCENT_MAX = 20_000, 1


class Report(Struct, frozen=True):
    """What a switch asks of it: `positions` are the reported records up to which both were compared."""

    equal: bool
    positions: dict[int, int]


def file_of(stack: Stack, running: Generations) -> Path:
    """Where a comparison of the live generation with the one beside is written."""
    return stack.directory / FOLDER / f"compared-g{running.live.gen}-g{beside(running).gen}.json"


def keep(file: Path, told: Mapping[str, object]) -> None:
    """Writes a report in one step."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    new.replace(file)


def read(file: Path) -> Report | None:
    """The last comparison; None when there was none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        return None


def reason_outdated(since: Since) -> str | None:
    """None while a comparison says how the two differ now, else why it does not."""
    if since.records < 0:
        return "it is of another archive: it went further than this one"
    if since.records > (allowed := records_allowed(since.end)):
        return f"{since.records:,} records were reported since then, and at most {allowed:,} may be"
    if since.activated:
        return f"rules were activated since then (partitions {', '.join(map(str, since.activated))})"
    return None


def records_allowed(end: int) -> int:
    """How many records may have been reported since a comparison, of so many in the archive."""
    return max(SINCE_RECORDS_MAX, end * SINCE_PERCENT_MAX // 100)
