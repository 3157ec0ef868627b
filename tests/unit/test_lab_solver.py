"""The solver: published figures are met whole, and what cannot be met is said."""

from datetime import date
from pathlib import Path
from random import Random

import pytest

from lab.fortnight.facts import HUE_2025_07, FactsError, count_for, percent_of, read
from lab.fortnight.hours import Hours
from lab.fortnight.solver import UnsolvableError, share_out, solve

SMALL = """
title = "two days of two units"
first = 2025-08-04
last = 2025-08-05
facts = [
    {what = "received", count = 100},
    {what = "online", percent = "50"},
    {what = "received", unit = "A", count = 70, rank = "most"},
    {what = "on_time", unit = "B", count = 9, of = 10, rank = "best"},
    {what = "received", day = 2025-08-05, count = 60},
]
[assumed]
completed_share = 0.5
on_time_share = [0.5, 0.99]
office_hours = [["08:00", "12:00"], ["13:00", "17:00"]]
days_off = []
agency_id = "X.{code}"
"""


def test_shares_add_up_within_their_bounds_near_their_weights() -> None:
    assert share_out("", 10, [1, 1], [0, 0], [10, 10]) == [5, 5]
    assert share_out("", 10, [9, 1], [0, 0], [6, 10]) == [6, 4]
    assert sum(share_out("", 10, [0, 0], [0, 3], [4, 9])) == 10  # a weight of 0 does not stand in the way of the sum
    chance = Random(4)
    for _ in range(200):
        lows = [chance.randrange(5) for _ in range(7)]
        highs = [low + chance.randrange(9) for low in lows]
        total = chance.randint(sum(lows), sum(highs))
        shares = share_out("", total, [chance.random() for _ in lows], lows, highs)
        assert sum(shares) == total
        assert all(low <= share <= high for low, share, high in zip(lows, shares, highs, strict=True))


@pytest.mark.parametrize("total", [2, 21])
def test_a_total_beyond_its_bounds_is_said(total: int) -> None:
    with pytest.raises(UnsolvableError, match=f"x: {total} does not fit between 3 and 20"):
        share_out("x", total, [1, 1], [1, 2], [10, 10])


def test_a_printed_share_is_met_by_a_whole_number_or_said_to_be_impossible() -> None:
    """13,420 and 13,421 of 17,710 are both 75.78 %: the nearer one is taken. No third of four is 30 %."""
    assert count_for("75.78", 17_710) == 13_421
    assert count_for("95", 3_425) == 3_254
    assert percent_of(1, 8, "0.1") == "12.5"
    assert percent_of(1, 16, "0.01") == "6.25"
    assert percent_of(13, 160, "0.01") == "8.13"  # 8.125, half up
    with pytest.raises(FactsError, match="no whole number of 4 is 30 %"):
        count_for("30", 4)


@pytest.mark.parametrize("seed", range(5))
def test_other_facts_make_another_period(tmp_path: Path, seed: int) -> None:
    """Period, units and figures come from the file alone."""
    (tmp_path / "small.toml").write_text(SMALL)
    facts = read(tmp_path / "small.toml")
    one, other = solve(facts, ["A", "B"], Hours(facts).days, Random(seed))
    assert (sum(one.received), sum(other.received)) == (70, 30)
    assert one.received[1] + other.received[1] == 60
    assert sum(one.online) + sum(other.online) == 50
    assert (other.completed, other.on_time) == (10, 9)
    assert one.on_time * 10 < 9 * one.completed


def test_contradictions_are_said(tmp_path: Path) -> None:
    """More than all, a day off, more completed than received: each a sentence, never a wrong fortnight."""
    for wrong, sentence in (
        (SMALL.replace("count = 70", "count = 170"), "does not fit"),
        (SMALL.replace("of = 10,", "of = 40,"), "cannot complete 40 of the 30"),
        (SMALL.replace("days_off = []", "days_off = [2025-08-05]"), "no working day"),
        (SMALL.replace('{what = "received", count = 100},', ""), "do not say how many were received in all"),
    ):
        (tmp_path / "wrong.toml").write_text(wrong)
        facts = read(tmp_path / "wrong.toml")
        with pytest.raises(UnsolvableError, match=sentence):
            solve(facts, ["A", "B"], Hours(facts).days, Random(1))


def test_a_facts_file_with_a_slip_is_refused(tmp_path: Path) -> None:
    for wrong in (
        SMALL.replace("percent", "precent"),
        SMALL.replace("day = 2025-08-05", "day = 2025-09-05"),
        SMALL.replace(', percent = "50"', ""),
        "title",
    ):
        (tmp_path / "wrong.toml").write_text(wrong)
        with pytest.raises(FactsError, match=r"wrong\.toml"):
            read(tmp_path / "wrong.toml")


def test_working_days_of_the_fortnight_leave_the_weekends_out() -> None:
    hours = Hours(read(HUE_2025_07))
    assert [day.day for day in hours.days] == [1, 2, 3, 4, 7, 8, 9, 10, 11, 14]
    assert hours.days[0] == date(2025, 7, 1)
    assert hours.total == 10 * 8 * 3600
