"""Toxiproxy's server: built once per user from its Go module at the pinned version, or named by MOTCUA_TOXIPROXY."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from deploy.local import golang
from deploy.local.errors import DownloadError
from deploy.local.jars import cache_directory
from lab.errors import LinksError

VERSION = "2.5.0"
MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
# Releases have their version put in when they are built; `go install` leaves this.
UNSTAMPED = "git"
BUILT = f"toxiproxy-{VERSION}"


def ensure(say: Callable[[str], None] = lambda line: None, cache: Path | None = None) -> Path:
    """The server's program; LinksError says how to get one when there is none and none can be built."""
    if named := os.environ.get("MOTCUA_TOXIPROXY"):
        if not os.access(named, os.X_OK):
            raise LinksError("MOTCUA_TOXIPROXY names no program that can be run")
        return Path(named)
    if found := shutil.which("toxiproxy-server"):
        return Path(found)
    final = (cache or cache_directory()) / BUILT / "toxiproxy-server"
    if final.exists():
        return final
    try:
        return golang.build(f"Toxiproxy {VERSION}", MODULE, final, say, cache)
    except DownloadError as error:
        raise LinksError(
            f"links need Toxiproxy: install Go, which builds it once, or toxiproxy-server, or name one by MOTCUA_TOXIPROXY "
            f"({error})"
        ) from error


def version_of(program: Path, said: str) -> str:
    """The version of this program, which has `said` its own: that of the module where it was built here from it."""
    return VERSION if said == UNSTAMPED and program.parent.name == BUILT else said
