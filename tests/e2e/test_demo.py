"""`make demo` from nothing to its table: the published figures come out of the whole system, to the last dossier."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.checks import free_port_base

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN_SECONDS = 280


@pytest.mark.kafka
@pytest.mark.timeout(WITHIN_SECONDS + 20)
def test_every_published_figure_is_the_system_s_own(tmp_path: Path) -> None:
    """Exit status 0, eight rows, each equal; nothing is left running or lying about afterwards."""
    base, state = free_port_base(), tmp_path / "demo"
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
    ended = subprocess.run(
        [sys.executable, "-m", "lab.demo", "--down", "--port-base", str(base), "--state-dir", str(state)],
        cwd=REPOSITORY, env=outside, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = [line for line in ended.stdout.splitlines() if line.endswith((" yes", " NO"))]
    assert len(told) == 8
    assert all(line.endswith(" yes") for line in told)
    for figure in ("17,710", "75.78 %", "1,758", "309 of 338", "491 of 493", "3,425", "203 of 203"):
        assert any(line.count(figure) >= 2 for line in told), f"{figure} does not stand on both sides"
    assert not state.exists()
