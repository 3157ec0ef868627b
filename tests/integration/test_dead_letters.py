"""The dead letters' workbench on a running province: what was turned away is counted, shown, handed in again."""

import json
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from contracts import instants
from tests.intake_bad_inputs import BATCH, packed
from tests.integration.intake_calls import OPERATOR, REQUEST_SECONDS, post, wait_until
from tests.integration.processing_world import BIRTH, Archive, event
from tests.province import Province, Service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

Row = dict[str, Any]
HOME = dict(BIRTH, competent="19753")
MISFITS_MAX = 32
# Before it was born 33 steps came in: one misfit more than are kept.
FULL, BEYOND = "H57.19753-250701-0001", "H57.19753-250701-0002"
LAST = event("completed", FULL, "07-02T08:00", electronic_result=True)


@dataclass
class City:
    """Intake, processing and its API, and the operators' tool beside them."""

    province: Province
    intake: Service
    api: Service
    state: Path

    def report(self, *events: Row) -> list[tuple[int, int]]:
        """Events are stored in order and counted in; their places."""
        headers = {"Authorization": "Bearer dev-19753", "Content-Type": BATCH}
        answer = post(self.intake, "/v1/events", headers, packed(list(events)))
        assert answer.status_code == 202, answer.text
        places = [(item["partition"], item["offset"]) for item in answer.json()["results"]]
        wait_until(lambda: all(self.counted()[str(partition)] >= offset for partition, offset in places))
        return places

    def counted(self) -> dict[str, int]:
        """The last offset counted in, by partition."""
        found: dict[str, int] = self.told("/v1/parked")["as_of"]["partitions"]
        return found

    def told(self, path: str) -> Row:
        """A good answer to the operator."""
        answer = requests.get(self.api.base_url + path, headers=OPERATOR, timeout=REQUEST_SECONDS)
        assert answer.status_code == 200, answer.text
        found: Row = answer.json()
        return found

    def bench(self, *arguments: str, status: int = 0) -> str:
        """What `rejected …` prints."""
        done: subprocess.CompletedProcess[str] = self.province.run(
            "deploy.operators.main", "rejected", *arguments, MOTCUA_PROCESSING_URL=self.api.base_url,
            MOTCUA_INTAKE_URL=self.intake.base_url, MOTCUA_STATE_DIR=str(self.state),
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def journal(self) -> list[Row]:
        """What is written down."""
        file = self.state / "operators.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def letters(self, code: str) -> list[Row]:
        """Dead letters of a code."""
        found: list[Row] = self.told(f"/v1/rejected?code={code}")["rejected"]
        return found


@pytest.fixture(scope="module")
def city(module_province: Province, tmp_path_factory: pytest.TempPathFactory) -> City:
    """Dead letters of four kinds: too many misfits, a failing fold, an id used twice, an arrow that does not exist."""
    names = ("processing", "processing-api", "intake")
    started = {name: module_province.start(name, ready=False) for name in names}
    for service in started.values():
        service.wait_ready()
    city = City(module_province, started["intake"], started["processing-api"], tmp_path_factory.mktemp("operators"))
    early = [event("processing_started", FULL, f"07-01T09:{minute:02}") for minute in range(MISFITS_MAX)]
    city.report(*early, LAST)
    far = event("received", BEYOND, "2060-01-01T08:00", time_limit={"amount": 3, "unit": "calendar_days"}, **HOME)
    # Intake takes nothing from the future; an archive may hold it.
    Archive(module_province).report(far)
    city.report(event("received", BEYOND, "07-01T08:00", id="twice", **HOME))
    city.report(event("received", BEYOND, "07-01T08:30", id="twice", **HOME))
    wait_until(lambda: len(city.letters("internal_error")) == 1)
    return city


def test_they_are_counted_by_code_unit_and_week(city: City) -> None:
    """A line for each group; with --each a line for each, with its place and its remedy."""
    lines = [line.split() for line in city.bench("list").splitlines()]
    for code in ("too_many", "internal_error", "id_reused"):
        [letter] = city.letters(code)
        week = datetime.fromisoformat(letter["recorded_at"]).strftime("%G-W%V")
        assert [code, "19753", week, "1", "1"] in lines
    assert city.bench() == city.bench("list")
    [line] = city.bench("list", "--each", "--code", "id_reused").splitlines()
    assert "under a new id" in line
    assert city.bench("list", "--unit", "19774").splitlines()[-1] == "0 dead letters, 0 of them stand rejected now"
    assert city.bench("list", "--week", "2001-W01").splitlines()[-1] == "0 dead letters, 0 of them stand rejected now"


def test_one_is_shown_with_its_bytes_and_cause(city: City) -> None:
    """The headers and the value that were handed in, the reason, what heals it."""
    [letter] = city.letters("too_many")
    told = city.bench("show", f"{letter['position']['partition']}:{letter['position']['offset']}")
    for text in ("too_many", f"ce_id = {LAST['id']}", '{"electronic_result": true}', "standing    rejected", "replay it"):
        assert text in told
    assert "no dead letter" in city.bench("show", "3:999999", status=1)


def test_without_really_nothing_is_handed_in_and_nothing_written_down(city: City) -> None:
    """It says how many would be, and what heals the others."""
    before = city.counted()
    told = city.bench("replay")
    assert "2 would be handed in again: add --really" in told
    assert "id_reused: the sender reports it under a new id" in told
    assert "1 would be handed in again" in city.bench("replay", "--limit", "1", "--code", "too_many")
    assert city.counted() == before
    assert city.journal() == []


def test_a_replay_before_the_fix_says_that_nothing_was_won(city: City) -> None:
    """The fold fails as before; a full dossier has no room yet: each is rejected once more, and says so."""
    told = city.bench("replay", "--code", "too_many", "--really")
    assert "stored, stands rejected: too_many" in told
    assert [line["step"] for line in city.journal()] == ["handing_in", "answered", "stands"]
    assert city.journal()[-1]["standing"] == "rejected: too_many"
    assert len(city.letters("too_many")) == 2


def test_after_the_fix_it_counts_once(city: City) -> None:
    """The missing event has come: the same event, handed in under its own id, is a step; then nothing is left."""
    city.report(event("received", FULL, "07-01T08:00", **HOME))
    recorded = min(letter["recorded_at"] for letter in city.letters("too_many"))
    told = city.bench("replay", "--code", "too_many", "--really")
    assert "stands applied" in told
    dossier = city.told(f"/v1/dossiers/{FULL}")
    assert dossier["state"] == 9
    [step] = [each for each in dossier["history"] if each["fact"] == "completed"]
    assert (step["id"], step["source"]) == (LAST["id"], LAST["source"])
    # It was entered no later than the first time that it was recorded: only so is it not back-dated further by the replay.
    assert instants.parse(step["recorded_at"]) > instants.parse(recorded)
    lines = city.journal()
    runs = {line["run"] for line in lines}
    assert len(runs) == 2
    assert all(set(line) >= {"at", "act", "run", "replay", "step"} for line in lines)
    last = lines[-1]
    [sent] = [line for line in lines if line["replay"] == last["replay"] and line["step"] == "handing_in"]
    assert (sent["event"], sent["dossier"], sent["code"], last["standing"]) == (LAST["id"], FULL, "too_many", "applied")
    again = city.bench("replay", "--code", "too_many", "--really")
    assert "nothing: it has healed, and stands applied" in again
    assert city.journal() == lines


def test_what_intake_refuses_is_told_and_written_down(city: City) -> None:
    """An event of 2060 is not taken at the door, though the archive held it."""
    told = city.bench("replay", "--code", "internal_error", "--really", status=1)
    assert "refused: time_out_of_range" in told
    assert city.journal()[-1]["code"] == "time_out_of_range"


def test_doors_that_do_not_answer_end_it_with_one_sentence(city: City) -> None:
    """Nothing is half done."""
    done = city.province.run("deploy.operators.main", "rejected", "list", MOTCUA_PROCESSING_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "did not answer as it should" in done.stderr
    assert "operator_only" in city.province.run(
        "deploy.operators.main", "rejected", "list", MOTCUA_PROCESSING_URL=city.api.base_url, MOTCUA_OPERATOR_KEY="dev-19753"
    ).stderr  # fmt: skip
