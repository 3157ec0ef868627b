"""The golden log guards the generation: who changes what the fold says must raise `gen`, and keep this log as it was."""

import json
from pathlib import Path

import pytest

from contracts.data import FACTS
from services.processing.domain.generation import GEN
from tests.unit.golden.fold import fold_log

FOLDER = Path(__file__).parent / "golden" / f"gen{GEN}"


@pytest.mark.parametrize("forget", [False, True], ids=["with memory", "every state through its bytes"])
def test_the_golden_log_folds_to_the_digest_of_this_generation(forget: bool) -> None:
    """Another digest without a new `gen` would leave two truths in one topic."""
    expected = json.loads((FOLDER / "expected.json").read_text())
    assert fold_log(FOLDER, forget) == expected, "the fold says something else: a new gen is owed, not a new digest"


def test_the_golden_log_meets_every_fact_and_every_dead_letter() -> None:
    expected = json.loads((FOLDER / "expected.json").read_text())
    assert set(expected["steps"]) == set(FACTS) - {"annulled"}
    codes = {"id_reused", "no_arrow", "not_responsible", "unknown_unit", "retired", "invalid_envelope"}
    assert codes <= set(expected["letters"])
    assert set(expected["outcomes"]) == {"applied", "parked", "duplicate", "rejected", "annulled", "tick", "control"}
