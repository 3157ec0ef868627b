"""What a run of faults promises: as many of each kind as told, the same for the same seed, nothing that excludes itself."""

import signal
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.faults import main
from tests.faults.coming import identity
from tests.faults.kinds import KINDS
from tests.faults.load import EDGE_UNITS, load
from tests.faults.main import FAULTS_MIN, PER_KIND_MIN
from tests.faults.plan import ROUNDS, plan, promised


def test_a_full_run_has_a_thousand_faults_and_enough_of_each_kind() -> None:
    """Counted one by one over all its rounds."""
    counts = Counter(fault.kind for number in range(ROUNDS) for fault in plan(3, number).faults)
    assert counts == promised(ROUNDS)
    assert counts.total() >= FAULTS_MIN
    assert min(counts[kind.name] for kind in KINDS) >= PER_KIND_MIN


def test_a_run_that_is_interrupted_is_no_failure_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["faults", "--state-dir", str(tmp_path), "--lines", "own"])
    monkeypatch.setattr(main._Run, "round", Mock(side_effect=KeyboardInterrupt))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main.main() == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    said = capsys.readouterr().out
    assert "interrupted; the same command goes on" in said
    assert "FAIL" not in said


def test_a_seed_decides_everything() -> None:
    """Faults and load alike; another seed, another round: something else."""
    assert plan(3, 7) == plan(3, 7)
    assert load(3, 7) == load(3, 7)
    assert len({str(plan(3, 7)), str(plan(4, 7)), str(plan(3, 8))}) == 3
    assert load(3, 7) != load(4, 7)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_faults_that_overlap_happen_to_different_things(number: int) -> None:
    """In a slot no edge suffers twice, nothing of the city suffers twice; who is alone is alone."""
    for slot in plan(1, number).slots:
        edges = [fault.target for fault in slot if fault.of.area == "edge"]
        assert len(edges) == len(set(edges))
        assert all(edge < len(EDGE_UNITS) for edge in edges)
        city = [fault for fault in slot if fault.of.area == "city"]
        assert len({fault.of.on for fault in city}) == len(city)
        assert all(fault.alone == (len(city) == 1) for fault in city)


def test_no_two_rounds_hand_in_the_same_event() -> None:
    """Rounds of one stand must not be duplicates of one another."""
    loads = [load(1, number, dossiers_per_unit=4) for number in range(6)]
    told = [identity(each.event) for played in loads for batch in played.batches for each in batch.events]
    assert len(told) == len(set(told))
    assert all(before.ticks[-1] < after.ticks[0] for before, after in pairwise(loads))
