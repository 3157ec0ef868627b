"""What a drill says of an alert's way, asked of Prometheus' own tool: when its wait began, and whether a look was missed."""

import json
from pathlib import Path

from deploy.drill.course import course
from tests.alerts.programs import assert_case

LABELS = (("unit", "1"),)


def test_a_wait_that_began_anew_and_a_look_that_was_missed_are_said(tmp_path: Path) -> None:
    """A rule that waits for 20 s, of a figure that was away for one look: its wait began twice, the second time at 33 s."""
    rule = {"alert": "Dark", "expr": "dark == 1", "for": "20s"}
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "interval": "3s", "rules": [rule]}]}))
    series = {
        'dark{unit="1"}': "0x4 1x4 stale 1x20", 'dark{unit="2"}': "1x30", 'up{job="dossiers"}': "1x9 0 1x20",
        'scrape_duration_seconds{job="dossiers"}': "0.05x9 3 0.05x20",
    }  # fmt: skip
    # At 54 s, of which the fault has lasted 48.
    exact = {"ALERTS_FOR_STATE": 33.0, "changes(": 1.0, "count_over_time": 1.0, "scrape_duration": 3.0}
    asked: dict[str, float] = {}

    def ask(expr: str) -> list[dict[str, object]]:
        [value] = [value for part, value in exact.items() if part in expr and not (part[0] == "A" and "changes(" in expr)]
        asked[expr] = value
        return [{"value": [0, str(value)]}]

    told = course(ask, "Dark", LABELS, began=6.0, now=54.0)
    assert told == ("its wait began 27.0 s after the fault (begun anew: 1); looks at figures: 1 missed, the longest 3.00 s")
    assert course(lambda _: [], "Dark", LABELS, began=6.0, now=54.0) == ""
    case = {
        "interval": "3s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": "54s", "exp_samples": [{"labels": "{}", "value": value}]}
            for expr, value in asked.items()
        ],
    }
    assert_case(tmp_path, case, ["rules.yml"], evaluation_interval="3s")
