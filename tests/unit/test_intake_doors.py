"""The doors without Kafka: the table of bad inputs, and that `stored` is never said without an acknowledgement."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Gauge

from contracts.events import Ticked, from_record
from contracts.face.turns import Turns
from contracts.keys import FixedKeys, KeyRing
from contracts.topics import PARTITIONS, REPORTED
from tests.intake_bad_inputs import BATCH, ONE, Case, cases, check, event, packed, page
from tests.unit.intake_world import Answer, World

CENTRE = {"Authorization": "Bearer dev-19753", "Content-Type": ONE}
CENTRE_BATCH = CENTRE | {"Content-Type": BATCH}
OPERATOR = {"Authorization": "Bearer dev-operator", "Content-Type": "application/json"}
NOON = b'{"at":"2025-07-01T12:00:00+07:00"}'


def told(answer: Answer) -> dict[str, Any]:
    found = json.loads(answer.body)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("case", [case for _, rows in cases() for case in rows], ids=lambda case: case.what)
def test_every_bad_input_gets_the_answer_of_the_table(case: Case) -> None:
    world = World()
    answer = world.post(case.path, case.all_headers(), case.body)
    check(case, answer.status, answer.headers, answer.body)
    good = sum(item == "stored" for item in case.items or ())
    if case.path == "/v1/events":
        assert len(world.journal.records) == good, "only what is answered `stored` went to Kafka"


def test_the_page_of_bad_inputs_is_the_table() -> None:
    written = Path(__file__).parents[2] / "docs" / "BAD_INPUTS.md"
    assert written.read_text() == page(), "run: .venv/bin/python -m tests.intake_bad_inputs > docs/BAD_INPUTS.md"


def test_nothing_that_was_sent_is_ever_quoted_in_a_refusal() -> None:
    secret = "Nguyen-Van-A"
    bad = [
        event(**{secret: "x"}),
        event(data={secret: 1}),
        event(data={"channel": secret}),
        event(type=secret),
        event(source=secret),
        event(time=secret),
        event(data={"procedure": "1", "channel": "online", "receiver": "19753", "competent": secret}),
    ]
    answer = World().post("/v1/events", CENTRE_BATCH, packed(bad))
    assert answer.status == 422
    assert secret not in answer.body.decode()


def test_what_kafka_did_not_acknowledge_is_to_be_sent_again_and_the_rest_is_stored() -> None:
    world = World()
    world.journal.acknowledges = lambda index: index != 1
    answer = world.post("/v1/events", CENTRE_BATCH, packed([event(id="a"), event(id="b"), event(id="c"), {}]))
    assert answer.status == 207
    assert answer.headers["retry-after"] == "2"
    items = told(answer)["results"]
    assert [(item["id"], item["status"]) for item in items] == [
        ("a", "stored"), ("b", "retry"), ("c", "stored"), (None, "refused"),
    ]  # fmt: skip
    assert items[1]["code"] == "unavailable"
    assert "offset" not in items[1]


def test_without_any_acknowledgement_the_answer_is_503_with_a_result_for_each_item() -> None:
    world = World()
    world.journal.acknowledges = lambda index: False
    answer = world.post("/v1/events", CENTRE_BATCH, packed([event(), {}]))
    assert (answer.status, told(answer)["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert [item["status"] for item in told(answer)["results"]] == ["retry", "refused"]


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [("/v1/events", CENTRE, packed(event())), ("/v1/clock", OPERATOR, NOON)],
)
def test_before_a_gate_that_is_shut_nothing_is_sent_to_kafka(path: str, headers: dict[str, str], body: bytes) -> None:
    world = World()
    world.gate.reason = "archive_not_opened: partition 3 lacks its opening records"
    answer = world.post(path, headers, body)
    assert (answer.status, told(answer)["code"]) == (503, "unavailable")
    assert "archive_not_opened" in told(answer)["detail"]
    assert world.journal.records == []


def test_a_batch_of_as_many_events_as_there_may_be_is_taken() -> None:
    world = World(intake_batch_events_max=2)
    assert world.post("/v1/events", CENTRE_BATCH, packed([event(), event()])).status == 202
    answer = world.post("/v1/events", CENTRE_BATCH, packed([event()] * 3))
    assert (answer.status, told(answer)["code"]) == (413, "batch_too_large")


def test_a_refusal_is_told_even_while_nothing_can_be_stored() -> None:
    world = World()
    world.gate.reason = "kafka_unreachable: gone"
    assert world.post("/v1/events", CENTRE, packed({})).status == 422


@pytest.mark.parametrize(
    ("path", "headers", "body"), [("/v1/events", CENTRE, packed(event())), ("/v1/clock", OPERATOR, NOON)]
)
def test_a_full_journal_is_503(path: str, headers: dict[str, str], body: bytes) -> None:
    world = World()
    world.journal.full = True
    answer = world.post(path, headers, body)
    assert answer.status == 503
    assert "retry-after" in answer.headers


def test_a_key_over_its_quota_is_told_when_to_come_back_and_another_key_is_not_held_up() -> None:
    world = World(intake_quota_events_per_second=100, intake_quota_burst_events=1000)
    assert world.post("/v1/events", CENTRE_BATCH, packed([event()] * 900)).status == 202
    over = world.post("/v1/events", CENTRE_BATCH, packed([event(id="x")] * 500))
    assert (over.status, told(over)["code"], over.headers["retry-after"]) == (429, "over_quota", "4")
    assert {(item["id"], item["status"], item["code"]) for item in told(over)["results"]} == {("x", "retry", "unavailable")}
    assert len(world.journal.records) == 900
    other = {"Authorization": "Bearer dev-19774", "Content-Type": BATCH}
    assert world.post("/v1/events", other, b"[]").status == 202
    world.seconds = 4.0
    assert world.post("/v1/events", CENTRE_BATCH, packed([event()] * 500)).status == 202


def test_the_clock_puts_one_tick_without_a_key_into_each_partition() -> None:
    world = World()
    answer = world.post("/v1/clock", OPERATOR, NOON)
    assert answer.status == 202
    assert told(answer)["partitions"].keys() == {str(number) for number in range(PARTITIONS)}
    ticks = world.journal.records
    assert [(record.topic, record.key, record.partition) for record in ticks] == [
        (REPORTED.name, None, number) for number in range(PARTITIONS)
    ]
    assert {from_record(record.value, list(record.headers)) for record in ticks} == {Ticked(1_751_346_000_000_000)}
    assert world.metric("motcua_intake_ticks_total") == PARTITIONS


def test_a_tick_that_one_partition_did_not_acknowledge_is_not_called_stored() -> None:
    world = World()
    world.journal.acknowledges = lambda index: index != 11
    assert world.post("/v1/clock", OPERATOR, NOON).status == 503


def test_an_archive_that_lives_by_the_wall_clock_takes_no_ticks() -> None:
    world = World(clock="wall")
    answer = world.post("/v1/clock", OPERATOR, NOON)
    assert (answer.status, told(answer)["code"]) == (409, "clock_is_wall")
    assert world.post("/v1/clock", CENTRE, NOON).status == 403, "a centre learns nothing about the clock"


def test_a_sender_that_falls_silent_is_let_go() -> None:
    world = World(intake_body_seconds=0.05)
    answer = asyncio.run(world.call("POST", "/v1/events", CENTRE, [b'{"specversion"', None]))
    assert (answer.status, told(answer)["code"]) == (503, "body_too_slow")
    assert world.metric("motcua_intake_slow_bodies_total") == 1, "no fault of ours, though its status is one"
    assert world.metric("motcua_intake_requests_total", route="/v1/events", method="POST", status="503") == 1


def test_a_body_too_large_is_refused_while_it_comes_in_whatever_its_length_claimed() -> None:
    world = World(intake_body_bytes_max=1024)
    answer = asyncio.run(world.call("POST", "/v1/events", CENTRE | {"Content-Length": "5"}, [b" " * 600, b" " * 600, None]))
    assert (answer.status, told(answer)["code"]) == (413, "body_too_large")


def test_more_requests_than_turns_are_told_to_come_back() -> None:
    world = World(intake_requests_in_flight_max=2, intake_requests_waiting_max=1, intake_turn_seconds=0.05)

    async def crowd() -> list[Answer]:
        world.journal.hold = asyncio.Event()
        calls = [asyncio.create_task(world.call("POST", "/v1/events", CENTRE, [packed(event())])) for _ in range(5)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 3:
            done, _ = await asyncio.wait(calls, timeout=0.01)
        world.journal.hold.set()
        return list(await asyncio.gather(*calls))

    answers = asyncio.run(crowd())
    assert sorted(answer.status for answer in answers) == [202, 202, 503, 503, 503]
    assert {told(answer)["code"] for answer in answers if answer.status == 503} == {"too_busy"}
    assert world.metric("motcua_intake_requests_in_flight") == 0


@pytest.mark.parametrize("waited", [0.75, 99.0])
def test_what_was_waited_for_a_turn_counts_within_the_seconds_of_the_answer(waited: float) -> None:
    """A sender hears of a broker that is gone as soon as if it had waited for nothing else."""
    world = World(intake_requests_in_flight_max=1, intake_turn_seconds=60)
    world.seconds = 1_000.0

    async def two_in_turn() -> None:
        world.journal.hold = asyncio.Event()
        calls = [asyncio.create_task(world.call("POST", "/v1/events", CENTRE, [packed(event())])) for _ in range(2)]
        while not world.journal.within_seconds:
            await asyncio.wait(calls, timeout=0.01)
        world.seconds += waited
        world.journal.hold.set()
        await asyncio.gather(*calls)

    asyncio.run(two_in_turn())
    whole = world.settings.intake_answer_seconds
    assert world.journal.within_seconds == [whole, max(whole - waited, 0)]


def test_a_key_whose_bodies_do_not_come_takes_away_its_own_turns_alone() -> None:
    world = World(intake_requests_in_flight_max=3, intake_requests_waiting_max=4, intake_turn_seconds=0.05)
    other = CENTRE_BATCH | {"Authorization": "Bearer dev-19774"}

    async def crowd() -> tuple[list[Answer], Answer]:
        silent = [asyncio.create_task(world.call("POST", "/v1/events", CENTRE, [b"{", None])) for _ in range(8)]
        beside = await world.call("POST", "/v1/events", other, [b"[]"])
        turned_away: list[Answer] = []
        while len(turned_away) < 6:
            await asyncio.sleep(0.01)
            turned_away = [each.result() for each in silent if each.done()]
        turned_away.append(await world.call("POST", "/v1/events", CENTRE, [b"{", None]))
        assert world.metric("motcua_intake_requests_in_flight") == 2
        for each in silent:
            each.cancel()
        await asyncio.wait(silent)
        again = await asyncio.gather(*(world.call("POST", "/v1/events", CENTRE, [packed(event())]) for _ in range(3)))
        assert [answer.status for answer in again] == [202, 202, 202]
        return turned_away, beside

    turned_away, beside = asyncio.run(crowd())
    assert beside.status == 202
    assert {(answer.status, told(answer)["code"]) for answer in turned_away} == {(503, "too_busy")}
    assert world.metric("motcua_intake_requests_in_flight") == 0


def test_those_who_wait_for_a_turn_are_so_many_of_a_key_and_so_many_of_all() -> None:
    """Whoever is one too many is told so at once; those who have gone take nobody's place."""
    world = World(intake_requests_in_flight_max=2, intake_requests_waiting_max=3, intake_turn_seconds=60)
    other = CENTRE | {"Authorization": "Bearer dev-19774"}

    async def crowd() -> list[int]:
        silent = [
            asyncio.create_task(world.call("POST", "/v1/events", headers, [b"{", None]))
            for headers in (*[CENTRE] * 5, *[other] * 3)
        ]
        for _ in range(200):
            await asyncio.sleep(0)
        turned_away = [at for at, each in enumerate(silent) if each.done()]
        for each in silent:
            each.cancel()
        await asyncio.wait(silent)
        return turned_away

    async def twice() -> list[list[int]]:
        return [await crowd(), await crowd()]

    assert asyncio.run(twice()) == [[3, 4, 7]] * 2


