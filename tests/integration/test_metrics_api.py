"""The metrics API beside a real worker, Kafka and Valkey: each answer is what plain JSON says about the lifecycle log."""

import gzip
import json
import re
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from confluent_kafka import Producer
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.lifecycle_lines import Sent, sealed
from contracts import instants, topics
from contracts.lifecycle import Entry, Step, decode
from tests.integration.metrics_logs import (
    PREFIX,
    REQUEST_SECONDS,
    Log,
    a_log,
    ask,
    positions,
    produce,
    wait_counted,
    wait_until,
)
from tests.province import Province, Service
from tests.unit.metrics_oracle import Hashes

pytestmark = pytest.mark.kafka

ROLES = ("receiver", "competent")
STOCKS = {"open", "open_in_processing", "open_waiting_supplement", "open_waiting_payment", "open_suspended", "overdue_open",
          "due_in_24h", "due_in_72h", "acceptance_overdue", "parked_now"}  # fmt: skip
OF_SOURCE = {"duplicates", "rejected", "skewed", "backdated", "annulled", "parked_now"}
RESTATED_DAY = "2025-07-02"


@dataclass
class World:
    """A province whose log is counted, and what must be answered about it."""

    province: Province
    api: Service
    log: Log
    restated: tuple[str, int]  # unit, recorded_at

    @cached_property
    def hashes(self) -> Hashes:
        """The figures, by plain JSON."""
        return self.log.figures()

    def told(self, path: str) -> dict[str, Any]:
        """The JSON of an answer that must be 200."""
        status, kind, body = ask(self.api.base_url + path)
        assert (status, kind) == (200, "application/json"), body
        told: dict[str, Any] = json.loads(body)
        return told

    @property
    def today(self) -> str:
        """The day of the largest log clock."""
        return instants.day_of(max(decode(line[-1].value).log_clock or 0 for line in self.log.partitions))

    def counters(self, name: str, role: str) -> dict[str, dict[str, int]]:
        """unit -> counter -> number of a hash, without zeros."""
        found: dict[str, dict[str, int]] = {}
        for field, number in self.hashes.get(name, {}).items():
            of, unit, counter = field.split("|")
            if of == role and number:
                found.setdefault(unit, {})[counter] = number
        return found


