"""Centres on the whole line: a heartbeat at intake's door shows in every answer of metrics and on its stream."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from confluent_kafka import KafkaError, Message, Producer
from prometheus_client.parser import text_string_to_metric_families

from contracts import instants
from contracts.topics import CENTRE_STATUS
from deploy.operators import topics
from tests.intake_bad_inputs import event, packed
from tests.integration.intake_calls import CENTRE, REQUEST_SECONDS, post, wait_until
from tests.province import Province, Service
from tests.unit.oracle_minutes import Office
from tests.unit.vietnam_2025_2026 import DEFAULT

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

Row = dict[str, Any]
LATTER = "019790ab-0000-7000-8000-000000000000"
BEATEN_UNITS = 20
BEATS_EACH = 300
NOTHING = {"link": "unknown", "heard_at": None, "spool_events": None, "oldest_unsent_at": None, "quarantined_events": None}


@dataclass
class City:
    """Intake and the answers of metrics."""

    province: Province
    intake: Service
    api: Service

    def beat(self, unit: str, ago_seconds: float = 0.0, point: str = "", **more: Any) -> str:
        """A heartbeat of an edge that has delivered all it got until `ago_seconds` ago; that instant."""
        until = instants.show(now() - round(ago_seconds * instants.SECOND))
        beat = {
            "source": f"/units/{unit}{point}", "incarnation": LATTER, "at": instants.show(now()), "spool_depth": 0,
            "oldest_unsent_age_seconds": 0, "delivered_until": until, "link": "up", **more,
        }  # fmt: skip
        headers = {"Authorization": f"Bearer dev-{unit}", "Content-Type": "application/json"}
        answer = post(self.intake, "/v1/heartbeats", headers, packed(beat))
        assert answer.status_code == 202, answer.text
        return until

    def told(self, path: str) -> Row:
        """A good answer."""
        answer = requests.get(self.api.base_url + path, timeout=REQUEST_SECONDS)
        assert answer.status_code == 200, answer.text
        found: Row = answer.json()
        return found

    def row(self, unit: str) -> Row:
        """A unit in the list."""
        return next(row for row in self.told("/v1/units")["units"] if row["unit"] == unit)

    def series(self, name: str) -> dict[str, float]:
        """unit -> number."""
        text = requests.get(self.api.base_url + "/metrics/dossiers", timeout=REQUEST_SECONDS).text
        return {
            sample.labels["unit"]: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }


def now() -> int:
    """The wall clock."""
    return time.time_ns() // 1000


@pytest.fixture(scope="module")
def city(module_province: Province) -> City:
    """Everything ready; no centre has said anything yet."""
    services = module_province.start_all()
    return City(module_province, services["intake"], services["metrics-api"])


def test_without_edges_nothing_is_provisional_and_nothing_is_called_complete(city: City) -> None:
    """Every unit is `unknown`, and has never reported."""
    wait_until(lambda: city.told("/v1/units")["provisional"] is not None)
    told = city.told("/v1/units")
    assert (told["complete_until"], told["provisional"]) == (None, False)
    assert len(told["units"]) == 40
    for row in told["units"]:
        assert (row["complete_until"], row["provisional"]) == (None, False)
        assert row["centre"] == {**NOTHING, "silence": "never", "last_event": None, "expected_by": None}


def test_a_backlog_marks_the_unit_and_holds_back_what_is_complete(city: City) -> None:
    """In the list, for the one unit, its days and in Prometheus; the city is complete up to where its last edge is."""
    first = city.beat("19774")
    until = city.beat(
        "19789", 600, spool_depth=321, oldest_unsent_age_seconds=600, link="slow", quarantined_sequences=[11, 12, 19]
    )
    wait_until(lambda: city.row("19789")["centre"]["spool_events"] == 321)
    wait_until(lambda: city.row("19774")["complete_until"] == first)
    heard_at = city.row("19789")["centre"]["heard_at"]
    city.beat("19789", 0, "/portal")
    wait_until(lambda: bool(city.row("19789")["centre"]["heard_at"] != heard_at))
    row, told = city.row("19789"), city.told("/v1/units")
    assert (row["complete_until"], row["provisional"], row["centre"]["link"]) == (until, True, "degraded")
    entered = instants.parse(row["centre"]["oldest_unsent_at"])
    assert 599 < (instants.parse(row["centre"]["heard_at"]) - entered) / instants.SECOND < 660
    assert (told["complete_until"], told["provisional"]) == (until, True)
    assert [each["unit"] for each in told["units"] if each["provisional"]] == ["19789"]
    for path in ("/v1/units/19789", "/v1/units/19789?day=2025-07-01", "/v1/units/19789/days"):
        one = city.told(path)
        assert {name: one[name] for name in ("complete_until", "provisional", "centre")} == {
            name: row[name] for name in ("complete_until", "provisional", "centre")
        }
    assert city.series("motcua_unit_spool_events") == {"19774": 0, "19789": 321}
    assert city.series("motcua_unit_provisional") == {"19774": 0, "19789": 1}
    assert city.series("motcua_unit_quarantined_events") == {"19774": 0, "19789": 3}
    assert row["centre"]["quarantined_events"] == 3
    assert city.series("motcua_unit_complete_until_timestamp_seconds")["19789"] == instants.parse(until) / instants.SECOND


def test_who_listens_hears_that_the_backlog_is_gone(city: City) -> None:
    """Though nothing was counted meanwhile; the mark goes, and the city is complete up to the other edge's word."""
    with requests.get(city.api.base_url + "/v1/stream", stream=True, timeout=REQUEST_SECONDS) as stream:
        news = _events(stream)
        first = next(data for name, data in news if name == "units")
        assert {row["unit"] for row in first["units"] if row["provisional"]} == {"19789"}
        until = city.beat("19789")
        heard = next(row for name, data in news if name == "units" for row in data["units"] if row["unit"] == "19789")
        assert (heard["provisional"], heard["centre"]["spool_events"]) == (False, 0)
        # Its portal's word is older than its own.
        assert heard["complete_until"] <= until
    assert city.told("/v1/units")["provisional"] is False


