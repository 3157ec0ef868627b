"""Every query of every dashboard against a live Prometheus beside a demo: it is understood, and it returns data."""

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.checks import free_port_base
from tests.dashboards import Asked, dashboards, queries

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN_SECONDS = 600
# Rates want two scrapes, rules that ask for others' results two evaluations more.
DATA_WITHIN_SECONDS = 180.0
SAID = {"$role": "receiver", "$tier": ".*", "$unit": "19753", "$__rate_interval": "1m", "$__range": "10m"}
# A page that fires would be a fault of the demo; its annotation is asked, and may say nothing.
MAY_BE_EMPTY = {"Cảnh báo"}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """The Prometheus of a demo that has just been played."""
    base = free_port_base()
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
    places = {**outside, "MOTCUA_PORT_BASE": str(base), "MOTCUA_STATE_DIR": str(tmp_path / "demo")}
    try:
        played = subprocess.run(
            [sys.executable, "-m", "lab.demo"], cwd=REPOSITORY, env=places, capture_output=True, text=True,
            timeout=WITHIN_SECONDS, check=False,
        )  # fmt: skip
        assert played.returncode == 0, played.stdout + played.stderr
        yield f"http://127.0.0.1:{base + 90}"
    finally:
        subprocess.run(
            [sys.executable, "-m", "deploy.local.main", "down", "--wipe"],
            cwd=REPOSITORY,
            env=places,
            timeout=120,
            check=False,
        )


def ask(prometheus: str, expr: str) -> list[Any]:
    """What Prometheus answers now; AssertionError with its sentence when it does not understand."""
    for name, value in SAID.items():
        expr = expr.replace(name, value)
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            told = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{expr}: {error.read().decode()}") from error
    found: list[Any] = told["data"]["result"]
    return found


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(WITHIN_SECONDS + DATA_WITHIN_SECONDS + 120)
def test_every_query_returns_data_during_the_demo(prometheus: str) -> None:
    """None is refused, none stays empty; a query that never returns anything is a panel that says nothing."""
    left: list[Asked] = list(queries(dashboards()))
    assert len(left) > 100
    deadline = time.monotonic() + DATA_WITHIN_SECONDS
    while True:
        left = [each for each in left if not ask(prometheus, each.expr) and each.panel not in MAY_BE_EMPTY]
        if not left or time.monotonic() > deadline:
            break
        time.sleep(5.0)
    assert not left
