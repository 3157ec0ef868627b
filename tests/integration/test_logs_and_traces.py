"""One event is followed from the centre's door to the counter, in logs and in traces, and nothing personal is in either.

The line runs twice: without OpenTelemetry's variables and with every event logged, then with them.
"""

import json
from collections.abc import Iterator
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import requests

from contracts.topics import REPORTED, lifecycle
from tests.contract.published import is_valid
from tests.intake_bad_inputs import BATCH, data, event, packed
from tests.integration.collector import Collector, Seen, collector
from tests.integration.edge_line import Line, line, start_edge
from tests.integration.intake_calls import CENTRE, CENTRE_BATCH, OPERATOR, REQUEST_SECONDS, post, read, wait_until
from tests.integration.processing_world import Archive
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

# Nobody's: what a careless sender could put into every place that it can reach.
CARD, OLD_CARD, PHONE, ABROAD, MAIL = "046203001234", "191234567", "0905123456", "+84905123456", "lan.nguyen@example.vn"
NAME, TOKEN = "Nguyễn Thị Lan", "s3cr3t-t0ken-of-nobody"
PERSONAL = (CARD, OLD_CARD, PHONE, "905123456", MAIL, NAME, "Lan", TOKEN)
KEYS = ("dev-19753", "dev-operator", sha256(b"dev-19753").hexdigest(), sha256(b"dev-operator").hexdigest())
HEAD = {"time", "level", "service", "logger", "message"}
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
LIFECYCLE = lifecycle(1).name


