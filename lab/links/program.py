"""Toxiproxy's server: built once per user from its Go module at the pinned version, or named by MOTCUA_TOXIPROXY."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local import golang
from deploy.local.errors import DownloadError
from deploy.local.jars import cache_directory
from lab.errors import LinksError

VERSION = "2.5.0"
MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
BUILD_WITHIN_SECONDS = 600.0


def ensure(say: Callable[[str], None] = lambda line: None, cache: Path | None = None) -> Path:
    """The server's program; LinksError says how to get one when there is none and none can be built."""
    if named := os.environ.get("MOTCUA_TOXIPROXY"):
        if not os.access(named, os.X_OK):
            raise LinksError("MOTCUA_TOXIPROXY names no program that can be run")
        return Path(named)
    if found := shutil.which("toxiproxy-server"):
        return Path(found)
    root = cache or cache_directory()
    final = root / f"toxiproxy-{VERSION}" / "toxiproxy-server"
    if final.exists():
        return final
    try:
        go = golang.ensure(say, cache)
    except DownloadError as error:
        raise LinksError(
            f"links need Toxiproxy: install Go, which builds it once, or toxiproxy-server, or name one by MOTCUA_TOXIPROXY "
            f"({error})"
        ) from error
    say(f"Building Toxiproxy {VERSION} from its Go module (once per user) into {final.parent}")
    _build(go, root, final)
    return final


def _build(go: Path, root: Path, final: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"toxiproxy-{VERSION}.part-", dir=root))
    try:
        built = subprocess.run(
            # Nothing of it is C, and a bare machine has no compiler of it.
            [go, "install", MODULE], env={**os.environ, "GOBIN": str(part), "CGO_ENABLED": "0"}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=BUILD_WITHIN_SECONDS, check=False,
        )  # fmt: skip
        if built.returncode != 0:
            lines = built.stderr.strip().splitlines() or ["no reason given"]
            raise LinksError(f"Toxiproxy could not be built: {lines[-1][:300]}")
        final.parent.mkdir(exist_ok=True)
        # Renamed when complete: two that build at once end with the same file.
        (part / "server").replace(final)
    except subprocess.TimeoutExpired:
        raise LinksError(f"Toxiproxy could not be built within {BUILD_WITHIN_SECONDS:.0f} s: look at the network") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
