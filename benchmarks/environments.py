"""Environments of their own for programs that are compared with ours: made once by uv, outside the project and its lock."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

INSTALL_WITHIN_SECONDS = 300


class NoEnvironmentError(RuntimeError):
    """It cannot be made here; the text says why."""


def python_of(name: str, *packages: str) -> Path:
    """The interpreter of an environment that holds exactly these pinned packages, made now if it is not there yet."""
    directory = _cache() / f"bench-{name}-py{sys.version_info.major}{sys.version_info.minor}"
    python, stamp = directory / "bin" / "python", directory / "packages"
    wanted = "\n".join(packages)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    uv = _uv()
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(directory)])
    _run([uv, "pip", "install", "--quiet", "--python", str(python), *packages])
    stamp.write_text(wanted)
    return python


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "motcua"


def _uv() -> str:
    """The one that `make setup` has fetched, else one on PATH."""
    kept = sorted(_cache().glob("uv-*/bin/uv"))
    found = str(kept[-1]) if kept else shutil.which("uv")
    if found is None:
        raise NoEnvironmentError("there is no uv: run `make setup` first")
    return found


def _run(command: list[str]) -> None:
    # A machine with certificates of its own (a company's proxy, say) is to be believed.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if Path("/etc/ssl/certs/ca-certificates.crt").exists():
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=INSTALL_WITHIN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoEnvironmentError(f"it was not installed within {INSTALL_WITHIN_SECONDS} s") from None
    if ended.returncode != 0:
        said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
        raise NoEnvironmentError(said[-1] if said else f"uv ended with {ended.returncode}")
