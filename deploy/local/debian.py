"""Debian's packages unpacked into a directory of one's own: no root, nothing is installed."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.local.errors import DownloadError

WITHIN_SECONDS: Final = 600.0
# Every machine has its own, and no program starts with another's.
NEVER: Final = frozenset({"libc6", "libc-bin"})


class _FailedError(Exception):
    """The last words of a command."""


def unpack(what: str, packages: Sequence[str], home: Path, *, whole: bool = False) -> None:
    """Downloads and unpacks packages, if `whole` with all that they need and this machine lacks; what stands in `home`
    afterwards is complete. DownloadError otherwise, which names `what` was wanted."""
    if any(shutil.which(needed) is None for needed in ("apt-get", "dpkg-deb")):
        raise DownloadError(f"{what} can be fetched on Debian and Ubuntu alone: elsewhere put them on PATH.")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}.part-") as directory:
        part = Path(directory)
        try:
            _download(part, packages, whole)
            for package in sorted(part.glob("*.deb")):
                _run(("dpkg-deb", "--extract", str(package), "unpacked"), part)
        except _FailedError as error:
            raise DownloadError(f"{what} could not be fetched: {error}. Look at the network, try again.") from error
        shutil.rmtree(home, ignore_errors=True)
        (part / "unpacked").rename(home)


def _download(part: Path, packages: Sequence[str], whole: bool) -> None:
    # The machine's own lists first; a bare machine has none, or old ones, and a list of one's own needs no root.
    try:
        _download_by(part, (), packages, whole)
    except _FailedError:
        for name in ("lists/partial", "cache/archives/partial"):
            (part / name).mkdir(parents=True)
        own = ("-o", f"Dir::State::Lists={part / 'lists'}", "-o", f"Dir::Cache={part / 'cache'}")
        _run(("apt-get", *own, "-qq", "update"), part)
        _download_by(part, own, packages, whole)


def _download_by(part: Path, options: Sequence[str], packages: Sequence[str], whole: bool) -> None:
    wanted = set(packages)
    if whole:
        told = _run(("apt-get", *options, "--simulate", "--no-install-recommends", "install", *packages), part)
        wanted |= set(re.findall(r"^Inst (\S+)", told, re.MULTILINE)) - NEVER
    _run(("apt-get", *options, "-o", "APT::Sandbox::User=root", "-qq", "download", *sorted(wanted)), part)


def _run(command: tuple[str, ...], directory: Path) -> str:
    """What it printed."""
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=WITHIN_SECONDS, stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _FailedError(str(error)) from error
    if done.returncode != 0:
        raise _FailedError((done.stderr.strip().splitlines() or [f"{command[0]} ended with {done.returncode}"])[-1])
    return done.stdout
