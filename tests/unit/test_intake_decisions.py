"""What the door decides, from arguments alone: the status table, the order of verdicts, the arithmetic of quotas."""

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import Event, ItemCode
from contracts.instants import parse
from contracts.keys import Key
from services.intake.domain.answers import Position, Result, all_retry, results, status_of
from services.intake.domain.judgement import House, Refusal, judge
from services.intake.domain.quotas import Bucket, Quota, QuotaBook, take
from tests.intake_bad_inputs import data, event

NOW = parse("2025-07-01T12:00:00+07:00")
HOUSE = House(frozenset({"19753", "19774", "D01"}), event_bytes_max=2048)
PHU_XUAN = Key("phu-xuan", frozenset({"19753"}))
Outcome = Literal["stored", "retry", "refused", "not_allowed"]


def result(outcome: Outcome, index: int = 0) -> Result:
    if outcome == "not_allowed":
        return Result(index=index, id="x", status="refused", code="unit_not_allowed")
    return Result(index=index, id="x", status=outcome, code=None if outcome == "stored" else "invalid_data")


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], 202),
        (["stored"], 202),
        (["stored", "stored"], 202),
        (["stored", "refused"], 207),
        (["stored", "not_allowed"], 207),
        (["stored", "retry"], 207),
        (["refused"], 422),
        (["refused", "not_allowed"], 422),
        (["not_allowed"], 403),
        (["not_allowed", "not_allowed"], 403),
        (["retry"], 503),
        (["retry", "refused"], 503),
        (["retry", "not_allowed"], 503),
    ],
)
def test_the_status_sums_up_the_results(outcomes: list[Outcome], status: int) -> None:
    assert status_of([result(outcome) for outcome in outcomes]) == status


@pytest.mark.parametrize(("name", "bad", "said"), [
    ("subject", "một hồ sơ", "`subject` is not of its form: 1 to 64 of A-Z a-z 0-9 . _ -, as H57.19753-260701-0001"),
    ("type", "vn.motcua.dossier.lost.v1", "`type` is none of this contract's: vn.motcua.dossier.….v1, where … is "),
    ("id", "", "`id` is not of its form: 1 to 64 "),
    ("source", "/units/", "`source` is not of its form: /units/ and a code, as /units/19753"),
    ("sequence", "one", "`sequence` is not of its form: 1 to 19 digits"),
    ("incarnation", "one", "`incarnation` is not of its form: a UUID"),
])  # fmt: skip
def test_what_has_not_its_form_is_told_the_form(name: str, bad: str, said: str) -> None:
    verdict = judge(json.dumps(event(**{name: bad})).encode(), PHU_XUAN, HOUSE, NOW)
    assert isinstance(verdict, Refusal)
    assert verdict.detail.startswith(said)
    assert not bad or bad not in verdict.detail or bad in said


def test_what_says_all_by_itself_is_told_no_form() -> None:
    verdict = judge(json.dumps(event(specversion="0.3")).encode(), PHU_XUAN, HOUSE, NOW)
    assert isinstance(verdict, Refusal)
    assert verdict.detail == "`specversion` is not 1.0"


def test_an_event_of_just_so_many_bytes_and_an_id_of_just_so_many_letters_are_taken() -> None:
    raw = json.dumps(event(id="x" * 64)).encode()
    assert isinstance(judge(raw, PHU_XUAN, House(HOUSE.codes, len(raw)), NOW), Event)
    assert judge(raw, PHU_XUAN, House(HOUSE.codes, len(raw) - 1), NOW) == Refusal(
        "x" * 64, "too_large", f"an event has at most {len(raw) - 1} bytes"
    )


@given(st.lists(st.sampled_from(["stored", "retry", "refused", "not_allowed"]), max_size=6))
def test_202_means_that_nothing_is_left_to_do_and_an_error_that_nothing_was_stored(outcomes: list[Outcome]) -> None:
    status = status_of([result(outcome) for outcome in outcomes])
    assert (status == 202) == all(outcome == "stored" for outcome in outcomes)
    assert (status >= 400) == (bool(outcomes) and "stored" not in outcomes)


