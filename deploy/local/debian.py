"""Debian's packages unpacked into a directory of one's own: no root, nothing is installed."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    with part_of(what, home) as part:
        try:
            _download(part, packages, whole)
            for package in sorted(part.glob("*.deb")):
                _run(("dpkg-deb", "--extract", str(package), "unpacked"), part)
        except _FailedError as error:
            raise DownloadError(f"{what} could not be fetched: {error}. Look at the network, try again.") from error
        shutil.rmtree(home, ignore_errors=True)
        (part / "unpacked").rename(home)


@contextmanager
def part_of(what: str, final: Path) -> Iterator[Path]:
    """A directory in which something is made ready and from which it is renamed; DownloadError where that is not possible,
    the disk being full, or closed to this user."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=f"{final.name}.part-") as directory:
            yield Path(directory)
    except OSError as error:
        raise DownloadError(f"{what} could not be put into {final.parent}: {error.strerror or error}.") from error


def _download(part: Path, packages: Sequence[str], whole: bool) -> None:
    # The machine's own lists first; a bare machine has none, or old ones, and a list of one's own needs no root.
    try:
        _download_by(part, (), packages, whole)
    except _FailedError:
        for name in ("lists/partial", "cache/archives/partial"):
            (part / name).mkdir(parents=True)
        own = ("-o", f"Dir::State::Lists={part / 'lists'}", "-o", f"Dir::Cache={part / 'cache'}")
        away: _FailedError | None = None
        try:
            _run(("apt-get", *own, "-o", "APT::Update::Error-Mode=any", "-qq", "update"), part)
        except _FailedError as error:
            away = error  # perhaps of a source that nobody needs here
        try:
            _download_by(part, own, packages, whole)
        except _FailedError as error:
            raise away or error from error


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
        words = done.stderr.strip().splitlines() or [f"{command[0]} ended with {done.returncode}"]
        raise _FailedError(words[-1].rstrip("."))
    return done.stdout