def without_zeros(rows: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Rows and counters that are not 0."""
    found = {unit: {name: number for name, number in counters.items() if number} for unit, counters in rows.items()}
    return {unit: counters for unit, counters in found.items() if counters}


def added(parts: list[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Rows summed over parts."""
    found: dict[str, dict[str, int]] = {}
    for part in parts:
        for unit, counters in part.items():
            for name, number in counters.items():
                found.setdefault(unit, {})[name] = found.get(unit, {}).get(name, 0) + number
    return found


def a_late_withdrawal(line: list[Sent]) -> tuple[Sent, str, int]:
    """One more record of a partition: long after RESTATED_DAY a step of that day comes in."""
    last = decode(line[-1].value)
    assert last.now is not None
    assert last.now.receiver is not None
    assert last.now.competent is not None
    assert last.log_clock is not None
    step = Step(fact="withdrawn", competent=last.now.competent)
    entry = Entry(offset=last.src[0] + 1, standing="applied", source=last.now.receiver, day=RESTATED_DAY, step=step)
    record = structs.replace(
        last, src=(last.src[0] + 1, 0), prev=last.src, fact="withdrawn", source=f"/units/{last.now.receiver}",
        recorded_at=last.recorded_at + 1, was=last.now, now=last.now, undone=(), done=(entry,),
    )  # fmt: skip
    return sealed(record, bytes.fromhex(line[-1].chain)), last.now.receiver, record.recorded_at


@pytest.fixture(scope="module")
def world(module_province: Province) -> World:
    """A worker that has counted a fortnight and one withdrawal that came late; the API."""
    api = module_province.start("metrics-api", ready=False)
    worker = module_province.start("metrics", ready=False)
    # Not to its end: dossiers must be open.
    log = a_log(250).part(0, 0.7)
    late, unit, recorded_at = a_late_withdrawal(log.partitions[5])
    log.partitions[5].append(late)
    produce(module_province.kafka, log)
    worker.wait_ready()
    wait_counted(module_province, len(log), worker)
    api.wait_ready()
    return World(module_province, api, log, (unit, recorded_at))


@pytest.mark.parametrize("role", ROLES)
def test_units_in_total_by_day_and_by_range(world: World, role: str) -> None:
    """Each counter of each unit; zeros for the others; the total is their sum; as of what is counted in."""
    days = [f"2025-07-{day:02d}" for day in range(1, 15)]
    whole = world.told(f"/v1/units?role={role}")
    by_day = [world.told(f"/v1/units?role={role}&day={day}") for day in days]
    in_range = world.told(f"/v1/units?role={role}&from=2025-07-03&to=2025-07-05")
    for told, hashes in (
        (whole, ["total"]), (in_range, ["day:2025-07-03", "day:2025-07-04", "day:2025-07-05"]),
        *((told, [f"day:{day}"]) for told, day in zip(by_day, days, strict=True)),
    ):  # fmt: skip
        rows = {row["unit"]: row["counters"] for row in told["units"]}
        assert without_zeros(rows) == added([world.counters(name, role) for name in hashes])
        sums = {name: sum(counters[name] for counters in rows.values()) for name in told["total"]["counters"]}
        assert told["total"]["counters"] == sums
        assert told["as_of"]["partitions"] == {
            str(number): int(position["closed"]) for number, position in enumerate(positions(world.province))
        }
        for row in (*told["units"], told["total"]):
            assert STOCKS & row["counters"].keys() == (STOCKS if told is whole else set())
            assert row["rates"]["online"]["numerator"] == row["counters"]["received_online"]
    shipped = {unit.code for unit in world.province.reference.units}
    departments = {unit.code for unit in world.province.reference.departments}
    shown = {row["unit"] for row in whole["units"]}
    assert shipped <= shown
    assert departments <= shown if role == "competent" else not departments & (shown - world.counters("total", role).keys())
    assert {row["name"] for row in whole["units"] if row["unit"] == "19753"} == {"Phường Phú Xuân"}


@pytest.mark.parametrize("query", ["", "&day=2025-07-04", "&from=2025-07-01&to=2025-07-31"])
@pytest.mark.parametrize("role", ROLES)
def test_one_unit_by_field_and_by_channel(world: World, role: str, query: str) -> None:
    """The parts are those of plain JSON and add up to the unit, but for what belongs to sources."""
    days = {"": None, "&day=2025-07-04": ["2025-07-04"]}.get(query, [f"2025-07-{day:02d}" for day in range(1, 32)])
    for unit in [*world.counters("total", role)][:3]:
        told = world.told(f"/v1/units/{unit}?role={role}{query}")
        for letter, part in (("f", told["by_field"]), ("c", told["by_channel"])):
            expected: dict[str, dict[str, int]] = {}
            for name in ["split"] if days is None else [f"daysplit:{day}" for day in days]:
                for field, number in world.hashes.get(name, {}).items():
                    of, whose, mark, counter = field.split("|")
                    if (of, whose, mark[0]) == (role, unit, letter) and number:
                        row = expected.setdefault(mark[2:], {})
                        row[counter] = row.get(counter, 0) + number
            assert without_zeros({value: row["counters"] for value, row in part.items()}) == expected
            sums = added([{unit: row["counters"]} for row in part.values()]).get(unit, {})
            for name, number in told["counters"].items():
                assert sums.get(name, 0) == number or name in OF_SOURCE, name
        names = ["total"] if days is None else [f"day:{day}" for day in days]
        assert without_zeros({unit: told["counters"]}) == {
            key: row for key, row in added([world.counters(name, role) for name in names]).items() if key == unit
        }


def test_a_row_for_each_day_and_when_it_was_restated(world: World) -> None:
    """Days of zeros too; the withdrawal that came late shows on its own day, with the record that brought it."""
    unit, recorded_at = world.restated
    told = world.told(f"/v1/units/{unit}/days?from=2025-06-28&to=2025-07-16")
    assert [row["day"] for row in told["days"]] == [
        *(f"2025-06-{day}" for day in (28, 29, 30)), *(f"2025-07-{day:02d}" for day in range(1, 17))
    ]  # fmt: skip
    for row in told["days"]:
        expected = world.counters(f"day:{row['day']}", "receiver").get(unit, {})
        assert {name: number for name, number in row["counters"].items() if number} == expected
        at = world.hashes["restated"].get(f"receiver|{unit}|{row['day']}")
        assert row["restated_at"] == (None if at is None else instants.show(at))
    [late] = [row for row in told["days"] if row["day"] == RESTATED_DAY]
    assert late["counters"]["withdrawn"] == 1
    assert instants.parse(late["restated_at"]) == recorded_at
    latest = world.told(f"/v1/units/{unit}/days")["days"]
    assert (len(latest), latest[-1]["day"]) == (31, world.today)


def scraped(api: Service) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series of /metrics/dossiers, once the heartbeats that were kept have been read: an API is ready before."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def is_whole() -> bool:
        status, kind, body = ask(api.base_url + "/metrics/dossiers")
        assert (status, kind.split(";")[0]) == (200, "text/plain")
        found.clear()
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                found[sample.name, frozenset(sample.labels.items())] = sample.value
        return bool(found["motcua_metrics_heartbeats_read", frozenset()])

    wait_until("heartbeats are read", is_whole)
    return found


def test_the_scrape_says_what_the_api_says(world: World) -> None:
    """Counters under their gauges, states, today, last events, arrivals; and the same through a second API."""
    found = scraped(world.api)

    def value(name: str, **labels: str) -> float | None:
        return found.get((name, frozenset(labels.items())))

    assert {field.rsplit("|")[-1] for field in world.hashes["states"]} >= {"1", "2", "4", "5", "6"}
    for role in ROLES:
        rows = {row["unit"]: row["counters"] for row in world.told(f"/v1/units?role={role}")["units"]}
        shown = {
            dict(labels)["unit"]
            for name, labels in found
            if name == "motcua_dossiers_submitted" and ("role", role) in labels
        }
        assert shown == (rows.keys() if role == "receiver" else world.counters("total", role).keys())
        for unit in shown:
            labels = {"unit": unit, "role": role}
            for counter, number in rows[unit].items():
                whole, _, part = counter.partition("_")
                if counter in ("received", "completed") or counter in STOCKS - OF_SOURCE - {"acceptance_overdue"}:
                    continue  # shown in parts: below
                if whole == "received":
                    assert value("motcua_dossiers_received", channel=part, **labels) == number
                elif whole == "completed":
                    assert value("motcua_dossiers_completed", timeliness=part, **labels) == number
                else:
                    is_absent = counter in OF_SOURCE and role == "competent"
                    assert value(f"motcua_dossiers_{counter}", **labels) == (None if is_absent else number)
            for span in ("24h", "72h"):
                assert value("motcua_dossiers_due", within=span, **labels) == rows[unit][f"due_in_{span}"]
            for state in "124568":
                expected = world.hashes["states"].get(f"{role}|{unit}|{state}", 0)
                assert value("motcua_dossiers_open", state=state, **labels) == expected
    for unit, counters in world.counters(f"day:{world.today}", "receiver").items():
        for counter in ("received", "completed", "returned", "refused"):
            labels = {"unit": unit, "role": "receiver", "counter": counter}
            assert value("motcua_dossiers_today", **labels) == counters.get(counter, 0)
    for unit, at in world.hashes["seen"].items():
        assert value("motcua_unit_last_event_timestamp_seconds", unit=unit) == at / 1_000_000
    for field, number in world.hashes["outcomes"].items():
        what, name, outcome = field.split("|")
        assert value(f"motcua_lifecycle_by_{what}_total", **{what: name, "outcome": outcome}) == number
    second = world.province.start("metrics-api")
    # Whether a unit works now may change between two scrapes: then both are asked again.
    wait_until("two APIs say the same", lambda: scraped(second) == scraped(world.api))
    second.stop()


def test_spools_are_those_of_the_newest_heartbeats(world: World) -> None:
    """By incarnation, then time; summed over the sources of a unit; a unit without a heartbeat is not there."""
    producer = Producer({"bootstrap.servers": world.province.kafka})

    def beat(source: str, incarnation: int, at: str, depth: int) -> None:
        told = {
            "source": source, "incarnation": f"0190{incarnation:04d}-0000-7000-8000-000000000000",
            "at": at, "spool_depth": depth, "oldest_unsent_age_seconds": 0,
        }  # fmt: skip
        producer.produce(topics.CENTRE_STATUS.name, value=json.dumps(told).encode(), key=source.encode())

    beat("/units/19753", 2, "2025-07-01T08:00:00+07:00", 5)
    beat("/units/19753", 2, "2025-07-01T07:00:00+07:00", 900)
    beat("/units/19753", 1, "2025-07-01T09:00:00+07:00", 800)
    beat("/units/19753/portal", 1, "2025-07-01T08:00:00+07:00", 40)
    producer.produce(topics.CENTRE_STATUS.name, value=b"no heartbeat", key=b"x")
    beat("/units/19774", 1, "2025-07-01T08:00:00+07:00", 0)
    assert producer.flush(10) == 0

    def spools() -> dict[str, float]:
        return {dict(labels)["unit"]: depth for (name, labels), depth in scraped(world.api).items() if "spool" in name}

    wait_until("both heartbeats are read", lambda: spools() == {"19753": 45, "19774": 0})


PROBLEMS: list[tuple[str, int, str]] = [
    ("/v1/units?role=mayor", 422, "invalid_role"),
    ("/v1/units?day=2025-02-30", 422, "invalid_day"),
    ("/v1/units?from=2025-07-02&to=2025-07-01", 422, "invalid_range"),
    ("/v1/units?units=19753", 422, "unknown_parameter"),
    ("/v1/units/19753?day=2025-07-01&day=2025-07-02", 422, "repeated_parameter"),
    ("/v1/units/nobody", 404, "unknown_unit"),
    ("/v1/units/*", 404, "unknown_unit"),
    ("/v1/units/nobody/days", 404, "unknown_unit"),
    ("/v1/units/19753/days?day=2025-07-01", 422, "unknown_parameter"),
    ("/v1/stream?role=mayor", 422, "invalid_role"),
    ("/v1/units/", 404, "not_found"),
    ("/v2/units", 404, "not_found"),
]


@pytest.mark.parametrize(("path", "status", "code"), PROBLEMS)
def test_problems_have_stable_codes(world: World, path: str, status: int, code: str) -> None:
    """problem+json for whatever cannot be answered."""
    found, kind, body = ask(world.api.base_url + path)
    assert (found, kind, json.loads(body)["code"]) == (status, "application/problem+json", code)


def test_another_method_is_a_problem_too(world: World) -> None:
    """405, with what is allowed."""
    asked = urllib.request.Request(world.api.base_url + "/v1/units", method="DELETE")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=REQUEST_SECONDS)
    assert (refused.value.code, json.loads(refused.value.read())["code"]) == (405, "method_not_allowed")
    assert refused.value.headers["Allow"] == "GET"


