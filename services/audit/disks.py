"""How much room is left where the logs and Redis lie: what audit proves is worth nothing once they cannot be written."""

import shutil
from functools import partial
from pathlib import Path
from typing import Final

from services.audit.instruments import Instruments

PLACES_MAX: Final = 16
NOT_KNOWN: Final = float("nan")


def places(text: str) -> dict[str, Path]:
    """`kafka=/var/lib/kafka,redis=/data` as names and directories; ValueError when it is something else."""
    found: dict[str, Path] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, separator, directory = part.partition("=")
        if not separator or not name or not directory or name in found:
            raise ValueError("MOTCUA_AUDIT_DISKS names each place once: name=/directory,name=/directory")
        found[name] = Path(directory)
    if len(found) > PLACES_MAX:
        raise ValueError(f"MOTCUA_AUDIT_DISKS names more than {PLACES_MAX} places")
    return found


def watch(named: dict[str, Path], instruments: Instruments) -> None:
    """From now on each scrape looks at these places."""
    for name, directory in named.items():
        instruments.disk_free_bytes.labels(name).set_function(partial(free_bytes, directory))
        instruments.disk_free_ratio.labels(name).set_function(partial(free_ratio, directory))


def free_bytes(directory: Path) -> float:
    """Bytes that can still be written there; not a number where nobody can say."""
    try:
        return float(shutil.disk_usage(directory).free)
    except OSError:
        return NOT_KNOWN


def free_ratio(directory: Path) -> float:
    """The free share of its file system, 0 to 1; not a number where nobody can say."""
    try:
        usage = shutil.disk_usage(directory)
    except OSError:
        return NOT_KNOWN
    # Of what anybody may use: blocks kept for the system's own user are neither used nor free.
    return usage.free / max(1, usage.used + usage.free)
