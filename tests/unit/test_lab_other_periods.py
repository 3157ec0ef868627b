"""Another month's table works unchanged: other units, holidays, months that end, one day alone, one generator."""

import csv
import tomllib
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import instants
from lab.demo import ticks
from lab.errors import UnsolvableError
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.fortnight.writing import Reported
from tests.effort import examples
from tests.unit import plain_recount as plain
from tests.unit.plain_recount import Event, fact_of, time_of

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "reference"
TEN = ("19753", "19774", "19777", "19789", "19804", "19942", "19960", "20044", "20056", "20182")

AUGUST = """
title = "August 2025, ten units"
first = 2025-08-01
last = 2025-08-31
[[facts]]
what = "received"
count = 2400
[[facts]]
what = "online"
percent = "81.3"
[[facts]]
what = "received"
unit = "19774"
count = 511
rank = "most"
[[facts]]
what = "on_time"
count = 1401
of = 1530
percent = "91.57"
[[facts]]
what = "on_time"
unit = "20044"
count = 88
of = 90
rank = "best"
[[facts]]
what = "on_time"
unit = "19753"
percent = "80"
[[facts]]
what = "on_time"
unit = "19960"
count = 100
[[facts]]
what = "online"
unit = "20182"
count = 120
of = 121
rank = "best"
[[facts]]
what = "received"
day = 2025-08-18
count = 402
[[facts]]
what = "online"
day = 2025-08-18
percent = "70"
[[facts]]
what = "received"
unit = "19942"
day = 2025-08-20
count = 41
[[facts]]
what = "online"
unit = "19789"
day = 2025-08-29
count = 20
of = 20
[[facts]]
what = "online"
unit = "19804"
percent = "66.7"
"""
# From the last week of August over the holiday of 1 and 2 September into the week after.
NATIONAL_DAY = """
title = "over National Day"
first = 2025-08-28
last = 2025-09-05
[[facts]]
what = "received"
count = 900
[[facts]]
what = "online"
count = 700
[[facts]]
what = "received"
day = 2025-09-02
count = 0
[[facts]]
what = "received"
day = 2025-09-03
count = 300
[[facts]]
what = "on_time"
unit = "19753"
count = 30
of = 44
"""
ONE_DAY = """
title = "one day"
first = 2025-08-04
last = 2025-08-04
[[facts]]
what = "received"
count = 500
[[facts]]
what = "online"
percent = "95"
[[facts]]
what = "received"
unit = "19753"
day = 2025-08-04
count = 120
[[facts]]
what = "on_time"
unit = "19753"
count = 9
of = 10
"""
# No limit of the catalogue is longer than three months: whatever began in summer is due before the year's end.
HALF_A_YEAR = """
title = "half a year"
first = 2025-07-01
last = 2025-12-31
[[facts]]
what = "received"
count = 90
"""
NEW_YEAR = """
title = "a Saturday worked for the Friday after New Year"
first = 2025-12-29
last = 2026-01-12
[[facts]]
what = "received"
count = 800
[[facts]]
what = "online"
percent = "60"
[[facts]]
what = "received"
day = 2026-01-10
count = 150
"""
ASSUMED = """
[assumed]
completed_share = 0.6
on_time_share = [0.7, 0.95]
agency_id = "H57.{code}"
[assumed.weights]
19753 = 2.0
[assumed.departments]
dat_dai = "so-nong-nghiep-moi-truong"
"""


