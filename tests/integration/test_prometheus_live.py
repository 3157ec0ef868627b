"""Every rule on a live Prometheus that watches the whole system: it returns series, or all that it asks for is there."""

import json
import time
import urllib.parse
import urllib.request
from typing import Any

import pytest

from deploy.local.stack import Stack
from tests import dashboards
from tests.alerts import rules
from tests.alerts.programs import program

UNIT = "19753"
SEEN_WITHIN_SECONDS = 120.0
# These have series while something is wrong, and none while nothing is: their cases (promtool) show that they work.
IN_TROUBLE = {
    "motcua_processing_stopped", "motcua_metrics_stopped_partitions", "motcua_unit_oldest_unsent_timestamp_seconds",
}  # fmt: skip
# When these have something to say, all has been scraped and worked out at least once.
AT_WORK = (
    'up{job="edge"} == 1', 'up{job="dossiers"} == 1', 'up{job="alertmanager"} == 1', "city:motcua_units_cut_off:ratio",
    "city:motcua_on_time:ratio", "motcua_audit_last_look_timestamp_seconds > 0", "slo:audit_bad:ratio3d",
    "slo:intake_bad:ratio6h", "city:motcua_rejected:ratio1h",
)  # fmt: skip
VARIABLES = {"unit": UNIT, "role": "receiver", "tier": ".*", "__rate_interval": "1m", "__range": "1h"}

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


class Watched:
    """The stack as its Prometheus sees it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        url = f"{self._stack.address('prometheus')}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def series(self, expr: str) -> list[dict[str, Any]]:
        """What an expression gives now."""
        found: list[dict[str, Any]] = self.ask("query", query=expr)["result"]
        return found

    def wait(self, expr: str) -> None:
        """Until it gives something."""
        deadline = time.monotonic() + SEEN_WITHIN_SECONDS
        while not self.series(expr):
            assert time.monotonic() < deadline, f"{expr} gives nothing: {self._targets()}"
            time.sleep(0.3)

    def _targets(self) -> list[tuple[str, str, str]]:
        return [(each["labels"]["job"], each["health"], each["lastError"]) for each in self.ask("targets")["activeTargets"]]


@pytest.fixture(scope="module")
def watched(full_stack: Stack) -> Watched:
    """The whole stack with its edge, a few events and a tick, all seen by Prometheus."""
    program("prometheus")
    found = Watched(full_stack)
    # What rises before Prometheus has looked once has not risen, for it.
    found.wait(f'motcua_lifecycle_by_unit_total{{unit="{UNIT}"}} == 0')
    _hand_in(f"{full_stack.address('edge')}/v1/events")
    _tick(full_stack)
    for expr in AT_WORK:
        found.wait(expr)
    return found


def test_every_rule_gives_series_or_finds_all_that_it_asks_for(watched: Watched) -> None:
    """A name that nobody exports, or a label that nobody has, is an alert that never comes."""
    for rule in rules.rules():
        if watched.series(rule.expr):
            continue
        asked = rules.names_in(rule.expr) - IN_TROUBLE
        missing = [name for name in asked if not watched.series(f"last_over_time({name}[5m])")]
        assert missing == [], f"{rule.name}: nothing exports {missing}"
        assert rule.is_alert, f"{rule.name} records nothing on a running system"


def test_every_rule_is_well_and_none_cries_on_a_system_that_is_well(watched: Watched) -> None:
    """Prometheus itself evaluates them all without an error; nothing but the watchdog wakes anybody."""
    found = [rule for group in watched.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in found} == {rule.name for rule in rules.rules()}
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []
    paged = [
        alert
        for alert in watched.ask("alerts")["alerts"]
        if alert["state"] == "firing" and alert["labels"]["severity"] == "page"
    ]
    assert paged == []


def test_exact_figures_are_scraped_once_under_a_fixed_name(watched: Watched) -> None:
    """Else a second replica would double every sum, and a moved one would begin every series anew."""
    for name in ("motcua_dossiers_received", "motcua_unit_silent", "motcua_lifecycle_by_unit_total"):
        assert {(each["metric"]["job"], each["metric"]["instance"]) for each in watched.series(name)} == {
            ("dossiers", "city")
        }


def test_every_panel_is_a_question_that_prometheus_understands(watched: Watched) -> None:
    """Variables are filled in as Grafana would."""
    for asked in dashboards.queries(dashboards.dashboards()):
        expr = asked.expr
        for variable, value in VARIABLES.items():
            expr = expr.replace(f"${{{variable}}}", value).replace(f"${variable}", value)
        watched.series(expr)


def _hand_in(url: str) -> None:
    def event(number: int, fact: str, **data: str) -> dict[str, Any]:
        return {
            "specversion": "1.0", "id": f"live-{number}-{fact}", "source": f"/units/{UNIT}",
            "type": f"vn.motcua.dossier.{fact}.v1", "subject": f"H57.{UNIT}-live-{number}",
            "time": f"2025-07-01T0{7 + (fact == 'completed')}:30:00+07:00", "datacontenttype": "application/json",
            "data": data,
        }  # fmt: skip

    birth = {"procedure": "1.004873", "channel": "online", "receiver": UNIT, "competent": UNIT}
    limit: Any = {"time_limit": {"amount": 3, "unit": "working_days"}}
    events = [event(number, "received", **birth, **limit) for number in range(5)] + [event(0, "completed")]
    asked = urllib.request.Request(
        url, data=json.dumps(events).encode(),
        headers={"Authorization": f"Bearer dev-{UNIT}", "Content-Type": "application/cloudevents-batch+json"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert {each["status"] for each in json.load(answer)["results"]} == {"stored"}


def _tick(stack: Stack) -> None:
    asked = urllib.request.Request(
        f"{stack.address('intake')}/v1/clock", data=b'{"at":"2025-07-01T12:00:00+07:00"}',
        headers={"Authorization": "Bearer dev-operator", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert answer.status == 202
