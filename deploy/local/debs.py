"""Prometheus and Alertmanager of Debian's packages, unpacked into the user's cache: no root, nothing is installed."""

import argparse
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local import debian, golang
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
# Built into Debian's Alertmanager, as a place that is root's: without these it does not start. Its makers' own carries them.
TEMPLATES: Final = Path("/usr/share/prometheus/alertmanager")
ALERTMANAGER: Final = "0.25.0"
MODULE: Final = f"github.com/prometheus/alertmanager/cmd/alertmanager@v{ALERTMANAGER}"
REMEDY: Final = "run `make prometheus` (Debian, Ubuntu), or put them on PATH"


def find(program: str, cache: Path | None = None) -> Path | None:
    """The program from PATH, else from the cache; None when it is in neither."""
    for name in PROGRAMS[program]:
        if found := shutil.which(name):
            return Path(found)
    if (unpacked := _unpacked(program, cache)) and (program != "alertmanager" or _has_templates()):
        return unpacked
    return _built(cache) if program == "alertmanager" and os.access(_built(cache), os.X_OK) else None


def missing(cache: Path | None = None) -> list[str]:
    """The programs that are found nowhere."""
    return [program for program in PROGRAMS if find(program, cache) is None]


def main() -> int:
    """`make prometheus`: exit status 0 when all four are there, 1 with one sentence when not."""
    try:
        if missing():
            fetch()
        for program in PROGRAMS:
            print(f"  {program:<13} {find(program)}")
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def fetch(cache: Path | None = None) -> None:
    """Downloads and unpacks both packages; what stands in the cache afterwards is complete. DownloadError otherwise.

    Where Debian's Alertmanager cannot be used, its makers' is built.
    """
    home, wanted = _home(cache), missing(cache)
    # What is unpacked already may be running: it is not replaced for what it cannot give.
    if not all(_unpacked(program, cache) for program in wanted):
        print(f"Fetching {', '.join(wanted)} (Debian's packages, once per user) into {home}", flush=True)
        debian.unpack("Prometheus and Alertmanager", PACKAGES, home)
    _link_templates(home)
    if "alertmanager" in missing(cache):
        golang.build(f"Alertmanager {ALERTMANAGER}", MODULE, _built(cache), print, cache)
    if lacking := missing(cache):
        raise DownloadError(f"{', '.join(lacking)} is not among the packages of this system: put another on PATH.")


def _unpacked(program: str, cache: Path | None) -> Path | None:
    places = (shutil.which(name, path=str(_home(cache) / "usr" / "bin")) for name in PROGRAMS[program])
    return next((Path(found) for found in places if found), None)


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


def _built(cache: Path | None) -> Path:
    return (cache or cache_directory()) / f"alertmanager-{ALERTMANAGER}" / "alertmanager"


def _home(cache: Path | None) -> Path:
    return (cache or cache_directory()) / "prometheus-debian"


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m deploy.local.debs", description=__doc__).parse_args()
    sys.exit(main())
