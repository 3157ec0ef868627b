"""When a worker must go no further, or not yet: it says why, keeps the partition, and counts nothing wrong."""

import os
import re
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from contracts import lifecycle
from contracts.events import Ticked, from_record
from contracts.topics import PARTITIONS, REPORTED
from deploy.local.settings import REPOSITORY
from deploy.operators import acts
from tests.conftest import NewProvince
from tests.faults.clocked_edge import CLOCK_FILE
from tests.integration.intake_calls import wait_until
from tests.integration.processing_world import (
    BIRTH,
    LIFECYCLE,
    REJECTED,
    Archive,
    assert_folded,
    event,
    figures,
    life,
    reasons,
)
from tests.integration.retention import retain
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

STOPPED, DOUBTED = 3, 4
# Python reads a module of this name before anything else.
AT_START, SHIFTED = "sitecustomize.py", "from tests.faults.clocked_edge import shift_wall_clock\n\nshift_wall_clock()\n"
SIX_HOURS_SECONDS = 6 * 3600


def test_an_archive_that_is_not_opened_yet_is_waited_for(new_province: NewProvince, tmp_path: Path) -> None:
    """The worker lives and says what it waits for; once the archive is open it folds, by the wall clock, with its ticks.
    When that clock is set ahead it goes on folding, says so, and lets no time pass."""
    province = new_province(clock="wall", open_archive=False)
    clock_file = tmp_path / "shift"
    (tmp_path / AT_START).write_text(SHIFTED)
    shifted = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}", CLOCK_FILE: str(clock_file)}
    worker = province.start("processing", ready=False, **shifted)
    wait_until(lambda: any(text.startswith("waiting for the archive to be opened") for text in reasons(worker)))
    acts.open_archive(province.operators, province.reference)
    worker.wait_ready()
    archive = Archive(province)
    wait_until(lambda: all(_ticks(archive)))
    # Without the misfit: its letter would be owed at once, and a tick for it a quarter of a minute later.
    archive.report(*life("H57.19753-250701-0001", 1)[:-1])
    expected = assert_folded(archive)
    assert all(each.line.position.log_clock is not None for each in expected.values())
    told = figures(worker)
    assert told["motcua_processing_ticks_total"] == PARTITIONS, "one each, and none before the minute is over"
    assert told['motcua_processing_clock_info{clock="wall"}'] == 1
    ticks = _ticks(archive)
    clock_file.write_text(str(SIX_HOURS_SECONDS))
    wait_until(lambda: any(text.startswith("clock_jumped: ") for text in reasons(worker)))
    archive.report(*life("H57.19753-250701-0003", 1)[:-1])
    assert_folded(archive)
    told = figures(worker)
    assert told["motcua_processing_clock_jump_seconds"] == pytest.approx(SIX_HOURS_SECONDS, abs=60)
    assert told["motcua_processing_ready"] == 0
    assert _ticks(archive) == ticks
    assert worker.stop() == 0
    # A generation that is not the live one folds and lets no time pass.
    silent = province.start("processing", MOTCUA_LIVE_GEN="2")
    archive.report(*life("H57.19753-250702-0001", 2))
    assert_folded(archive)
    assert figures(silent)["motcua_processing_ticks_total"] == 0
    assert _ticks(archive) == ticks


def test_what_must_stop_a_partition_stops_it_and_no_other(province: Province) -> None:
    """Eleven failures in an hour; a record sent that the fold does not stand by: in readyz, also after a restart."""
    archive, worker = Archive(province), province.start("processing")
    archive.report(*life("H57.19753-250701-0001", 1), partition=DOUBTED)
    assert_folded(archive)
    for number in range(12):
        far = event(
            "received", f"FAR-{number}", "2060-01-01T08:00", time_limit={"amount": 3, "unit": "calendar_days"}, **BIRTH
        )
        archive.report(far, partition=STOPPED)
    wait_until(lambda: reasons(worker) == [f"internal_errors: partition {STOPPED}"])
    assert [dict(record.headers)["code"] for record in archive.read(REJECTED)[STOPPED]] == [b"internal_error"] * 11
    assert figures(worker)[f'motcua_processing_stopped{{partition="{STOPPED}",reason="internal_errors"}}'] == 1

    last = archive.read(LIFECYCLE)[DOUBTED][-1]
    archive.put(DOUBTED, last.value, [(lifecycle.CHAIN_HEADER, b"00000000000000ff")], topic=LIFECYCLE)
    assert worker.stop() == 0
    worker = province.start("processing", ready=False, MOTCUA_PROCESSING_LAG_COMMIT_SECONDS="0.5")
    wanted = [f"internal_errors: partition {STOPPED}", f"diverged: partition {DOUBTED}"]
    wait_until(lambda: reasons(worker) == wanted)
    archive.report(*life("H57.19753-250701-0002", 1), partition=DOUBTED)
    # The last of twelve failures is one that it did not come to; what comes in meanwhile waits, and is seen to wait.
    waiting = {STOPPED: 1, DOUBTED: 5}
    wait_until(lambda: [_of(worker, "lag_records", number) for number in waiting] == [*waiting.values()])
    assert all((_of(worker, "lag_seconds", number) or 0) > 0 for number in waiting)
    archive.report(*life("H57.19753-250701-0003", 1), partition=DOUBTED + 1)
    wait_until(lambda: len(archive.read(LIFECYCLE)[DOUBTED + 1]) == 7)
    assert len(archive.read(LIFECYCLE)[DOUBTED]) == 8, "nothing more is said of a partition in doubt"


