"""The whole line: what centres report at intake's door is in every answer of metrics, each figure worked out by hand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import Consumer, TopicPartition
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from contracts import instants, reference, reference_files, topics
from deploy.operators import acts
from tests.intake_bad_inputs import BATCH, packed
from tests.integration.intake_calls import OPERATOR, REQUEST_SECONDS, post, wait_until
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

REPOSITORY = Path(__file__).resolve().parents[2]
Row = dict[str, Any]
Told = dict[str, Any]
FIRST, SECOND, THIRD = "2025-07-01", "2025-07-02", "2025-07-03"
# Three dossiers of Phú Xuân: Kim Long decides two of them, of which it hands one over to Vỹ Dạ.
ONLINE, COUNTER, LEG = "H57.19753-250701-0001", "H57.19753-250701-0002", "H57.19753-250701-0003"
MISTAKE = "H57.19774-250701-0001"


def event(fact: str, dossier: str, at: str, unit: str = "19753", entered: str = "", name: str = "", **data: Any) -> Row:
    """An event of July 2025, entered when it happened unless said otherwise; named by fact and time unless named."""
    return {
        "specversion": "1.0", "id": name or f"{fact}-{at}", "source": f"/units/{unit}",
        "type": f"vn.motcua.dossier.{fact}.v1", "subject": dossier, "time": f"2025-07-{at}:00+07:00",
        "recordedtime": f"2025-07-{entered or at}:00+07:00", "data": data,
    }  # fmt: skip


def birth(competent: str, channel: str, receiver: str = "19753", **more: Any) -> Row:
    """The data of a dossier's first event."""
    return {"procedure": "none-such", "channel": channel, "receiver": receiver, "competent": competent, **more}


THREE_DAYS, ONE_DAY = ({"amount": amount, "unit": "working_days"} for amount in (3, 1))
FIRST_DAY = [
    # Received on Tuesday at 09:00 with three working days: due on Friday at 09:00.
    event("submitted", ONLINE, "01T08:00", **birth("19774", "online", field="ho_tich")),
    event("received", ONLINE, "01T09:00", time_limit=THREE_DAYS),
    event("received", ONLINE, "01T09:00", time_limit=THREE_DAYS),  # sent twice
    event("received", ONLINE, "01T09:01"),  # clicked twice
    event("received", ONLINE, "01T09:00", time_limit=ONE_DAY),  # another event under the same id
    event("payment_made", ONLINE, "01T09:30", online=True),  # nobody asked for it
    event("processing_started", ONLINE, "01T10:00", "19774"),
    event("handed_over", ONLINE, "01T11:00", "19774", competent="19777"),
    event("completed", ONLINE, "01T15:00", "19777", electronic_result=True),
    # Entered two hours after it happened; due on Wednesday at 09:30.
    event("received", COUNTER, "01T09:30", entered="01T11:30", digitised=True, time_limit=ONE_DAY,
          **birth("19753", "direct", field="dat_dai")),
    event("submitted", LEG, "01T08:00", **birth("19774", "online", field="ho_tich", parent="case-1")),
    event("refused", LEG, "01T10:00", reason="wrong_office"),
    event("submitted", MISTAKE, "01T08:00", "19774", name="typo", **birth("19774", "post", "19774")),
    event("annulled", MISTAKE, "01T08:05", "19774", event="typo", reason="typing_error"),
]  # fmt: skip
# What the scrape tells of it: none of that while it is counted anew.
COUNTED = ("motcua_dossiers_", "motcua_lifecycle_", "motcua_unit_last_event_", "motcua_unit_silent")
# The clock has passed midnight: the recall takes back a completion of the day before.
SECOND_DAY = [
    event("completed", COUNTER, "02T09:00"),
    event("returned", COUNTER, "02T09:20"),
    event("recalled", ONLINE, "02T10:00", "19777", reason="wrong_name"),
]
# Comes on Friday at noon, when the due has passed: completed and entered in time, held up by the line.
HELD_UP = event("completed", ONLINE, "03T16:00", "19777")

