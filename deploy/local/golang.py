"""A Go that builds Toxiproxy: this machine's, else Debian's, unpacked into the user's cache."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.local import debian
from deploy.local.errors import DownloadError
from deploy.local.jars import cache_directory

PLACES: Final = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go")


def find(cache: Path | None = None) -> Path | None:
    """From PATH and its usual places, else from the cache; None when it is in none of them."""
    if found := shutil.which("go") or next((place for place in PLACES if os.access(place, os.X_OK)), None):
        return Path(found)
    return next(_home(cache).glob("usr/lib/go-*/bin/go"), None)


def ensure(say: Callable[[str], None] = lambda line: None, cache: Path | None = None) -> Path:
    """Fetched when there is none; DownloadError says why it is not to be had."""
    if found := find(cache):
        return found
    home = _home(cache)
    say(f"Fetching Go (Debian's packages, once per user) into {home}")
    debian.unpack("Go", ("golang-go",), home, whole=True)
    if found := find(cache):
        return found
    raise DownloadError("This system has no Go among its packages: put one on PATH.")


def _home(cache: Path | None) -> Path:
    return (cache or cache_directory()) / "go-debian"
