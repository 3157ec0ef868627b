"""Every query of every dashboard against a live Prometheus beside a demo: it is understood, and it returns data."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards import Asked, dashboards, queries
from tests.demo import Demo

WITHIN_SECONDS = 600
# Rates want two scrapes, rules that ask for others' results two evaluations more.
DATA_WITHIN_SECONDS = 180.0
SAID = {"$role": "receiver", "$tier": ".*", "$unit": "19753", "$__rate_interval": "1m", "$__range": "10m"}
# A page that fires would be a fault of the demo, and nobody releases or drills in it; their annotations may say nothing.
MAY_BE_EMPTY = {"Cảnh báo", "Phát hành", "Diễn tập, việc đã báo trước"}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """The Prometheus of a demo that has just been played."""
    demo = Demo(tmp_path)
    try:
        demo.play(WITHIN_SECONDS)
        yield f"http://127.0.0.1:{demo.base + 90}"
    finally:
        demo.remove()


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
