"""The page of counters says what the counter table says, and nothing else."""

from pathlib import Path

from services.metrics.api import instruments
from services.metrics.domain.counters import COUNTERS, RATES
from tests import counters_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "COUNTERS.md"


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == counters_page.page(), "run: .venv/bin/python -m tests.counters_page > docs/COUNTERS.md"


def test_every_counter_and_every_rate_has_a_row() -> None:
    first = [line.split("|")[1].strip() for line in counters_page.page().splitlines() if line.startswith("| `")]
    names = [*(counter.name for counter in COUNTERS), *(rate.name for rate in RATES)]
    assert first == [f"`{name}`" for name in names]


def test_no_two_counters_share_a_series() -> None:
    """Each is asked for by its own name in Prometheus, and every family of figures has its row."""
    found = [counters_page.series(each.name) for each in COUNTERS]
    assert len(set(found)) == len(found)
    named = {text.partition("{")[0] for text in found}
    families = {family.name for _, family in instruments.PLAIN}
    in_parts = {each.name for each in (instruments.RECEIVED, instruments.COMPLETED, instruments.OPEN, instruments.OVERDUE)}
    assert named == families | in_parts | {instruments.DUE.name}
