"""The rules in the hands of Prometheus' own tool: configuration, rules, and every case."""

from pathlib import Path

import pytest

from tests.alerts import rules
from tests.alerts.programs import run

PROMETHEUS = rules.REPOSITORY / "deploy" / "prometheus"

pytestmark = pytest.mark.timeout(400)


def test_the_configuration_is_one() -> None:
    """With its rules and its targets, as compose mounts it."""
    told = run("promtool", "check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert f"{len(rules.RULES)} rule files found" in told


def test_the_rules_are_rules() -> None:
    """Every expression and every template can be read."""
    told = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *map(str, rules.RULES))
    assert told.count("SUCCESS") == len(rules.RULES)


@pytest.mark.parametrize("cases", rules.CASES, ids=lambda path: path.stem)
def test_the_cases_end_as_they_say(cases: Path) -> None:
    """Each alert fires when it should, not before its time, and not for the neighbour."""
    run("promtool", "test", "rules", str(cases))
