"""The Huế fortnight: what was published is true of the raw events, and every life is one that the law allows."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from contracts import instants
from contracts.data import FACTS
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
        assert (event.code, event.subject) == (each.code, each.subject)
        assert event.recordedtime is not None
        assert event.recordedtime <= each.entered_at
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
            to = 2 if event["data"].get("restart") else arrows[state]
            after = before if isinstance(to, str) else to
            before, state = (state, after) if after in plain.PAUSED else (before, after)
        ends[state] += 1
    assert set(ends) == {1, 2, 3, 4, 5, 6, 7, 80, 88, 9, 10}


def test_whatever_may_happen_to_a_dossier_happens(reported: list[Reported], lives: dict[str, list[Event]]) -> None:
    """Every fact of the contract, and the combinations that systems get wrong: each several times."""
    seen: Counter[str] = Counter(fact_of(json.loads(each.event)) for each in reported)
    assert set(seen) == set(FACTS)
    for events in lives.values():
        facts = [fact_of(event) for event in events]
        pauses = sum(fact in ("supplement_requested", "payment_requested", "suspended") for fact in facts)
        seen["several pauses"] += pauses > 1
        seen["restart"] += any(event["data"].get("restart") for event in events)
        seen["return alone"] += "returned" in facts and "completed" not in facts
        seen["supplement before reception"] += "received" in facts[facts.index("supplement_requested"):] if (
            "supplement_requested" in facts) else 0  # fmt: skip
        seen["letter in time"] += "rescheduled" in facts and plain.in_time(events, plain.catalogue()) is True
        seen["letter in vain"] += "rescheduled" in facts and plain.in_time(events, plain.catalogue()) is False
        seen["there and back"] += facts.count("handed_over") == 2
        seen["recalled and completed anew"] += facts.count("completed") == 2
    for what in ("several pauses", "restart", "return alone", "supplement before reception", "letter in time",
                 "letter in vain", "there and back", "recalled and completed anew", *FACTS):  # fmt: skip
        assert seen[what] >= 5, what


def test_points_report_under_their_centre_and_are_named_as_helping(lives: dict[str, list[Event]]) -> None:
    """Agents, volunteers and old headquarters are never the receiver; they begin dossiers and are named in `assisted_by`."""
    seen: Counter[str] = Counter()
    for events in lives.values():
        for event in events:
            code, point = (*event["source"].split("/")[2:], None)[:2]
            assert event["data"].get("assisted_by") == point
            if point is not None:
                assert event["data"]["receiver"] == code
                seen[f"{point.rstrip('-0123456789')} {fact_of(event)}"] += 1
    assert set(seen) == {"dai-ly submitted", "to-tinh-nguyen submitted", "tru-so-cu received"}
    assert min(seen.values()) > 100


def test_joint_cases_are_one_case_with_legs_of_their_own(lives: dict[str, list[Event]]) -> None:
    """A leg names a dossier of the same unit that was born just before it, lunch aside; two or three legs each."""
    legs: dict[str, list[list[Event]]] = {}
    cases = 0
    for events in lives.values():
        parent = events[0]["data"].get("parent")
        cases += parent is None
        if parent is not None:
            legs.setdefault(parent, []).append(events)
            assert "parent" not in lives[parent][0]["data"]
            assert time_of(lives[parent][0]) <= time_of(events[0]) <= time_of(lives[parent][0]) + timedelta(hours=3)
            assert lives[parent][0]["data"]["receiver"] == events[0]["data"]["receiver"]
    assert len(legs) > 50
    assert {len(each) for each in legs.values()} == {2, 3}
    assert cases == len(lives) - sum(map(len, legs.values()))


def test_typing_errors_are_annulled_by_who_made_them(reported: list[Reported], lives: dict[str, list[Event]]) -> None:
    """Each annulment takes out one earlier entry of the same source and dossier: receptions and completions."""
    by_id = {event["id"]: event for event in (json.loads(each.event) for each in reported)}
    taken: Counter[str] = Counter()
    for event in by_id.values():
        if fact_of(event) == "annulled":
            wrong = by_id[event["data"]["event"]]
            assert (wrong["source"], wrong["subject"]) == (event["source"], event["subject"])
            assert wrong["time"] < event["time"]
            assert wrong["recordedtime"] < event["recordedtime"]
            assert all(wrong["id"] != each["id"] for each in lives[wrong["subject"]])
            taken[fact_of(wrong)] += 1
    assert set(taken) == {"received", "completed"}
    assert min(taken.values()) >= 5


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
    """Only online submissions come at night and at weekends; only outages and paper are entered an hour later and more."""
    asleep = held_up = on_paper = total = 0
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
            on_paper += "/tru-so-cu-" in event["source"] and instants.day_of(entered) != event["time"][:10]
            total += 1
    assert asleep > 1000
    assert 0 < held_up < total / 20
    assert 20 < on_paper < held_up


def test_some_links_are_down_and_what_waits_behind_them_says_when_it_was_entered(reported: list[Reported]) -> None:
    """Late by link is not late entry: the time of entering stays that of the centre; nothing waits beyond the period."""
    waited = Counter(each.code for each in reported if each.entered_at - _recorded(each) > 10 * instants.MINUTE)
    assert 3 <= len(waited) <= 20
    assert 300 < sum(waited.values()) < len(reported) / 20
    assert all(each.entered_at < PERIOD_ENDS for each in reported)


def _recorded(each: Reported) -> int:
    return instants.parse(json.loads(each.event)["recordedtime"])


def test_the_order_is_that_in_which_events_are_sent(reported: list[Reported]) -> None:
    """A replay that takes them as they stand never meets a dossier's second fact before its first."""
    assert [each.entered_at for each in reported] == sorted(each.entered_at for each in reported)


@pytest.mark.timeout(600)  # the fortnight is made twice more
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
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=250, check=True
        )
        return ended.stdout.strip()

    here = hashlib.sha256(b"\n".join(each.event for each in reported)).hexdigest()
    assert digest(SEED) == here
    assert digest(SEED + 1) != here
