"""The decisions of metrics' API: rates, days and ranges, which units are shown, how far behind it says it is."""

import asyncio
from contextlib import nullcontext
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request

from contracts.face.problems import ProblemError
from contracts.reference import Calendar, Reference, Unit
from services.metrics.api import answers, app, courses, queries
from services.metrics.api.courses import COURSE_DAYS_MAX, KEPT_MAX, Courses
from services.metrics.api.doors import Doors
from services.metrics.api.instruments import Instruments
from services.metrics.api.queries import Query
from services.metrics.api.snapshots import Place, Snapshot, Some
from services.metrics.api.told import Told, as_of, lag_seconds
from services.metrics.api.units import Units
from services.metrics.domain.counters import FLOWS, STOCKS

SECOND = 1_000_000
NOON = 1_751_346_000 * SECOND  # 2025-07-01T12:00:00+07:00
FLOW_NAMES = {flow.name for flow in FLOWS}


def unit(code: str, kind: Any = "ward", **more: Any) -> Unit:
    """A unit valid since 2025-07-01 unless said otherwise."""
    return Unit(
        **{"code": code, "name": f"Name of {code}", "kind": kind, "hours": "default", "valid_from": "2025-07-01", **more}
    )


UNITS = Units(
    Reference(
        units=[
            unit("100"),
            unit("200", valid_from="2026-07-01", name="New name", kind="commune"),
            unit("200", valid_to="2026-06-30", name="Old name"),
            unit("300", valid_to="2025-12-31", successor="100"),
        ],
        departments=[unit("H57.01", kind="department")],
        procedures=[],
        calendar=Calendar(profiles={}, days_off={}, make_up_days={}),
    )
)


def request(**query: str) -> Request:
    """A request with this query."""
    return Request({"type": "http", "query_string": urlencode(query).encode(), "headers": []})


def place(**more: Any) -> Place:
    """A position at its end: reported offset 9 is counted in, recorded an hour before noon."""
    held = {"next": 10, "target": 10, "closed": 9, "recorded_at": NOON - 3600 * SECOND, "log_clock": NOON, "stopped": None}
    return Place(**{**held, **more})


def snapshot(**by_partition: Place | None) -> Snapshot:
    """Twelve positions, some of them otherwise (`p4=place(…)`)."""
    return Snapshot(tuple(by_partition.get(f"p{number}", place()) for number in range(12)), (), False)


counts = st.integers(min_value=0, max_value=10**9)


@given(parts=st.lists(counts, min_size=4, max_size=4), online=counts, rest=counts)
def test_rates_are_what_decimals_say(parts: list[int], online: int, rest: int) -> None:
    """Half up to two decimals, null without a denominator; a completion without a due is in no rate."""
    early, on_time, late, without = parts
    told = answers.told(
        {
            "received": online + rest, "received_online": online, "completed": sum(parts), "completed_early": early,
            "completed_on_time": on_time, "completed_late": late, "completed_without_due": without,
        },
        answers.ALL_NAMES,
    )["rates"]  # fmt: skip
    for name, top, bottom in (("online", online, online + rest), ("on_time", early + on_time, early + on_time + late)):
        expected = (Decimal(100 * top) / bottom).quantize(Decimal("0.01"), ROUND_HALF_UP) if bottom else None
        found = told[name]
        assert (found["numerator"], found["denominator"]) == (top, bottom)
        assert found["percent"] is None if expected is None else Decimal(str(found["percent"])) == expected


