"""Every rule on a live Prometheus that watches the whole system: it returns series, or all that it asks for is there."""

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterable
from typing import Any, get_args

import pytest

from contracts import reference_files
from deploy.local.stack import Stack
from services.metrics.domain.delivery import LINKS
from services.processing.settings import Settings as ProcessingSettings
from tests import dashboards, drawn, few_events
from tests.alerts import rules
from tests.alerts.programs import program

UNIT = "19753"
SEEN_WITHIN_SECONDS = 120.0
# What rises is drawn when it has been looked at twice.
DRAWN_WITHIN_SECONDS = 120.0
# When these have something to say, all has been scraped and worked out at least once.
AT_WORK = (
    'up{job="edge"} == 1', 'up{job="dossiers"} == 1', 'up{job="alertmanager"} == 1', "city:motcua_units_cut_off:ratio",
    "city:motcua_on_time:ratio", "motcua_audit_last_look_timestamp_seconds > 0", "slo:audit_bad:ratio3d",
    "slo:intake_bad:ratio6h", "city:motcua_rejected:ratio1h", "city:motcua_restarts:changes15m",
    "city:motcua_audit_clean:last",
    *(f'motcua_lifecycle_by_fact_total{{outcome="{each}"}}' for each in ("applied", "duplicate", "parked", "rejected")),
)  # fmt: skip
VARIABLES = {"unit": UNIT, "role": "receiver", "tier": ".*", "__rate_interval": "1m", "__range": "1h"}
# What a label may say that it does not say on this system, which is well, lives by the log's clock, and has one line.
DECLARED: dict[tuple[str, str], Collection[str]] = {
    ("motcua_unit_link", "state"): LINKS,
    ("motcua_unit_oldest_unsent_timestamp_seconds", "unit"): (UNIT,),
    ("motcua_processing_clock_info", "clock"): get_args(ProcessingSettings.model_fields["clock"].annotation),
    ("ALERTS", "alertstate"): ("pending", "firing"),
    ("ALERTS", "severity"): {rule.labels["severity"] for rule in rules.alerts()},
    ("ALERTS", "alertname"): {rule.name for rule in rules.alerts()},
    ("ALERTS", "workers"): ("none", "some"),
    ("alertmanager_silences", "state"): ("active",),
    **{(f"motcua_{name}_requests_total", "status"): ("503",) for name in ("intake", "metrics_api", "processing_api")},
}

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

    def drawn(self, expr: str) -> list[Any]:
        """What a panel's query gives now."""
        return drawn.asking(self._stack.address("prometheus"), VARIABLES)(expr)

    def blind(self, asked: Iterable[dashboards.Selection]) -> list[dashboards.Selection]:
        """Labels that choose nothing, or leave nothing out, whatever happens: nobody has them, or nobody with that value."""
        return [each for each in asked if not self._is_said(each)]

    def _is_said(self, asked: dashboards.Selection) -> bool:
        name, label, operator, value = asked
        if operator.startswith("!"):
            # What is left out may be away; the label is there.
            return bool(self.series(f'last_over_time({name}{{{label}!=""}}[5m])'))
        wanted = re.escape(value) if operator == "=" else value
        declared = DECLARED.get((name, label), ())
        return any(re.fullmatch(wanted, each) for each in declared) or bool(
            self.series(f'last_over_time({name}{{{label}{operator}"{value}"}}[5m])')
        )

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
    _hand_in(f"{full_stack.address('edge')}/v1/events", few_events.ordinary(UNIT))
    _hand_in(f"{full_stack.address('intake')}/v1/events", few_events.odd(UNIT))
    _tick(full_stack)
    for expr in AT_WORK:
        found.wait(expr)
    return found


