"""The API beside a running worker on a real Kafka and Redis: dossiers, deadlines, dead letters, parked events."""

import time
from base64 import b64decode
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
import requests
from msgspec import Struct

from contracts import instants, reference
from services.processing.api import cursors
from services.processing.api.cursors import ParkedCursor, RejectedCursor
from tests.intake_bad_inputs import BATCH, packed
from tests.integration.intake_calls import OPERATOR, REQUEST_SECONDS, post, reason, wait_until
from tests.integration.processing_world import Archive, event
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

PAGE_ROWS, SCAN_RECORDS = 3, 100
BIRTH = {"procedure": "2.000815", "channel": "online", "receiver": "19753", "competent": "19774"}
Row = dict[str, Any]


class City(Struct, frozen=True):
    """Intake, the worker and the API of one province whose clock this module moves, never backwards."""

    province: Province
    intake: Service
    api: Service

    def report(self, *events: Row) -> None:
        """Events are stored and counted in."""
        by_unit: dict[str, list[Row]] = {}
        for each in events:
            by_unit.setdefault(each["source"].split("/")[2], []).append(each)
        for unit, batch in by_unit.items():
            headers = {"Authorization": f"Bearer dev-{unit}", "Content-Type": BATCH}
            answer = post(self.intake, "/v1/events", headers, packed(batch))
            assert answer.status_code == 202, answer.text
            self._counted_in([(item["partition"], item["offset"]) for item in answer.json()["results"]])

    def tick(self, at: str) -> None:
        """Time passes in all partitions."""
        answer = post(self.intake, "/v1/clock", OPERATOR, packed({"at": f"2025-{at}:00+07:00"}))
        assert answer.status_code == 202, answer.text
        self._counted_in([(int(partition), offset) for partition, offset in answer.json()["partitions"].items()])

    def get(self, path: str, key: str | None = "dev-operator", within_seconds: float = REQUEST_SECONDS) -> requests.Response:
        """One GET of the API."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return requests.get(self.api.base_url + path, headers=headers, timeout=within_seconds)

    def told(self, path: str, key: str = "dev-operator") -> Row:
        """A good answer."""
        answer = self.get(path, key)
        assert answer.status_code == 200, answer.text
        found: Row = answer.json()
        return found

    def every(self, name: str, query: str) -> list[list[Row]]:
        """All pages of a list, from the first to the one without a `next`."""
        pages, cursor = [], ""
        while True:
            page = self.told(f"/v1/{name}?{query}&cursor={cursor}")
            pages.append(page[name.rpartition("/")[2]])
            if (following := page["next"]) is None:
                return pages
            assert len(pages) < 100, "a list has an end"
            cursor = following

    def _counted_in(self, places: Sequence[tuple[int, int]]) -> None:
        def caught_up() -> bool:
            counted = self.told("/v1/parked?unit=none")["as_of"]["partitions"]
            return all(counted[str(partition)] >= offset for partition, offset in places)

        wait_until(caught_up)


@pytest.fixture(scope="module")
def city(module_province: Province) -> City:
    """All three ready; the API first, so that it can say what it waits for."""
    api = module_province.start(
        "processing-api", ready=False, MOTCUA_PROCESSING_PAGE_ROWS=str(PAGE_ROWS),
        MOTCUA_PROCESSING_PAGE_SCAN_RECORDS=str(SCAN_RECORDS),
    )  # fmt: skip
    wait_until(lambda: reason(api) == "partitions_without_position")
    early = requests.get(
        f"{api.base_url}/v1/dossiers/X", headers={"Authorization": "Bearer dev-19753"}, timeout=REQUEST_SECONDS
    )
    assert (early.status_code, early.json()["code"]) == (503, "unavailable"), "not yet known is not unknown"
    intake, _ = module_province.start("intake", ready=False), module_province.start("processing")
    for each in (intake, api):
        each.wait_ready()
    return City(module_province, intake, api)


LIFE = "H57.19753-250701-0001"
# By hand: received on Tuesday at 09:00 with three working days, due on Friday at 09:00; a working day's pause moves it to
# Monday.
LIFE_EVENTS = (
    event("submitted", LIFE, "07-01T08:00", **BIRTH),
    event("received", LIFE, "07-01T09:00", time_limit={"amount": 3, "unit": "working_days"}),
    event("received", LIFE, "07-01T09:01"),
    event("processing_started", LIFE, "07-01T10:00", unit="19774"),
    event("supplement_requested", LIFE, "07-02T08:00", unit="19774", reason="missing_paper"),
    event("supplement_provided", LIFE, "07-03T08:00"),
    event("payment_made", LIFE, "07-03T09:00", id="nobody-asked"),
    event("annulled", LIFE, "07-03T10:00", event="never-seen", reason="typo"),
)


@pytest.fixture(scope="module")
def life(city: City) -> City:
    """With a dossier that has been through something, at Thursday's closing."""
    city.report(*LIFE_EVENTS)
    city.tick("07-03T17:00")
    return city


