"""Every query of every dashboard against a live Prometheus beside a demo: it is understood, and it returns data.

A quick form of it, on a small system, is in tests/integration/test_prometheus_live.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import drawn, few_events
from tests.dashboards import Asked, dashboards, queries
from tests.demo import Demo

WITHIN_SECONDS = 600
UNIT, LAST_DAY = "19753", "2025-07-14"
# Rates want two scrapes, rules that ask for others' results two evaluations more.
DATA_WITHIN_SECONDS = 180.0
SAID = {"role": "receiver", "tier": ".*", "unit": UNIT, "__rate_interval": "1m", "__range": "10m"}


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


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(WITHIN_SECONDS + DATA_WITHIN_SECONDS + 120)
def test_every_query_returns_data_during_the_demo(demo: Demo) -> None:
    """None is refused, none stays empty; a query that never returns anything is a panel that says nothing. Those that have
    something to show only in trouble, or after a week, need no more than what they show instead, where they show anything:
    tests/alerts has their cases."""
    series = drawn.asking(f"http://127.0.0.1:{demo.base + 90}", SAID)
    left: list[Asked] = list(queries(dashboards()))
    assert len(left) > 100
    left = drawn.left_silent(
        left, series, DATA_WITHIN_SECONDS, beat=lambda: drawn.beat(f"http://127.0.0.1:{demo.base + 1}", UNIT, f"dev-{UNIT}")
    )
    assert not left, "\n".join(map(str, left))