@pytest.fixture(scope="module")
def ten_units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped reference data with ten units alone."""
    directory = copytree(SHIPPED, tmp_path_factory.mktemp("reference") / "ten")
    with (SHIPPED / "units.csv").open(encoding="utf-8", newline="") as opened:
        head, *lines = csv.reader(opened)
    with (directory / "units.csv").open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([head, *(line for line in lines if line[0] in TEN)])
    return directory


def made(text: str, reference: Path, seed: int = 1) -> tuple[list[Reported], dict[str, list[Event]], list[dict[str, Any]]]:
    """The events of a facts file, as dossiers too, and the facts as the file has them."""
    path = reference.parent / "facts.toml"
    path.write_text(text + ASSUMED)
    reported = writing.fortnight(published.read(path), reference, seed)
    return reported, plain.dossiers(each.event for each in reported), tomllib.loads(text)["facts"]


@pytest.mark.slow
@pytest.mark.parametrize("text", [AUGUST, NATIONAL_DAY, ONE_DAY, NEW_YEAR], ids=["month", "holiday", "one day", "make-up"])
def test_the_facts_of_any_period_are_those_of_its_events(text: str, ten_units: Path) -> None:
    """Recounted from raw events: receptions, channels, days, ranks, and what the legal clock says of completions."""
    for seed in (1, 2):
        reported, lives, facts = made(text, ten_units, seed)
        assert plain.unmet(facts, lives) == []
        assert {event["data"]["receiver"] for events in lives.values() for event in events[:1]} == set(TEN)
        period = tomllib.loads(text)
        first, last = period["first"], period["last"]
        for events in lives.values():
            for event in events:
                assert first <= time_of(event).date() <= last
                assert fact_of(event) == "submitted" or plain.works(time_of(event).date())
        assert len({each.subject for each in reported}) == len(lives) > 400


def test_holidays_are_not_worked_and_the_saturday_in_exchange_is(ten_units: Path) -> None:
    """Dues run over 1 and 2 September as over a weekend; on 10 January 2026 dossiers are received, on the 2nd none is."""
    _, lives, _ = made(NEW_YEAR, ten_units)
    days = Counter(time_of(event).date() for events in lives.values() for event in events if fact_of(event) == "received")
    assert days[date(2026, 1, 10)] == 150
    assert days[date(2026, 1, 1)] == days[date(2026, 1, 2)] == days[date(2026, 1, 3)] == 0
    _, lives, _ = made(NATIONAL_DAY, ten_units)
    days = Counter(time_of(event).date() for events in lives.values() for event in events if fact_of(event) == "received")
    assert sorted(days) == [date(2025, 8, 28), date(2025, 8, 29), *(date(2025, 9, day) for day in (3, 4, 5))]


def test_a_period_may_be_longer_than_every_limit(ten_units: Path) -> None:
    """What is still open then is mostly overdue, since no procedure takes so long."""
    for seed in (1, 2):
        _, lives, facts = made(HALF_A_YEAR, ten_units, seed)
        assert plain.unmet(facts, lives) == []


@pytest.mark.slow
def test_a_field_that_nobody_asks_for_stops_no_joint_case(ten_units: Path) -> None:
    """All joint procedures are of one field: without its weight they are alike."""
    path = ten_units.parent / "facts.toml"
    path.write_text(ONE_DAY + ASSUMED + "[assumed.fields]\nlien_thong = 0\n")
    for seed in (2, 3, 4):
        assert writing.fortnight(published.read(path), ten_units, seed)


def test_calendar_limits_end_within_a_month_and_some_are_missed(ten_units: Path) -> None:
    """In a period longer than they are, limits in calendar days are completed in time and late, as any others."""
    _, lives, _ = made(AUGUST, ten_units)
    limits = plain.catalogue()
    told = Counter(
        plain.in_time(events, limits)
        for events in lives.values()
        if (limits[events[0]["data"]["procedure"]] or (0, ""))[1] == "calendar_days"
    )
    assert told[True] > 10
    assert told[False] > 3


@pytest.mark.slow
def test_time_passes_to_the_end_of_any_period(ten_units: Path) -> None:
    """Ticks rise, begin with the period's first midnight, and the last one comes after everything that was entered."""
    for text in (AUGUST, NATIONAL_DAY, ONE_DAY, NEW_YEAR):
        reported, _, _ = made(text, ten_units)
        facts = published.read(ten_units.parent / "facts.toml")
        told = ticks(facts)
        assert told == sorted(set(told))
        assert instants.show(told[0]) == f"{facts.first}T00:00:00+07:00"
        assert instants.show(told[-1]) == f"{facts.last + timedelta(days=1)}T00:00:00+07:00"
        assert told[0] < min(each.entered_at for each in reported) <= max(each.entered_at for each in reported) < told[-1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (NATIONAL_DAY.replace("count = 0", "count = 7"), "2025-09-02 is no working day, nothing is received on it"),
        (NATIONAL_DAY.replace("2025-08-28", "2025-09-01").replace("2025-09-05", "2025-09-02").split("[[facts]]")[0]
         + '[[facts]]\nwhat = "received"\ncount = 3\n', "no day from 2025-09-01 to 2025-09-02 is a working day"),
        (AUGUST.replace("20182", "19819"), "no unit has the code 19819 from 2025-08-01 to 2025-08-31"),
        (AUGUST.replace("2025-08", "2024-08"), "no unit exists from 2024-08-01 to 2024-08-31"),
        (ONE_DAY.replace("count = 9\nof = 10", "count = 9\nof = 120"),
         "unit 19753: 111 shall end within the period as planned"),
    ],
)  # fmt: skip
def test_a_period_that_cannot_be_is_said_before_anything_is_sent(text: str, sentence: str, ten_units: Path) -> None:
    with pytest.raises(UnsolvableError, match=sentence) as wrong:
        made(text, ten_units)
    assert "\n" not in str(wrong.value)