def test_a_dossier_tells_its_state_its_dues_and_every_event(life: City) -> None:
    told = life.told(f"/v1/dossiers/{LIFE}", "dev-19753")
    assert [told[name] for name in ("code", "state", "state_detail", "receiver", "competent", "procedure", "channel")] == [
        LIFE, 4, None, "19753", "19774", "2.000815", "online"
    ]  # fmt: skip
    assert told["due_original"] == told["due_current"] == "2025-07-07T09:00:00+07:00"
    assert [(step["fact"], step["state"]) for step in told["history"]] == [
        ("submitted", 1), ("received", 2), ("processing_started", 4), ("supplement_requested", 5), ("supplement_provided", 4)
    ]  # fmt: skip
    assert [(each["id"], each["code"], each["standing"]) for each in told["misfits"]] == [
        ("nobody-asked", "no_arrow", "parked")
    ]
    assert [each["occurred_at"] for each in told["repeats"]] == ["2025-07-01T09:01:00+07:00"]
    assert [each["event"] for each in told["annulments"]] == ["never-seen"]
    assert (told["overdue"], told["due_in_24h"], told["due_in_72h"]) == (False, False, False), "88 hours are left"
    assert told["gen"] == 1


def test_every_answer_says_up_to_where_the_log_is_counted_in(life: City) -> None:
    for path in (f"/v1/dossiers/{LIFE}", f"/v1/dossiers/{LIFE}/deadline", "/v1/rejected", "/v1/parked"):
        told = life.told(path)
        assert told["as_of"].keys() == {"time", "log_clock", "partitions"}
        assert told["as_of"]["time"].endswith("+07:00")
        assert sorted(told["as_of"]["partitions"], key=int) == [str(number) for number in range(12)]
        assert min(told["as_of"]["partitions"].values()) >= 1, "the opening records are counted in"
    wait_until(lambda: bool(life.told("/v1/parked")["lag_seconds"] == 0))


def test_a_deadline_explains_every_minute_in_two_languages(life: City) -> None:
    told = life.told(f"/v1/dossiers/{LIFE}/deadline", "dev-19774")
    assert told["limit"] == {"amount": 3, "unit": "working_days"}
    assert told["due_original"] == told["due_current"] == "2025-07-07T09:00:00+07:00"
    received = [each for each in told["segments"] if each["from"] >= "2025-07-01T09:00:00+07:00"]
    minutes = {kind: sum(each["working_minutes"] for each in received if each["kind"] == kind)
               for kind in ("running", "paused", "closed")}  # fmt: skip
    assert minutes == {"running": 360 + 60 + 420, "paused": 480, "closed": 0}
    assert [(each["from"], each["to"], each["why"]) for each in received if each["kind"] == "paused"] == [
        ("2025-07-02T08:00:00+07:00", "2025-07-03T08:00:00+07:00", "supplement_requested")
    ]
    ends = [(before["to"], after["from"]) for before, after in pairwise(received)]
    assert all(before == after for before, after in ends), "no minute is missing"
    assert told["calendar_digest"] == reference.digest(reference.encode(life.province.reference))
    assert told["sentence"] == {
        "vi": "Hồ sơ được tiếp nhận lúc 09:00 ngày 01/07/2025, thời hạn 3 ngày làm việc, hạn trả kết quả là 09:00 ngày "
        "07/07/2025. Thời hạn tạm dừng từ 08:00 ngày 02/07/2025 đến 08:00 ngày 03/07/2025 (chờ bổ sung giấy tờ), "
        "cộng thêm 1 ngày làm việc.",
        "en": "The dossier was received at 09:00 on 01/07/2025, the limit is 3 working days, the result is due by 09:00 on "
        "07/07/2025. The clock was paused from 08:00 on 02/07/2025 to 08:00 on 03/07/2025 while papers were awaited, "
        "which adds 1 working day.",
    }