def test_results_keep_the_order_sent_and_give_each_event_its_own_position() -> None:
    events = [judge(json.dumps(event(id=name)).encode(), PHU_XUAN, HOUSE, NOW) for name in ("a", "b", "c")]
    assert all(isinstance(verdict, Event) for verdict in events)
    refusal = Refusal(None, "invalid_envelope", "why")
    answered = results([events[0], refusal, events[1], events[2]], [Position(1, 7), None, Position(2, 9)])
    assert [(item.index, item.id, item.status, item.partition, item.offset) for item in answered] == [
        (0, "a", "stored", 1, 7),
        (1, None, "refused", None, None),
        (2, "b", "retry", None, None),
        (3, "c", "stored", 2, 9),
    ]
    assert status_of(all_retry(["a", None], "later")) == 503


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        # Nothing is said about units before it is an event at all; nothing about other units to whom may not speak.
        (event(source="/units/99999", data={}), "invalid_data"),
        (event(source="/units/99999", data=data(receiver="99999")), "unknown_unit"),
        (event(source="/units/99999/post-office", data=data(receiver="99999")), "unknown_unit"),
        (event(source="/units/19774", data=data(receiver="19774")), "unit_not_allowed"),
        (event(source="/units/19774", data=data(receiver="19774", competent="99999")), "unit_not_allowed"),
        (event(data=data(competent="99999")), "unknown_unit"),
        (event(source="/units/19774", data=data()), "receiver_not_source"),
        (event(source="/units/99999", tracestate="x" * 3000), "too_large"),
    ],
)
def test_the_first_thing_wrong_is_the_one_that_is_told(sent: dict[str, object], code: ItemCode) -> None:
    verdict = judge(json.dumps(sent).encode(), PHU_XUAN, HOUSE, NOW)
    assert isinstance(verdict, Refusal)
    assert (verdict.code, verdict.id) == (code, sent["id"])


@pytest.mark.parametrize("source", ["/units/19753", "/units/19753/agent-7"])
@pytest.mark.parametrize("competent", ["19753", "19774", "D01"])
def test_a_centre_may_report_from_any_of_its_points_what_any_body_must_decide(source: str, competent: str) -> None:
    verdict = judge(json.dumps(event(source=source, data=data(competent=competent))).encode(), PHU_XUAN, HOUSE, NOW)
    assert isinstance(verdict, Event)


@pytest.mark.parametrize(
    "raw", [b"null", b"7", b"[]", b'{"id":7}', b'{"id":"' + b"x" * 65 + b'"}', b"[" * 2000 + b"]" * 2000]
)
def test_an_id_that_cannot_be_repeated_is_null(raw: bytes) -> None:
    verdict = judge(raw, PHU_XUAN, House(HOUSE.codes, 10_000), NOW)
    assert isinstance(verdict, Refusal)
    assert verdict.id is None


QUOTA = Quota(events_per_second=10, burst_events=100)


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket, wait = take(Bucket(100, 0), QUOTA, 100, 0)
    assert (bucket.events, wait) == (0, 0)
    assert take(bucket, QUOTA, 1, 0) == (Bucket(0, 0), 0.1)
    assert take(bucket, QUOTA, 20, 2.0) == (Bucket(0, 2.0), 0)
    assert take(bucket, QUOTA, 100, 1000.0) == (Bucket(0, 1000.0), 0), "never more than a burst"


def test_more_than_a_burst_passes_a_full_bucket_alone_and_leaves_a_debt() -> None:
    bucket, wait = take(Bucket(100, 0), QUOTA, 150, 0)
    assert (bucket.events, wait) == (-50, 0)
    assert take(bucket, QUOTA, 1, 0)[1] == pytest.approx(5.1)
    assert take(Bucket(99, 0), QUOTA, 150, 0)[1] == pytest.approx(0.1)


@given(st.lists(st.tuples(st.integers(0, 150), st.floats(0, 20)), max_size=30))
def test_whoever_waits_as_told_is_granted_and_nobody_gets_more_than_burst_and_rate(asks: list[tuple[int, float]]) -> None:
    bucket, now, granted = Bucket(100, 0), 0.0, 0
    for events, pause in asks:
        now += pause
        bucket, wait = take(bucket, QUOTA, events, now)
        if wait > 0:
            now += wait + 1e-6
            bucket, wait = take(bucket, QUOTA, events, now)
        assert wait == 0
        granted += events
        # One body may be larger than a burst, by at most half of one here.
        assert granted <= 100 + 50 + 10 * now + 1e-3


def test_the_book_of_quotas_is_bounded_and_keeps_names_apart() -> None:
    book = QuotaBook(QUOTA, names_max=2)
    assert [book.wait_seconds("a", 100, 0), book.wait_seconds("a", 10, 0), book.wait_seconds("b", 100, 0)] == [0, 1, 0]
    book.wait_seconds("c", 1, 0)
    assert book.wait_seconds("b", 10, 0) == 1, "heard of lately: kept"
    assert book.wait_seconds("a", 10, 0) == 0, "forgotten, so its bucket is full"