def test_too_much_that_is_bad_stops_the_partition_until_somebody_has_looked(province: Province) -> None:
    """Every second record of a thousand and more is none: it stands still with its reason; started anew it goes on."""
    archive = Archive(province)
    worker = province.start("processing", MOTCUA_PROCESSING_REJECTED_PERCENT_MAX="40")
    lives = [each for number in range(120) for each in life(f"H57.19753-250701-{number:04}", 1)]
    archive.report(*lives, partition=DOUBTED)
    # Each comes again under its id with other content, which is rejected.
    others = [{**each, "time": each["time"].replace("2025-07", "2025-08")} for each in lives]
    archive.report(*(each for pair in zip(lives, others, strict=True) for each in pair), partition=STOPPED)
    wait_until(lambda: reasons(worker) == [f"too_many_rejected: partition {STOPPED}"])
    told = figures(worker)
    assert told[f'motcua_processing_stopped{{partition="{STOPPED}",reason="too_many_rejected"}}'] == 1
    # One in two; where the window begins is not told, so one more may be in it.
    assert told[f'motcua_processing_rejected_ratio{{partition="{STOPPED}"}}'] == pytest.approx(0.5, abs=0.01)
    said = len(archive.read(LIFECYCLE)[STOPPED])
    archive.report(*life("H57.19753-250702-0001", 2), partition=STOPPED)
    archive.report(*life("H57.19753-250702-0002", 2), partition=DOUBTED)
    wait_until(lambda: len(archive.read(LIFECYCLE)[DOUBTED]) == 2 + len(lives) + 5)
    assert len(archive.read(LIFECYCLE)[STOPPED]) == said
    assert worker.stop() == 0
    province.start("processing")
    wait_until(lambda: len(archive.read(LIFECYCLE)[STOPPED]) == 2 + 2 * len(lives) + 5)
    assert_folded(archive)


def test_another_log_under_the_same_name_is_never_folded_into_the_old_state(province: Province) -> None:
    """The archive deleted and opened anew: log_changed in every partition, and not a record more is said."""
    archive, worker = Archive(province), province.start("processing")
    archive.report(*(each for number in range(1, 20) for each in life(f"H57.19753-250701-{number:04}", 1)))
    assert_folded(archive)
    said = sum(map(len, archive.read(LIFECYCLE).values()))
    assert worker.stop() == 0
    admin = AdminClient({"bootstrap.servers": province.kafka, "log_level": 0})
    admin.delete_topics([REPORTED.name])[REPORTED.name].result(20)
    wait_until(lambda: REPORTED.name not in admin.list_topics(timeout=10).topics)
    acts.make_topics(province.operators)
    acts.open_archive(province.operators, province.reference)
    archive = Archive(province)
    archive.report(*(each for number in range(1, 40) for each in life(f"H57.19753-250701-{number:04}", 1)))
    worker = province.start("processing", ready=False)
    wanted = {f"log_changed: partition {number}" for number in range(PARTITIONS)}
    wait_until(lambda: set(reasons(worker)) == wanted)
    assert sum(map(len, archive.read(LIFECYCLE).values())) == said


def test_a_topic_of_other_settings_is_not_the_log_that_was_agreed_on(province: Province) -> None:
    """At a start that is waited out; at a take-over the partitions stop, each with what is to be corrected, and nothing
    else ails their worker."""
    archive = Archive(province)
    retain(province.kafka, REPORTED.name, "3600000")
    first = province.start("processing", ready=False)
    says = f"log_changed: {REPORTED.name} has retention.ms=3600000"
    wait_until(lambda: any(text.startswith(says) for text in reasons(first)))
    retain(province.kafka, REPORTED.name, "-1")
    first.wait_ready()
    second = province.start("processing")
    archive.report(*life("H57.19753-250701-0001", 1))
    assert_folded(archive)
    retain(province.kafka, REPORTED.name, "3600000")
    assert second.stop() == 0
    stopped = re.compile(r"log_changed: partition \d+ \(\S+ has retention\.ms=3600000 instead of -1: correct the topic\)")
    wait_until(lambda: len(told := reasons(first)) >= PARTITIONS // 2 and all(map(stopped.fullmatch, told)))
    retain(province.kafka, REPORTED.name, "-1")
    assert first.stop() == 0
    province.start("processing")
    archive.report(*life("H57.19753-250701-0002", 1))
    assert_folded(archive)


def _of(worker: Service, name: str, partition: int) -> float | None:
    return figures(worker).get(f'motcua_processing_{name}{{partition="{partition}"}}')


def _ticks(archive: Archive) -> list[int]:
    """How many each partition has."""
    reported = archive.read(REPORTED.name).values()
    read = [[from_record(record.value, record.headers) for record in records] for records in reported]
    return [sum(isinstance(each, Ticked) for each in records) for records in read]
