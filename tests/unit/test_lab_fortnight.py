"""The Huế fortnight: what was published is true of the raw events, and every life is one that the law allows."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from contracts import instants
from contracts.events import read_structured
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.fortnight.writing import Reported
from tests.unit import plain_recount as plain
from tests.unit.plain_recount import Event, fact_of, time_of

# Each of these makes or reads a whole fortnight.
pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = instants.parse("2026-01-01T00:00:00+07:00")
PERIOD_ENDS = instants.parse("2025-07-15T00:00:00+07:00")
SEED = 1


@pytest.fixture(scope="module")
def reported() -> list[Reported]:
    return writing.fortnight(published.read(published.HUE_2025_07), REPOSITORY / "deploy" / "reference", SEED)


@pytest.fixture(scope="module")
def lives(reported: list[Reported]) -> dict[str, list[Event]]:
    return plain.dossiers(each.event for each in reported)


def test_the_published_receptions_are_those_of_the_events(lives: dict[str, list[Event]]) -> None:
    """17,710 received, 75.78 % online; Phú Xuân 1,758, the most; 14 July and its units as the press had them."""
    received: Counter[str] = Counter()
    online: Counter[str] = Counter()
    for events in lives.values():
        for event in events:
            if fact_of(event) == "received":
                unit = event["source"].split("/")[2]
                keys = ("all", unit, *(("14", f"14 {unit}") if time_of(event).day == 14 else ()))
                received.update(keys)
                if events[0]["data"]["channel"] == "online":
                    online.update(keys)
    assert received["all"] == 17_710
    assert f"{100 * online['all'] / 17_710:.2f}" == "75.78"
    units = {code for code in received if len(code) == 5}
    assert len(units) == 40
    assert received["19753"] == 1_758
    assert all(received[unit] < 1_758 for unit in units - {"19753"})
    assert (online["19942"], received["19942"]) == (491, 493)
    assert all(online[unit] / received[unit] < 491 / 493 for unit in units - {"19942"})
    assert received["14"] == 3_425
    assert online["14"] == 3_254  # 95.01 %
    assert received["14 19789"] == online["14 19789"] == 203


def test_huong_an_is_the_best_in_time_by_the_legal_clock(lives: dict[str, list[Event]]) -> None:
    """309 of 338 completed in time, recounted from limits, pauses and appointments; no other unit has as large a share."""
    limits = plain.catalogue()
    completed: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for events in lives.values():
        if (verdict := plain.in_time(events, limits)) is not None:
            unit = events[0]["data"]["receiver"]
            completed[unit] += 1
            kept[unit] += verdict
    assert (kept["19804"], completed["19804"]) == (309, 338)
    assert all(kept[unit] / completed[unit] < 309 / 338 for unit in completed if unit != "19804")


def test_every_event_is_one_that_the_contract_takes(reported: list[Reported]) -> None:
    """Nothing in the fortnight may be refused at the door."""
    for each in reported:
        event = read_structured(each.event, NOW)
        assert (event.code, event.subject, event.recordedtime) == (each.code, each.subject, each.entered_at)
        assert event.sequence is None
    assert len({read_structured(each.event, NOW).id for each in reported}) == len(reported)


def test_every_life_follows_the_arrows(lives: dict[str, list[Event]]) -> None:
    """Each fact is an arrow from where the dossier stands, and every kind of end and pause occurs."""
    ends: Counter[int] = Counter()
    for subject, events in lives.items():
        state = before = 0
        for event in events:
            arrows = plain.ARROWS[fact_of(event)]
            assert state in arrows, f"{subject}: {fact_of(event)} in {state}"
            to = arrows[state]
            after = before if isinstance(to, str) else to
            before, state = (state, after) if after in plain.PAUSED else (before, after)
        ends[state] += 1
    assert set(ends) == {1, 2, 3, 4, 5, 6, 7, 80, 88, 9, 10}


def test_only_those_report_who_are_responsible(lives: dict[str, list[Event]]) -> None:
    """The receiver or a body that has been competent; a hand-over always goes to somebody else."""
    handed_over = 0
    for events in lives.values():
        competent = events[0]["data"]["competent"]
        responsible = {events[0]["data"]["receiver"], competent}
        for event in events:
            assert event["source"].split("/")[2] in responsible
            if fact_of(event) == "handed_over":
                assert event["data"]["competent"] != competent
                competent = event["data"]["competent"]
                responsible.add(competent)
                handed_over += 1
    assert handed_over > 0


def test_offices_act_in_office_hours_and_enter_what_they_did_soon(lives: dict[str, list[Event]]) -> None:
    """Only online submissions come at night and at weekends; only what an outage held up is entered an hour later."""
    asleep = held_up = total = 0
    for events in lives.values():
        entered_before = 0
        for event in events:
            at = time_of(event)
            open_now = plain.worked(at, at + timedelta(seconds=1)) == timedelta(seconds=1)
            assert open_now or fact_of(event) == "submitted"
            asleep += not open_now
            entered = instants.parse(event["recordedtime"])
            assert instants.parse("2025-07-01T00:00:00+07:00") <= instants.parse(event["time"]) < entered < PERIOD_ENDS
            assert entered_before < entered
            entered_before = entered
            held_up += entered - instants.parse(event["time"]) > instants.HOUR
            total += 1
    assert asleep > 1000
    assert 0 < held_up < total / 20


def test_the_order_is_that_in_which_events_were_entered(reported: list[Reported]) -> None:
    """A replay that takes them as they stand never meets a dossier's second fact before its first."""
    assert [each.entered_at for each in reported] == sorted(each.entered_at for each in reported)


def test_same_seed_same_bytes(reported: list[Reported]) -> None:
    """Also in another process with another hash seed; another seed makes another fortnight."""
    script = (
        "import hashlib, sys; from pathlib import Path; from lab.fortnight import facts, writing; "
        "told = writing.fortnight(facts.read(facts.HUE_2025_07), Path('deploy/reference'), int(sys.argv[1])); "
        "print(hashlib.sha256(b'\\n'.join(each.event for each in told)).hexdigest())"
    )

    def digest(seed: int) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": "7"}
        command = [sys.executable, "-c", script, str(seed)]
        ended = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return ended.stdout.strip()

    here = hashlib.sha256(b"\n".join(each.event for each in reported)).hexdigest()
    assert digest(SEED) == here
    assert digest(SEED + 1) != here
