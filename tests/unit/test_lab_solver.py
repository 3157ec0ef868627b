"""The solver: any table that can be is met whole by its plans; in one that cannot be, the facts at odds are named."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import FactsError, UnsolvableError
from lab.fortnight import transport
from lab.fortnight.facts import HUE_2025_07, Facts, count_for, counts_for, percent_of, read
from lab.fortnight.shares import share_out
from lab.fortnight.solver import Frame, UnitPlan, solve
from tests.effort import examples
from tests.unit.plain_recount import printed

MONDAY = date(2025, 8, 4)
ASSUMED = {"completed_share": 0.5, "on_time_share": [0.5, 0.99], "agency_id": "X.{code}"}
SMALL: list[dict[str, Any]] = [
    {"what": "received", "count": 100},
    {"what": "online", "percent": "50"},
    {"what": "received", "unit": "A", "count": 70, "rank": "most"},
    {"what": "on_time", "unit": "B", "count": 9, "of": 10, "rank": "best"},
    {"what": "received", "day": MONDAY, "count": 60},
]


def table(facts: Sequence[dict[str, Any]], days: int = 3, **assumed: Any) -> Facts:
    whole = {
        "title": "", "first": MONDAY, "last": MONDAY + timedelta(days=days - 1), "facts": list(facts),
        "assumed": ASSUMED | assumed,
    }  # fmt: skip
    return msgspec.convert(whole, Facts)


def working_days(facts: Facts) -> list[date]:
    return [facts.first + timedelta(days=number) for number in range((facts.last - facts.first).days + 1)]


def solved(facts: Facts, units: Sequence[str], seed: int = 1) -> list[UnitPlan]:
    return solve(facts, Frame(units=units, days=working_days(facts)), Random(seed))


def at_odds(facts: list[dict[str, Any]], plans: Sequence[UnitPlan], days: Sequence[date]) -> list[dict[str, Any]]:
    """The facts that a plan does not meet, by a recount of its own."""

    def figures(what: str, plan: UnitPlan, day: date | None) -> tuple[int, int]:
        if what == "on_time":
            return plan.on_time, plan.completed
        if what in ("completed", "carried_over"):
            return (plan.completed if what == "completed" else plan.carried_over), 0
        chosen = [number for number, each in enumerate(days) if day in (None, each)]
        whole = sum(plan.received[number] for number in chosen)
        return (whole if what == "received" else sum(plan.online[number] for number in chosen)), whole

    told = []
    for fact in facts:
        each = {plan.code: figures(fact["what"], plan, fact.get("day")) for plan in plans}
        unit = fact.get("unit")
        part, whole = each[unit] if unit else (sum(p for p, _ in each.values()), sum(w for _, w in each.values()))
        others = [figure for code, figure in each.items() if code != unit]
        holds = fact.get("count") in (None, part) and fact.get("of") in (None, whole)
        holds = holds and ("percent" not in fact or (whole > 0 and printed(part, whole, fact["percent"]) == fact["percent"]))
        if fact.get("rank") == "most":
            holds = holds and all(other < part for other, _ in others)
        if fact.get("rank") == "best":
            holds = holds and all(other * whole < part * of for other, of in others if of)
        if not holds:
            told.append(fact)
    return told


@pytest.mark.parametrize("seed", range(5))
def test_other_facts_make_another_period(seed: int) -> None:
    """Period, units and figures come from the facts alone."""
    facts = table(SMALL)
    plans = solved(facts, ["A", "B"], seed)
    assert at_odds(SMALL, plans, working_days(facts)) == []
    assert [plan.code for plan in plans] == ["A", "B"]


@st.composite
def true_tables(draw: st.DrawFn, *, carrying: bool = False) -> tuple[list[dict[str, Any]], list[str], int]:
    """Some facts of a table that exists: sums, cells, shares as counts or printed, who leads; never one that is untrue.

    `carrying`: with dossiers from before, of which is said what all had, or what each had whose completions are published.
    """
    units = [f"U{number}" for number in range(draw(st.integers(2, 6)))]
    days = draw(st.integers(1, 4))
    cell = st.integers(0, 60).flatmap(lambda whole: st.tuples(st.just(whole), st.integers(0, whole)))
    cells = {(unit, number): draw(cell) for unit in units for number in range(days)}
    told: list[dict[str, Any]] = []
    printed_alone: list[dict[str, Any]] = []

    def share(what: str, part: int, whole: int, **about: Any) -> None:
        forms: list[dict[str, Any]] = [{"count": part, "of": whole}, {"count": part}]
        if whole:
            decimals = draw(st.sampled_from(("0", "0.1", "0.01")))
            forms.append({"percent": printed(part, whole, "1" if decimals == "0" else decimals)})
            forms.append(forms[0] | forms[2])
        told.append({"what": what, **about, **draw(st.sampled_from(forms))})

    def spread(about: dict[str, Any], chosen: list[tuple[int, int]], asked: int) -> None:
        whole, part = sum(one for one, _ in chosen), sum(two for _, two in chosen)
        counted = draw(st.integers(0, 9)) < asked
        if counted:
            told.append({"what": "received", **about, "count": whole})
        if draw(st.integers(0, 9)) < asked:
            share("online", part, whole, **about)
            if not counted and not {"count", "of"} & told[-1].keys():
                # A share is hardly ever published without saying of what it is one: of one unit at most, never of a day.
                if "day" in about or printed_alone:
                    told.append({"what": "received", **about, "count": whole})
                printed_alone.append(about)

    dates = [MONDAY + timedelta(days=number) for number in range(days)]
    told.append({"what": "received", "count": sum(whole for whole, _ in cells.values())})
    share("online", sum(part for _, part in cells.values()), sum(whole for whole, _ in cells.values()))
    for unit in units:
        spread({"unit": unit}, [cells[unit, number] for number in range(days)], 5)
    for number in range(days):
        spread({"day": dates[number]}, [cells[unit, number] for unit in units], 4)
    for unit, number in cells:
        spread({"unit": unit, "day": dates[number]}, [cells[unit, number]], 1)
    received = {unit: sum(cells[unit, number][0] for number in range(days)) for unit in units}
    ends = {}
    carried = {unit: draw(st.integers(0, 40)) if carrying else 0 for unit in units}
    for unit in units:
        ended = draw(st.integers(0, received[unit] + carried[unit]))
        ends[unit] = (draw(st.integers(0, ended)), ended)
        if draw(st.integers(0, 9)) < 4:
            share("on_time", *ends[unit], unit=unit)
            if carrying:
                told.append({"what": "carried_over", "unit": unit, "count": carried[unit]})
                if draw(st.booleans()):
                    told.append({"what": "completed", "unit": unit, "count": ended})
    if carrying:
        told.append({"what": "carried_over", "count": sum(carried.values())})
        if draw(st.booleans()):
            told.append({"what": "completed", "count": sum(ended for _, ended in ends.values())})
    _add_leaders(told, received, ends)
    return told, units, days


def _add_leaders(told: list[dict[str, Any]], received: dict[str, int], ends: dict[str, tuple[int, int]]) -> None:
    """Says who leads where somebody does and his exact figure was published."""
    for fact in told:
        unit = fact.get("unit")
        if unit is None or "day" in fact:
            continue
        if fact["what"] == "received" and all(received[other] < received[unit] for other in received if other != unit):
            fact["rank"] = "most"
        if fact["what"] == "on_time" and "count" in fact and "of" in fact and fact["of"]:
            part, whole = ends[unit]
            if all(other * whole < part * of for code, (other, of) in ends.items() if code != unit and of):
                fact["rank"] = "best"


@pytest.mark.slow
@settings(max_examples=examples(150, 750), deadline=None, derandomize=True)
@given(true_tables(), st.integers(0, 3))
def test_whatever_is_true_of_some_table_is_solved(case: tuple[list[dict[str, Any]], list[str], int], seed: int) -> None:
    """Facts that have been read off one table never contradict each other, and the plans meet every one of them."""
    told, units, days = case
    facts = table(told, days)
    plans = solved(facts, units, seed)
    assert at_odds(told, plans, working_days(facts)) == []
    for plan in plans:
        assert all(0 <= online <= received for online, received in zip(plan.online, plan.received, strict=True))
        assert 0 <= plan.on_time <= plan.completed <= sum(plan.received)


@pytest.mark.slow
@settings(max_examples=examples(100, 500), deadline=None, derandomize=True)
@given(true_tables(carrying=True), st.integers(0, 3))
def test_whatever_is_true_with_dossiers_from_before_is_solved(
    case: tuple[list[dict[str, Any]], list[str], int], seed: int
) -> None:
    """The same where units complete what they had before: what was there and what came are told apart within bounds."""
    told, units, days = case
    facts = table(told, days)
    plans = solved(facts, units, seed)
    assert at_odds(told, plans, working_days(facts)) == []
    for plan in plans:
        assert 0 <= plan.carried_on_time <= plan.carried_completed <= plan.carried_over
        assert plan.own_on_time >= 0
        assert plan.own_late >= 0
        assert plan.own_on_time + plan.own_late <= sum(plan.received)


# A fact more or less than each of these and the rest can be.
RECEIVED: dict[str, Any] = {"what": "received"}
ODD: list[tuple[list[dict[str, Any]], list[str]]] = [
    ([RECEIVED | {"count": 10}, RECEIVED | {"unit": "A", "count": 11}],
     ["received, all units: 10", "received, unit A: 11"]),
    ([RECEIVED | {"count": 10}, *(RECEIVED | {"unit": unit, "count": 3} for unit in "ABC")],
     ["received, all units: 10", "received, unit A: 3", "received, unit B: 3", "received, unit C: 3"]),
    ([RECEIVED | {"count": 10}, RECEIVED | {"day": MONDAY, "count": 11}],
     ["received, all units: 10", "received, all units on 2025-08-04: 11"]),
    ([RECEIVED | {"count": 99}, RECEIVED | {"unit": "A", "count": 30, "rank": "most"}, RECEIVED | {"unit": "B", "count": 9}],
     ["received, all units: 99", "received, unit A: 30, the most"]),
    ([RECEIVED | {"count": 50}, RECEIVED | {"unit": "A", "count": 20, "rank": "most"},
      RECEIVED | {"unit": "B", "day": MONDAY, "count": 20}],
     ["received, unit A: 20, the most", "received, unit B on 2025-08-04: 20"]),
    ([RECEIVED | {"count": 50}, {"what": "online", "count": 5}, {"what": "online", "unit": "B", "count": 6}],
     ["received online, all units: 5", "received online, unit B: 6"]),
    ([RECEIVED | {"count": 50}, RECEIVED | {"unit": "A", "count": 40}, {"what": "online", "unit": "A", "percent": "100"},
      {"what": "online", "percent": "50"}],
     ["received, all units: 50", "received, unit A: 40", "received online, unit A: 100 %",
      "received online, all units: 50 %"]),
    ([RECEIVED | {"count": 50}, {"what": "online", "unit": "A", "count": 9, "of": 10, "rank": "best"},
      {"what": "online", "percent": "95"}],
     ["received online, unit A: 9 of 10, the best share", "received online, all units: 95 %"]),
    ([RECEIVED | {"count": 50}, RECEIVED | {"unit": "B", "count": 3}, {"what": "online", "unit": "B", "percent": "50"}],
     ["received, unit B: 3", "received online, unit B: 50 %"]),
    ([RECEIVED | {"count": 90}, {"what": "on_time", "unit": "A", "count": 8, "of": 10, "rank": "best"},
      {"what": "on_time", "unit": "B", "count": 9, "of": 10}],
     ["completed in time, unit A: 8 of 10, the best share", "completed in time, unit B: 9 of 10"]),
    ([RECEIVED | {"count": 90}, {"what": "on_time", "count": 8, "of": 10}, {"what": "on_time", "unit": "B", "count": 9}],
     ["completed in time, all units: 8 of 10", "completed in time, unit B: 9"]),
]  # fmt: skip


# In life these can be: what was completed was received before the period.
CARRIED: list[tuple[list[dict[str, Any]], list[str]]] = [
    ([RECEIVED | {"count": 50}, RECEIVED | {"unit": "A", "count": 9},
      {"what": "on_time", "unit": "A", "count": 9, "of": 10}],
     ["received, unit A: 9", "completed in time, unit A: 9 of 10"]),
    ([RECEIVED | {"count": 50}, {"what": "on_time", "count": 40, "of": 60}],
     ["received, all units: 50", "completed in time, all units: 40 of 60"]),
    ([RECEIVED | {"count": 50}, RECEIVED | {"unit": "A", "count": 20, "rank": "most"},
      {"what": "on_time", "unit": "B", "count": 20, "of": 20}],
     ["received, unit A: 20, the most", "completed in time, unit B: 20 of 20"]),
    ([RECEIVED | {"count": 10}, *({"what": "on_time", "unit": unit, "count": 3, "of": 6} for unit in "AB")],
     ["received, all units: 10", "completed in time, unit A: 3 of 6", "completed in time, unit B: 3 of 6"]),
    # Nobody has been late with what came on the last two days.
    ([RECEIVED | {"count": 90}, RECEIVED | {"day": MONDAY, "count": 0}, {"what": "on_time", "count": 10, "of": 50}],
     ["received, all units on 2025-08-04: 0", "completed in time, all units: 10 of 50"]),
]  # fmt: skip


@pytest.mark.parametrize(("told", "named"), CARRIED)
def test_more_completed_than_received_was_there_before(told: list[dict[str, Any]], named: list[str]) -> None:
    """No figures are called a contradiction because the facts carry nothing over; with enough from before they hold."""
    with pytest.raises(UnsolvableError) as wrong:
        solved(table(told), ["A", "B", "C"])
    sentence, said = str(wrong.value).split(": ", 1)
    assert sentence == "the facts carry nothing over from before 2025-08-04"
    assert sorted(said.removeprefix("without that this cannot be: ").split("; ")) == sorted(named)
    facts = [*told, {"what": "carried_over", "count": 60}]
    plans = solved(table(facts), ["A", "B", "C"])
    assert sum(plan.carried_over for plan in plans) == 60
    assert at_odds(told, plans, working_days(table(told))) == []


@pytest.mark.parametrize(("told", "named"), ODD)
def test_facts_at_odds_are_named_and_no_others(told: list[dict[str, Any]], named: list[str]) -> None:
    """One sentence with just the facts of which none can be left out; without any one of them the rest is solved."""
    innocent = {"what": "received", "unit": "C", "day": MONDAY, "count": 1}
    facts = table([innocent, *told] if len(told) < 4 else told)
    with pytest.raises(UnsolvableError) as wrong:
        solved(facts, ["A", "B", "C"])
    sentence = str(wrong.value)
    assert sentence.startswith("these facts contradict each other: ")
    assert sorted(sentence.partition(": ")[2].split("; ")) == sorted(named)
    guilty = [fact for fact in facts.facts if fact.said in named]
    for fewer in combinations(guilty, len(guilty) - 1):
        assert solved(msgspec.structs.replace(facts, facts=[*fewer, _scale()]), ["A", "B", "C"])


def _scale() -> Any:
    """Keeps a table solvable that says nothing of how many there are at all."""
    return table([{"what": "received", "unit": "C", "day": MONDAY + timedelta(days=1), "count": 2}]).facts[0]


def test_what_is_assumed_gives_way_to_what_was_published() -> None:
    """An assumption is no fact: it is dropped, and never named as being at odds."""
    told = [RECEIVED | {"count": 10}, RECEIVED | {"unit": "A", "count": 4}]
    facts = table(told, received={"B": 400})
    assert at_odds(told, solved(facts, ["A", "B"]), working_days(facts)) == []


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ([RECEIVED | {"unit": "Z", "count": 1}], "no unit has the code Z"),
        ([RECEIVED | {"count": 5, "day": MONDAY + timedelta(days=5)}], "2025-08-09 is no working day"),
        ([{"what": "online", "percent": "50"}], "do not say how many were received"),
    ],
)
def test_a_fact_about_nobody_is_said(told: list[dict[str, Any]], sentence: str) -> None:
    facts = table(told, 7)
    days = [day for day in working_days(facts) if day.weekday() < 5]
    with pytest.raises(UnsolvableError, match=sentence):
        solve(facts, Frame(units=["A", "B"], days=days), Random(1))


HEAD = 'title = "t"\nfirst = 2025-08-04\nlast = 2025-08-05\n'
TAIL = '[assumed]\ncompleted_share = 0.5\non_time_share = [0.5, 0.9]\nagency_id = "X.{code}"\n'


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('{what = "received", precent = 3}', "precent"),
        ('{what = "received"}', "neither count nor percent"),
        ('{what = "received", count = 1, day = 2025-09-05}', "2025-09-05 lies outside 2025-08-04 to 2025-08-05"),
        ('{what = "received", count = -1}', "less than none"),
        ('{what = "received", percent = "50"}', "a count, not a share"),
        ('{what = "online", percent = "fifty"}', "no share in percent"),
        ('{what = "online", percent = "101"}', "no share in percent"),
        ('{what = "online", percent = "NaN"}', "no share in percent"),
        *((f'{{what = "online", percent = "{share}"}}', f"{share!r} is no share in percent")
          for share in ("+75", "75.", "075", " 75 ", "-0", "7_5", "5e1", "٧٥", "50.0000000")),
        ('{what = "online", count = 3, of = 2}', "more than all: received online, all units: 3 of 2"),
        ('{what = "online", count = 309, of = 338, percent = "92"}', "309 of 338 is not 92 %"),
        ('{what = "online", of = 4, percent = "30"}', "no whole number of 4 is 30 %"),
        ('{what = "on_time", unit = "A", day = 2025-08-04, count = 1}', "planned for the period as a whole"),
        ('{what = "received", count = 3, rank = "most"}', "a rank is that of a unit"),
        ('{what = "received", unit = "A", count = 3, rank = "best"}', '"most" ranks what was received'),
        ('{what = "received", count = 3}, {what = "received", count = 4}', "two facts are about the same"),
        ('{what = "online", unit = "A", count = 3, rank = "best"}, {what = "online", unit = "B", count = 2, rank = "best"}',
         "two facts say who leads"),
    ],
)  # fmt: skip
def test_a_facts_file_with_a_slip_is_refused_in_one_sentence(tmp_path: Path, lines: str, sentence: str) -> None:
    (tmp_path / "wrong.toml").write_text(f"{HEAD}facts = [{lines}]\n{TAIL}")
    with pytest.raises(FactsError, match=r"wrong\.toml") as wrong:
        read(tmp_path / "wrong.toml")
    assert sentence in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace("last = 2025-08-05", "last = 2025-08-03"), "before it begins"),
        (lambda text: text.replace("last = 2025-08-05", "last = 2027-08-05"), "more than 366 days"),
        (lambda text: text.replace("[0.5, 0.9]", "[0.9, 0.5]"), "wrong way round"),
        (lambda text: text.replace("0.5\n", "1.5\n"), "between 0 and 1"),
        *(
            (lambda text, weight=weight: f"{text}[assumed.fields]\nho_tich = {weight}\n", "no number of 0 or more")
            for weight in ("-1", "inf", "nan")
        ),
        (lambda text: f"{text}[assumed.weights]\n19753 = -0.5\n", "no number of 0 or more"),
        (lambda text: f"{text}[assumed.received]\n19753 = -5\n", r"less than none in \[assumed\.received\]"),
        (lambda text: text.replace("X.{code}", "000.00.01.H22"), "no start of a dossier's code"),
        (lambda text: text.replace("X.{code}", "Huế {code}"), "no start of a dossier's code"),
        (lambda text: text.replace("X.{code}", "X{code}{day}"), "no start of a dossier's code"),
        (lambda text: "title", "wrong.toml"),
    ],
)
def test_a_period_or_an_assumption_that_cannot_be_is_refused(tmp_path: Path, change: Any, sentence: str) -> None:
    (tmp_path / "wrong.toml").write_text(change(f'{HEAD}facts = [{{what = "received", count = 3}}]\n{TAIL}'))
    with pytest.raises(FactsError, match=sentence):
        read(tmp_path / "wrong.toml")


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


@settings(max_examples=examples(200, 1000), deadline=None)
@given(st.data())
def test_a_table_with_given_sums_is_filled_whenever_one_exists(data: st.DataObject) -> None:
    """The sums are those of a table that exists, with its empty cells shut: the filling keeps both."""
    size = st.integers(1, 5)
    height, width = data.draw(size), data.draw(size)
    model = [[data.draw(st.integers(0, 9)) for _ in range(width)] for _ in range(height)]
    shut = {(row, column) for row in range(height) for column in range(width)
            if not model[row][column] and data.draw(st.booleans())}  # fmt: skip
    rows, columns = [sum(line) for line in model], [sum(line[column] for line in model) for column in range(width)]
    told = transport.fill(rows, columns, shut, Random(1))
    assert told is not None
    assert [sum(line) for line in told] == rows
    assert [sum(line[column] for line in told) for column in range(width)] == columns
    assert all(told[row][column] == 0 for row, column in shut)
    assert min(count for line in told for count in line) >= 0
    assert transport.fill([rows[0] + 1, *rows[1:]], columns, shut, Random(1)) is None


def test_a_printed_share_is_met_by_a_whole_number_or_said_to_be_impossible() -> None:
    """13,420 and 13,421 of 17,710 are both 75.78 %: the nearer one is taken. No third of four is 30 %."""
    assert count_for("75.78", 17_710) == 13_421
    assert count_for("95", 3_425) == 3_254
    assert percent_of(1, 8, "0.1") == "12.5"
    assert percent_of(1, 16, "0.01") == "6.25"
    assert percent_of(13, 160, "0.01") == "8.13"  # 8.125, half up
    with pytest.raises(FactsError, match="no whole number of 4 is 30 %"):
        count_for("30", 4)


@pytest.mark.parametrize("like", ["1", "0.1", "0.01"])
def test_the_counts_for_a_printed_share_are_those_that_are_printed_so(like: str) -> None:
    """Tried out one by one for every whole up to 60."""
    for whole in range(1, 61):
        for part in range(whole + 1):
            shown = printed(part, whole, like)
            alike = [other for other in range(whole + 1) if printed(other, whole, like) == shown]
            assert counts_for(shown, whole) == (alike[0], alike[-1])


def test_hue_s_table_is_solved_with_other_seeds() -> None:
    """Forty units, ten working days, all eight facts."""
    facts = read(HUE_2025_07)
    units = ["19753", "19804", "19942", "19789", *(code for code in facts.assumed.weights if code != "19789")]
    units += [f"{number}" for number in range(40 - len(units))]
    days = [date(2025, 7, day) for day in (1, 2, 3, 4, 7, 8, 9, 10, 11, 14)]
    told = [msgspec.structs.asdict(fact) for fact in facts.facts]
    told = [{name: value for name, value in fact.items() if value is not None} for fact in told]
    for seed in range(5):
        assert at_odds(told, solve(facts, Frame(units=units, days=days), Random(seed)), days) == []


@pytest.mark.parametrize("published", [{}, {"count": 106}])
def test_the_best_share_is_taken_of_a_whole_of_which_it_can_be_taken(published: dict[str, int]) -> None:
    """99.07 % of 200 are no whole number, of 108 they are 107; 106 are that of 107 alone."""
    facts: list[dict[str, Any]] = [
        {"what": "received", "unit": "A", "count": 200},
        {"what": "received", "unit": "B", "count": 150},
        {"what": "on_time", "unit": "A", "percent": "99.07", "rank": "best", **published},
    ]
    read_in = table(facts)
    days = working_days(read_in)
    assert at_odds(facts, solved(read_in, ["A", "B"]), days) == []


A_LEADS: list[tuple[list[dict[str, Any]], int]] = [
    ([RECEIVED | {"count": 100}, {"what": "online", "unit": "A", "count": 9, "rank": "best"}], 3),
    ([RECEIVED | {"count": 100}, {"what": "online", "unit": "A", "count": 9, "rank": "best"},
      {"what": "online", "percent": "50"}], 3),
    ([RECEIVED | {"count": 2000}, RECEIVED | {"unit": "A", "count": 1000},
      {"what": "online", "unit": "A", "percent": "60", "rank": "best"},
      {"what": "online", "unit": "B", "count": 301, "of": 500}], 3),
    ([RECEIVED | {"count": 2000}, {"what": "online", "unit": "A", "percent": "60", "rank": "best"},
      {"what": "online", "unit": "B", "count": 301, "of": 500}], 3),
    ([RECEIVED | {"count": 2000}, {"what": "on_time", "unit": "A", "of": 500, "percent": "91", "rank": "best"},
      {"what": "on_time", "unit": "B", "count": 114, "of": 125}], 3),
    ([RECEIVED | {"count": 200}, {"what": "on_time", "unit": "A", "count": 40, "rank": "best"},
      {"what": "on_time", "count": 90, "of": 100}], 3),
    ([RECEIVED | {"count": 100}, {"what": "on_time", "percent": "90"}], 1),
    ([RECEIVED | {"count": 100}, {"what": "on_time", "count": 40, "of": 50}], 2),
]  # fmt: skip


@pytest.mark.parametrize(("told", "days"), A_LEADS)
def test_a_best_share_of_which_little_is_said_is_the_best(told: list[dict[str, Any]], days: int) -> None:
    """Its count alone, or a printed share within whose rounding another one lies; over days of which none is early, too."""
    facts = table(told, days)
    for seed in range(5):
        assert at_odds(told, solved(facts, ["A", "B", "C"], seed), working_days(facts)) == []


@pytest.mark.parametrize("figure", [{"what": "online"}, {"what": "online", "of": 0}, {"what": "on_time", "of": 0}])
def test_none_is_not_the_best_share(figure: dict[str, Any]) -> None:
    """Where another unit has a share at all."""
    with pytest.raises(UnsolvableError, match="the best share"):
        solved(table([RECEIVED | {"count": 100}, {"unit": "A", "count": 0, "rank": "best", **figure}]), ["A", "B"])
