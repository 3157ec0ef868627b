"""An edge, a line that fails in many ways, real intake and Kafka: every event arrives, in order, known if it came twice."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from contracts import instants
from contracts.topics import CENTRE_STATUS, REPORTED
from deploy.local.settings import REPOSITORY
from tests.conftest import NewProvince
from tests.intake_bad_inputs import data, event, packed
from tests.integration.edge_line import Line, line, start_edge, told
from tests.integration.intake_calls import CENTRE, CENTRE_BATCH, post, read, wait_until
from tests.province import Province, Service

# The first test of a process waits for its servers, too.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
NEW_UNIT = "D99"
# By a request that took half of this a line is slow, and stays so while there is nothing to send: a busy machine's is not.
NEVER_SLOW = {"MOTCUA_EDGE_SEND_TARGET_SECONDS": "40"}


@pytest.fixture
def at() -> Iterator[Line]:
    with line() as found:
        yield found


@pytest.fixture(scope="module")
def intake(module_province: Province) -> Service:
    return module_province.start("intake")


def handed_in(edge: Service, name: str, count: int, dossiers: int = 7) -> list[str]:
    """Hands in events of a few dossiers, in requests of 50; their ids in the order in which they were acknowledged."""
    ids = [f"{name}-{number}" for number in range(count)]
    events = [event(id=each, subject=f"{name}.{number % dossiers}") for number, each in enumerate(ids)]
    for start in range(0, count, 50):
        answer = post(edge, "/v1/events", CENTRE_BATCH, packed(events[start : start + 50]))
        assert answer.status_code == 202, answer.text
    return ids


def arrived(province: Province, name: str) -> list[dict[str, str]]:
    """The headers of every record of these events, partition by partition in the order of the archive."""
    found = []
    for _, record in sorted(read(province.kafka, REPORTED.name).items()):
        headers = {key: value.decode() for key, value in record.headers if value is not None}
        if headers["ce_id"].startswith(f"{name}-"):
            found.append(headers)
    return found


def check_arrival(province: Province, name: str, ids: list[str]) -> list[dict[str, str]]:
    """Every event is there, the sequences have no hole, and by first arrival each dossier is in order."""
    found = arrived(province, name)
    assert {each["ce_id"] for each in found} == set(ids)
    by_subject: dict[str, list[int]] = {}
    for each in found:
        by_subject.setdefault(each["ce_subject"], []).append(int(each["ce_sequence"]))
    for sequences in by_subject.values():
        firsts = list(dict.fromkeys(sequences))
        assert firsts == sorted(firsts)
    return found


def wait_empty(edge: Service, within_seconds: float = 30.0) -> None:
    wait_until(lambda: bool(told(edge)["depth"] == 0), within_seconds)


def test_a_day_without_a_line_loses_nothing_and_a_kill_in_the_middle_of_it_neither(
    module_province: Province, intake: Service, at: Line, tmp_path: Path
) -> None:
    edge = start_edge(module_province, at, tmp_path)
    first = handed_in(edge, "cut", 120)
    wait_until(lambda: bool(told(edge)["link"] == "down"))
    edge.kill()
    edge = start_edge(module_province, at, tmp_path, **NEVER_SLOW)
    ids = first + handed_in(edge, "cut-later", 80)
    before = told(edge)
    assert before["depth"] == 200
    assert before["sources"]["/units/19753"]["last_acknowledged_sequence"] == 0
    assert requests.get(f"{edge.base_url}/readyz", timeout=10).status_code == 200, "a line that is down stops nobody"
    wait_until(lambda: bool(told(edge)["link"] == "down"))
    assert "Mất kết nối" in requests.get(edge.base_url, timeout=10).text

    at.to(intake)
    wait_empty(edge)
    found = check_arrival(module_province, "cut", ids)
    assert len(found) == len(ids), "none of them twice"
    assert sorted(int(each["ce_sequence"]) for each in found) == list(range(1, 201))
    assert len({each["ce_incarnation"] for each in found}) == 1
    after = told(edge)
    assert after["sources"]["/units/19753"] == {
        "incarnation": found[0]["ce_incarnation"], "last_acknowledged_sequence": 200,
    }  # fmt: skip
    wait_until(lambda: bool(told(edge)["link"] == "up"))


def test_answers_lost_and_a_kill_make_second_copies_and_never_a_hole(
    module_province: Province, intake: Service, at: Line, tmp_path: Path
) -> None:
    at.to(intake)
    at.answers_to_lose = 4
    edge = start_edge(module_province, at, tmp_path)
    ids = handed_in(edge, "lost", 150)
    edge.kill()
    edge = start_edge(module_province, at, tmp_path)
    wait_empty(edge)
    assert at.answers_to_lose == 0
    found = check_arrival(module_province, "lost", ids)
    assert len(found) > len(ids), "what was sent again is there twice, under the same id and sequence"
    assert len({(each["ce_id"], each["ce_sequence"], each["ce_incarnation"]) for each in found}) == len(ids)


def test_an_intake_that_says_503_is_asked_again_until_it_stores(
    module_province: Province, intake: Service, at: Line, tmp_path: Path
) -> None:
    closed = module_province.start("intake", ready=False, MOTCUA_CLOCK="wall")  # not the archive's clock: stores nothing
    closed_url = f"{closed.base_url}/healthz"
    wait_until(lambda: _answers(closed_url))
    at.to(closed)
    edge = start_edge(module_province, at, tmp_path)
    ids = handed_in(edge, "closed", 30)
    wait_until(lambda: at.bodies >= 3)
    assert told(edge)["depth"] == 30
    at.to(intake)
    closed.stop()
    wait_empty(edge)
    assert len(check_arrival(module_province, "closed", ids)) == len(ids)


def test_a_line_of_20_kbit_makes_progress_and_one_cut_again_and_again_too(
    module_province: Province, intake: Service, at: Line, tmp_path: Path
) -> None:
    at.to(intake)
    at.bytes_per_second = 2500.0
    edge = start_edge(module_province, at, tmp_path)
    ids = handed_in(edge, "thin", 100, dossiers=100)
    for _ in range(2):
        depth = told(edge)["depth"]
        wait_until(lambda depth=depth: bool(told(edge)["depth"] < depth))  # type: ignore[misc]
        at.to(intake)
    wait_empty(edge)
    check_arrival(module_province, "thin", ids)


def test_heartbeats_tell_the_city_how_the_centre_stands(
    module_province: Province, intake: Service, at: Line, tmp_path: Path
) -> None:
    at.to(intake)
    edge = start_edge(module_province, at, tmp_path, **NEVER_SLOW)
    handed_in(edge, "beat", 10)
    wait_empty(edge)
    incarnation = told(edge)["sources"]["/units/19753"]["incarnation"]

    def is_calm() -> bool:
        found = newest(module_province) or {}
        return (found.get("incarnation"), found.get("spool_depth"), found.get("link")) == (incarnation, 0, "up")

    wait_until(is_calm)
    beat = newest(module_province)
    assert beat is not None
    assert abs(beat.get("clock_offset_seconds", 0.0)) < 5, "the two clocks are one clock"
    assert beat["delivered_until"] == beat["at"]
    assert beat["oldest_unsent_age_seconds"] == 0


@pytest.mark.parametrize("shift_seconds", [25 * 3600.0, 86400.0 - time.time()], ids=["25 h ahead", "1970"])
def test_an_edge_whose_clock_is_far_off_is_heard_of_all_the_same(
    shift_seconds: float, module_province: Province, intake: Service, at: Line, tmp_path: Path
) -> None:
    at.to(intake)
    clock = tmp_path / "clock"
    clock.write_text(str(shift_seconds))
    edge = start_edge(
        module_province, at, tmp_path, "tests.faults.clocked_edge", MOTCUA_TEST_CLOCK_FILE=str(clock)
    )  # fmt: skip

    def found() -> Any:
        beat = newest(module_province) or {}
        return beat if abs(beat.get("clock_offset_seconds", 0.0) - shift_seconds) < 60 else None

    wait_until(lambda: found() is not None)
    beat = found()
    now = time.time()
    assert abs(instants.parse(beat["at"]) / instants.SECOND - now) < 60, "by the city's clock"
    assert "delivered_until" not in beat if shift_seconds < 0 else beat["delivered_until"] > beat["at"]
    wait_until(lambda: bool(told(edge)["heartbeats_refused"] == {}))
    assert abs(told(edge)["clock_offset_seconds"] - shift_seconds) < 60
    assert "Đồng hồ máy này" in requests.get(edge.base_url, timeout=10).text


def test_a_refused_event_stands_aside_is_reported_and_arrives_once_the_city_knows_its_unit(
    new_province: NewProvince, at: Line, tmp_path: Path
) -> None:
    reference = tmp_path / "reference"
    shutil.copytree(REPOSITORY / "deploy" / "reference", reference)
    departments = reference / "departments.csv"
    head, row = departments.read_text().splitlines()[:2]
    columns = dict(zip(head.split(","), row.split(","), strict=False)) | {"code": NEW_UNIT}
    departments.write_text(departments.read_text().rstrip() + "\n" + ",".join(columns.values()) + "\n")

    province = new_province()
    at.to(province.start("intake"))
    edge = start_edge(province, at, tmp_path, MOTCUA_REFERENCE_DIR=str(reference))
    ids = handed_in(edge, "before", 3)
    bad = event(id="bad-0", subject="bad.1", data=data(competent=NEW_UNIT))
    assert post(edge, "/v1/events", CENTRE, packed(bad)).status_code == 202, "the centre knows the department already"
    ids += handed_in(edge, "behind", 20)
    wait_empty(edge)
    assert {each["ce_id"] for name in ("before", "behind") for each in arrived(province, name)} == set(ids)
    assert arrived(province, "bad") == []
    assert told(edge)["quarantined"] == {"unknown_unit": 1}
    [aside] = requests.get(f"{edge.base_url}/v1/quarantine", headers=CENTRE, timeout=10).json()["events"]
    assert (aside["event"]["id"], aside["sequence"], aside["code"]) == ("bad-0", 4, "unknown_unit")
    wait_until(lambda: (newest(province) or {}).get("quarantined_sequences") == [4])

    at.to(province.start("intake", MOTCUA_REFERENCE_DIR=str(reference)))
    assert post(edge, "/v1/quarantine/requeue", CENTRE, b"").json() == {"requeued": 1}
    wait_until(lambda: [each["ce_sequence"] for each in arrived(province, "bad")] == ["4"])
    wait_until(lambda: (newest(province) or {}).get("quarantined_sequences", []) == [])
    assert told(edge)["quarantined"] == {}


def newest(province: Province) -> Any:
    """The newest heartbeat of the unit that Kafka holds."""
    found = None
    for _, record in sorted(read(province.kafka, CENTRE_STATUS.name).items()):
        if record.key == b"/units/19753":
            found = json.loads(record.value)
    return found


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False
