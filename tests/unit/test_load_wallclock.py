"""Late by a clock that never stops, and by the law: lives whose hours are counted by hand."""

from collections import Counter

import pytest

from contracts import instants
from contracts.data import Data, Nothing, Received, Submitted, TimeLimit
from lab.load.lives import Life, Step
from lab.load.wallclock import CLOCK, LAW, is_late, late_by

FOUR_HOURS = TimeLimit(4, "working_hours")
BIRTHS: dict[str, Data] = {
    "submitted": Submitted(
        procedure="1.001193", channel="online", receiver="20044", competent="20044", time_limit=FOUR_HOURS
    ),
    "received": Received(time_limit=FOUR_HOURS),
}
# A Tuesday's closing, by which the period is over; the fourth of July is the Friday before.
ENDS = "2025-07-08T17:00:00"


def _at(moment: str) -> int:
    return instants.parse(f"{moment}+07:00")


def _steps(**facts: str) -> list[Step]:
    """The first one is the birth, with a limit of four working hours."""
    return [
        Step(_at(moment), _at(moment), fact, Nothing() if number else BIRTHS[fact], birth=not number)
        for number, (fact, moment) in enumerate(facts.items())
    ]


@pytest.mark.parametrize(
    ("facts", "late"),
    [
        # Two hours of work, and sixty-four by the clock: a night and a weekend.
        ({"received": "2025-07-04T16:00:00", "completed": "2025-07-07T08:00:00"}, True),
        # Lunch is two hours of four; a second before the fourth is over nobody is late.
        ({"received": "2025-07-04T10:00:00", "completed": "2025-07-04T14:00:00"}, True),
        ({"received": "2025-07-04T10:00:00", "completed": "2025-07-04T13:59:59"}, False),
        # It counts from the reception, and to the completion, whenever it is fetched.
        ({"submitted": "2025-07-04T07:00:00", "received": "2025-07-04T10:00:00", "completed": "2025-07-04T13:30:00"}, False),
        ({"received": "2025-07-07T08:00:00", "completed": "2025-07-07T09:00:00", "returned": "2025-07-08T09:00:00"}, False),
        ({"received": "2025-07-07T08:00:00", "returned": "2025-07-08T09:00:00"}, True),
        # Three hours of its four are the citizen's.
        ({"received": "2025-07-07T07:00:00", "supplement_requested": "2025-07-07T07:30:00",
          "supplement_provided": "2025-07-07T10:30:00", "completed": "2025-07-07T11:00:00"}, True),
        # Open when the period is over, waiting for the citizen or not.
        ({"received": "2025-07-08T13:00:00", "processing_started": "2025-07-08T13:30:00"}, True),
        ({"received": "2025-07-08T13:30:00", "processing_started": "2025-07-08T14:00:00"}, False),
        ({"received": "2025-07-08T08:00:00", "payment_requested": "2025-07-08T09:00:00"}, True),
        # Nobody owes these anything.
        ({"received": "2025-07-04T08:00:00", "withdrawn": "2025-07-08T09:00:00"}, False),
        ({"submitted": "2025-07-04T08:00:00", "refused": "2025-07-08T09:00:00"}, False),
        ({"submitted": "2025-07-04T08:00:00"}, False),
    ],
)  # fmt: skip
def test_hours_are_hours_by_day_and_by_night(facts: dict[str, str], late: bool) -> None:
    """From the reception to the result, else to the period's end."""
    assert is_late(_steps(**facts), _at(ENDS)) is late


def test_both_ways_of_counting_stand_beside_each_other() -> None:
    """Three dossiers, of which the law calls one late and the clock two."""
    told: Counter[str] = Counter()
    for received, completed, counted in (
        ("2025-07-04T16:00:00", "2025-07-07T08:00:00", "completed"),
        ("2025-07-07T08:00:00", "2025-07-08T09:00:00", "completed_late"),
        ("2025-07-07T08:00:00", "2025-07-07T09:00:00", "completed"),
    ):
        life = Life(_steps(received=received, completed=completed), None, Counter({counted: 1}))
        told.update(late_by(life, _at(ENDS)))
    assert told == {LAW: 1, CLOCK: 2}