class Told(NamedTuple):
    """What both runs left behind."""

    quiet_id: str
    quiet_requests: int
    quiet_headers: list[dict[str, str]]
    quiet_lifecycle: list[list[str]]
    followed_id: str
    trace: str
    span: str
    own: str
    unsampled: str
    dossier: str
    spans: list[Seen]
    headers: dict[str, dict[str, str]]
    lifecycle: dict[int, list[tuple[bytes, dict[str, str]]]]
    logs: dict[str, list[str]]

    def lines(self, service: str) -> list[dict[str, Any]]:
        """A service's log, read."""
        return [json.loads(line) for name, lines in self.logs.items() if name == service for line in lines]

    def about(self, event_id: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The lines about an event, by service and message."""
        found = (line for name in self.logs for line in self.lines(name) if line.get("event_id") == event_id)
        return {(line["service"], line["message"]): line for line in found}


@pytest.fixture(scope="module")
def told(module_province: Province) -> Iterator[Told]:
    with collector() as at, line() as way:
        yield _both_runs(module_province, at, way, module_province.directory)


def test_every_line_of_every_service_is_one_object_that_says_when_who_and_what(told: Told) -> None:
    assert {"edge", "intake", "processing", "processing-api", "metrics", "metrics-api", "audit"} <= told.logs.keys()
    for service, lines in told.logs.items():
        assert lines, f"{service} wrote nothing"
        for each in told.lines(service):
            assert each.keys() >= HEAD
            assert each["service"] == service
            assert each["time"].endswith("+07:00")


def test_nothing_personal_and_no_key_is_in_any_log(told: Told) -> None:
    """Every door was given such things in every place; two workers read them from Kafka."""
    for service, lines in told.logs.items():
        for each in lines:
            for never in (*PERSONAL, *KEYS):
                assert never not in each, f"{service}: {each}"


def test_one_id_is_found_in_every_log_on_its_way(told: Told) -> None:
    found = told.about(told.quiet_id)
    assert found.keys() == {
        ("edge", "kept"), ("edge", "delivered"), ("intake", "stored"), ("processing", "folded")
    }  # fmt: skip
    places = {(each["partition"], each["offset"]) for key, each in found.items() if key[1] in ("stored", "folded")}
    assert len(places) == 1
    assert {each["event_source"] for key, each in found.items() if key[1] != "delivered"} == {"/units/19753"}


def test_what_is_refused_and_rejected_is_said_with_its_code(told: Told) -> None:
    codes = {service: {line.get("code") for line in told.lines(service)} for service in ("edge", "intake", "processing")}
    assert {"invalid_data", "unknown_attribute", "unit_not_allowed"} <= codes["edge"]
    assert {"invalid_data", "unknown_attribute", "unit_not_allowed"} <= codes["intake"]
    assert "invalid_data" in codes["processing"]


def test_without_the_variables_nothing_is_sent_and_nothing_added(told: Told) -> None:
    assert told.quiet_requests == 0
    assert all("ce_traceparent" not in headers or headers["ce_traceparent"] == CARD for headers in told.quiet_headers)
    assert told.quiet_lifecycle
    assert all(names == ["chain"] for names in told.quiet_lifecycle)


def test_one_trace_goes_from_the_edge_to_the_counter(told: Told) -> None:
    """The sender's span, the edge's door, its request to intake, intake's door and journal, the fold, the count."""
    found = {(span.service, span.name, span.kind): span for span in told.spans if span.trace == told.trace}
    door = found["motcua-edge", "POST /v1/events", SERVER]
    sent = found["motcua-edge", "POST /v1/events", CLIENT]
    taken = found["motcua-intake", "POST /v1/events", SERVER]
    stored = found["motcua-intake", f"send {REPORTED.name}", PRODUCER]
    folded = found["motcua-processing", f"process {REPORTED.name}", CONSUMER]
    counted = found["motcua-metrics", "process dossier.lifecycle", CONSUMER]
    assert door.parent == told.span
    assert {sent.parent, stored.parent, folded.parent} == {door.id}
    assert taken.parent == sent.id
    assert counted.parent == folded.id
    assert len(found) == 6
    assert told.headers[told.followed_id]["ce_traceparent"] == f"00-{told.trace}-{door.id}-01"


def test_an_event_keeps_the_trace_that_it_came_with(told: Told) -> None:
    """From intake on; the request that brought it has a trace of its own."""
    names = {(span.service, span.name) for span in told.spans if span.trace == told.own}
    assert names == {
        ("motcua-edge", "POST /v1/events"), ("motcua-intake", "POST /v1/events"),
        ("motcua-intake", f"send {REPORTED.name}"), ("motcua-processing", f"process {REPORTED.name}"),
        ("motcua-metrics", "process dossier.lifecycle"),
    }  # fmt: skip


def test_what_is_not_sampled_travels_and_is_not_told(told: Told) -> None:
    assert told.unsampled in {headers.get("ce_traceparent", "")[3:35] for headers in told.headers.values()}
    assert not [span for span in told.spans if span.trace == told.unsampled]


def test_a_lifecycle_record_carries_the_trace_beside_its_chain_alone(told: Told) -> None:
    """The chain is still that of the values, the headers are those that are published."""
    carried = 0
    for records in told.lifecycle.values():
        before = bytes(8)
        for value, headers in records:
            before = blake2b(before + value, digest_size=8).digest()
            assert headers["chain"] == before.hex()
            assert is_valid("records/lifecycle_headers", headers)
            carried += "traceparent" in headers
    assert carried == 2


def test_no_span_says_what_was_asked_for(told: Told) -> None:
    """Doors are told by their routes; nothing personal is on any span, nor the code of a dossier or what followed a `?`."""
    asked = [span for span in told.spans if span.service == "motcua-processing-api"]
    assert {span.name for span in asked} == {"GET /v1/dossiers/{code}"}
    for span in told.spans:
        for never in (*PERSONAL, *KEYS, told.dossier, "cursor", "/readyz"):
            assert never.encode() not in span.wire, span


# --- the two runs ------------------------------------------------------------------------------------------------


def _both_runs(province: Province, at: Collector, way: Line, directory: Path) -> Told:
    archive = Archive(province)
    services = _started(province, way, directory / "edge-quiet", MOTCUA_LOG_LEVEL="debug")
    audit = province.start("audit", ready=False)
    quiet_id = str(uuid4())
    _hand_in(services["edge"], quiet_id)
    _misuse(services, archive)
    audit.wait_ready()
    _ask_badly(audit, "/v1/audit")
    _wait_counted(services["metrics-api"], 2)
    quiet_headers, quiet_lifecycle = _headers(province), [list(each) for _, each in _all(province, LIFECYCLE)]
    quiet_requests = at.requests
    _stop(province)

    services = _started(province, way, directory / "edge-traced", **at.environment())
    trace, span, own, unsampled, followed_id = uuid4().hex, uuid4().hex[:16], uuid4().hex, uuid4().hex, str(uuid4())
    dossier = f"TRACED.{uuid4().hex[:12]}"
    edge = services["edge"]
    _hand_in(edge, followed_id, {"traceparent": f"00-{trace}-{span}-01"}, subject=dossier)
    _hand_in(edge, str(uuid4()), subject=f"{dossier}-2", traceparent=f"00-{own}-{span}-01")
    _hand_in(edge, str(uuid4()), {"traceparent": f"00-{unsampled}-{span}-00"}, subject=f"{dossier}-3")
    _wait_counted(services["metrics-api"], 5)
    asked = f"{services['processing-api'].base_url}/v1/dossiers/{dossier}?cursor={CARD}"
    requests.get(asked, headers=CENTRE, timeout=REQUEST_SECONDS)
    wait_until(lambda: len(at.of(trace)) >= 6 and len(at.of(own)) >= 5)
    wait_until(lambda: any(each.service == "motcua-processing-api" for each in at.spans))
    told = {number: [] for number in range(12)}  # type: dict[int, list[tuple[bytes, dict[str, str]]]]
    for (number, _), record in sorted(read(province.kafka, LIFECYCLE).items()):
        told[number].append((record.value, _texts(record.headers)))
    headers = {each["ce_id"]: each for each in _headers(province)}
    # At the very end: a worker that counts stops at what it cannot read.
    archive.put(0, packed({"name": NAME, "card": CARD}), [("chain", CARD.encode()), (CARD, NAME.encode())], LIFECYCLE)
    wait_until(lambda: '"unreadable"' in services["metrics"].log_file.read_text())
    _stop(province)
    return Told(
        quiet_id, quiet_requests, quiet_headers, quiet_lifecycle, followed_id, trace, span, own, unsampled, dossier,
        list(at.spans), headers, told, _logs(province),
    )  # fmt: skip


def _started(province: Province, way: Line, directory: Path, **environment: str) -> dict[str, Service]:
    services = province.start_all(**environment)
    way.to(services["intake"])
    return services | {"edge": start_edge(province, way, directory, **environment)}


def _stop(province: Province) -> None:
    """Told to stop, each ends by itself: a trace that waits is no reason to be killed."""
    running = [service for service in province.services if service.running]
    province.stop_all()
    for service in running:
        # Faust's worker says 0 or that it was told to; none was killed.
        assert service.process.returncode in (0, -15, 143), f"{service.name}: {service.process.returncode}"


def _hand_in(edge: Service, event_id: str, headers: dict[str, str] | None = None, **changed: str) -> None:
    answer = post(edge, "/v1/events", CENTRE | (headers or {}), packed(event(id=event_id, **changed)))
    assert answer.status_code == 202, answer.text


def _misuse(services: dict[str, Service], archive: Archive) -> None:
    """Bad input at every door that is open, and in the archive itself."""
    for name in ("edge", "intake"):
        for body in _bad_events():
            post(services[name], "/v1/events", CENTRE, packed(body))
        post(services[name], "/v1/events", CENTRE_BATCH, packed([event(id=MAIL, subject=CARD), {"id": CARD}, CARD, NAME]))
        post(services[name], "/v1/events", CENTRE_BATCH, f"[{NAME} {CARD}".encode())
        post(
            services[name], f"/v1/{CARD}?{MAIL}", {"Authorization": f"Bearer {TOKEN}", "Content-Type": BATCH}, CARD.encode()
        )
    beat = {"source": f"/units/19753/{CARD}", "incarnation": NAME, "at": PHONE}
    post(services["intake"], "/v1/heartbeats", CENTRE | {"Content-Type": "application/json"}, packed(beat))
    post(services["intake"], "/v1/clock", OPERATOR, packed({"at": CARD}))
    post(services["edge"], "/v1/quarantine/discard", CENTRE, packed({"positions": [int(CARD)], NAME: MAIL}))
    for path in (
        f"/v1/dossiers/{CARD}",
        f"/v1/dossiers/{MAIL}/deadline",
        f"/v1/units/{PHONE}/worklist?list={NAME}&cursor={CARD}",
    ):
        _ask_badly(services["processing-api"], path)
    for path in (f"/v1/units/{CARD}?role={NAME}&day={PHONE}", f"/v1/units/{MAIL}/days", f"/v1/units?role={CARD}"):
        _ask_badly(services["metrics-api"], path)
    # What no door would let through: a worker has to read it all the same.
    plain = [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"vn.motcua.dossier.submitted.v1"),
        ("ce_time", b"2025-07-01T08:00:00Z"),
    ]
    for event_id, source, subject in ((CARD, f"/units/19753/{OLD_CARD}", CARD), (MAIL, NAME, MAIL), (PHONE, ABROAD, NAME)):
        named = {"ce_id": event_id, "ce_source": source, "ce_subject": subject, "ce_traceparent": CARD}
        archive.put(
            3, packed({"name": NAME, "card": CARD}), [*plain, *((key, text.encode()) for key, text in named.items())]
        )


