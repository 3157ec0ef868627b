"""`make drill` as its user runs it: two faults, each alert in time, told to its owner, over again, nothing left behind."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from deploy.drill.centres import HANOI
from deploy.drill.stand import crosses_midnight
from deploy.local.settings import REPOSITORY
from tests.alerts.programs import program

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(1200)]


def test_a_drill_ends_with_its_table(tmp_path: Path) -> None:
    """A centre's line and a worker: real edges, Prometheus and Alertmanager; the whole of it by `make drill`."""
    for name in ("prometheus", "alertmanager"):
        program(name)
    if crosses_midnight(datetime.now(HANOI)):
        pytest.skip("no drill begins within the last minutes of a day in Hanoi")
    state = tmp_path / "drill"
    done = subprocess.run(
        [sys.executable, "-m", "deploy.drill.main", "--state-dir", str(state), "--acts", "CentreLinkDown,ServiceDown"],
        cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True, timeout=1100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
    rows = [line for line in done.stdout.splitlines() if line.startswith("| The ")]
    assert [row.split(" | ")[1] for row in rows] == ["CentreLinkDown", "ServiceDown"]
    assert all(" | yes | " in row for row in rows)
    assert "CentreLinkDown → centres-tickets" in rows[0]
    assert "ServiceDown → platform-pages" in rows[1]
    assert not state.exists()