def test_the_board_is_made_of_files_that_lie_here(world: World) -> None:
    """Whatever the page and its scripts name is served from here, packed, and not sent again to who holds it; no address
    of anybody else stands in it, and the browser is told to hold it to that."""
    wanted, seen = ["/"], dict[str, str]()
    while wanted:
        path = wanted.pop()
        asked = urllib.request.Request(world.api.base_url + path, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(asked, timeout=REQUEST_SECONDS) as answer:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Content-Encoding"] == "gzip"
            seen[path], tag = gzip.decompress(answer.read()).decode(), answer.headers["ETag"]
        asked.add_header("If-None-Match", tag)
        with pytest.raises(urllib.error.HTTPError) as held:
            urllib.request.urlopen(asked, timeout=REQUEST_SECONDS)
        assert held.value.code == 304
        named = re.findall(r'(?:href|src)="(/board/[^"]+)"', seen[path]) + re.findall(r'from "\./([a-z]+\.js)"', seen[path])
        wanted += {name if name[0] == "/" else f"/board/{name}" for name in named} - seen.keys() - set(wanted)
    own = {path: text for path, text in seen.items() if "/uplot/" not in path}
    assert len(own) >= 8
    assert len(seen) == len(own) + 2
    assert not [path for path, text in own.items() if "http" in text.replace("location.protocol", "")]
    for path in ("/board/index.py", "/board/../app.py", "/board/%2e%2e/app.py", "/board/uplot/LICENSE"):
        assert ask(world.api.base_url + path)[0] == 404, path


@pytest.mark.parametrize("role", ROLES)
def test_the_course_of_one_counter(world: World, role: str) -> None:
    """A number of each unit for each day, zeros included; the sum of a day is that of /v1/units; a fortnight by itself."""
    days = [f"2025-07-{day:02d}" for day in range(1, 15)]
    for counter in ("received", "completed_late", "duplicates"):
        told = world.told(f"/v1/days?counter={counter}&role={role}&from={days[0]}&to={days[-1]}")
        assert told["days"] == days
        by_day = [world.counters(f"day:{day}", role) for day in days]
        for unit, numbers in told["units"].items():
            assert numbers == [found.get(unit, {}).get(counter, 0) for found in by_day]
        assert {unit for found in by_day for unit, of in found.items() if counter in of} <= told["units"].keys()
        assert told["total"] == [sum(of.get(counter, 0) for of in found.values()) for found in by_day]
    by_itself, units = world.told("/v1/days"), world.told("/v1/units")
    assert {name: by_itself[name] for name in ("provisional", "complete_until")} == {
        name: units[name] for name in ("provisional", "complete_until")
    }
    assert (by_itself["counter"], by_itself["role"], len(by_itself["days"])) == ("received", "receiver", 14)
    assert by_itself["days"][-1] == world.today
    assert by_itself["as_of"]["partitions"] == world.told("/v1/units")["as_of"]["partitions"]


def test_a_course_is_asked_for_in_few_ways(world: World) -> None:
    """Stocks have no days, a course has at most 62, and the rest is as everywhere."""
    for query, code in (
        ("counter=open", "invalid_counter"), ("counter=nonsense", "invalid_counter"), ("from=2025-01-01&to=2025-03-04",
        "invalid_range"), ("role=none", "invalid_role"), ("day=2025-07-01", "unknown_parameter"),
    ):  # fmt: skip
        status, _, body = ask(f"{world.api.base_url}/v1/days?{query}")
        assert (status, json.loads(body)["code"]) == (422, code), query


def test_it_measures_itself(world: World) -> None:
    """Requests by route, never by unit; series of the last scrape."""
    ask(world.api.base_url + "/v1/units/19753?role=receiver")
    series = len(scraped(world.api))
    told = ask(world.api.base_url + "/metrics")[2].decode()
    assert 'motcua_metrics_api_requests_total{method="GET",route="/v1/units/{code}",status="200"}' in told
    assert f"motcua_metrics_api_scrape_series {float(series)}" in told
    assert "motcua_metrics_api_ready 1.0" in told
    samples = [each for family in text_string_to_metric_families(told) for each in family.samples]
    assert not [each for each in samples if any("19753" in value for value in each.labels.values())]


class Listener:
    """A client of /v1/stream that reads event by event."""

    def __init__(self, api: Service, role: str) -> None:
        self._answer = urllib.request.urlopen(f"{api.base_url}/v1/stream?role={role}", timeout=REQUEST_SECONDS)
        assert self._answer.headers["Content-Type"].split(";")[0] == "text/event-stream"

    def next(self) -> tuple[str, dict[str, Any]]:
        """Name and data of the next event."""
        name = ""
        for raw in self._answer:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
        raise AssertionError("the stream has ended")

    def until(self, holds: Callable[[str, dict[str, Any]], bool]) -> dict[str, Any]:
        """The data of the first event for which it holds, among the next few."""
        for _ in range(40):
            name, data = self.next()
            if holds(name, data):
                return data
        raise AssertionError("no such event")

    def close(self) -> None:
        """Leaves."""
        self._answer.close()


def test_a_packed_stream_says_the_same(world: World) -> None:
    """To whoever takes gzip: packed event by event, so that none waits for the next one."""
    asked = urllib.request.Request(f"{world.api.base_url}/v1/stream", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=REQUEST_SECONDS) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        unpacking, told = zlib.decompressobj(wbits=31), b""
        rows: list[dict[str, Any]] = []
        while not told.endswith(b"\n\n") or told.count(b"\n\n") < 2 or b'"to_come"' in told.split(b"\n\n")[-2]:
            told += unpacking.decompress(answer.read1())
    for event in told.split(b"\n\n")[1:-1]:
        name, data = event.split(b"\n")[1:3]
        assert name == b"event: units"
        rows += json.loads(data.removeprefix(b"data: "))["units"]
    assert {row["unit"]: row["counters"] for row in rows} == {
        row["unit"]: row["counters"] for row in world.told("/v1/units")["units"]
    }


def test_the_stream_brings_all_then_changes_then_what_is_wrong(world: World) -> None:
    """At first every unit; then only those of a new record, with as_of; a rebuild is told, and its end."""
    with world.province.redis() as client:
        listener = Listener(world.api, "receiver")
        name, first = listener.next()
        rows, last = list(first["units"]), first
        while "to_come" in last:
            rows += (last := listener.next()[1])["units"]
        whole = world.told("/v1/units?role=receiver")
        assert (name, rows, first["total"]) == ("units", whole["units"], whole["total"])
        assert listener.next()[0] == "as_of"

        record, unit, _ = a_late_withdrawal(world.log.partitions[7])
        log = Log()
        log.partitions[7].append(record)
        produce(world.province.kafka, log)
        world.log.partitions[7].append(record)
        world.__dict__.pop("hashes", None)
        news = listener.until(lambda name, data: name == "units")
        assert [(row["unit"], row["counters"]["withdrawn"]) for row in news["units"]] == [
            (unit, world.counters("total", "receiver")[unit]["withdrawn"])
        ]
        assert news["total"]["counters"]["withdrawn"] == first["total"]["counters"]["withdrawn"] + 1
        assert news["as_of"]["partitions"]["7"] == first["as_of"]["partitions"]["7"] + 1

        target = client.hget(f"{PREFIX}p:7", "target")
        client.hset(f"{PREFIX}p:7", "target", "1000000")
        assert listener.until(lambda name, data: name == "problem") == {"code": "rebuilding"}
        client.hset(f"{PREFIX}p:7", "target", target)
        listener.until(lambda name, data: name == "as_of")
        listener.close()
    wait_until(
        "nobody is counted as listening",
        lambda: b"motcua_metrics_api_stream_clients 0.0" in ask(world.api.base_url + "/metrics")[2],
    )