@pytest.mark.parametrize("path", [f"/v1/dossiers/{LIFE}", f"/v1/dossiers/{LIFE}/deadline"])
@pytest.mark.parametrize(
    ("key", "status", "code"),
    [("dev-19753", 200, None), ("dev-19774", 200, None), ("dev-operator", 200, None), ("dev-19777", 403, "unit_not_allowed"),
     (None, 401, "no_valid_key"), ("dev-00000", 401, "no_valid_key")],
)  # fmt: skip
def test_a_dossier_is_shown_to_its_bodies_and_the_operator_alone(
    life: City, path: str, key: str | None, status: int, code: str | None
) -> None:
    answer = life.get(path, key)
    assert (answer.status_code, answer.json().get("code")) == (status, code or LIFE)
    assert answer.headers["Content-Type"] == ("application/json" if code is None else "application/problem+json")
    if code is not None:
        assert LIFE not in answer.text


def test_a_former_competent_body_and_its_successor_in_the_matter_both_read_on(city: City) -> None:
    dossier = "H57.19753-250701-0002"
    city.report(event("submitted", dossier, "07-01T08:00", **BIRTH))
    assert city.get(f"/v1/dossiers/{dossier}", "dev-19804").status_code == 403
    city.report(event("handed_over", dossier, "07-01T09:00", unit="19774", competent="19804"))
    for key in ("dev-19753", "dev-19774", "dev-19804"):
        assert city.told(f"/v1/dossiers/{dossier}", key)["competent"] == "19804"


@pytest.mark.parametrize("key", ["dev-19753", "dev-operator"])
@pytest.mark.parametrize("path", ["/v1/dossiers/never-seen", "/v1/dossiers/never-seen/deadline"])
def test_a_code_that_nobody_has_reported_is_unknown_and_the_answer_says_as_of_when(city: City, path: str, key: str) -> None:
    answer = city.get(path, key)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_dossier")
    assert answer.json()["as_of"]["partitions"].keys() == {str(number) for number in range(12)}


def test_what_has_not_been_born_is_known_to_the_operator_alone(city: City) -> None:
    city.report(event("completed", "unborn-1", "07-03T08:00"))
    told = city.told("/v1/dossiers/unborn-1")
    assert (told["state"], told["receiver"], [each["code"] for each in told["misfits"]]) == (None, None, ["no_arrow"])
    assert city.told("/v1/dossiers/unborn-1/deadline")["segments"] == []
    assert city.get("/v1/dossiers/unborn-1", "dev-19753").json()["code"] == "unknown_dossier"


def test_parked_events_are_listed_page_by_page_each_once(city: City) -> None:
    """Ten dossiers of one unit, spread over the partitions; of another unit none is shown."""
    codes = {f"parked-{number}" for number in range(10)}
    city.report(*(event("completed", code, "07-03T08:00", unit="19960") for code in codes))
    city.report(event("completed", "parked-3", "07-03T08:30", unit="19831"))
    pages = city.every("parked", "unit=19960")
    rows = [row for page in pages for row in page]
    assert len(pages) >= 4
    assert all(len(page) <= PAGE_ROWS for page in pages)
    assert sorted(row["dossier"] for row in rows) == sorted(codes)
    assert {(row["source"], row["standing"], row["code"], row["expires_at"]) for row in rows} == {
        ("/units/19960", "parked", "no_arrow", "2025-07-10T08:00:00+07:00")
    }
    everything = [row for page in city.every("parked", "unit=") for row in page]
    assert codes <= {row["dossier"] for row in everything}
    assert [row["source"] for row in everything if row["dossier"] == "parked-3"] == ["/units/19960", "/units/19831"]