@given(first=st.dates(max_value=date(9998, 1, 1)), length=st.integers(min_value=-3, max_value=410))
@example(first=date(2000, 1, 1), length=1_100)
@example(first=date(2000, 1, 1), length=1_101)
@example(first=date(2000, 1, 1), length=9_497)
@example(first=date(2000, 1, 1), length=20_001)
def test_a_range_has_all_its_days(first: date, length: int) -> None:
    """Both ends included, in order: 20,000 to be added up, 1,100 to be told one by one; others are refused."""
    try:
        last = first + timedelta(days=length - 1)
    except OverflowError:
        return
    asked = request(**{"from": first.isoformat(), "to": last.isoformat()})
    for ask, longest in ((queries.totals, 20_000), (lambda each: queries.days(each, "2025-07-14"), 1_100)):
        if not 1 <= length <= longest:
            with pytest.raises(ProblemError) as refused:
                ask(asked)
            assert (refused.value.status, refused.value.code) == (422, "invalid_range")
            continue
        found = ask(asked).days
        assert [date.fromisoformat(day).toordinal() for day in found] == list(range(first.toordinal(), last.toordinal() + 1))


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"role": "mayor"}, "invalid_role"),
    ({"role": ""}, "invalid_role"),
    ({"day": "2025-02-29"}, "invalid_day"),
    ({"day": "20250701"}, "invalid_day"),
    ({"day": "2025-W27-2"}, "invalid_day"),
    ({"day": "٢٠٢٥-٠٧-٠١"}, "invalid_day"),
    ({"day": ""}, "invalid_day"),
    ({"from": "2025-07-01", "to": "yesterday"}, "invalid_day"),
    ({"from": "2025-07-01"}, "invalid_range"),
    ({"to": "2025-07-01"}, "invalid_range"),
    ({"from": "2025-07-02", "to": "2025-07-01"}, "invalid_range"),
    ({"from": "2025-07-01", "to": "2125-07-06"}, "invalid_range"),
    ({"day": "2025-07-01", "from": "2025-07-01", "to": "2025-07-02"}, "invalid_range"),
    ({"day": "2025-07-01", "to": "2025-07-02"}, "invalid_range"),
    ({"day": "2025-07-01", "from": "2025-07-01"}, "invalid_range"),
    ({"unit": "100"}, "unknown_parameter"),
    ({"Role": "receiver"}, "unknown_parameter"),
]


@pytest.mark.parametrize(("query", "code"), REFUSED)
def test_what_cannot_be_answered_is_refused_by_code(query: dict[str, str], code: str) -> None:
    """422, and nothing of what was sent is said back."""
    with pytest.raises(ProblemError) as refused:
        queries.totals(request(**query))
    assert (refused.value.status, refused.value.code) == (422, code)
    for value in query.values():
        assert not value or value.startswith("2025") or value not in refused.value.detail


def test_a_parameter_given_twice_is_refused() -> None:
    """Which of the two is meant nobody knows."""
    with pytest.raises(ProblemError) as refused:
        queries.totals(Request({"type": "http", "query_string": b"role=receiver&role=competent", "headers": []}))
    assert refused.value.code == "repeated_parameter"


def test_without_days_everything_is_meant() -> None:
    """In total for units; for the days of a unit the month that ends on the day of the log clock."""
    assert queries.totals(request()) == Query("receiver", ())
    month = queries.days(request(role="competent"), "2025-07-14")
    assert (month.role, len(month.days), month.days[0], month.days[-1]) == ("competent", 31, "2025-06-14", "2025-07-14")


@pytest.mark.parametrize("end", ["from", "to"])
def test_half_a_range_is_refused_also_where_there_is_one_without_it(end: str) -> None:
    for ask in (lambda each: queries.days(each, "2025-07-14"), lambda each: queries.course(each, "2025-07-14", 14)):
        with pytest.raises(ProblemError) as refused:
            ask(request(**{end: "2025-07-01"}))
        assert refused.value.code == "invalid_range"


def test_a_course_is_of_receivers_who_received_unless_something_else_is_asked_for() -> None:
    counter, fortnight = queries.course(request(), "2025-07-14", 14)
    assert (counter, fortnight.role, len(fortnight.days), fortnight.days[-1]) == ("received", "receiver", 14, "2025-07-14")
    asked = request(counter="completed", role="competent", **{"from": "2025-07-01", "to": "2025-07-02"})
    assert queries.course(asked, "2025-07-14", 14) == ("completed", Query("competent", ("2025-07-01", "2025-07-02")))


def test_units_are_shown_that_were_in_force() -> None:
    """On one of the days, with the name of the last; departments as competent bodies; others only with figures."""
    assert UNITS.shown("receiver", "2025-07-01", "2025-07-01") == ["100", "200", "300"]
    assert UNITS.shown("competent", "2025-07-01", "2025-07-01") == ["100", "200", "300", "H57.01"]
    assert UNITS.shown("receiver", "2026-01-01", "2026-01-01") == ["100", "200"]
    assert UNITS.shown("receiver", "2025-12-31", "2026-01-01") == ["100", "200", "300"]
    # Before all of them those of the first day, as with names and hours: zeros say that nothing is known, no list says less.
    assert UNITS.shown("receiver", "2025-06-01", "2025-06-30") == ["100", "200", "300"]
    assert UNITS.shown("competent", "2025-06-30", "2025-06-30") == ["100", "200", "300", "H57.01"]
    assert UNITS.shown("receiver", "2026-01-01", "2026-01-01", ["300", "999"]) == ["100", "200", "300", "999"]
    assert (UNITS.name("200", "2026-06-30"), UNITS.kind("200", "2026-06-30")) == ("Old name", "ward")
    assert (UNITS.name("200", "2026-07-01"), UNITS.kind("200", "2026-07-01")) == ("New name", "commune")
    assert (UNITS.name("999", "2026-07-01"), UNITS.kind("999", "2026-07-01")) == ("999", "unknown")
    assert UNITS.name("200", "2025-06-30") == "Old name", "the nearest one before it was there"


