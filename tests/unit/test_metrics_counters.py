"""The counter table: every counter that is promised, in its order, with words for people; rates, rounded half up."""

import re
from pathlib import Path

import pytest

from services.metrics.domain.counters import COUNTERS, FLOWS, RATES, STOCKS
from services.metrics.domain.meanings import MEANINGS_VI
from services.processing.domain.sources import SOURCES


def _shown(key: str) -> tuple[str, str]:
    """What the board says for a key, in Vietnamese and in English."""
    [(vi, en)] = re.findall(rf'^  {key}: \["([^"]+)", "([^"]+)"\],$', BOARD_WORDS, re.MULTILINE)
    return vi, en


def _words(text: str) -> list[str]:
    return text.split()


# Names that dashboards rely on: one that is missing or has moved is a broken promise.
FLOWS_SAID = _words(
    """submitted received received_direct received_online received_post cases legs refused completed completed_early
    completed_on_time completed_late completed_without_due returned withdrawn halted recalled handed_over rescheduled
    late_by_link late_entry digitised electronic_result paid_online duplicates rejected skewed backdated annulled"""
)
STOCKS_SAID = _words(
    """open open_in_processing open_waiting_supplement open_waiting_payment open_suspended overdue_open due_in_24h due_in_72h
    acceptance_overdue parked_now"""
)
BOARD = Path(__file__).resolve().parents[2] / "services" / "metrics" / "api" / "board"
BOARD_WORDS = (BOARD / "words.js").read_text(encoding="utf-8")
# [list, words, counter]
BOARD_LISTS = re.findall(r'\[(?:"\w+"|null), "(\w+)", "(\w+)"\]', (BOARD / "unit.js").read_text(encoding="utf-8"))
OF_SOURCE = {"duplicates", "rejected", "skewed", "backdated", "annulled", "parked_now"}


def test_every_counter_is_there_in_its_order() -> None:
    """Flows, then stocks."""
    assert [flow.name for flow in FLOWS] == FLOWS_SAID
    assert [stock.name for stock in STOCKS] == STOCKS_SAID
    assert [counter.name for counter in COUNTERS] == FLOWS_SAID + STOCKS_SAID


def test_each_says_its_kind_and_whose_it_is() -> None:
    """Six belong to the source that reported, all others to bodies."""
    assert {counter.name for counter in COUNTERS if counter.kind == "flow"} == set(FLOWS_SAID)
    assert {counter.name for counter in COUNTERS if counter.attributed == "source"} == OF_SOURCE


def test_each_has_words_for_people() -> None:
    """An English sentence, a Vietnamese label and sentence, none twice."""
    assert list(MEANINGS_VI) == [*(each.name for each in COUNTERS), *(rate.name for rate in RATES)]
    assert all(re.fullmatch(r"[A-ZĐ].+\.", sentence) for sentence in MEANINGS_VI.values())
    assert len(set(MEANINGS_VI.values())) == len(MEANINGS_VI)
    for counter in COUNTERS:
        assert re.fullmatch(r"[A-Z].+\.", counter.help), counter.name
        assert counter.label_vi, counter.name
    assert len({counter.help for counter in COUNTERS}) == len({counter.label_vi for counter in COUNTERS}) == len(COUNTERS)


def test_an_apology_letter_is_called_as_the_ledger_calls_it() -> None:
    assert MEANINGS_VI["rescheduled"] == "Phiếu xin lỗi và hẹn lại ngày trả kết quả."
    assert MEANINGS_VI["rescheduled"][1:-1] in SOURCES["apology_letter_once"].vi


def test_the_board_says_the_same_before_its_words_are_there_as_after() -> None:
    """What stands in the page until its script runs, and for whom it does not."""
    page = re.findall(r'data-t="(\w+)">([^<]+)<', (BOARD / "index.html").read_text(encoding="utf-8"))
    assert len(page) >= 12
    assert {key: said for key, said in page if _shown(key)[0] != said} == {}


def test_no_heading_of_the_board_calls_what_is_open_now_a_sum_from_the_beginning() -> None:
    """Under both stand stocks beside flows; and 24 hours are a span, which "Đến hạn 24 giờ" does not say."""
    for key in ("subtitle", "totals"):
        vi, en = _shown(key)
        assert (vi.split(", ")[1], en.split(", ")[1]) == ("tính đến hiện tại", "as of now")
    assert _shown("due") == ("Hạn trong 24\u00a0giờ", "Due in 24\u00a0h")


def test_the_board_calls_a_counter_what_the_table_calls_it() -> None:
    """Lists of deadlines, and what a day has of them; a note in brackets may follow. Heads of other columns are shorter."""
    shown = {
        counter: re.search(rf'^  {key}: \["([^"(]+)', BOARD_WORDS, re.MULTILINE)
        for key, counter in [*BOARD_LISTS, ("returned", "returned"), ("refused", "refused")]
    }
    assert len(shown) >= 9
    labels = {counter.name: counter.label_vi for counter in COUNTERS}
    assert {name: found and found[1].strip() for name, found in shown.items()} == {name: labels[name] for name in shown}


def test_no_other_module_of_metrics_spells_a_rule() -> None:
    """Which step is which flow is said in the table alone."""
    package = Path(__file__).resolve().parents[2] / "services" / "metrics"
    for module in package.rglob("*.py"):
        if module.name != "counters.py":
            assert not re.search(r"step\.(fact|timeliness|birth|late)\b", module.read_text()), module


@pytest.mark.parametrize(
    ("counters", "rate", "expected"),
    [
        ({}, "online", (0, 0, None)),
        ({"received": 17710, "received_online": 13421}, "online", (13421, 17710, 75.78)),
        ({"received": 493, "received_online": 491}, "online", (491, 493, 99.59)),
        ({"received": 8, "received_online": 1}, "online", (1, 8, 12.5)),
        # 1/1600 = 0.0625 %: half up, where rounding to even or a binary fraction would go down.
        ({"received": 1600, "received_online": 1}, "online", (1, 1600, 0.06)),
        ({"received": 800, "received_online": 1}, "online", (1, 800, 0.13)),
        ({"received": 160_000, "received_online": 1005 * 16}, "online", (16080, 160_000, 10.05)),
        ({"received": 32_000, "received_online": 332}, "online", (332, 32_000, 1.04)),
        (
            {"completed": 338, "completed_early": 300, "completed_on_time": 9, "completed_late": 29},
            "on_time",
            (309, 338, 91.42),
        ),
        ({"completed": 10, "completed_without_due": 10}, "on_time", (0, 0, None)),
        (
            {"completed": 4, "completed_on_time": 2, "completed_without_due": 1, "completed_late": 1},
            "on_time",
            (2, 3, 66.67),
        ),
    ],
)
def test_rates_are_rounded_half_up(counters: dict[str, int], rate: str, expected: tuple[int, int, float | None]) -> None:
    """To two decimals; nothing to divide by is no rate."""
    found = next(each for each in RATES if each.name == rate).of(counters)
    assert (found["numerator"], found["denominator"], found["percent"]) == expected