def test_dead_letters_are_listed_page_by_page_each_once_with_what_was_reported(city: City) -> None:
    dossiers = [f"H57.19789-250701-{number:04d}" for number in range(8)]
    born = dict(BIRTH, receiver="19789", competent="19789")
    city.report(*(event("submitted", code, "07-01T08:00", unit="19789", id="same", **born) for code in dossiers))
    city.report(*(event("received", code, "07-01T09:00", unit="19789", id="same") for code in dossiers))
    pages = city.every("rejected", "code=id_reused&unit=19789")
    rows = [row for page in pages for row in page]
    assert len(pages) >= 3
    assert sorted(row["dossier"] for row in rows) == dossiers
    for row in rows:
        assert (row["code"], row["standing"], row["fact"], row["id"]) == ("id_reused", "rejected", "received", "same")
        assert row["source"] == "/units/19789"
        assert row["occurred_at"] == "2025-07-01T09:00:00+07:00"
        assert row["src"] == [row["reported"]["offset"], 0, 0]
        assert abs(time.time() - instants.parse(row["recorded_at"]) / instants.SECOND) < 600, "today, whatever it reports"
        assert row["position"]["partition"] == row["reported"]["partition"]
    assert city.every("rejected", "code=retired&unit=19789")[-1] == []


def test_a_dead_letter_is_shown_byte_for_byte_at_its_place(city: City) -> None:
    dossier = "H57.20101-250704-0001"
    born = dict(BIRTH, receiver="20101", competent="20101")
    city.report(event("submitted", dossier, "07-04T08:00", unit="20101", id="same", **born))
    city.report(event("received", dossier, "07-04T09:00", unit="20101", id="same"))
    [row] = city.every("rejected", "unit=20101")[0]
    place = row["position"]
    told = city.told(f"/v1/rejected/{place['partition']}:{place['offset']}")
    assert row.items() <= told.items()
    assert told.keys() - row.keys() == {"heals", "headers", "key", "value", "value_text", "as_of", "lag_seconds"}
    reported = Archive(city.province).read("dossier.reported")[place["partition"]][row["reported"]["offset"]]
    assert reported.offset == row["reported"]["offset"]
    assert b64decode(told["key"]) == reported.key == dossier.encode()
    assert b64decode(told["value"]) == reported.value == told["value_text"].encode()
    assert [(each["name"], each["value"].encode()) for each in told["headers"]] == reported.headers
    assert told["heals"].startswith("the sender reports it under a new id")
    for path in (f"{place['partition']}:999999", "12:0", "9999:0"):
        answer = city.get(f"/v1/rejected/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_letter")
        assert answer.json()["as_of"]["partitions"].keys() == {str(number) for number in range(12)}


def test_a_misfit_is_parked_then_rejected_and_stands_applied_once_its_predecessor_has_come(city: City) -> None:
    dossier = "H57.20107-250704-0001"
    birth = dict(BIRTH, receiver="20107", competent="20107")
    city.report(event("submitted", dossier, "07-04T08:00", unit="20107", **birth))
    city.report(event("processing_started", dossier, "07-04T10:00", unit="20107"))

    def listed(name: str) -> list[tuple[str, str]]:
        return [(row["fact"], row["standing"]) for page in city.every(name, "unit=20107") for row in page]

    assert (listed("parked"), listed("rejected")) == ([("processing_started", "parked")], [])
    city.tick("07-14T08:00")
    assert (listed("parked"), listed("rejected")) == ([], [("processing_started", "rejected")])
    city.report(event("received", dossier, "07-04T09:00", unit="20107"))
    assert (listed("parked"), listed("rejected")) == ([], [("processing_started", "applied")])
    [row] = [row for page in city.every("rejected", "unit=20107") for row in page]
    assert (row["code"], row["dossier"]) == ("no_arrow", dossier)
    [step] = [step for step in city.told(f"/v1/dossiers/{dossier}")["history"] if step["fact"] == "processing_started"]
    assert (row["reported"]["offset"], row["recorded_at"]) == (step["offset"], step["recorded_at"])