BORN_AND_RECEIVED = {"received": 1, "cases": 1}
FIRST_EVENING: dict[tuple[str, str], dict[str, int]] = {
    ("receiver", "19753"): {
        "submitted": 2, "received": 2, "received_online": 1, "received_direct": 1, "cases": 2, "legs": 1, "refused": 1,
        "handed_over": 1, "completed": 1, "completed_early": 1, "electronic_result": 1, "digitised": 1,
        "duplicates": 2, "rejected": 1, "backdated": 1,
    },
    ("receiver", "19774"): {"annulled": 1},
    ("competent", "19753"): {
        **BORN_AND_RECEIVED, "received_direct": 1, "digitised": 1, "duplicates": 2, "rejected": 1, "backdated": 1
    },
    ("competent", "19774"): {
        **BORN_AND_RECEIVED, "submitted": 2, "received_online": 1, "legs": 1, "refused": 1, "handed_over": 1, "annulled": 1
    },
    ("competent", "19777"): {"completed": 1, "completed_early": 1, "electronic_result": 1},
}  # fmt: skip
STOCKS_OF_FIRST_EVENING = {
    ("receiver", "19753"): {"open": 1, "open_in_processing": 1, "due_in_24h": 1, "due_in_72h": 1, "parked_now": 1},
    ("competent", "19753"): {"open": 1, "open_in_processing": 1, "due_in_24h": 1, "due_in_72h": 1, "parked_now": 1},
}
SECOND_NOON: dict[tuple[str, str], dict[str, int]] = {
    ("receiver", "19753"): {"completed": 1, "completed_on_time": 1, "returned": 1, "recalled": 1},
    ("competent", "19753"): {"completed": 1, "completed_on_time": 1, "returned": 1},
    ("competent", "19777"): {"recalled": 1},
}
OF_COMPLETION = {"completed", "completed_early", "electronic_result"}
CORRECTED_FIRST = {
    whose: {name: number for name, number in counters.items() if name not in OF_COMPLETION}
    for whose, counters in FIRST_EVENING.items()
    if counters.keys() - OF_COMPLETION
}


@dataclass
class City:
    """Every service of one province whose clock this module moves."""

    province: Province
    services: dict[str, Service]

    def report(self, *events: Row) -> int:
        """Events are stored, in order, and counted in; when the last was recorded."""
        items: list[Row] = []
        for each in events:
            headers = {"Authorization": f"Bearer dev-{each['source'].split('/')[2]}", "Content-Type": BATCH}
            answer = post(self.services["intake"], "/v1/events", headers, packed([each]))
            assert answer.status_code == 202, answer.text
            items += answer.json()["results"]
        places = [(item["partition"], item["offset"]) for item in items]
        self._counted_in(places)
        return recorded_at(self.province.kafka, *places[-1])

    def tick(self, at: str) -> None:
        """Time passes in all partitions."""
        answer = post(self.services["intake"], "/v1/clock", OPERATOR, packed({"at": f"2025-07-{at}:00+07:00"}))
        assert answer.status_code == 202, answer.text
        self._counted_in([(int(partition), offset) for partition, offset in answer.json()["partitions"].items()])

    def get(self, path: str) -> requests.Response:
        """One GET of the metrics API."""
        return requests.get(self.services["metrics-api"].base_url + path, timeout=REQUEST_SECONDS)

    def told(self, path: str) -> Told:
        """A good answer."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        found: Told = answer.json()
        return found

    def figures(self, query: str = "") -> dict[tuple[str, str], dict[str, int]]:
        """(role, unit) -> counter -> number, without zeros; each total must be the sum of its units."""
        found = {}
        for role in ("receiver", "competent"):
            told = self.told(f"/v1/units?role={role}{query}")
            for row in told["units"]:
                if counters := some(row["counters"]):
                    found[role, row["unit"]] = counters
            rows = [row["counters"] for row in told["units"]]
            assert told["total"]["counters"] == {name: sum(row[name] for row in rows) for name in rows[0]}
        return found

    def series(self) -> dict[tuple[str, ...], float]:
        """(name, label values in order of their names) -> number, of /metrics/dossiers."""
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.get("/metrics/dossiers").text)
            for sample in family.samples
        }

    def _counted_in(self, places: list[tuple[int, int]]) -> None:
        def caught_up() -> bool:
            counted = self.told("/v1/units/19753")["as_of"]["partitions"]
            return all(counted[str(partition)] >= offset for partition, offset in places)

        wait_until(caught_up)


def some(counters: dict[str, int]) -> dict[str, int]:
    """Those that are not 0."""
    return {name: number for name, number in counters.items() if number}


def together(
    *parts: dict[tuple[str, str], dict[str, int]],
) -> dict[tuple[str, str], dict[str, int]]:
    """Figures added up."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for whose, counters in chain.from_iterable(part.items() for part in parts):
        for name, number in counters.items():
            sums = found.setdefault(whose, {})
            sums[name] = sums.get(name, 0) + number
    return found


