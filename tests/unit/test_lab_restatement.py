"""What a correction moved is told cell by cell; files are corrected as a person would, or refused in one sentence."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts import reference_files
from lab import corrected_files, restatement
from lab.errors import FactsError

REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"
MONDAY, TUESDAY = "2025-07-07", "2025-07-08"


def counters(early: int = 0, on_time: int = 0, late: int = 0, **more: int) -> dict[str, int]:
    return {"completed_early": early, "completed_on_time": on_time, "completed_late": late, **more}


def answers(monday: dict[str, int], restated_at: str | None, overdue: int) -> restatement.Snapshot:
    unit: dict[str, Any] = {"unit": "19753", "name": "Phường Phú Xuân"}
    units = {"receiver": {"units": [{**unit, "counters": {"overdue_open": overdue}}]}}
    days = [
        {"day": MONDAY, "counters": monday, "restated_at": restated_at},
        {"day": TUESDAY, "counters": counters(1), "restated_at": None},
    ]
    return restatement.of_answers(units, {("receiver", "19753"): days})


BEFORE = answers(counters(1, 2, 3), None, 4)
AFTER = answers(counters(1, 4, 1), "2026-01-02T03:04:05.678+07:00", 1)


def test_only_what_differs_has_moved() -> None:
    """Two counters of Monday and one stock of now; Tuesday has not."""
    told = {(each.cell.day, each.counter, each.before, each.after) for each in restatement.moved(BEFORE, AFTER)}
    assert told == {(MONDAY, "completed_on_time", 2, 4), (MONDAY, "completed_late", 3, 1), (None, "overdue_open", 4, 1)}
    assert restatement.moved(BEFORE, BEFORE) == []
    assert restatement.restated(BEFORE, AFTER) == 1


def test_the_tables_show_before_and_after() -> None:
    differences = restatement.moved(BEFORE, AFTER)
    totals = [line.split() for line in restatement.totals_table(differences, BEFORE).splitlines()]
    assert ["of", "all", "days", "completed_late", "3", "1"] in totals
    assert ["now", "overdue_open", "4", "1"] in totals
    [_, row] = restatement.units_table(BEFORE, AFTER, differences).splitlines()
    assert "Phường Phú Xuân (19753)" in row
    for shown in (MONDAY, "2 → 4", "3 → 1", "50.00 % → 83.33 %", "2026-01-02T03:04:05"):
        assert shown in row


def test_a_corrected_directory_has_one_day_off_more_and_nothing_else(tmp_path: Path) -> None:
    shipped = reference_files.read(REFERENCE)
    corrected = reference_files.read(corrected_files.write(REFERENCE, tmp_path / "files", date(2025, 7, 9), "Nghỉ bão"))
    assert corrected.calendar.days_off == {**shipped.calendar.days_off, "2025-07-09": "Nghỉ bão"}
    assert (corrected.units, corrected.procedures) == (shipped.units, shipped.procedures)


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        (date(2025, 7, 12), "is a Saturday, on which no office is open"),
        (date(2026, 1, 2), "is a day off in .* already"),
        (date(2026, 1, 10), "is a make-up day in"),
    ],
)
def test_a_day_that_can_move_nothing_is_refused(tmp_path: Path, day: date, sentence: str) -> None:
    with pytest.raises(FactsError, match=sentence):
        corrected_files.write(REFERENCE, tmp_path / "files", day, "Nghỉ bão")
