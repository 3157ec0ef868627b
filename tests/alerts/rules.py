"""The rules as their files say them, and whoever asks Prometheus for a figure: rules, panels, pages."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests import dashboards

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = sorted((REPOSITORY / "deploy" / "prometheus" / "rules").glob("*.yml"))
CASES = sorted((Path(__file__).parent / "cases").glob("*.yml"))
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
DOCS = [*sorted((REPOSITORY / "docs").rglob("*.md")), REPOSITORY / "README.md"]


class Rule(NamedTuple):
    """An alert or a recording rule."""

    name: str
    is_alert: bool
    file: str
    expr: str
    waits: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class User(NamedTuple):
    """Who asks for figures: a rule, a panel or a page."""

    kind: str
    name: str
    text: str


@cache
def rules() -> tuple[Rule, ...]:
    """All of them, in the order of their files."""
    return tuple(
        Rule(
            each.get("alert") or each["record"], "alert" in each, path.name, each["expr"], each.get("for", ""),
            each.get("labels", {}), each.get("annotations", {}),
        )
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for each in group["rules"]
    )  # fmt: skip


def alerts() -> list[Rule]:
    """The alerts alone."""
    return [rule for rule in rules() if rule.is_alert]


@cache
def checks() -> list[tuple[str, list[dict[str, Any]]]]:
    """What the cases ask and expect: expression, samples."""
    return [
        (check["expr"], check["exp_samples"])
        for path in CASES
        for case in yaml.safe_load(path.read_text())["tests"]
        for check in case["promql_expr_test"]
    ]


@cache
def rendered() -> dict[str, list[dict[str, str]]]:
    """What the cases expect each alert to say: the annotations of each one that fires."""
    told: dict[str, list[dict[str, str]]] = {}
    for path in CASES:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for check in case.get("alert_rule_test", ()):
                told.setdefault(check["alertname"], []).extend(each["exp_annotations"] for each in check["exp_alerts"])
    return told


@cache
def users() -> tuple[User, ...]:
    """Everybody who would go blind without a metric."""
    return tuple(_users())


@cache
def names_in(text: str) -> frozenset[str]:
    """The names of metrics in a text."""
    return frozenset(dashboards.NAME.findall(text))


def dead(exported: set[str]) -> list[str]:
    """Who asks for a name that nobody exports, and for which: one line each."""
    # A page may name a family by its beginning (`motcua_audit_*`).
    return [
        f"{user.kind} {user.name}: {name}"
        for user in users()
        for name in sorted(names_in(user.text) - exported)
        if not (user.kind == "page" and name.endswith("_") and any(each.startswith(name) for each in exported))
    ]


def died(exported: set[str]) -> str:
    """For people: each name that nobody exports, who asks for it, and who asks for what is recorded of it."""
    direct: dict[str, list[str]] = {}
    for line in dead(exported):
        user, _, name = line.rpartition(": ")
        direct.setdefault(name, []).append(user)
    return "\n".join(
        line
        for name, users_of in direct.items()
        for line in (f"Nobody exports {name}. It is asked for by", *(f"  {user}" for user in users_of), *_after(name))
    )


def _after(name: str) -> list[str]:
    """Who asks for a record that is made of this name, be it by other records."""
    found, lost = [], [name]
    for each in lost:
        made = {rule.name for rule in rules() if not rule.is_alert and each in names_in(rule.expr)}
        for record in sorted(made - set(lost)):
            lost.append(record)
            found += [f"  {user.kind} {user.name}, by {record}" for user in users() if record in names_in(user.text)]
    return found


def _users() -> Iterator[User]:
    for rule in rules():
        yield User("rule", f"{rule.file}: {rule.name}", f"{rule.expr} {' '.join(rule.annotations.values())}")
    for asked in dashboards.queries(dashboards.dashboards()):
        yield User("panel", f"{asked.dashboard}: {asked.panel}", asked.expr)
    for path in DOCS:
        yield User("page", str(path.relative_to(REPOSITORY)), path.read_text())