def recorded_at(kafka: str, partition: int, offset: int) -> int:
    """When Kafka stored a reported record, in microseconds."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "looking", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topics.REPORTED.name, partition, offset)])
        [found] = consumer.consume(1, timeout=REQUEST_SECONDS)
        assert (found.error(), found.offset()) == (None, offset)
        return int(found.timestamp()[1]) * 1000
    finally:
        consumer.close()


@pytest.fixture(scope="module")
def city(module_province: Province) -> City:
    """All services ready, nothing reported."""
    return City(module_province, module_province.start_all())


@dataclass
class Evening:
    """The answers after the first day."""

    whole: dict[tuple[str, str], dict[str, int]]
    day: dict[tuple[str, str], dict[str, int]]
    unit: Told
    series: dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def evening(city: City) -> Evening:
    """Tuesday at 17:00."""
    city.tick("01T07:00")
    city.report(*FIRST_DAY)
    city.tick("01T17:00")
    return Evening(city.figures(), city.figures(f"&day={FIRST}"), city.told("/v1/units/19753"), city.series())


def test_what_was_reported_is_counted_for_receiver_and_competent_body(evening: Evening) -> None:
    """After a hand-over the body that gives up has the hand-over, the one that takes has the completion; what belongs to a
    source is alike in both roles; a day has the flows alone."""
    assert evening.day == FIRST_EVENING
    assert evening.whole == together(FIRST_EVENING, STOCKS_OF_FIRST_EVENING)


def test_a_unit_is_told_with_its_rates_fields_and_channels(evening: Evening) -> None:
    """Two received, one of them online; one completed, early."""
    told = evening.unit
    assert (told["role"], told["unit"], told["name"], told["kind"]) == ("receiver", "19753", "Phường Phú Xuân", "ward")
    assert told["rates"] == {
        "online": {"numerator": 1, "denominator": 2, "percent": 50.0},
        "on_time": {"numerator": 1, "denominator": 1, "percent": 100.0},
    }
    at_counter = {**BORN_AND_RECEIVED, "received_direct": 1, "digitised": 1, "open": 1, "open_in_processing": 1,
                  "due_in_24h": 1, "due_in_72h": 1}  # fmt: skip
    online = {**BORN_AND_RECEIVED, "submitted": 2, "received_online": 1, "legs": 1, "refused": 1, "handed_over": 1,
              "completed": 1, "completed_early": 1, "electronic_result": 1}  # fmt: skip
    for parts, expected in (
        (told["by_field"], {"dat_dai": at_counter, "ho_tich": online}),
        (told["by_channel"], {"direct": at_counter, "online": online}),
    ):
        assert {name: some(part["counters"]) for name, part in parts.items()} == expected


def test_the_scrape_says_the_same(evening: Evening) -> None:
    """Label values stand in the order of the labels' names."""
    expected = {
        ("motcua_dossiers_received", "online", "receiver", "19753"): 1,
        ("motcua_dossiers_received", "post", "receiver", "19753"): 0,
        ("motcua_dossiers_completed", "competent", "early", "19777"): 1,
        ("motcua_dossiers_completed", "competent", "early", "19774"): 0,
        ("motcua_dossiers_handed_over", "competent", "19774"): 1,
        ("motcua_dossiers_open", "receiver", "2", "19753"): 1,
        ("motcua_dossiers_open", "receiver", "4", "19753"): 0,
        ("motcua_dossiers_due", "receiver", "19753", "24h"): 1,
        ("motcua_dossiers_duplicates", "receiver", "19753"): 2,
        ("motcua_dossiers_parked_now", "receiver", "19753"): 1,
        ("motcua_dossiers_today", "received", "receiver", "19753"): 2,
        ("motcua_dossiers_received", "online", "receiver", "20182"): 0,
        ("motcua_lifecycle_by_unit_total", "duplicate", "19753"): 2,
        ("motcua_lifecycle_by_fact_total", "handed_over", "applied"): 1,
        ("motcua_unit_info", "ward", "Phường Phú Xuân", "19753"): 1,
    }
    assert {key: evening.series.get(key) for key in expected} == expected
    assert ("motcua_dossiers_duplicates", "competent", "19753") not in evening.series
    assert "so-cong-thuong" not in {key[-1] for key in evening.series if key[0] == "motcua_dossiers_submitted"}