def test_a_unit_without_events_has_zeros() -> None:
    """A day leaves the stocks out; a foreign code with nothing but zeros is not shown."""
    figures = {"100": {"received": 3, "received_online": 1}, "999": {"received": 0}, "998": {"rejected": 2}}
    rows = answers.unit_rows(figures, Query("receiver", ("2025-07-01",)), UNITS, "2025-07-01", "2025-07-01")
    assert [row["unit"] for row in rows] == ["100", "200", "300", "998"]
    assert all(row["counters"].keys() == FLOW_NAMES for row in rows)
    assert set(rows[1]["counters"].values()) == {0}
    assert rows[1]["rates"]["online"] == {"numerator": 0, "denominator": 0, "percent": None}
    total = answers.total_of(rows, answers.FLOW_NAMES)
    assert {name: number for name, number in total["counters"].items() if number} == {
        "received": 3, "received_online": 1, "rejected": 2
    }  # fmt: skip
    assert total["rates"]["online"] == {"numerator": 1, "denominator": 3, "percent": 33.33}


def test_a_range_shows_who_was_in_force_on_any_of_its_days_named_as_on_the_last() -> None:
    rows = answers.unit_rows({}, Query("receiver", ()), UNITS, "2025-12-31", "2026-07-01")
    assert [(row["unit"], row["name"], row["kind"]) for row in rows] == [
        ("100", "Name of 100", "ward"), ("200", "New name", "commune"), ("300", "Name of 300", "ward"),
    ]  # fmt: skip


def test_a_unit_s_parts_are_in_order_and_those_without_figures_are_left_out() -> None:
    figures = {"receiver|100|f:land|received": 0, "receiver|100|f:tax|received": 3, "receiver|100|f:civil|received": 2}
    by_field, by_channel = answers.in_parts({**figures, "receiver|100|c:post|received": 5}, Query("receiver", ()))
    assert [(name, row["counters"]["received"]) for name, row in by_field.items()] == [("civil", 2), ("tax", 3)]
    assert [(name, row["counters"]["received"]) for name, row in by_channel.items()] == [("post", 5)]


def test_a_unit_is_known_by_any_figure_of_either_role_whatever_days_are_asked_for() -> None:
    for ask in (answers.of_unit, answers.of_days):
        known = ask(Query("receiver", ("2025-07-01",)), "999")[2]
        assert known.names == ("total",)
        assert {"receiver|999|received", "competent|999|open", "receiver|999|parked_now"} <= set(known.fields)


class Counted:
    """Positions that move, and so many received on each day that is asked for."""

    def __init__(self) -> None:
        self.now = snapshot()
        self.reads = 0

    async def read(self, *wanted: Some) -> Snapshot:
        self.reads += 1
        found = tuple(tuple(dict.fromkeys(each.fields, 3) for _ in each.names) for each in wanted)
        return Snapshot(self.now.places, found, False)


def test_a_course_is_read_anew_once_counting_has_moved_and_few_are_kept() -> None:
    counted, asked = Counted(), [Query("receiver", (f"2025-07-{day:02}",)) for day in range(1, KEPT_MAX + 2)]
    known = Courses(counted, UNITS)  # type: ignore[arg-type]

    def reads(query: Query) -> int:
        before = counted.reads
        read_in, course = asyncio.run(known.of("received", query, counted.now, ["100"]))
        assert (read_in.places, course.units["100"], course.total) == (counted.now.places, [3], [3])
        return counted.reads - before

    assert [reads(asked[0]) for _ in range(3)] == [1, 0, 0]
    counted.now = snapshot(p4=place(next=11))
    assert [reads(asked[0]) for _ in range(2)] == [1, 0]
    assert [reads(query) for query in asked[1:]] == [1] * KEPT_MAX
    assert [reads(asked[1]), reads(asked[0])] == [0, 1], "the one that was asked for longest ago"


