"""Chromium for the tests of the board: this machine's, else Debian's, unpacked with its libraries into the user's cache."""

import os
import shutil
from pathlib import Path
from typing import Final

from deploy.local import debian
from deploy.local.errors import DownloadError
from deploy.local.jars import cache_directory

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSIDE: Final = Path("usr/lib/chromium/chromium")
STARTER: Final = "chromium"
# What it looks for in the system it finds beside it.
SCRIPT: Final = """#!/bin/sh
export LD_LIBRARY_PATH='{libraries}'
export FONTCONFIG_FILE='{home}/fonts.conf'
exec '{home}/{inside}' "$@"
"""
FONTS: Final = """<?xml version="1.0"?>
<fontconfig><dir>/usr/share/fonts</dir><dir>{home}/usr/share/fonts</dir><cachedir>{home}/fontconfig</cachedir></fontconfig>
"""


def find(cache: Path | None = None) -> Path | None:
    """From PATH, else from the cache; None when it is in neither."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    unpacked = _home(cache) / STARTER
    return unpacked if os.access(unpacked, os.X_OK) else None


def ensure(cache: Path | None = None) -> Path:
    """Fetched when there is none; DownloadError says why it is not to be had."""
    if found := find(cache):
        return found
    home = _home(cache)
    print(f"Fetching Chromium and its libraries (Debian's packages, 200 MB, once per user) into {home}", flush=True)
    debian.unpack("Chromium and its libraries", ("chromium", "chromium-common"), home, whole=True)
    if not (home / INSIDE).exists():
        raise DownloadError(
            "No Chromium is among the packages of this system: put one on PATH, or name it by MOTCUA_CHROMIUM."
        )
    libraries = sorted({file.parent for file in home.rglob("lib*.so*")})
    (home / "fonts.conf").write_text(FONTS.format(home=home))
    starter = home / f"{STARTER}.part"
    starter.write_text(SCRIPT.format(home=home, inside=INSIDE, libraries=":".join(map(str, libraries))))
    starter.chmod(0o755)
    # Named when it can be started: an interrupted start of this finds none.
    return starter.rename(home / STARTER)


def _home(cache: Path | None) -> Path:
    return (cache or cache_directory()) / "chromium-debian"
