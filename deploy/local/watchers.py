"""Prometheus and Alertmanager of a local stack: the files of deploy/, with this stack's own targets, ports and pace."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from deploy.local import debs
from deploy.local.settings import REPOSITORY, StackSettings

PROMETHEUS_FILES = REPOSITORY / "deploy" / "prometheus"
ALERTMANAGER_FILE = REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
# An objective is over 30 days, and its last day is read, too.
KEPT = "35d"
# Whoever tells of itself at /metrics, and is a process of the local stack.
SCRAPED = ("intake", "processing", "processing-api", "metrics", "metrics-api", "edge", "audit", "prometheus", "alertmanager")


def directory(settings: StackSettings, name: str) -> Path:
    """Where one of the two keeps its files."""
    return settings.directory / name


def prepare(settings: StackSettings) -> None:
    """Writes the configuration of both; whoever changes the files of deploy/ has them in force after the next `make up`."""
    home = directory(settings, "prometheus")
    for name in ("rules", "targets", "data"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "prometheus.yml").write_text(paced((PROMETHEUS_FILES / "prometheus.yml").read_text(), settings.watch_seconds))
    shipped = {file.name: file.read_text() for file in (PROMETHEUS_FILES / "rules").glob("*.yml")}
    for stale in {file.name for file in (home / "rules").iterdir()} - set(shipped):
        (home / "rules" / stale).unlink()
    for name, text in shipped.items():
        (home / "rules" / name).write_text(text)
    for name, rows in targets(settings).items():
        # JSON is YAML, and the standard library writes it.
        (home / "targets" / name).write_text(json.dumps(rows, indent=1) + "\n")
    (directory(settings, "alertmanager") / "data").mkdir(parents=True, exist_ok=True)
    (directory(settings, "alertmanager") / "alertmanager.yml").write_text(ALERTMANAGER_FILE.read_text())


def targets(settings: StackSettings) -> dict[str, list[dict[str, object]]]:
    """Who is scraped in this stack, by file."""

    def of(name: str) -> list[str]:
        return [f"127.0.0.1:{settings.port(name)}"]

    return {
        "services.yml": [{"labels": {"job": name}, "targets": of(name)} for name in SCRAPED],
        "dossiers.yml": [{"targets": of("metrics-api")}],
        "alertmanagers.yml": [{"targets": of("alertmanager")}],
    }


def paced(text: str, seconds: int) -> str:
    """The configuration with another pause between two looks."""
    for name, value in {
        "scrape_interval": seconds,
        "evaluation_interval": seconds,
        "scrape_timeout": min(seconds, 10),
    }.items():
        text, times = re.subn(rf"(?m)^  {name}: \d+s$", f"  {name}: {value}s", text)
        assert times == 1, name
    return text


def commands(settings: StackSettings) -> Mapping[str, tuple[str, ...]]:
    """The command lines of those that are found on this machine."""
    found = {name: debs.find(name) for name in ("prometheus", "alertmanager")}
    options = {"prometheus": _prometheus(settings), "alertmanager": _alertmanager(settings)}
    return {name: (str(path), *options[name]) for name, path in found.items() if path is not None}


def _prometheus(settings: StackSettings) -> tuple[str, ...]:
    home = directory(settings, "prometheus")
    return (
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--storage.tsdb.retention.time={KEPT}",
        f"--web.listen-address=127.0.0.1:{settings.port('prometheus')}",
        "--log.level=warn",
    )


def _alertmanager(settings: StackSettings) -> tuple[str, ...]:
    home = directory(settings, "alertmanager")
    return (
        f"--config.file={home / 'alertmanager.yml'}",
        f"--storage.path={home / 'data'}",
        f"--web.listen-address=127.0.0.1:{settings.port('alertmanager')}",
        # Alone: it looks for no others of its kind.
        "--cluster.listen-address=",
        "--log.level=warn",
    )
