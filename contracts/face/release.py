"""Which release a process is: a series that changes when another program takes over, from which dashboards draw releases."""

import hashlib
import os
import tomllib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Info

HOME: Final = Path(__file__).resolve().parents[2]
# What every service is made of; read as files, never imported.
PARTS: Final = ("contracts", "services")
# Said by whoever builds; a program without it is known by its files alone.
COMMIT: Final = "MOTCUA_COMMIT"
SHOWN_DIGITS: Final = 12
MEANING: Final = "Which program runs: its version, its commit where that was said, the digest of its files."


def tell(registry: CollectorRegistry) -> None:
    """Adds `motcua_build_info` to what a service exports."""
    told = Info("motcua_build", MEANING, registry=registry)
    told.info({"version": version(HOME), "commit": os.environ.get(COMMIT, "")[:SHOWN_DIGITS], "sources": digest(HOME)})


@cache
def version(home: Path) -> str:
    """As pyproject.toml has it."""
    try:
        return str(tomllib.loads((home / "pyproject.toml").read_text())["project"]["version"])
    except (OSError, KeyError, ValueError):
        return ""


@cache
def digest(home: Path) -> str:
    """Of every file that a service is made of, with its name; what the interpreter leaves beside them is none of it."""
    made = hashlib.sha256()
    for part in PARTS:
        for path in sorted((home / part).rglob("*")):
            # A file that goes while it is read is no reason for a service not to start.
            with suppress(OSError):
                if path.is_file() and "__pycache__" not in path.parts:
                    made.update(f"{path.relative_to(home)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return made.hexdigest()[:SHOWN_DIGITS]
