"""The operators' tool on a real Kafka, and the fixtures that give a clean one."""

import signal
from dataclasses import replace

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from contracts.events import Activated, Opened
from contracts.reference import Calendar, Procedure, Reference, Unit, digest, encode
from deploy.local.readiness import http_reason
from deploy.operators import acts
from deploy.operators.errors import NotOpenError
from deploy.operators.log import Log
from deploy.operators.topics import describe
from tests.conftest import NewProvince
from tests.province import NotOursError, Province, empty_kafka, make_clean

# The first test of a process waits for its servers, too.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

BODY = Reference(
    units=[Unit(code="19753", name="Phường thử", kind="ward", hours="default", valid_from="2025-07-01")],
    departments=[],
    procedures=[],
    calendar=Calendar(profiles={"default": {"mon": [("07:00", "11:30")]}}, days_off={}, make_up_days={}),
)

DIGEST = digest(encode(BODY))


def test_a_new_province_is_clean_whatever_the_last_one_left(new_province: NewProvince) -> None:
    """Topics, archive, Redis: nothing of the province before shows, and its clock is the one asked for."""
    first = new_province(clock="wall", reference=BODY)
    first.redis().set("left", "behind")
    opened, _activated = Log(first.kafka).beginnings()[3]
    assert isinstance(opened, Opened)
    assert opened.clock == "wall"

    second = new_province(clock="log", reference=BODY)
    assert second.redis().dbsize() == 0
    beginnings = Log(second.kafka).beginnings()
    assert len(beginnings) == 12
    for opened, activated in beginnings.values():
        assert isinstance(opened, Opened)
        assert opened.clock == "log"
        assert isinstance(activated, Activated)
        assert activated.digest == DIGEST
    assert Log(second.kafka).published() == {DIGEST}


@pytest.mark.long
def test_borrowed_servers_with_an_archive_that_no_test_has_made_are_left_alone(own_province: NewProvince) -> None:
    """MOTCUA_KAFKA may name a Kafka that matters: without the tests' own mark nothing is deleted there."""
    mine = own_province(reference=BODY)
    lent = replace(mine.servers, origin="environment")
    before = Log(mine.kafka).beginnings()
    with pytest.raises(NotOursError, match=r"holds .*dossier\.reported.* want a Kafka without an archive"):
        make_clean(lent, mine.directory / "lent", "log", BODY)
    assert Log(mine.kafka).beginnings() == before

    empty_kafka(mine.servers)
    for _ in range(2):  # the first leaves the mark, by which the second may clean
        make_clean(lent, mine.directory / "lent", "wall", BODY)


def test_opening_again_changes_nothing_and_activation_appends(new_province: NewProvince) -> None:
    """`open` may be given at any time; new files rule only by `activate`, one record in each partition."""
    province = new_province(reference=BODY)
    log = Log(province.kafka)
    changed = msgspec.structs.replace(BODY, procedures=[Procedure(code="p", name="Thủ tục", field="other")])

    again = acts.open_archive(province.operators, changed)
    # Nobody has folded it yet, so nobody knows which rules are in force.
    assert (again.written, again.rules) == (0, None)
    assert _ends(province) == [2] * 12

    assert acts.activate(province.operators, changed) == again.files != DIGEST
    assert _ends(province) == [3] * 12
    assert log.published() == {DIGEST, again.files}


def test_activation_before_the_opening_is_refused(new_province: NewProvince) -> None:
    province = new_province(reference=BODY, open_archive=False)
    with pytest.raises(NotOpenError, match="open it first"):
        acts.activate(province.operators, BODY)
    assert _ends(province) == [0] * 12


def test_a_topic_with_other_settings_is_an_error_and_is_not_altered(new_province: NewProvince) -> None:
    province = new_province(reference=BODY, open_archive=False)
    admin = AdminClient({"bootstrap.servers": province.kafka})
    admin.delete_topics(["dossier.rejected.g1"])["dossier.rejected.g1"].result(timeout=20)
    wrong = NewTopic("dossier.rejected.g1", num_partitions=3, config={"retention.ms": "1000"})
    admin.create_topics([wrong])["dossier.rejected.g1"].result(timeout=20)
    done = province.run("deploy.operators.main", "topics")
    assert done.returncode == 1
    assert "dossier.rejected.g1 has 3 partitions instead of 12" in done.stderr
    assert "dossier.rejected.g1 has retention.ms=1000 instead of -1" in done.stderr
    found = describe(province.kafka, "dossier.rejected.g1")
    assert found is not None
    assert (found.partitions, found.settings["retention.ms"]) == (3, "1000")


def _ends(province: Province) -> list[int]:
    consumer = Consumer({"bootstrap.servers": province.kafka, "group.id": "a-look"})
    try:
        return [consumer.get_watermark_offsets(TopicPartition("dossier.reported", p), timeout=15)[1] for p in range(12)]
    finally:
        consumer.close()


def test_two_processes_of_a_service_run_beside_each_other_and_none_outlives_its_province(new_province: NewProvince) -> None:
    """kill is -9, stop is SIGTERM and waits, a frozen one answers nothing until thaw; the next province ends the rest."""
    province = new_province()
    one, two, three = (province.start("intake") for _ in range(3))
    assert len({one.base_url, two.base_url, three.base_url}) == 3
    one.kill()
    assert one.process.returncode == -signal.SIGKILL
    assert two.stop() in (0, -signal.SIGTERM)
    three.freeze()
    assert http_reason(three.base_url) == "does not answer"
    three.thaw()
    three.wait_ready()
    four = province.start("intake")
    four.freeze()
    new_province()
    assert [service.running for service in (one, two, three, four)] == [False] * 4
