"""A corrected calendar on the whole line: every due and every day's figures are those of a walk along the minutes."""

import random
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from contracts import instants
from tests.intake_bad_inputs import BATCH, packed
from tests.integration.intake_calls import OPERATOR, REQUEST_SECONDS, post, wait_until
from tests.province import Province, Service
from tests.unit.oracle_minutes import Office, Paper, local

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"
STORM, MADE_UP = "2025-07-09", "2025-07-12"  # a Wednesday that becomes a day off, a Saturday that is worked for it
WEEK = {day: [("07:00", "11:30"), ("13:30", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
UNITS = ("19753", "19774", "19804")
LIVES = 60
CLOCK_AT = "2025-07-15 00:00"
LIMITS = (("working_days", 1), ("working_days", 2), ("working_days", 3), ("working_hours", 12), ("calendar_days", 2),
          ("calendar_days", 5), ("working_days", 0))  # fmt: skip
SLICE = 2  # dossiers a slice: every partition needs several


@dataclass(frozen=True)
class Life:
    """A dossier as the test decided it: received, perhaps paused once, perhaps completed."""

    code: str
    unit: str
    limit: tuple[str, int]
    received: str
    paused: tuple[str, str] | None
    completed: str | None

    def events(self) -> list[dict[str, Any]]:
        """What its centre reports."""
        birth = {"procedure": "none-such", "channel": "direct", "receiver": self.unit, "competent": self.unit}
        limit = {"unit": self.limit[0], "amount": self.limit[1]}
        told = [self._event("received", self.received, **birth, time_limit=limit)]
        if self.paused is not None:
            told.append(self._event("supplement_requested", self.paused[0], reason="missing_page"))
            told.append(self._event("supplement_provided", self.paused[1]))
        if self.completed is not None:
            told.append(self._event("completed", self.completed))
        return told

    def _event(self, fact: str, at: str, **data: Any) -> dict[str, Any]:
        when = at.replace(" ", "T") + ":00+07:00"
        return {
            "specversion": "1.0", "id": f"{self.code}-{fact}", "source": f"/units/{self.unit}", "subject": self.code,
            "type": f"vn.motcua.dossier.{fact}.v1", "time": when, "recordedtime": when, "data": data,
        }  # fmt: skip

    def paper(self, office: Office) -> Paper:
        """Its legal clock on paper, under one calendar."""
        told = Paper(office, office, *self.limit)
        told.received(local(self.received))
        if self.paused is not None:
            told.paused(local(self.paused[0]))
            told.resumed(local(self.paused[1]))
        return told

    def timeliness(self, office: Office) -> str | None:
        """Of its completion, if it is completed."""
        return None if self.completed is None else self.paper(office).timeliness(local(self.completed))


def lives() -> list[Life]:
    """Received from the Friday before to the Friday after the storm, at any hour; most are completed within the week."""
    chance = random.Random("storm")
    told = []
    for number in range(LIVES):
        received = datetime(2025, 7, 4, 7) + timedelta(
            days=chance.choice([0, 3, 4, 5, 6, 7]), minutes=chance.randrange(0, 620)
        )
        paused = completed = None
        after = received
        if chance.random() < 0.3:
            begin = received + timedelta(minutes=chance.randrange(5, 600))
            after = begin + timedelta(minutes=chance.randrange(30, 2500))
            paused = (_text(begin), _text(after))
        if chance.random() < 0.75:
            completed = _text(after + timedelta(minutes=chance.randrange(10, 5500)))
        if (completed is not None and completed >= CLOCK_AT) or (paused is not None and paused[1] >= CLOCK_AT):
            paused = completed = None
        unit = UNITS[number % len(UNITS)]
        code = f"H57.{unit}-{received:%y%m%d}-{number:04}"
        told.append(Life(code, unit, chance.choice(LIMITS), _text(received), paused, completed))
    return told


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def offices() -> tuple[Office, Office]:
    """The minutes before and after the correction."""
    first, days = "2025-06-30", 60
    return Office(WEEK, set(), set(), first, days), Office(WEEK, {STORM}, {MADE_UP}, first, days)


@dataclass
class Told:
    """What the system says at one moment: the verdict of every dossier, and each unit's days."""

    ledgers: dict[str, dict[str, Any]]
    days: dict[str, dict[str, dict[str, Any]]]
    stocks: dict[str, dict[str, int]]


@dataclass
class Corrected:
    """The system before the correction, after it, and after the former calendar came back."""

    before: Told
    after: Told
    again: Told
    said: str
    verdict: str


@pytest.fixture(scope="module")
def corrected(module_province: Province, tmp_path_factory: pytest.TempPathFactory) -> Corrected:
    """Sixty lives, a corrected directory, and the operators' own command, twice."""
    services = module_province.start_all(MOTCUA_PROCESSING_SLICE_DOSSIERS=str(SLICE))
    places: dict[str, int] = {}
    for life in lives():
        headers = {"Authorization": f"Bearer dev-{life.unit}", "Content-Type": BATCH}
        answer = post(services["intake"], "/v1/events", headers, packed(life.events()))
        assert answer.status_code == 202, answer.text
    answer = post(services["intake"], "/v1/clock", OPERATOR, packed({"at": CLOCK_AT.replace(" ", "T") + ":00+07:00"}))
    assert answer.status_code == 202, answer.text
    places = answer.json()["partitions"]
    # What processing has sent and not stored yet may be counted already.
    wait_until(lambda: _counted(services["processing-api"], "/v1/parked", places))
    wait_until(lambda: _counted(services["metrics-api"], "/v1/units", places))
    before = _told(services)
    directory = corrected_directory(tmp_path_factory.mktemp("reference") / "files")
    said = _operate(module_province, "activate", str(directory))
    after = _told(services)
    verdict = module_province.run("services.audit.main", "verify")
    _operate(module_province, "activate")
    again = _told(services)
    return Corrected(before, after, again, said, f"{verdict.returncode}\n{verdict.stdout}{verdict.stderr}")


def corrected_directory(directory: Path) -> Path:
    """The shipped files with the storm's day off and the Saturday worked for it."""
    shutil.copytree(REFERENCE, directory)
    file = directory / "calendar.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("[days_off]\n", f'[days_off]\n"{STORM}" = "Nghỉ bão"\n')
    file.write_text(text.replace("[make_up_days]\n", f'[make_up_days]\n"{MADE_UP}" = "Làm bù"\n'), encoding="utf-8")
    return directory


def _operate(province: Province, *arguments: str) -> str:
    told = province.run("deploy.operators.main", *arguments)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def _counted(api: Service, path: str, places: dict[str, int]) -> bool:
    partitions = _get(api, path)["as_of"]["partitions"]
    return all(partitions[number] >= offset for number, offset in places.items())


def _told(services: dict[str, Service]) -> Told:
    units = {row["unit"]: row["counters"] for row in _get(services["metrics-api"], "/v1/units")["units"]}
    days = {
        unit: {
            row["day"]: row
            for row in _get(services["metrics-api"], f"/v1/units/{unit}/days?from=2025-07-01&to=2025-07-14")["days"]
        }
        for unit in UNITS
    }
    ledgers = {life.code: _get(services["processing-api"], f"/v1/dossiers/{life.code}/deadline") for life in lives()}
    return Told(ledgers, days, {unit: units[unit] for unit in UNITS})


def _get(service: Service, path: str) -> dict[str, Any]:
    answer = requests.get(service.base_url + path, headers=OPERATOR, timeout=REQUEST_SECONDS)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# --- promises ------------------------------------------------------------------------------------------------------


def test_the_lives_are_worth_the_correction() -> None:
    """On paper alone: all three timelinesses occur, open ones too, and the correction moves at least a dozen of them."""
    was, now = offices()
    assert {life.timeliness(was) for life in lives()} >= {"early", "on_time", "late", None}
    assert sum(life.timeliness(was) != life.timeliness(now) for life in lives()) >= 8
    assert sum(life.paper(was).due_current != life.paper(now).due_current for life in lives()) >= 20


@pytest.mark.parametrize("moment", ["before", "after", "again"])
def test_every_due_and_timeliness_is_that_of_the_minutes(corrected: Corrected, moment: str) -> None:
    """Of open and of closed dossiers, under the calendar that rules at that moment."""
    office = offices()[moment == "after"]
    told: Told = getattr(corrected, moment)
    for life in lives():
        ledger = told.ledgers[life.code]
        due = life.paper(office).due_current
        assert due is not None
        assert instants.parse(ledger["due_current"]) == due, (moment, life, ledger["due_current"])
        if life.completed is not None:
            assert ledger["verdict"]["code"] == life.timeliness(office), (moment, life)


@pytest.mark.parametrize("moment", ["before", "after", "again"])
def test_the_days_count_what_the_minutes_say(corrected: Corrected, moment: str) -> None:
    """Each unit's days: completions early, on time, late; and now: what is overdue."""
    office = offices()[moment == "after"]
    told: Told = getattr(corrected, moment)
    for unit in UNITS:
        own = [life for life in lives() if life.unit == unit]
        expected = Counter((life.completed[:10], life.timeliness(office)) for life in own if life.completed is not None)
        counted = Counter(
            {
                (day, how): row["counters"][f"completed_{how}"]
                for day, row in told.days[unit].items()
                for how in ("early", "on_time", "late")
                if row["counters"][f"completed_{how}"]
            }
        )
        assert counted == expected, (moment, unit)
        overdue = sum(
            life.completed is None and (life.paper(office).due_current or 0) < local(CLOCK_AT) for life in own
        )  # fmt: skip
        assert told.stocks[unit]["overdue_open"] == overdue, (moment, unit)


def test_a_day_says_that_it_was_restated_when_and_only_when_it_was(corrected: Corrected) -> None:
    """`restated_at` appears on each day with a completion whose timeliness moved; the other days have none."""
    was, now = offices()
    moved = {
        (life.unit, life.completed[:10])
        for life in lives()
        if life.completed is not None and life.timeliness(was) != life.timeliness(now)
    }
    assert moved
    marks = {
        (unit, day): (corrected.before.days[unit][day]["restated_at"], row["restated_at"])
        for unit in UNITS
        for day, row in corrected.after.days[unit].items()
    }
    assert {whose for whose, (earlier, later) in marks.items() if later != earlier} == moved
    for whose, (earlier, later) in sorted(marks.items()):
        if later != earlier:
            print(whose, corrected.before.days[whose[0]][whose[1]]["rates"]["on_time"], "→",
                  corrected.after.days[whose[0]][whose[1]]["rates"]["on_time"], later)  # fmt: skip


def test_the_command_tells_every_partition_and_how_many_dossiers(corrected: Corrected) -> None:
    lines = corrected.said.splitlines()
    assert sum(line.startswith("  partition ") for line in lines) == 12
    assert lines[-1].startswith(f"{LIVES} dossiers folded anew and counted after ")
    was, now = offices()
    assert lines[-1].endswith(f", {_changed(was, now)} of them stand or count otherwise now")


def _changed(was: Office, now: Office) -> int:
    """Dossiers that a record must tell of: another timeliness, or, open, another flag at the log's clock."""
    return sum(_shown(life, was) != _shown(life, now) for life in lives())


def _shown(life: Life, office: Office) -> tuple[object, ...]:
    if life.completed is not None:
        # Completed in the period, all reported before the clock moved: none is late by the link or by entry.
        return (life.timeliness(office),)
    due = life.paper(office).due_current
    assert due is not None
    left = due - local(CLOCK_AT)
    hour = 3_600_000_000
    return left < 0, 0 <= left <= 24 * hour, 0 <= left <= 72 * hour


def test_audit_finds_every_stage_equal_under_the_corrected_calendar(corrected: Corrected) -> None:
    assert corrected.verdict.startswith("0\n"), corrected.verdict
    assert "clean: every stage equals the next" in corrected.verdict


def test_what_is_open_is_refolded_too_and_all_comes_back(corrected: Corrected) -> None:
    """Stocks and every day's counters; `restated_at` alone stays, since something was said and taken back."""
    assert corrected.again.stocks == corrected.before.stocks
    for unit in UNITS:
        assert {day: row["counters"] for day, row in corrected.again.days[unit].items()} == {
            day: row["counters"] for day, row in corrected.before.days[unit].items()
        }
