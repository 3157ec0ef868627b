"""Intake in trouble: an archive that is not ready, keys that change, a broker that dies."""

import os
import signal
from pathlib import Path

import pytest
import requests
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from contracts.asking import Asking
from contracts.events import Event, from_record
from contracts.topics import CENTRE_STATUS, PARTITIONS, REPORTED
from deploy.operators import acts
from tests.conftest import NewProvince
from tests.intake_bad_inputs import event, packed
from tests.integration.intake_calls import (
    CENTRE,
    CENTRE_BATCH,
    REQUEST_SECONDS,
    Place,
    post,
    read,
    reason,
    status_for,
    wait_until,
    write_keys,
)
from tests.integration.retention import retain
from tests.province import READY_WITHIN_SECONDS, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def test_an_archive_that_is_not_as_it_must_be_keeps_the_door_shut_until_it_is(new_province: NewProvince) -> None:
    province = new_province(open_archive=False)
    intake = province.start("intake", ready=False)
    wait_until(lambda: reason(intake) == "archive_not_opened")
    assert post(intake, "/v1/events", CENTRE, packed(event())).status_code == 503
    acts.open_archive(province.operators, province.reference)
    intake.wait_ready()
    assert post(intake, "/v1/events", CENTRE, packed(event())).json()["results"][0]["offset"] == 2
    other = province.start("intake", ready=False, MOTCUA_CLOCK="wall")
    wait_until(lambda: reason(other) == "other_clock")
    admin = AdminClient({"bootstrap.servers": province.kafka})
    retain(province.kafka, REPORTED.name, "60000")
    third = province.start("intake", ready=False)
    wait_until(lambda: reason(third) == "topic_settings")
    told = requests.get(third.base_url + "/readyz", timeout=REQUEST_SECONDS).text
    assert f"{REPORTED.name} has retention.ms=60000 instead of -1: correct the topic" in told
    assert post(third, "/v1/events", CENTRE, packed(event())).status_code == 503
    retain(province.kafka, REPORTED.name, "-1")
    third.wait_ready()
    admin.delete_topics([CENTRE_STATUS.name])[CENTRE_STATUS.name].result(REQUEST_SECONDS)
    wait_until(lambda: reason(intake) == "topic_missing")


def test_a_keys_file_counts_from_the_moment_it_changes(new_province: NewProvince, tmp_path: Path) -> None:
    province, file = new_province(), tmp_path / "keys.json"
    write_keys(file, phu_xuan="first")
    intake = province.start("intake", MOTCUA_DEV_KEYS="0", MOTCUA_KEYS_FILE=str(file))
    assert status_for(intake, "dev-19753") == 401
    assert status_for(intake, "first") == 202
    write_keys(file, phu_xuan="second")
    wait_until(lambda: status_for(intake, "second") == 202)
    assert status_for(intake, "first") == 401
    file.write_text("{")
    wait_until(lambda: "stay in force" in requests.get(intake.base_url + "/readyz", timeout=REQUEST_SECONDS).text)
    assert status_for(intake, "second") == 202
    assert "second" not in intake.log_file.read_text()


def test_contradicting_key_settings_end_it_with_one_clear_sentence(new_province: NewProvince, tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.json", phu_xuan="x")
    intake = new_province().start("intake", ready=False, MOTCUA_KEYS_FILE=str(tmp_path / "keys.json"))
    assert intake.wait_end(READY_WITHIN_SECONDS) == 1
    assert "MOTCUA_DEV_KEYS=1 and MOTCUA_KEYS_FILE exclude each other" in intake.log_end()


@pytest.mark.faults
def test_a_broker_that_is_gone_is_a_503_within_five_seconds_and_nothing_called_stored_is_lost(
    own_province: NewProvince,
) -> None:
    province = own_province()
    # A second less than the default, which leaves itself half a one: the machine of the tests may be busier than a city's.
    intake = province.start("intake", MOTCUA_INTAKE_ANSWER_SECONDS="3.5")
    stack = province.servers.stack
    assert stack is not None
    stored: dict[str, Place] = {}
    for number in range(40):
        if number == 5:
            os.kill(stack.pids["kafka"], signal.SIGSTOP)
        if number == 10:
            os.kill(stack.pids["kafka"], signal.SIGKILL)
        batch = [event(id=f"{number}-{place}", subject=f"H57.19753-250704-{number:04d}-{place}") for place in range(20)]
        try:
            answer = post(intake, "/v1/events", CENTRE_BATCH, packed(batch))
        finally:
            if number == 5:
                os.kill(stack.pids["kafka"], signal.SIGCONT)
        assert answer.status_code in ((503,) if number == 5 else (202, 207, 503))
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
            assert {item["status"] for item in answer.json()["results"]} == {"retry"}
            if number != 10:
                wait_until(lambda: requests.get(intake.base_url + "/readyz", timeout=REQUEST_SECONDS).ok, 60.0)
        stored |= {
            item["id"]: (item["partition"], item["offset"])
            for item in answer.json()["results"]
            if item["status"] == "stored"
        }
    records = {
        place: from_record(found.value, found.headers) for place, found in read(province.kafka, REPORTED.name).items()
    }
    kept = {place: record.id for place, record in records.items() if isinstance(record, Event)}
    # By intake's own clock, since the test's would count what this machine keeps it waiting for, too.
    within = answered(intake, 'bucket{le="5.0",route="/v1/events"}')
    assert within == answered(intake, 'count{route="/v1/events"}') == 40
    assert len(stored) > 20 * 20
    assert {item_id: kept.get(place) for item_id, place in stored.items()} == {item_id: item_id for item_id in stored}
    a_frozen_broker_has_no_ends(province.kafka, stack.pids["kafka"])


def answered(intake: Service, what: str) -> float:
    told = requests.get(intake.base_url + "/metrics", timeout=REQUEST_SECONDS).text
    return next(float(line.rsplit(" ", 1)[1]) for line in told.splitlines() if f"request_seconds_{what} " in line)


def _stands_still(pid: int) -> bool:
    try:
        return all("State:\tT" in each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/status"))
    except OSError:  # a thread that ended meanwhile
        return False


def a_frozen_broker_has_no_ends(bootstrap: str, pid: int) -> None:
    """A client that knows it is told an offset below 0 then: taken for an end, that would be an empty log."""
    asking, places = Asking(bootstrap), [TopicPartition(REPORTED.name, number) for number in range(PARTITIONS)]
    ends = {place: end.result(REQUEST_SECONDS) for place, end in asking.ends(places, REQUEST_SECONDS).items()}
    assert sum(ends.values()) > 2 * PARTITIONS
    os.kill(pid, signal.SIGSTOP)
    # Told is not done: a thread of it that runs just now may still answer.
    wait_until(lambda: _stands_still(pid))
    try:
        for ask in (asking.ends, asking.begins):
            for found in ask(places, 1.0).values():
                with pytest.raises(KafkaException, match="_TIMED_OUT"):
                    found.result(REQUEST_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)
