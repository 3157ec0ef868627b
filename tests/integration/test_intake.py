"""Intake in front of a real Kafka: what is called stored is there, where the answer says, word for word."""

import json

import pytest
import requests

from contracts.events import Event, Ticked, from_record
from contracts.topics import CENTRE_STATUS, PARTITIONS, REPORTED
from tests.intake_bad_inputs import ahead, cases, check, event, packed
from tests.integration.intake_calls import CENTRE, CENTRE_BATCH, OPERATOR, REQUEST_SECONDS, post, read
from tests.province import Province, Service

pytestmark = pytest.mark.kafka

# What Kafka's own tests expect of its hash (UtilsTest.testMurmur2); a partition is its positive part modulo their number.
MURMUR2 = [
    ("21", -973932308),
    ("foobar", -790332482),
    ("a-little-bit-long-string", -985981536),
    ("a-little-bit-longer-string", -1486304829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ("abc", 479470107),
]


@pytest.fixture(scope="module")
def intake(module_province: Province) -> Service:
    """An intake that is ready, for all tests of this module that break nothing."""
    return module_province.start("intake")


def test_every_bad_input_gets_the_answer_of_the_table(intake: Service) -> None:
    with requests.Session() as session:
        for _, rows in cases():
            for row in rows:
                answer = session.post(
                    intake.base_url + row.path, data=row.body, headers=row.all_headers(), timeout=REQUEST_SECONDS
                )
                check(row, answer.status_code, {name.lower(): text for name, text in answer.headers.items()}, answer.content)


@pytest.mark.parametrize(("status", "size", "key"), [(413, 4 * 1024 * 1024 + 2, "dev-19753"), (401, 3_000_000, "nobody")])
def test_who_sends_a_whole_body_before_reading_hears_why_it_was_refused(
    intake: Service, status: int, size: int, key: str
) -> None:
    """Closing over what is still coming resets the connection, and a sender takes that for a line that broke."""
    headers = {**CENTRE_BATCH, "Authorization": f"Bearer {key}", "Connection": "close"}
    for _ in range(3):
        assert post(intake, "/v1/events", headers, bytes(size)).status_code == status


def test_what_is_called_stored_lies_where_the_answer_says_word_for_word(module_province: Province, intake: Service) -> None:
    sent = [
        event(id=f"stored-{number}", subject=f"H57.19753-250702-{number:04d}", sequence=str(number + 1), tracestate="a=b")
        for number in range(500)
    ]
    answer = post(intake, "/v1/events", CENTRE_BATCH, packed(sent))
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [item["id"] for item in results] == [told["id"] for told in sent]
    kept = read(module_province.kafka, REPORTED.name)
    for told, item in zip(sent, results, strict=True):
        found = kept[item["partition"], item["offset"]]
        record = from_record(found.value, found.headers)
        assert isinstance(record, Event)
        assert (record.id, record.source, record.subject, record.time_text) == (
            told["id"], told["source"], told["subject"], told["time"],
        )  # fmt: skip
        assert (record.sequence, record.tracestate) == (int(told["sequence"]), "a=b")
        assert json.loads(record.raw_data) == told["data"]
        assert found.key == told["subject"].encode()
    assert len({item["partition"] for item in results}) == PARTITIONS


@pytest.mark.parametrize(("subject", "murmur2"), MURMUR2)
def test_a_dossier_goes_to_the_partition_where_every_kafka_client_looks_for_it(
    intake: Service, subject: str, murmur2: int
) -> None:
    answer = post(intake, "/v1/events", CENTRE, packed(event(subject=subject)))
    assert answer.json()["results"][0]["partition"] == (murmur2 & 0x7FFFFFFF) % PARTITIONS


def test_a_dossiers_events_keep_the_order_in_which_they_were_sent(intake: Service) -> None:
    batch = [event(id=f"order-{number}", subject="H57.19753-250703-0001") for number in range(300)]
    results = post(intake, "/v1/events", CENTRE_BATCH, packed(batch)).json()["results"]
    offsets = [item["offset"] for item in results]
    assert offsets == sorted(offsets)
    assert len(set(offsets)) == 300
    assert len({item["partition"] for item in results}) == 1


def test_a_tick_lies_in_each_partition_where_the_answer_says(module_province: Province, intake: Service) -> None:
    answer = post(intake, "/v1/clock", OPERATOR, b'{"at":"2025-07-02T00:00:00+07:00"}')
    assert answer.status_code == 202
    places = answer.json()["partitions"]
    assert places.keys() == {str(number) for number in range(PARTITIONS)}
    kept = read(module_province.kafka, REPORTED.name)
    for number, offset in places.items():
        found = kept[int(number), offset]
        assert from_record(found.value, found.headers) == Ticked(1_751_389_200_000_000)
        assert found.key is None


def test_a_heartbeat_is_kept_under_its_source(module_province: Province, intake: Service) -> None:
    beat = {"source": "/units/19753/old-hall", "incarnation": "01980000-0000-7000-8000-000000000000", "at": ahead(0),
            "spool_depth": 3, "oldest_unsent_age_seconds": 1.5, "link": "slow"}  # fmt: skip
    answer = post(intake, "/v1/heartbeats", CENTRE | {"Content-Type": "application/json"}, packed(beat))
    assert (answer.status_code, answer.json()) == (202, {"status": "stored"})
    kept = {found.key: found.value for found in read(module_province.kafka, CENTRE_STATUS.name).values()}
    told = json.loads(kept[b"/units/19753/old-hall"])
    assert told.items() >= beat.items()