@dataclass
class Restated:
    """The answers on Wednesday at noon and on Friday, and when what changed a day gone by was recorded."""

    noon: dict[str, dict[tuple[str, str], dict[str, int]]]
    overdue: dict[tuple[str, str], dict[str, int]]
    days: dict[tuple[str, str], list[Row]]
    heard: Told
    recalled_at: int
    held_up_at: int


@pytest.fixture(scope="module")
def restated(city: City, evening: Evening) -> Restated:
    """A completion of the day before is recalled; another was held up beyond its due, and someone listens as it comes."""
    city.tick("02T00:05")
    recalled_at = city.report(*SECOND_DAY)
    city.tick("02T12:00")
    noon = {day: city.figures(f"&day={day}") for day in (FIRST, SECOND)}
    noon["both"] = city.figures(f"&from={FIRST}&to={SECOND}")
    city.tick("04T12:00")
    overdue = {whose: {name: row.get(name, 0) for name in ("open", "overdue_open", "due_in_72h")}
               for whose, row in city.figures().items()}  # fmt: skip
    address = city.services["metrics-api"].base_url + "/v1/stream?role=competent"
    with requests.get(address, stream=True, timeout=REQUEST_SECONDS) as listening:
        heard = news(listening)
        first = [next(heard)]
        while "to_come" in first[-1]:
            first.append(next(heard))
        assert sum(len(told["units"]) for told in first) >= len(city.province.reference.units)
        held_up_at = city.report(HELD_UP)
        changed = next(heard)
    days = {
        (role, unit): city.told(f"/v1/units/{unit}/days?role={role}&from={FIRST}&to={THIRD}")["days"]
        for role, unit in (("receiver", "19753"), ("competent", "19777"), ("competent", "19774"))
    }
    return Restated(noon, overdue, days, changed, recalled_at, held_up_at)


def news(listening: requests.Response) -> Iterator[Told]:
    """The `units` events of a stream."""
    assert listening.headers["Content-Type"].split(";")[0] == "text/event-stream"
    for line in listening.iter_lines(chunk_size=1):
        if line.startswith(b"data: ") and "units" in (told := json.loads(line.removeprefix(b"data: "))):
            yield told


def test_a_correction_changes_its_own_day(restated: Restated) -> None:
    """The completion leaves the day on which it was; the recall counts on its own; a range is the sum of its days."""
    assert restated.noon[FIRST] == CORRECTED_FIRST
    assert restated.noon[SECOND] == SECOND_NOON
    assert restated.noon["both"] == together(CORRECTED_FIRST, SECOND_NOON)


def test_a_day_that_changed_after_its_midnight_says_when(restated: Restated) -> None:
    """With the instant at which intake stored what changed it, for the bodies whose figures changed, not for others."""
    recalled, held_up = instants.show(restated.recalled_at), instants.show(restated.held_up_at)
    shown = {whose: [row["restated_at"] for row in rows] for whose, rows in restated.days.items()}
    assert shown == {
        ("receiver", "19753"): [recalled, None, held_up],
        ("competent", "19777"): [recalled, None, held_up],
        ("competent", "19774"): [None, None, None],
    }
    third = restated.days["competent", "19777"][2]
    assert (third["day"], some(third["counters"])) == (THIRD, {"completed": 1, "completed_on_time": 1, "late_by_link": 1})
    assert third["rates"]["on_time"] == {"numerator": 1, "denominator": 1, "percent": 100.0}


def test_what_is_overdue_stands_with_the_present_competent_body(restated: Restated) -> None:
    """The recalled dossier, whose due has passed."""
    late = {whose for whose, row in restated.overdue.items() if row == {"open": 1, "overdue_open": 1, "due_in_72h": 0}}
    assert late == {("receiver", "19753"), ("competent", "19777")}
    assert restated.overdue["competent", "19774"]["open"] == 0


def test_who_listens_hears_of_the_changed_unit_alone(restated: Restated) -> None:
    """The competent body, no longer with anything overdue."""
    [row] = restated.heard["units"]
    assert (row["unit"], row["counters"]["late_by_link"], row["counters"]["overdue_open"]) == ("19777", 1, 0)
    assert restated.heard["total"]["counters"]["late_by_link"] == 1