def test_groups_of_all_pieces_add_up_to_the_rows_of_the_list(city: City) -> None:
    """Of a code, of a unit, of a week; one of those counted has healed by now."""
    dossiers = [f"H57.19804-250704-{number:04d}" for number in range(4)]
    born = dict(BIRTH, receiver="19804", competent="19804")
    city.report(*(event("submitted", code, "07-04T08:00", unit="19804", id="same", **born) for code in dossiers))
    city.report(*(event("processing_started", code, "07-04T10:00", unit="19804") for code in dossiers))
    # Under one id with ever other times: with these there are more letters than one piece looks at.
    again = [f"07-04T{11 + number // 60}:{number % 60:02}" for number in range(SCAN_RECORDS)]
    born, many = dict(BIRTH, receiver="19777", competent="19777"), "H57.19777-250704-0001"
    city.report(event("submitted", many, "07-04T08:00", unit="19777", id="again", **born))
    city.report(*(event("received", many, at, unit="19777", id="again") for at in again))
    city.report(event("received", dossiers[0], "07-04T09:00", unit="19804", id="same"))
    city.tick("07-15T08:00")
    city.report(event("received", dossiers[0], "07-04T09:00", unit="19804"))

    def recounted(query: str) -> dict[tuple[str, ...], list[int]]:
        added: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for row in (row for page in city.every("rejected", query) for row in page):
            week = datetime.fromisoformat(row["recorded_at"]).strftime("%G-W%V")
            of_group = added[row["code"], row["source"].split("/")[2], week]
            of_group[0] += 1
            of_group[1] += row["standing"] == "rejected"
        return added

    def counted(query: str) -> tuple[int, dict[tuple[str, ...], list[int]]]:
        added: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        pieces = city.every("rejected/groups", query)
        for group in (group for piece in pieces for group in piece):
            of_group = added[group["code"], group["unit"], group["week"]]
            of_group[0] += group["letters"]
            of_group[1] += group["rejected_now"]
        return len(pieces), added

    pieces, of_misfits = counted("code=no_arrow")
    assert pieces > 1
    assert of_misfits == recounted("code=no_arrow")
    of_unit = recounted("unit=19804")
    [week] = {week for _, _, week in of_unit}
    assert of_unit == {("id_reused", "19804", week): [1, 1], ("no_arrow", "19804", week): [4, 3]}
    assert counted(f"unit=19804&week={week}")[1] == of_unit
    assert counted("unit=19804&week=2001-W01")[1] == {}


@pytest.mark.parametrize("name", ["rejected", "rejected/groups", "parked"])
def test_the_lists_are_the_operators_alone(city: City, name: str) -> None:
    assert city.get(f"/v1/{name}", "dev-19753").json()["code"] == "operator_only"
    assert city.get(f"/v1/{name}", None).json()["code"] == "no_valid_key"
    others = cursors.write(ParkedCursor(3) if name != "parked" else RejectedCursor(3))
    assert city.get(f"/v1/{name}?cursor={others}").json()["code"] == "invalid_cursor"


def test_its_metrics_count_requests_by_route_and_name_no_dossier(life: City) -> None:
    life.told(f"/v1/dossiers/{LIFE}")
    text = requests.get(life.api.base_url + "/metrics", timeout=REQUEST_SECONDS).text
    assert 'motcua_processing_api_requests_total{method="GET",route="/v1/dossiers/{code}",status="200"}' in text
    assert "19753" not in text


def test_a_redis_that_hangs_is_unavailable_within_five_seconds_and_found_again(life: City) -> None:
    with life.province.redis() as client:
        client.execute_command("CLIENT", "PAUSE", 8000, "ALL")
    wait_until(lambda: reason(life.api) == "redis")
    answer = life.get(f"/v1/dossiers/{LIFE}", "dev-19753", within_seconds=5)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    life.api.wait_ready()
    assert life.told(f"/v1/dossiers/{LIFE}", "dev-19753")["state"] == 4


def test_without_kafka_it_says_that_the_rules_are_missing_within_five_seconds(life: City) -> None:
    api = life.province.start("processing-api", ready=False, MOTCUA_KAFKA="127.0.0.1:1")
    wait_until(lambda: reason(api) == "rules")
    for path in (f"/v1/dossiers/{LIFE}", "/v1/rejected"):
        answer = City(life.province, life.intake, api).get(path, within_seconds=5)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "127.0.0.1" not in answer.text
    assert api.stop() in (0, -15)


def test_a_retired_dossier_is_gone_and_its_dead_letters_say_how_they_stood_at_its_end(city: City) -> None:
    """The last one of this module: it moves the clock by half a year."""
    city.report(event("completed", "unborn-2", "07-03T08:00", unit="19873"))
    city.tick("12-01T08:00")
    city.tick("12-31T08:00")
    for path in ("/v1/dossiers/unborn-2", "/v1/dossiers/unborn-2/deadline"):
        answer = city.get(path, "dev-19873")
        assert (answer.status_code, answer.json()["code"]) == (410, "retired")
    city.report(event("received", "unborn-2", "07-03T07:00", unit="19873"))
    rows = [row for page in city.every("rejected", "unit=19873") for row in page]
    assert [(row["code"], row["standing"]) for row in rows] == [("no_arrow", "rejected"), ("retired", "rejected")]