def test_a_course_shows_who_was_in_force_on_any_of_its_days_and_whoever_has_figures() -> None:
    query = Query("receiver", ("2025-12-31", "2026-01-01"))
    _, course = asyncio.run(Courses(Counted(), UNITS).of("received", query, snapshot(p4=None), ["100", "999"]))  # type: ignore[arg-type]
    assert course.units == {"100": [3, 3], "200": [0, 0], "300": [0, 0], "999": [3, 3]}
    with pytest.raises(ProblemError):
        courses.check("open", query)
    for days, is_refused in ((COURSE_DAYS_MAX, False), (COURSE_DAYS_MAX + 1, True)):
        with pytest.raises(ProblemError) if is_refused else nullcontext():
            courses.check("received", Query("receiver", ("2025-07-01",) * days))


def told(at: int, instruments: Instruments) -> Told:
    """What is told at a moment at which Kafka is away."""
    watch = SimpleNamespace(ends=None, first_recorded_at={})
    return Told(UNITS, SimpleNamespace(), watch, instruments, lambda: at)  # type: ignore[arg-type]


def test_names_are_those_of_the_largest_log_clock_s_day_and_before_any_of_the_wall_s() -> None:
    trails = {f"p{number}": place(log_clock=NOON - 24 * 3600 * SECOND) for number in range(11)}
    says = told(NOON + 72 * 3600 * SECOND, Instruments())
    assert says.day(snapshot(**trails)) == "2025-07-01"
    assert says.day(snapshot(**{f"p{number}": place(log_clock=None) for number in range(12)})) == "2025-07-04"


def test_a_lag_that_is_not_known_is_null_and_no_number_to_prometheus() -> None:
    for held, lag in ((snapshot(p4=place(recorded_at=None)), None), (snapshot(), 3600.001)):
        instruments = Instruments()
        assert told(NOON + 1_000, instruments).head(held)["lag_seconds"] == lag
        shown = instruments.registry.get_sample_value("motcua_metrics_api_lag_seconds")
        assert str(shown) == ("nan" if lag is None else "3600.001")


def test_the_dictionary_has_every_counter_and_formula() -> None:
    """In the order of the table."""
    told = answers.dictionary()
    assert [(row["name"], row["kind"]) for row in told["counters"]] == [
        (each.name, kind) for kind, table in (("flow", FLOWS), ("stock", STOCKS)) for each in table
    ]
    assert all(row["roles"] == ["receiver", "competent"] and row["label_vi"] and row["help"] for row in told["counters"])
    assert [row["formula"] for row in told["rates"]] == [
        "received_online ÷ received", "(completed_early + completed_on_time) ÷ (completed − completed_without_due)"
    ]  # fmt: skip


ENDS = dict.fromkeys(range(12), 10)
HOUR = 3600.0
LAGS: list[tuple[str, Snapshot, dict[int, int] | None, dict[int, int], float | None]] = [
    ("at the end", snapshot(), ENDS, {}, 0.0),
    ("beyond ends asked for a moment ago", snapshot(p4=place(closed=12)), ENDS, {}, 0.0),
    ("one record behind", snapshot(), {**ENDS, 4: 11}, {}, HOUR),
    ("the slowest counts", snapshot(p2=place(recorded_at=NOON - SECOND)), {**ENDS, 2: 11, 4: 11}, {}, HOUR),
    ("only the fresh one trails", snapshot(p2=place(recorded_at=NOON - SECOND)), {**ENDS, 2: 11}, {}, 1.0),
    ("Kafka away: never 0", snapshot(), None, {}, HOUR),
    ("Kafka away, nothing counted", snapshot(p4=place(closed=-1, recorded_at=None)), None, {}, None),
    ("nothing counted of nothing", snapshot(p4=place(closed=-1, recorded_at=None)), {**ENDS, 4: 0}, {}, 0.0),
    ("nothing counted yet", snapshot(p4=place(closed=-1, recorded_at=None)), ENDS, {4: NOON - 7 * SECOND}, 7.0),
    ("nothing counted, nothing known", snapshot(p4=place(closed=-1, recorded_at=None)), ENDS, {}, None),
]


@pytest.mark.parametrize(("held", "ends", "first", "expected"), [row[1:] for row in LAGS], ids=[row[0] for row in LAGS])
def test_lag_is_0_only_where_the_end_is_known_to_be_reached(
    held: Snapshot, ends: dict[int, int] | None, first: dict[int, int], expected: float | None
) -> None:
    """Else the age of the last record counted in, else not known."""
    assert lag_seconds(held, ends, first, NOON) == expected