def test_a_heartbeat_at_intakes_door_shows_in_the_scrape(city: City) -> None:
    """As the events that wait in the unit's outbox."""
    beat = {
        "source": "/units/19789", "incarnation": "019790aa-0000-7000-8000-000000000000",
        "at": "2025-07-01T08:00:00+07:00", "spool_depth": 321, "oldest_unsent_age_seconds": 5,
    }  # fmt: skip
    headers = {"Authorization": "Bearer dev-19789", "Content-Type": "application/json"}
    answer = post(city.services["intake"], "/v1/heartbeats", headers, packed(beat))
    assert answer.status_code == 202, answer.text
    wait_until(lambda: city.series().get(("motcua_unit_spool_events", "19789")) == 321)


@pytest.mark.usefixtures("restated")
def test_an_emptied_redis_is_rebuilding_until_the_same_figures_stand_again(city: City) -> None:
    """No figure is told meanwhile, lines and outboxes are; afterwards they are those from before, up to the same offsets,
    and audit agrees."""

    def all_told() -> tuple[Any, ...]:
        return city.figures(), city.figures(f"&day={FIRST}"), city.told("/v1/units/19753")["as_of"]["partitions"]

    wait_until(lambda: bool(city.told("/v1/units")["lag_seconds"] == 0))

    def lasting() -> dict[tuple[str, ...], float]:
        by_the_wall = ("motcua_unit_at_work", "motcua_unit_silent")
        return {key: value for key, value in city.series().items() if key[0] not in by_the_wall}

    before, series = all_told(), lasting()
    build = series.pop(("motcua_metrics_build",))
    city.services["metrics"].stop()
    with city.province.redis() as client:
        client.flushdb()
    for path in ("/v1/units", "/v1/units/19753", "/v1/units/19753/days"):
        answer = city.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "rebuilding")
        assert answer.headers["Content-Type"] == "application/problem+json"
    meanwhile = city.series()
    assert (meanwhile[("motcua_metrics_rebuilding",)], meanwhile[("motcua_metrics_heartbeats_read",)]) == (1, 1)
    assert meanwhile[("motcua_unit_spool_events", "19789")] == 321
    assert {"motcua_unit_link", "motcua_unit_provisional", "motcua_unit_at_work"} <= {key[0] for key in meanwhile}
    assert not {key[0] for key in meanwhile if key[0].startswith(COUNTED)}
    readiness = city.get("/readyz")
    assert (readiness.status_code, readiness.json()["reasons"][0].split(":")[0]) == (503, "rebuilding")
    city.services["metrics"] = city.province.start("metrics")
    city.services["metrics-api"].wait_ready()
    assert all_told() == before
    again = lasting()
    assert again.pop(("motcua_metrics_build",)) != build, "it is another count"
    assert again == series
    wait_until(lambda: bool(city.told("/v1/units")["lag_seconds"] == 0))
    verdict = city.province.run("services.audit.main", "verify")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.usefixtures("restated")
def test_units_are_shown_by_the_reference_data_in_force(city: City) -> None:
    """A new unit and a new name show when they are activated, not when somebody edits files; and whoever starts anew with
    the old files still shows what is in force."""
    before = reference_files.read(REPOSITORY / "deploy" / "reference")
    renamed = [replace(each, name="Phú Xuân mới") if each.code == "19753" else each for each in before.units]
    new = reference.Unit(code="99999", name="Phường mới", kind="ward", hours="default", valid_from="2025-07-01")
    changed = replace(before, units=[*renamed, new])

    def names() -> dict[str, str]:
        return {row["unit"]: row["name"] for row in city.told("/v1/units")["units"]}

    assert "99999" not in names()
    acts.activate(city.province.operators, changed)
    wait_until(lambda: "99999" in names())
    assert (names()["99999"], names()["19753"]) == ("Phường mới", "Phú Xuân mới")
    assert city.told("/v1/units/99999")["counters"]["received"] == 0
    assert any(name == "motcua_unit_info" and "Phường mới" in labels for name, *labels in city.series())
    city.services["metrics-api"].stop()
    city.services["metrics-api"] = city.province.start("metrics-api")
    # By the old ones for some seconds, where Kafka does not tell it in time.
    wait_until(lambda: names()["19753"] == "Phú Xuân mới")
