"""What every rule owes its reader: a case that fires and one that does not, words in two languages, an owner, a runbook."""

import re
from collections import Counter

import pytest

from tests.alerts import rules
from tests.alerts.rules import RUNBOOKS, Rule

ALERTS = rules.alerts()
SEVERITIES = {"page", "ticket", "none"}
OWNERS = {"platform", "centres", "leaders"}
SECTIONS = ("## Nghĩa là gì / What it means", "## Ai bị ảnh hưởng / Who it hurts", "## Nhìn trước tiên / First look",
            "## Việc cần làm / What to do", "## Khi nào xong / How to know it is over")  # fmt: skip
VIETNAMESE = re.compile(r"[ăâđêôơưáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ]", re.IGNORECASE)
# What may be given to functions that assume that a figure only rises.
RATED = re.compile(r"\b(?:rate|irate|increase)\(\s*([a-zA-Z_:][\w:]*)")
DASHBOARD = re.compile(
    r"\{\{ \$externalLabels\.grafana \}\}/d/motcua-\w+(\?var-unit=\{\{ \$labels\.unit \}\}(&var-role=\w+)?)?"
)
FIRING = re.compile(r'ALERTS\{alertname="(\w+)",alertstate="firing"')


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_whose_it_is_how_urgent_and_what_has_happened(alert: Rule) -> None:
    """In Vietnamese and English, with links to its runbook and its dashboard."""
    assert alert.labels["severity"] in SEVERITIES
    assert alert.labels["owner"] in OWNERS
    assert alert.labels["scope"] in {"unit", "city"}
    assert alert.waits, "`for` is said, be it 0s"
    told = alert.annotations
    assert VIETNAMESE.search(told["summary"])
    assert told["summary_en"].isascii()
    assert told["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}/{alert.name}.md"
    assert DASHBOARD.fullmatch(told["dashboard"])


def test_what_wakes_somebody_concerns_more_than_one_unit() -> None:
    """A unit in trouble is a ticket; nobody is woken for what a leader decides by day. A full outbox loses trust at once."""
    assert {alert.name for alert in ALERTS if alert.labels["severity"] == "page" and alert.labels["scope"] == "unit"} == {
        "OutboxNearlyFull"
    }
    assert all(alert.labels["severity"] == "ticket" for alert in ALERTS if alert.labels["owner"] == "leaders")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_has_a_case_that_fires_and_one_that_does_not(alert: Rule) -> None:
    """promtool runs them; this sees that none is forgotten."""
    asked = [bool(samples) for expr, samples in rules.checks() if alert.name in FIRING.findall(expr)]
    assert True in asked, "no case in which it fires"
    assert False in asked, "no case in which it does not"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_what_an_alert_says_is_rendered_in_a_case(alert: Rule) -> None:
    """promtool compares each word: a wrong unit, a label that is not there or a year of 1970 is seen by whoever reads it."""
    told = rules.rendered().get(alert.name, [])
    assert told, "no case says what it says when it fires"
    for each in told:
        assert set(each) == set(alert.annotations)
        assert not re.search(r"<no value>|NaN|Inf|\b\d{4,}d\b|\(\)", each["summary"] + each["summary_en"])
        assert not re.search(r"\b\d+(\.\d+)?(d|h|m|s|ms)\b", each["summary"]), "a time in English letters"


@pytest.mark.parametrize("rule", [rule for rule in rules.rules() if not rule.is_alert], ids=lambda rule: rule.name)
def test_what_is_recorded_has_a_case_with_its_value(rule: Rule) -> None:
    """Worked out by hand in the cases, not by the rule."""
    name = re.compile(rf"(?<![\w:]){re.escape(rule.name)}(?![\w:])")
    assert any(name.search(expr) and samples for expr, samples in rules.checks())


def test_a_case_names_an_alert_that_there_is() -> None:
    """A misspelled name would be an alert that never fires, and a case that is right about it."""
    assert {name for expr, _ in rules.checks() for name in FIRING.findall(expr)} <= {alert.name for alert in ALERTS}


def test_no_name_is_there_twice() -> None:
    """Two rules of one name would each be half a truth."""
    assert [name for name, times in Counter(rule.name for rule in rules.rules()).items() if times > 1] == []


def test_only_what_rises_is_rated() -> None:
    """Exact figures are gauges and may be restated downwards, which a rate would take for a restart."""
    rated = {name for rule in rules.rules() for name in RATED.findall(rule.expr)}
    assert rated
    assert all(name.endswith("_total") for name in rated), rated


def test_runbooks_and_alerts_are_the_same_set() -> None:
    """Each alert has one, and none is left of an alert that is gone."""
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_runbook_answers_its_five_questions(alert: Rule) -> None:
    """What it means, who it hurts, where to look first, what to do with exact commands, how to know it is over."""
    text = (RUNBOOKS / f"{alert.name}.md").read_text()
    assert text.startswith(f"# {alert.name}\n")
    at = [text.find(f"\n{section}\n") for section in SECTIONS]
    assert -1 not in at, [section for section, place in zip(SECTIONS, at, strict=True) if place == -1]
    assert at == sorted(at)
    answers = re.split(r"\n## .+\n", text)[1:]
    assert all(len(answer.split()) >= 6 for answer in answers)
    look, act = answers[2], answers[3]
    assert alert.annotations["dashboard"].split("/d/")[1].split("?")[0] in look, "the dashboard that the alert names"
    assert "```" in act or "`" in act, "a command that can be copied"
