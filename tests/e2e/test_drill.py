"""`make drill` as its user runs it: each alert in time, told to its owner, over again, nothing left behind."""

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

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

# On a quiet machine it takes less than a minute; where it takes longer, that is no fault.
SMOKE_SECONDS = 900
END_SECONDS = 240


@pytest.mark.timeout(SMOKE_SECONDS + 2 * END_SECONDS)
def test_an_alert_fires_is_told_and_is_over(tmp_path: Path) -> None:
    """One act, the shortest: a worker is killed and stays away. How soon is for a machine that does nothing else, so a late
    one is as good here."""
    # The row is written once all alerts are over; whether that is 0 or 1 is a matter of time.
    _, [row] = _held(tmp_path / "drill", "ServiceDown", SMOKE_SECONDS)
    assert "ServiceDown → platform-pages" in row.split(" | ")[-1]


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_drill_ends_with_its_table(tmp_path: Path) -> None:
    """A centre's line and a worker: real edges, Prometheus and Alertmanager; the whole of it by `make drill`."""
    status, rows = _held(tmp_path / "drill", "CentreLinkDown,ServiceDown", 1000)
    assert status == 0, rows
    told = [("CentreLinkDown", "centres-tickets"), ("ServiceDown", "platform-pages"), ("CentreLinkDown", "centres-tickets")]
    assert [row.split(" | ")[1] for row in rows] == [alert for alert, _ in told]
    assert all(f"{alert} → {owner}" in row.split(" | ")[-1] for row, (alert, owner) in zip(rows, told, strict=True))


def _held(state: Path, acts: str, within_seconds: int) -> tuple[int, list[str]]:
    """A drill of these acts in a process of its own: how it ended, and the rows of its table; nothing of it is left."""
    for name in ("prometheus", "alertmanager"):
        program(name)
    if crosses_midnight(datetime.now(HANOI)):
        pytest.skip("no drill begins within the last minutes of a day in Hanoi")
    running = subprocess.Popen(
        [sys.executable, "-m", "deploy.drill.main", "--state-dir", str(state), "--acts", acts],
        cwd=REPOSITORY, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        told, said = running.communicate(timeout=within_seconds)
    except subprocess.TimeoutExpired:
        # It ends what it has started, whoever asks it once more meanwhile; killed, it would leave a city behind.
        running.terminate()
        told, said = running.communicate(timeout=END_SECONDS)
    rows = [line for line in told.splitlines() if line.startswith(("| The ", "| A "))]
    assert rows, f"{told}\n{said[-4000:]}"
    assert not state.exists()
    return running.returncode, rows