def test_a_department_that_is_assumed_must_exist(ten_units: Path) -> None:
    path = ten_units.parent / "facts.toml"
    path.write_text(AUGUST + ASSUMED.replace("so-nong-nghiep-moi-truong", "so-dat-dai"))
    with pytest.raises(UnsolvableError, match=r"no body has the code so-dat-dai .* \[assumed\.departments\]"):
        writing.fortnight(published.read(path), ten_units, 1)


@st.composite
def published_tables(draw: st.DrawFn) -> str:
    """A facts file read off a table that exists, of a few days somewhere in 2025 or 2026."""
    chance = Random(draw(st.integers(0, 10**6)))
    first = date(2025, 7, 1) + timedelta(days=draw(st.integers(0, 400)))
    length = draw(st.integers(1, 20))
    every = [first + timedelta(days=number) for number in range(length)]
    days = [day for day in every if plain.works(day)]
    if not days:
        first, days = date(2025, 7, 1), [date(2025, 7, 1)]
        every = days
    cells = {}
    for unit in TEN:
        for day in days:
            received = chance.randrange(1, 12)
            cells[unit, day] = (received, chance.randint(0, received))
    told = [f'first = {first}\nlast = {every[-1]}\ntitle = "drawn"']

    def fact(what: str, chosen: Sequence[tuple[int, int]], where: str) -> None:
        whole, part = sum(one for one, _ in chosen), sum(two for _, two in chosen)
        figure = f"count = {whole}" if what == "received" else chance.choice(
            (f"count = {part}\nof = {whole}", f'percent = "{plain.printed(part, whole, "0.1")}"'))  # fmt: skip
        told.append(f'[[facts]]\nwhat = "{what}"\n{where}{figure}')

    for what in ("received", "online"):
        fact(what, list(cells.values()), "")
        for unit in chance.sample(TEN, draw(st.integers(0, 5))):
            fact(what, [cells[unit, day] for day in days], f'unit = "{unit}"\n')
    for day in chance.sample(days, min(len(days), draw(st.integers(0, 3)))):
        fact("received", [cells[unit, day] for unit in TEN], f"day = {day}\n")
        fact("online", [cells[unit, day] for unit in TEN], f"day = {day}\n")
    for unit in chance.sample(TEN, draw(st.integers(0, 4))):
        early = sum(cells[unit, day][0] for day in days[:-2])
        ended = chance.randint(0, early)
        told.append(f'[[facts]]\nwhat = "on_time"\nunit = "{unit}"\ncount = {chance.randint(0, ended)}\nof = {ended}')
    return "\n".join(told)


@pytest.mark.slow
@pytest.mark.timeout(600)  # much is worked out: on a machine that has much else to do, for minutes
@settings(
    max_examples=examples(25, 125), deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(text=published_tables(), seed=st.integers(0, 9))
def test_any_table_that_exists_becomes_events_that_recount_to_it(text: str, seed: int, ten_units: Path) -> None:
    """The facts of a drawn table, in a drawn period, over holidays and weekends: every one is true of the raw events."""
    _, lives, facts = made(text, ten_units, seed)
    assert plain.unmet(facts, lives) == []
