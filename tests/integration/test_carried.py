"""A day without any line: events go to the city on a stick, then over the line, too; each counts once, with its receipt."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

from contracts.topics import REPORTED
from deploy.local.settings import REPOSITORY
from tests.intake_bad_inputs import event, packed
from tests.integration.edge_line import Line, line, start_edge, told
from tests.integration.intake_calls import CENTRE_BATCH, OPERATOR, REQUEST_SECONDS, post, read, wait_until
from tests.integration.processing_world import BIRTH
from tests.integration.processing_world import event as step
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

DOSSIERS = 60
HOME = dict(BIRTH, competent="19753")


@dataclass
class City:
    """An edge at its end of a line that leads nowhere, and the city's services."""

    province: Province
    line: Line
    edge: Service
    services: dict[str, Service]
    directory: Path

    def at_the_centre(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs the edge's program beside the one that serves."""
        variables = {**os.environ, **self.province.environment, "MOTCUA_STATE_DIR": str(self.directory / "centre")}
        return subprocess.run(
            [sys.executable, "-m", "services.edge.main", *arguments], cwd=REPOSITORY, env=variables, capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip

    def at_the_city(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs the operators' tool."""
        return self.province.run(
            "deploy.operators.main", "import", *arguments, MOTCUA_STATE_DIR=str(self.directory / "city"),
            MOTCUA_INTAKE_URL=self.services["intake"].base_url,
        )  # fmt: skip

    def journal(self) -> list[dict[str, Any]]:
        """What the city wrote down."""
        return [json.loads(each) for each in (self.directory / "city" / "operators.jsonl").read_text().splitlines()]

    def unit(self) -> dict[str, Any]:
        """What metrics says of the unit."""
        answer = requests.get(self.services["metrics-api"].base_url + "/v1/units/19753", timeout=REQUEST_SECONDS)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def received(self) -> int:
        """What metrics has counted."""
        return int(self.unit()["counters"]["received"])


@pytest.fixture(scope="module")
def city(module_province: Province, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Two events each of many dossiers are in the outbox; the line is down."""
    directory = tmp_path_factory.mktemp("carried")
    with line() as at:
        services = module_province.start_all()
        edge = start_edge(module_province, at, directory / "centre")
        city = City(module_province, at, edge, services, directory)
        events = [
            each
            for number in range(DOSSIERS)
            for each in (
                step("received", f"H57.19753-250701-{number:04}", "07-01T08:00", **HOME),
                step("processing_started", f"H57.19753-250701-{number:04}", "07-01T09:00"),
            )
        ]
        assert post(edge, "/v1/events", CENTRE_BATCH, packed(events)).status_code == 202
        yield city


@pytest.mark.long
def test_a_signed_file_is_loaded_and_counts_and_the_line_brings_it_again_for_nothing(city: City) -> None:
    """By the stick all is counted; when the line is back the same events arrive once more, and nothing changes."""
    stick, keys = city.directory / "stick" / "19753.motcua", city.directory / "trusted.json"
    stick.parent.mkdir()
    made = city.at_the_centre("keygen")
    assert made.returncode == 0, made.stderr
    public = made.stdout.split()[-1]
    exported = city.at_the_centre("export", str(stick))
    assert (exported.returncode, exported.stdout.split()[0]) == (0, str(2 * DOSSIERS)), exported.stderr
    assert told(city.edge)["depth"] == 2 * DOSSIERS, "they stay in the outbox"

    keys.write_text(json.dumps({"keys": [{"name": "Phú Xuân", "public_key": public, "codes": ["19774"]}]}))
    refused = city.at_the_city(str(stick), "--trust", str(keys))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "does not speak" in refused.stderr
    keys.write_text(json.dumps({"keys": [{"name": "Phú Xuân", "public_key": public, "codes": ["19753"]}]}))
    harmed = stick.with_name("harmed.motcua")
    harmed.write_bytes(stick.read_bytes().replace(b"07-01T09:00", b"07-01T07:00", 1))
    assert "altered" in city.at_the_city(str(harmed), "--trust", str(keys)).stderr
    assert _reported(city) == []

    loaded = city.at_the_city(str(stick), "--trust", str(keys))
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert f"{2 * DOSSIERS} stored, 0 refused" in loaded.stdout
    wait_until(lambda: city.received() == DOSSIERS)
    assert [each["step"] for each in city.journal()] == ["begun", "ended"]
    assert len(_reported(city)) == 2 * DOSSIERS

    city.line.to(city.services["intake"])
    wait_until(lambda: told(city.edge)["depth"] == 0)
    assert len(_reported(city)) == 4 * DOSSIERS, "both ways brought everything"
    wait_until(lambda: _duplicates(city) == 2 * DOSSIERS)
    assert city.received() == DOSSIERS
    wait_until(lambda: bool(city.unit()["centre"]["link"] == "up" and city.unit()["centre"]["spool_events"] == 0))
    assert city.unit()["provisional"] is False, "the edge's own heartbeat says that it holds nothing any more"
    answer = requests.get(
        f"{city.services['processing-api'].base_url}/v1/dossiers/H57.19753-250701-0007",
        headers=OPERATOR,
        timeout=REQUEST_SECONDS,
    )
    assert [each["fact"] for each in answer.json()["history"]] == ["received", "processing_started"]


@pytest.mark.long
def test_a_receipt_says_where_each_delivered_event_lies(city: City) -> None:
    """Its place in the archive holds it, and the digest is that of the bytes that were sent."""
    city.line.to(None)
    answer = post(city.edge, "/v1/events", CENTRE_BATCH, packed([event(id=f"receipt-{number}") for number in range(30)]))
    assert answer.status_code == 202
    before = city.directory / "before.motcua"
    assert city.at_the_centre("export", str(before)).stdout.split()[0] == "30"
    city.line.to(city.services["intake"])
    wait_until(lambda: told(city.edge)["depth"] == 0)
    file = city.directory / "receipts.jsonl"
    assert city.at_the_centre("receipts", str(file)).returncode == 0
    stored = [each for text in file.read_text().splitlines() for each in json.loads(text)["stored"]]
    assert {each["id"] for each in stored} >= {f"receipt-{number}" for number in range(30)}
    archive = read(city.province.kafka, REPORTED.name)
    for each in stored:
        headers = dict(archive[each["partition"], each["offset"]].headers)
        assert (headers["ce_id"], headers["ce_subject"]) == (each["id"].encode(), each["dossier"].encode())
    digests = {each["id"]: each["sha256"] for each in stored}
    for text in before.read_bytes().splitlines()[1:-1]:
        assert digests[json.loads(text)["id"]] == sha256(text).hexdigest()


def _reported(city: City) -> list[str]:
    records = read(city.province.kafka, REPORTED.name).values()
    ids = [(dict(record.headers)["ce_id"] or b"").decode() for record in records]
    return [each for each in ids if each.startswith("H57.19753-250701")]


def _duplicates(city: City) -> int:
    return int(city.unit()["counters"]["duplicates"])