def test_every_rule_gives_series_or_finds_all_that_it_asks_for(watched: Watched) -> None:
    """A name that nobody exports, or a label that nobody has, is an alert that never comes."""
    for rule in rules.rules():
        if watched.series(rule.expr):
            continue
        asked = rules.names_in(rule.expr) - dashboards.IN_TROUBLE
        missing = [name for name in asked if not watched.series(f"last_over_time({name}[5m])")]
        assert missing == [], f"{rule.name}: nothing exports {missing}"
        assert rule.is_alert, f"{rule.name} records nothing on a running system"


def test_every_rule_is_well_and_none_cries_on_a_system_that_is_well(watched: Watched) -> None:
    """Prometheus itself evaluates them all without an error; nobody is told of anything, but that the watch is alive."""
    found = [rule for group in watched.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in found} == {rule.name for rule in rules.rules()}
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []
    told = [alert for alert in watched.ask("alerts")["alerts"] if alert["state"] == "firing"]
    assert {alert["labels"]["alertname"] for alert in told} == {"Watchdog"}


def test_exact_figures_are_scraped_once_under_a_fixed_name(watched: Watched) -> None:
    """Else a second replica would double every sum, and a moved one would begin every series anew."""
    for name in ("motcua_dossiers_received", "motcua_unit_silent", "motcua_lifecycle_by_unit_total"):
        assert {(each["metric"]["job"], each["metric"]["instance"]) for each in watched.series(name)} == {
            ("dossiers", "city")
        }


def test_every_panel_has_something_to_show(watched: Watched) -> None:
    """Each query is understood as it stands. Each gives data without what it shows where there is none; those that have
    something to show only in trouble give what they show instead, where they show anything."""
    left = list(dashboards.queries(dashboards.dashboards()))
    assert len([each for each in left if not each.may_be_empty]) > 180
    assert len([each for each in left if each.may_be_empty and each.falls_back]) > 20
    deadline = time.monotonic() + DRAWN_WITHIN_SECONDS
    while left := drawn.silent(left, watched.drawn):
        assert time.monotonic() < deadline, left
        time.sleep(1.0)


def test_units_are_chosen_by_their_names_and_asked_for_by_their_codes(watched: Watched) -> None:
    """From what Grafana makes of an answer: its labels as text, value and time behind them."""
    [unit] = [each for each in dashboards.dashboards()["unit"]["templating"]["list"] if each["name"] == "unit"]
    asked = dashboards.CHOICES.fullmatch(unit["query"])
    assert asked is not None
    answered = watched.drawn(asked["result"])
    chosen = re.compile(unit["regex"].removeprefix("/").removesuffix("/").replace("(?<", "(?P<"))
    choices = {}
    for each in answered:
        labels = ",".join(f'{label}="{value}"' for label, value in each["metric"].items() if label != "__name__")
        found = chosen.search(f"motcua_unit_info{{{labels}}} {each['value'][1]} {each['value'][0] * 1000:.0f}")
        assert found is not None, labels
        choices[found["value"]] = found["text"]
    units = {unit.code: unit.name for unit in reference_files.read(rules.REPOSITORY / "deploy" / "reference").units}
    assert len(units) >= 40
    assert choices.items() >= units.items()
    assert len(set(choices.values())) == len(answered)


def test_every_label_that_is_asked_by_is_there(watched: Watched) -> None:
    """In alerts, rules and panels; a server or an outcome that nobody says would keep an alert quiet for good."""
    users = [user for user in rules.users() if user.kind != "page"]
    asked = {each for user in users for each in dashboards.selections(drawn.filled(user.text, VARIABLES))}
    assert len(asked) > 100
    assert watched.blind(asked) == []
    wrong = [
        dashboards.Selection("motcua_processing_unreachable", "server", "=", "broker"),
        dashboards.Selection("motcua_unit_link", "state", "=~", "dark|unheard"),
        dashboards.Selection("motcua_intake_events_total", "result", "!=", "stored"),
    ]
    assert watched.blind(wrong) == wrong


def _hand_in(url: str, events: list[dict[str, Any]]) -> None:
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
