"""Every query of every dashboard against a live Prometheus beside a demo: it is understood, and it returns data.

A quick form of it, on a small system, is in tests/integration/test_prometheus_live.py.
"""

import json
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests import few_events
from tests.dashboards import Asked, dashboards, queries
from tests.demo import Demo

WITHIN_SECONDS = 600
UNIT, LAST_DAY = "19753", "2025-07-14"
# Rates want two scrapes, rules that ask for others' results two evaluations more.
DATA_WITHIN_SECONDS = 180.0
SAID = {"$role": "receiver", "$tier": ".*", "$unit": UNIT, "$__rate_interval": "1m", "$__range": "10m"}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo that has just been played."""
    demo = Demo(tmp_path)
    try:
        demo.play(WITHIN_SECONDS)
        # Nobody sends twice in a demo, or what fits nowhere.
        for event in few_events.odd(UNIT, LAST_DAY):
            demo.report(event)
        yield demo
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
def test_every_query_returns_data_during_the_demo(demo: Demo) -> None:
    """None is refused, none stays empty; a query that never returns anything is a panel that says nothing."""
    prometheus = f"http://127.0.0.1:{demo.base + 90}"
    left: list[Asked] = list(queries(dashboards()))
    assert len(left) > 100
    deadline = time.monotonic() + DATA_WITHIN_SECONDS
    while True:
        _beat(demo.base)
        left = [each for each in left if not ask(prometheus, each.bare) and not each.may_be_empty]
        if not left or time.monotonic() > deadline:
            break
        time.sleep(5.0)
    assert not left, "\n".join(map(str, left))


def _beat(base: int) -> None:
    """A demo's events come from no edge: one centre says that it is there, as an edge would."""
    beat = {
        "source": f"/units/{UNIT}", "incarnation": str(uuid.uuid4()), "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "spool_depth": 0, "oldest_unsent_age_seconds": 0.0, "link": "up",
    }  # fmt: skip
    asked = urllib.request.Request(
        f"http://127.0.0.1:{base + 1}/v1/heartbeats", data=json.dumps(beat).encode(),
        headers={"Authorization": f"Bearer dev-{UNIT}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert 200 <= answer.status < 300
