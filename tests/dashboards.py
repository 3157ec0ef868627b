"""What the dashboards ask, read from the files that Grafana gets, and what there is to be asked for."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from services.audit.instruments import Instruments as Audit
from services.edge.instruments import Instruments as Edge
from services.intake.instruments import Instruments as Intake
from services.metrics.api import instruments as exact
from services.metrics.instruments import Instruments as Metrics
from services.processing.api.instruments import Instruments as ProcessingApi
from services.processing.instruments import Instruments as Processing

REPOSITORY = Path(__file__).resolve().parents[1]
GRAFANA = REPOSITORY / "deploy" / "grafana"
RULES = REPOSITORY / "deploy" / "prometheus" / "rules"
# Beside the others while a drill is held.
OF_A_DRILL = REPOSITORY / "deploy" / "drill" / "drill.yml"
NAME = re.compile(r"\b(?:(?:unit|city|slo):)?(?:motcua|process)_[a-z0-9_]+(?::[a-z0-9_]+)?\b|\bslo:[a-z0-9_:]+\b"
                  r"|\b(?:alertmanager|prometheus)_[a-z_]+\b")  # fmt: skip
# What the exposition adds to the name of a family.
SUFFIXES = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}
# Prometheus' own, and what it and Alertmanager tell of themselves as far as anybody here asks for it; a live test sees it.
OWN = {
    "up", "ALERTS", "alertmanager_silences",
    "alertmanager_notifications_failed_total", "alertmanager_config_last_reload_successful",
    "prometheus_config_last_reload_successful", "prometheus_rule_evaluation_failures_total",
}  # fmt: skip
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^{}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
# What a variable's choices are asked with, by functions of Grafana's own around a query.
CHOICES = re.compile(r"(?:label_values\((?P<metric>.+), *\w+\)|query_result\((?P<result>.+)\))")
# What a panel shows where there is nothing. Inside of a subquery it is what hours count as of which nothing is known.
TAIL = re.compile(
    r"\s+or (?:(?:on \(\) )?vector\((?:-?\d+|NaN)\)(?!\)\[)|0 \* max\((?:[^()]|\([^()]*\))*\)(?: [-+] \d+)?)"
    # By a name; of many series those alone that are above 0 may be drawn.
    r"|(?: > 0)? or on \(\) label_replace\(vector\(0\)(?:, \"[^\"]*\"){4}\)"
)
# What a figure ends with, for which Grafana then has words.
UNKNOWN = " or on () vector(NaN)"
# These have series once something has gone wrong, and none before; rules that ask for them have their cases (promtool).
IN_TROUBLE = {
    "motcua_processing_stopped", "motcua_metrics_stopped_partitions", "motcua_metrics_stopped",
    "motcua_unit_oldest_unsent_timestamp_seconds", "city:motcua_drill:bool",
    "motcua_edge_quarantined_events", "motcua_edge_store_errors_total", "motcua_intake_over_quota_total",
    *(f"motcua_{name}_{server}_errors_total" for name in ("processing", "processing_api", "metrics", "metrics_api")
      for server in ("kafka", "redis")), "motcua_intake_kafka_errors_total",
}  # fmt: skip
# Nor do alerts, targets that are away, silences, and what is compared with a time before this one.
WHEN_WELL_EMPTY = re.compile(r"\bALERTS\b|\bup == 0|\balertmanager_silences\b|\boffset (?:5m|1w)\b")


class Asked(NamedTuple):
    """A query, and where it stands."""

    dashboard: str
    panel: str
    expr: str

    @property
    def bare(self) -> str:
        """The query alone: with what it shows where there is nothing it would always show something."""
        return TAIL.sub("", self.expr)

    @property
    def known(self) -> str:
        """As it stands, but for what says that nobody knows: a number for nothing is an answer, that one is not."""
        return self.expr.removesuffix(UNKNOWN)

    @property
    def falls_back(self) -> bool:
        """Whether it shows something also where there is nothing."""
        return TAIL.search(self.known) is not None

    @property
    def may_be_empty(self) -> bool:
        """Whether it has nothing to show on a system that is well and young, or what it shows then instead."""
        return bool(IN_TROUBLE & set(NAME.findall(self.expr)) or WHEN_WELL_EMPTY.search(self.expr))


class Selection(NamedTuple):
    """A label by which series are chosen."""

    name: str
    label: str
    operator: str
    value: str


def selections(expr: str) -> Iterator[Selection]:
    """Every label that an expression chooses series by."""
    for name, matchers in SELECTOR.findall(expr):
        for label, operator, value in MATCHER.findall(matchers):
            yield Selection(name, label, operator, value)


def dashboards() -> dict[str, dict[str, Any]]:
    """name -> what its file says."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its panels, without the titles of rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Asked]:
    """Every query of every panel, of annotations that ask Prometheus, and of variables whose choices come from it."""
    for name, dashboard in found.items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                asked = CHOICES.fullmatch(variable["query"])
                assert asked is not None, f"{name}: {variable['query']}"
                yield Asked(name, variable["label"], asked["metric"] or asked["result"])
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield Asked(name, panel["title"], target["expr"])
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                yield Asked(name, annotation["name"], annotation["expr"])


def exporters() -> tuple[type[Any], ...]:
    """The instruments of every process of the system."""
    return Audit, Edge, Intake, Metrics, ProcessingApi, Processing, exact.Instruments


def exported() -> set[str]:
    """Every name that a process of the system exports or a recording rule makes."""
    names = set(OWN)
    for kind in exporters():
        for family in kind().registry.collect():
            names |= {family.name + suffix for suffix in SUFFIXES.get(family.type, ("",))}
    names |= {each.name for each in vars(exact).values() if isinstance(each, exact.Family)}
    names |= {family.name for _, family in exact.PLAIN}
    for path in (*RULES.glob("*.yml"), OF_A_DRILL):
        for group in yaml.safe_load(path.read_text())["groups"]:
            names |= {rule["record"] for rule in group["rules"] if "record" in rule}
    return names


def unknown(asked: Asked, names: set[str]) -> list[str]:
    """Names in a query that nobody exports."""
    return sorted(set(NAME.findall(asked.expr)) - names)