def test_who_gives_up_waiting_leaves_its_place_to_the_next_of_its_key_and_a_key_that_asks_no_more_is_forgotten() -> None:
    async def play() -> None:
        turns = Turns(1, 4, 60.0, Gauge("in_flight", "", registry=None))

        async def hold(key: str) -> None:
            async with turns.one(key):
                pass

        async with turns.one("other"):
            first, second = (asyncio.create_task(hold("key")) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.wait((first,))
            third = asyncio.create_task(hold("key"))
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await asyncio.gather(second, third)
        assert turns._shares == {}

    asyncio.run(play())


def test_paths_and_methods_that_nobody_offers_are_problems_too_and_share_one_label() -> None:
    world = World()
    assert told(world.get("/v1/eventz"))["code"] == "not_found"
    assert told(world.get("/v1/events"))["code"] == "method_not_allowed"
    assert world.get("/v1/events").headers["allow"] == "POST"
    assert world.metric("motcua_intake_requests_total", route="other", method="GET", status="404") == 1


def test_readiness_says_why_not_and_a_broken_keys_file_is_a_note_while_former_keys_hold() -> None:
    world = World()
    assert world.get("/healthz").status == 200
    assert told(world.get("/readyz")) == {"status": "ready", "reasons": [], "notes": []}
    world.checks.fault = "other_clock"
    asyncio.run(world.gate.look())
    assert world.get("/readyz").status == 503
    assert told(world.get("/readyz"))["reasons"] == ["other_clock: as the test wants it"]
    assert world.get("/healthz").status == 200, "not ready is not dead"
    nobody = World(keys=FixedKeys(KeyRing({}), fault="no key is known"))
    assert told(nobody.get("/readyz"))["reasons"] == ["keys: no key is known"]


def test_what_intake_could_not_do_is_counted_from_0() -> None:
    """Two thousand answers of 503 between two scrapes have risen, for Prometheus, from the 0 that it saw before."""
    told = World().get("/metrics").body.decode()
    assert "motcua_intake_slow_bodies_total 0.0" in told
    for route in ("/v1/events", "/v1/heartbeats"):
        for status in ("500", "503"):
            assert f'motcua_intake_requests_total{{method="POST",route="{route}",status="{status}"}} 0.0' in told
    for outcome in ("stored", "unavailable", "invalid_data", "unit_not_allowed"):
        assert f'motcua_intake_events_total{{outcome="{outcome}"}} 0.0' in told


def test_outcomes_are_counted_by_code() -> None:
    world = World()
    world.post("/v1/events", CENTRE_BATCH, packed([event(), event(), {}, event(source="/units/19774")]))
    counted = {code: world.metric("motcua_intake_events_total", outcome=code) for code in ("stored", "invalid_envelope")}
    assert counted == {"stored": 2, "invalid_envelope": 1}
    scraped = world.get("/metrics").body.decode()
    assert 'motcua_intake_requests_total{method="POST",route="/v1/events",status="207"} 1.0' in scraped
    assert "19753" not in scraped
