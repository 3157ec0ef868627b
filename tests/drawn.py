"""Queries of the dashboards as Grafana sends them to a Prometheus that watches a running system, and what must come back."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.dashboards import Asked

ASK_SECONDS = 20.0
PAUSE_SECONDS = 5.0


def filled(expr: str, values: Mapping[str, str]) -> str:
    """With variables as Grafana would fill them in."""
    for variable, value in values.items():
        expr = expr.replace(f"${{{variable}}}", value).replace(f"${variable}", value)
    return expr


def asking(prometheus: str, values: Mapping[str, str]) -> Callable[[str], list[Any]]:
    """What a query gives now; AssertionError with Prometheus' own sentence where it is refused."""

    def series(expr: str) -> list[Any]:
        said = urllib.parse.urlencode({"query": filled(expr, values)})
        try:
            with urllib.request.urlopen(f"{prometheus}/api/v1/query?{said}", timeout=ASK_SECONDS) as answer:
                found: list[Any] = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}: {error.read().decode()}") from error
        return found

    return series


def silent(asked: Iterable[Asked], series: Callable[[str], list[Any]]) -> list[Asked]:
    """Who shows nothing and should. Each is asked whole, as it is drawn, and none may be refused; those that always have
    something to show are asked without what they show where there is nothing, which would hide that they find nothing."""
    left = []
    for each in asked:
        whole = series(each.known)
        found = whole if each.may_be_empty else series(each.bare)
        if not found and (each.falls_back or not each.may_be_empty):
            left.append(each)
    return left


def left_silent(
    asked: Iterable[Asked], series: Callable[[str], list[Any]], within_seconds: float, *, beat: Callable[[], None]
) -> list[Asked]:
    """Who still shows nothing when all have been asked for so long, while a centre is heard: a demo's events come from no
    edge."""
    left = list(asked)
    deadline = time.monotonic() + within_seconds
    while True:
        beat()
        left = silent(left, series)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(PAUSE_SECONDS)


def beat(intake: str, unit: str, key: str) -> None:
    """One centre says that it is there, as its edge would."""
    said = {
        "source": f"/units/{unit}", "incarnation": str(uuid.uuid4()), "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "spool_depth": 0, "oldest_unsent_age_seconds": 0.0, "link": "up",
    }  # fmt: skip
    asked = urllib.request.Request(
        f"{intake}/v1/heartbeats", data=json.dumps(said).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=ASK_SECONDS) as answer:
        assert 200 <= answer.status < 300
