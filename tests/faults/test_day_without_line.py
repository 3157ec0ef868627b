"""Centres without a line for a day of the log clock: nobody's figures suffer for it, and it is told which came late."""

from pathlib import Path

import pytest

from tests.faults.centres import Centres
from tests.faults.doors import Doors
from tests.faults.load import EDGE_UNITS, load
from tests.faults.proxy import OwnLines
from tests.faults.stand import Stand
from tests.faults.verdict import Judge

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.long]

SEED = 11
TICKS_A_DAY = 7
TUESDAY, WEDNESDAY = range(TICKS_A_DAY, 2 * TICKS_A_DAY), range(2 * TICKS_A_DAY, 3 * TICKS_A_DAY)


@pytest.mark.timeout(600)
def test_a_day_without_a_line_makes_no_dossier_late(tmp_path: Path) -> None:
    """All three edges are cut off from midnight to midnight while time passes; afterwards every figure is equal."""
    stand = Stand(tmp_path / "stand", lambda base: OwnLines())
    try:
        stand.open()
        doors, week = Doors(stand), load(SEED, 0)
        centres, judge = Centres(stand, doors, week, (), str(SEED)), Judge(stand, doors)
        centres.begin()
        centres.hand_in(range(TUESDAY.start), pause_seconds=0.0)
        edges = range(len(EDGE_UNITS))
        for number in edges:
            doors.drained(number)
            stand.lines.spoil(f"line {number}", "cut")
        centres.hand_in(TUESDAY, pause_seconds=0.0)
        depths = [(doors.outbox(number) or {})["depth"] for number in edges]
        assert all(depth > 0 for depth in depths), "what was entered waits at the centres"
        doors.fresh()
        for number in edges:
            stand.lines.heal(f"line {number}")
            doors.drained(number)
        centres.hand_in(range(WEDNESDAY.start, centres.portions), pause_seconds=0.0)
        centres.hand_in_the_rest()
        for number in edges:
            doors.drained(number)
        doors.fresh()
        verdict = judge.judge(centres.handed_in, centres.by_edges, str(SEED))
        assert verdict.said == ()
        assert verdict.clean
        rows = {row["unit"]: row["counters"] for row in doors.units("receiver")["units"]}
        assert sum(rows[unit]["late_by_link"] for unit in EDGE_UNITS) > 0, "some were in time and came too late"
    finally:
        stand.close()
        stand.lines.close()
