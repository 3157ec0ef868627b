"""`make demo-correction` on a running demo: figures move, all of them come back; without a demo it says what to do."""

import re
from pathlib import Path

import pytest

from tests.demo import WITHIN_SECONDS, Demo
from tests.e2e.test_demo import THREE_DAYS, demo

__all__ = ["demo"]


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(WITHIN_SECONDS + 20)
def test_a_day_off_in_hindsight_moves_figures_and_its_end_brings_all_of_them_back(demo: Demo, tmp_path: Path) -> None:
    """Exit status 0; each row that is shown has moved and is marked as restated; audit agrees afterwards."""
    facts = tmp_path / "facts.toml"
    facts.write_text(THREE_DAYS)
    running = demo.start("--facts", str(facts))
    told, said = running.communicate(timeout=WITHIN_SECONDS)
    assert running.returncode == 0, told + said
    shown = demo.run("lab.correction", "--facts", str(facts), "--day", "2025-08-05")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    rows = [line for line in shown.stdout.splitlines() if re.search(r"\(\d{5}\) +2025-08-0\d ", line)]
    assert rows
    assert all("→" in row and re.search(r"20\d\d-\d\d-\d\dT", row) for row in rows), shown.stdout
    assert re.search(r"all [\d,]+ figures are as before", shown.stdout)
    assert shown.stderr.count("partition ") >= 24
    verified = demo.run("services.audit.main", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    again = demo.run("lab.correction", "--facts", str(facts), "--day", "2025-08-09")
    assert again.returncode == 1
    assert "is a Saturday" in again.stderr.splitlines()[-1]


def test_without_a_demo_it_says_what_to_do(demo: Demo) -> None:
    told = demo.run("lab.correction")
    assert (told.returncode, told.stdout) == (1, "")
    assert "run `make demo` first" in told.stderr.splitlines()[-1]