def test_as_of_says_each_partition_and_the_slowest_clock() -> None:
    """No clock while one partition has none."""
    told = as_of(snapshot(p3=place(closed=-1), p5=place(log_clock=NOON - 60 * SECOND)), NOON)
    assert told["partitions"] == {str(number): -1 if number == 3 else 9 for number in range(12)}
    assert (told["time"], told["log_clock"]) == ("2025-07-01T12:00:00+07:00", "2025-07-01T11:59:00+07:00")
    assert as_of(snapshot(p5=place(log_clock=None)), NOON)["log_clock"] is None
    assert snapshot(p5=place(log_clock=None)).latest_clock == NOON


def test_figures_are_rebuilt_until_every_position_has_reached_its_target() -> None:
    """A partition that nobody has taken is not there yet; one that has stopped never will be."""
    assert not snapshot().is_rebuilding
    assert snapshot(p4=None).is_rebuilding
    assert snapshot(p4=place(next=9)).is_rebuilding
    assert not snapshot(p4=place(next=9, stopped="gap")).is_rebuilding
    assert snapshot(p4=place(next=9, stopped="gap")).stopped == {"4": "gap"}
    assert Snapshot(snapshot().places, (), True).is_rebuilding


def test_a_unit_has_the_name_of_today_while_the_log_is_counted_anew_from_the_days_of_a_former_one() -> None:
    """By its name an alert is the same as before: under the former one it would end and be told anew."""
    wall = NOON + 400 * 86_400 * SECOND
    nobody: Any = None
    told = Told(UNITS, nobody, nobody, nobody, lambda: wall)
    former, latest = place(next=3, log_clock=NOON), place(log_clock=wall - SECOND)
    assert UNITS.name("200", told.day(Snapshot((former,) * 12, (), False))) == "New name"
    assert UNITS.name("200", told.day(Snapshot((latest,) * 12, (), True))) == "New name"
    # What is counted is shown as of its own day.
    assert UNITS.name("200", told.day(snapshot())) == "Old name"
    assert told.day(snapshot(p4=place(log_clock=NOON + SECOND))) == "2025-07-01"
    assert told.day(Snapshot((place(log_clock=None),) * 12, (), False)) == "2026-08-05"


def test_which_reference_data_are_in_force_is_not_known_while_figures_are_rebuilt() -> None:
    """Positions pass by those of former years, whose calendar knows no day off of this one."""
    former, now = [Place(9, 9, 9, NOON, NOON, None, digest) for digest in ("former", "now")]
    behind = Place(3, 9, 3, NOON, NOON, None, "former")
    assert Snapshot((now,) * 12, (), False).digest == "now"
    assert Snapshot((former, *(now,) * 11), (), False).digest is None
    assert Snapshot((behind,) * 12, (), False).digest is None


@pytest.mark.parametrize("code", ["a" * 33, "a" * 60_000, "100|x", "100\n", "đ", "１００", ""])
def test_a_text_that_can_be_no_code_is_unknown_before_anything_of_it_is_read(code: str) -> None:
    """A long one would be in every key that Redis is asked for. What is wrong with the query is said first, as for any."""

    class Positions:
        gen = 1

        async def read(self) -> Snapshot:
            return snapshot()

    told = SimpleNamespace(units=UNITS, day=lambda _: "2025-07-01")
    doors = Doors(SimpleNamespace(told=told, snapshots=Positions()))  # type: ignore[arg-type]
    for query, status, why in ((b"", 404, "unknown_unit"), (b"role=clerk", 422, "invalid_role")):
        asked = Request({"type": "http", "query_string": query, "headers": [], "path_params": {"code": code}})
        for door in (doors.unit, doors.days):
            with pytest.raises(ProblemError) as refused:
                asyncio.run(door(asked))
            assert (refused.value.status, refused.value.code) == (status, why)


@pytest.mark.parametrize("read", [True, False])
def test_whether_heartbeats_are_read_is_told_to_prometheus(read: bool) -> None:
    """Figures are answered either way; of lines and outboxes nothing is told meanwhile, and somebody must know it."""

    class Snapshots:
        async def read(self) -> Snapshot:
            return snapshot()

    ports = SimpleNamespace(
        instruments=Instruments(), snapshots=Snapshots(), stream=SimpleNamespace(age_seconds=0.0),
        watch=SimpleNamespace(has_read_beats=read),
    )  # fmt: skip
    answer = asyncio.run(app._Told(ports).metrics())  # type: ignore[arg-type]
    assert f"motcua_metrics_api_heartbeats_read {float(read)}" in bytes(answer.body).decode().splitlines()
