"""Prometheus and Alertmanager of Debian's packages, unpacked into the user's cache: no root, nothing is installed."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.errors import DownloadError
from deploy.local.jars import cache_directory

PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
# What each program is called where it is found: as its makers name it, or as Debian does.
PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
}
# Built into Debian's Alertmanager: without these it does not start.
TEMPLATES: Final = Path("/usr/share/prometheus/alertmanager")
WITHIN_SECONDS: Final = 300.0
REMEDY: Final = "run `make prometheus` (Debian, Ubuntu), or put them on PATH"


def find(program: str, cache: Path | None = None) -> Path | None:
    """The program from PATH, else from the cache; None when it is in neither."""
    unpacked = _home(cache) / "usr" / "bin"
    for name in PROGRAMS[program]:
        if found := shutil.which(name):
            return Path(found)
        if (found := shutil.which(name, path=str(unpacked))) and (program != "alertmanager" or _has_templates()):
            return Path(found)
    return None


def missing(cache: Path | None = None) -> list[str]:
    """The programs that are found nowhere."""
    return [program for program in PROGRAMS if find(program, cache) is None]


def main() -> int:
    """`make prometheus`: exit status 0 when all four are there, 1 with one sentence when not."""
    try:
        if lacking := missing():
            print(f"Fetching {', '.join(lacking)} (Debian's packages, once per user) into {_home(None)}", flush=True)
            fetch()
        for program in PROGRAMS:
            print(f"  {program:<13} {find(program)}")
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def fetch(cache: Path | None = None) -> None:
    """Downloads and unpacks both packages; what stands in the cache afterwards is complete. DownloadError otherwise."""
    if any(shutil.which(needed) is None for needed in ("apt-get", "dpkg-deb")):
        raise DownloadError(
            "Prometheus and Alertmanager can be fetched on Debian and Ubuntu alone: elsewhere put them on PATH."
        )
    home = _home(cache)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="prometheus.part-") as directory:
        part = Path(directory)
        # The machine's own lists first; a bare machine has none, and a list of one's own needs no root.
        if _download(part, ()) is not None:
            own = _own_lists(part)
            if complaint := _run(("apt-get", *own, "-qq", "update"), part) or _download(part, own):
                raise DownloadError(f"Prometheus could not be fetched: {complaint}. Look at the network, try again.")
        unpacked = part / "unpacked"
        for package in part.glob("*.deb"):
            if complaint := _run(("dpkg-deb", "--extract", str(package), str(unpacked)), part):
                raise DownloadError(f"{package.name} could not be unpacked: {complaint}.")
        shutil.rmtree(home, ignore_errors=True)
        unpacked.rename(home)
    _link_templates(home)
    if lacking := missing(cache):
        raise DownloadError(
            f"{', '.join(lacking)} is not to be had without root (Debian's reads templates from {TEMPLATES} alone): "
            f"apt-get install {PACKAGES[1]}, or put another on PATH. What was fetched can be used."
        )


def _has_templates() -> bool:
    return (TEMPLATES / "default.tmpl").exists()


def _link_templates(home: Path) -> None:
    """Who may write there makes a link to what was unpacked; an installed package is left as it is."""
    if _has_templates():
        return
    with contextlib.suppress(OSError):
        TEMPLATES.parent.mkdir(parents=True, exist_ok=True)
        TEMPLATES.unlink(missing_ok=True)
        TEMPLATES.symlink_to(home / TEMPLATES.relative_to("/"))


def _home(cache: Path | None) -> Path:
    return (cache or cache_directory()) / "prometheus-debian"


def _own_lists(part: Path) -> tuple[str, ...]:
    for name in ("lists/partial", "cache/archives/partial"):
        (part / name).mkdir(parents=True)
    return ("-o", f"Dir::State::Lists={part / 'lists'}", "-o", f"Dir::Cache={part / 'cache'}")


def _download(part: Path, options: tuple[str, ...]) -> str | None:
    return _run(("apt-get", *options, "-o", "APT::Sandbox::User=root", "-qq", "download", *PACKAGES), part)


def _run(command: tuple[str, ...], directory: Path) -> str | None:
    """None when it went well, else its last words."""
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=WITHIN_SECONDS, stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"{command[0]} ended with {done.returncode}"])[-1]


if __name__ == "__main__":
    sys.exit(main())
