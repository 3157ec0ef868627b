"""What a run refuses before it touches anything."""

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.load import scenario
from lab.load.session import Chosen, run


def test_a_running_city_suffers_no_faults(tmp_path: Path) -> None:
    """A scenario that kills a service is refused before the first request, where somebody has named a city of their own."""
    nowhere = "http://127.0.0.1:9"
    asked = Chosen(
        scenario=scenario.read("monday-morning"), seed=1, manner="outbox", beside=False, keep=False, port_base=1,
        state_dir=tmp_path, out=tmp_path / "reports", given=(nowhere, nowhere, nowhere),
    )  # fmt: skip
    with pytest.raises(ScenarioError, match="faults"):
        run(asked)
    assert list(tmp_path.iterdir()) == []