def _bad_events() -> Iterator[dict[str, Any]]:
    yield event(id=CARD, data=data(name=NAME))
    yield event(id=OLD_CARD, data=data(channel=NAME))
    yield event(id=PHONE, source=f"/units/19774/{CARD}", data=data(receiver="19774"))
    yield event(id=MAIL, name=NAME)
    yield event(id=ABROAD, type=f"vn.motcua.dossier.{CARD}.v1")
    yield event(id=NAME, subject=MAIL)
    yield event(time=CARD)
    yield event(id=CARD, data=CARD)
    yield event(id=CARD, source=f"/units/{OLD_CARD}")
    yield event(id=CARD, source=f"/units/19753/{CARD}", subject=OLD_CARD, tracestate=f"card={CARD}", traceparent=CARD)


def _ask_badly(service: Service, path: str) -> None:
    for key in (f"Bearer {TOKEN}", "Bearer dev-19753", f"Basic {CARD}"):
        requests.get(service.base_url + path, headers={"Authorization": key, "User-Agent": MAIL}, timeout=REQUEST_SECONDS)


def _wait_counted(api: Service, submitted: int) -> None:
    def counted() -> int:
        answer = requests.get(f"{api.base_url}/v1/units/19753?role=receiver", timeout=REQUEST_SECONDS)
        found: int = answer.json()["counters"]["submitted"] if answer.status_code == 200 else -1
        return found

    wait_until(lambda: counted() >= submitted)


def _headers(province: Province) -> list[dict[str, str]]:
    return [each for _, each in _all(province, REPORTED.name) if "ce_subject" in each]


def _all(province: Province, topic: str) -> list[tuple[bytes, dict[str, str]]]:
    return [(record.value, _texts(record.headers)) for record in read(province.kafka, topic).values()]


def _texts(headers: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in headers if value is not None}


def _logs(province: Province) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for service in province.services:
        found.setdefault(service.name, []).extend(service.log_file.read_text().splitlines())
    return found
