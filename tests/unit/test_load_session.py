"""What a run refuses before it touches anything."""

from pathlib import Path

import pytest

from lab.errors import LabError, ScenarioError
from lab.load import scenario
from lab.load.session import Chosen, run

pytestmark = pytest.mark.slow


def _asked(tmp_path: Path, name: str = "monday-morning", out: str = "reports") -> Chosen:
    nowhere = "http://127.0.0.1:9"
    return Chosen(
        scenario=scenario.read(name), seed=1, manner="outbox", beside=False, keep=False, port_base=1,
        state_dir=tmp_path, out=tmp_path / out, given=(nowhere, nowhere, nowhere),
    )  # fmt: skip


def test_a_running_city_suffers_no_faults(tmp_path: Path) -> None:
    """A scenario that kills a service is refused before the first request, where somebody has named a city of their own."""
    with pytest.raises(ScenarioError, match="faults"):
        run(_asked(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_could_not_be_left_is_refused_before_the_run(tmp_path: Path) -> None:
    """Instead of after it, when all that was measured would be lost."""
    (tmp_path / "taken").touch()
    with pytest.raises(LabError, match="no report can be left"):
        run(_asked(tmp_path, "nation", "taken/reports"))
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]
