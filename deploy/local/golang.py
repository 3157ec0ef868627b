"""Programs built from their Go modules by this machine's Go, else by Debian's, unpacked into the user's cache."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.local import debian
from deploy.local.errors import DownloadError
from deploy.local.jars import cache_directory

BUILD_WITHIN_SECONDS: Final = 600.0
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


def build(what: str, module: str, final: Path, say: Callable[[str], None], cache: Path | None = None) -> Path:
    """The program of a module at its version, `final` when it is complete; DownloadError says why it could not be built."""
    go = ensure(say, cache)
    say(f"Building {what} from its Go module (once per user) into {final.parent}")
    with debian.part_of(what, final) as part:
        try:
            # Nothing of it is C, and a bare machine has no compiler of it.
            built = subprocess.run(
                [go, "install", module], env={**os.environ, "GOBIN": str(part), "CGO_ENABLED": "0"}, text=True,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=BUILD_WITHIN_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            told = f"{what} could not be built within {BUILD_WITHIN_SECONDS:.0f} s: look at the network"
            raise DownloadError(told) from None
        if built.returncode != 0:
            lines = built.stderr.strip().splitlines() or ["no reason given"]
            raise DownloadError(f"{what} could not be built: {lines[-1][:300]}")
        # Renamed when complete: two that build at once end with the same file.
        return (part / module.partition("@")[0].rpartition("/")[2]).replace(final)


def _home(cache: Path | None) -> Path:
    return (cache or cache_directory()) / "go-debian"