def test_an_event_ends_the_silence_by_the_units_own_calendar(city: City) -> None:
    """Heard of in office hours, at rest outside; expected again after two hours of its working time."""
    calendar = city.province.reference.calendar
    off, made_up = set(calendar.days_off), set(calendar.make_up_days)
    office = Office(DEFAULT, off, made_up, instants.day_of(now() - instants.DAY), 60, calendar.make_up_as)
    assert post(city.intake, "/v1/events", CENTRE, packed(event())).status_code == 202
    wait_until(lambda: city.row("19753")["centre"]["last_event"] is not None)
    before, centre, after = now(), city.row("19753")["centre"], now()
    states = {"heard" if office.is_open(at) else "resting" for at in (before, after)}
    assert centre["silence"] in states
    last = instants.parse(centre["last_event"])
    assert instants.parse(centre["expected_by"]) == office.advance(last, 120 * instants.MINUTE)
    assert city.series("motcua_unit_silent") == {"19753": 0}
    assert city.series("motcua_unit_last_event_timestamp_seconds")["19753"] == last / instants.SECOND


def test_an_old_heartbeat_says_nothing_about_the_line_also_to_an_api_that_starts_later(city: City) -> None:
    """What was delivered until then stays delivered; an edge that operators retire is forgotten."""
    until = city.row("19774")["complete_until"]
    late = city.province.start("metrics-api", MOTCUA_METRICS_HEARTBEAT_OLD_SECONDS="0.5")
    other = City(city.province, city.intake, late)
    wait_until(lambda: other.told("/v1/units")["provisional"] is not None)
    row = other.row("19774")
    assert (row["centre"]["link"], row["centre"]["spool_events"], row["complete_until"]) == ("unknown", 0, until)
    done = city.province.run("deploy.operators.main", "retire-edge", "/units/19774")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: other.row("19774")["complete_until"] is None)
    assert other.row("19774")["centre"] == {**NOTHING, "silence": "never", "last_event": None, "expected_by": None}


def test_an_api_that_starts_tells_of_centres_once_it_has_read_all_that_was_kept(city: City) -> None:
    """Thousands of former heartbeats of each: none of the backlogs of days ago is told as that of today."""
    kept = topics.describe(city.province.kafka, CENTRE_STATUS.name)
    assert kept is not None
    assert kept.settings["segment.ms"] == "3600000", "the newest segment is never compacted"
    units = [row["unit"] for row in city.told("/v1/units")["units"][:BEATEN_UNITS]]
    producer = Producer(
        {
            "bootstrap.servers": city.province.kafka,
            "partitioner": "murmur2_random",
            "linger.ms": 500,
            "compression.type": "lz4",
        }
    )
    for number in range(BEATS_EACH, -1, -1):
        at = instants.show(now() - number * instants.SECOND)
        for unit in units:
            beat = {
                "source": f"/units/{unit}", "incarnation": LATTER, "at": at, "spool_depth": min(number, 7),
                "oldest_unsent_age_seconds": 0, "delivered_until": at, "link": "up",
            }  # fmt: skip
            producer.produce(CENTRE_STATUS.name, packed(beat), f"/units/{unit}", on_delivery=_is_kept)
        producer.poll(0)
    assert producer.flush(30) == 0
    late = City(city.province, city.intake, city.province.start("metrics-api"))
    seen: Counter[bool] = Counter()
    while not seen[True]:
        told, series = late.told("/v1/units"), late.series("motcua_unit_spool_events")
        assert set(series.values()) <= {0}, "a backlog of a former heartbeat"
        assert set(units) <= set(series) or not series
        assert told["provisional"] is not True
        seen[bool(series)] += 1
    assert late.told("/v1/units")["provisional"] is False


def _is_kept(error: KafkaError | None, _: Message) -> None:
    assert error is None


def _events(stream: requests.Response) -> Iterator[tuple[str, Row]]:
    name = ""
    for line in stream.iter_lines():
        text = line.decode()
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield name, json.loads(text.removeprefix("data: "))
