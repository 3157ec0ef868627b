"""The ledger's minutes promise to cover a dossier's legal time once and to add up to its limit, each with its reason."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from contracts import instants
from services.processing.domain.dossier import Dossier, keep
from services.processing.domain.ledger import deadline_view
from services.processing.domain.listed import row
from tests.unit.fold_world import event
from tests.unit.legal_clock_world import ALL_PROFILES, LAST, RULES, Life, any_life, office_of
from tests.unit.oracle_minutes import MINUTE, Office, local
from tests.unit.vietnam_2025_2026 import DAYS_OFF, MADE_UP

LIVES = 500
HOLDS_DATES = ("calendar_days", "months")


@pytest.mark.slow
def test_every_minute_of_any_life_is_told_once_with_its_reason() -> None:
    for life, view, told in _views(LIVES, "minutes"):
        pieces = view["segments"]
        assert view["segments_left_out"] == 0, told
        assert pieces[0]["from"] == instants.show(life.told[0].at), told
        assert pieces[-1]["to"] == instants.show(_until(life)), told
        for one, other in pairwise(pieces):
            assert one["to"] == other["from"], told
            assert one["ended_by"] == other["began_by"], told
        assert pieces[0]["began_by"] == life.told[0].fact, told
        assert pieces[-1]["ended_by"] == ("now" if life.timeliness is None else "completed"), told
        for piece in pieces:
            _one_piece(life, piece, f"{piece} of {told}")


@pytest.mark.slow
def test_running_minutes_add_up_to_the_limit_and_pauses_to_what_they_moved() -> None:
    for life, view, told in _views(LIVES, "sums"):
        office = _competent(life)
        last = view["balance"]["clock"]
        pieces = [piece for piece in view["segments"] if piece["clock"] == last]
        running = sum(piece["working_minutes"] for piece in pieces if piece["kind"] == "running")
        paused = sum(piece["working_minutes"] for piece in pieces if piece["kind"] == "paused")
        assert (running, paused) == (view["balance"]["running_minutes"], view["balance"]["paused_minutes"]), told
        legs = [leg for leg in view["stretches"] if leg["clock"] == last]
        assert running == sum(leg["working_minutes"] for leg in legs if leg["kind"] == "running"), told
        worked = sum(office.worked(_at(leg["from"]), _at(leg["to"])) for leg in legs if leg["kind"] == "running")
        assert running == worked // MINUTE, told
        limit = _limit_minutes(life)
        assert view["balance"]["limit_minutes"] == limit, told
        if limit is None:
            continue
        within = sum(p["working_minutes"] for p in pieces if p["kind"] == "running" and not p["beyond_limit"])
        assert within == min(running, limit), f"up to the due they are the limit, no more: {told}"
        assert view["balance"]["remaining_minutes"] == limit - within, told
        assert view["balance"]["beyond_limit_minutes"] == running - within, told
        finished = sum(
            office.worked(_at(move["pause"]["from"]), _at(move["pause"]["to"]))
            for move in view["moves"]
            if move["code"] == "paused" and _at(move["at"]) > life.started
        )
        assert view["due_original"] == instants.show(office.advance(life.started, limit * MINUTE + finished)), told


@pytest.mark.slow
def test_what_remains_and_what_ran_beyond_is_what_the_verdict_and_the_worklist_say() -> None:
    for life, view, told in _views(300, "agree"):
        if view["due_original"] is None or view["due_original"] != view["due_current"]:
            continue  # beyond its limit is not late where a letter gave another day
        last, code, late = view["balance"]["clock"], view["verdict"]["code"], view["verdict"]["late_minutes"]
        beyond = [piece for piece in view["segments"] if piece["beyond_limit"] and piece["clock"] == last]
        ran = sum(piece["working_minutes"] for piece in beyond)
        if life.unit not in HOLDS_DATES and code != "paused":
            # A closing parts no whole minute of a same day's limit that began within one.
            assert ran == late or (view["balance"]["limit_minutes"] is None and ran == late + 1), told
        elif code in ("running", "overdue", "late"):
            leg = view["stretches"][-1]
            since = sum(piece["working_minutes"] for piece in beyond if piece["from"] >= leg["from"])
            assert since in {min(late, leg["working_minutes"]) + more for more in (-1, 0, 1)}, told
        if view["balance"]["limit_minutes"] is None:
            continue
        assert view["balance"]["beyond_limit_minutes"] == ran, told
        if code not in ("running", "paused", "overdue"):
            continue
        listed = row(_dossier(life), _until(life), RULES)
        if listed["minutes_left"] is None:
            assert (view["balance"]["remaining_minutes"], ran) == (0, listed["minutes_over"]), told
        else:
            at = life.told[-1].at if code == "paused" else _until(life)
            begun = _competent(life).worked(at, _at(view["due_original"]))
            assert (view["balance"]["remaining_minutes"], ran) == (-(-begun // MINUTE), 0), told
            assert listed["minutes_left"] == begun // MINUTE, told


@pytest.mark.slow
def test_each_move_begins_with_the_due_that_the_one_before_left() -> None:
    for _, view, told in _views(LIVES, "moves"):
        dues = [move for move in view["moves"] if move["due_current"] is not None]
        assert all(one["due_current"] == other["due_before"] for one, other in pairwise(dues)), told
        assert not dues or dues[-1]["due_current"] == view["due_current"], told
        assert not dues or dues[-1]["due_original"] == view["due_original"], told
        assert {rule for move in view["moves"] for rule in move["rules"]} <= view["rules"].keys(), told
        assert {piece["rule"] for piece in view["segments"]} <= view["rules"].keys(), told


@pytest.mark.parametrize(
    ("received", "hours", "due"),
    [
        ("2025-07-31 16:30", 10, "2025-08-04 08:30"),  # the eve: the new Saturdays are none for it
        ("2025-08-01 16:30", 2, "2025-08-02 08:30"),  # the first day
    ],
)
def test_hours_are_those_in_force_on_the_day_of_the_reception(received: str, hours: int, due: str) -> None:
    """Whatever changes later: a citizen was told a due."""
    limit = {"amount": hours, "unit": "working_hours"}
    birth: dict[str, Any] = {
        "procedure": "p",
        "channel": "direct",
        "receiver": "CHANGES",
        "competent": "CHANGES",
        "time_limit": limit,
    }
    reported = event("received", local(received), source="/units/CHANGES", **birth)
    view = deadline_view(Dossier("X", (keep(reported, 0, reported.time, None),)), local("2025-08-05 08:00"), RULES)
    assert view["due_current"] == instants.show(local(due))


def _views(lives: int, seed: str) -> Iterator[tuple[Life, dict[str, Any], str]]:
    chance = random.Random(seed)
    for number in range(lives):
        life = any_life(chance)
        yield life, deadline_view(_dossier(life), _until(life), RULES), f"life {number} of {seed!r}: {life}"


def _dossier(life: Life) -> Dossier:
    kept = []
    for offset, each in enumerate(life.told):
        reported = event(each.fact, each.at, source=f"/units/{life.receiver}", **each.data)
        kept.append(keep(reported, offset, each.at, None))
    return Dossier("X", tuple(kept))


def _until(life: Life) -> int:
    """The end, or a day on which somebody asks."""
    asked = min(life.told[-1].at + 5 * 1440 * MINUTE, LAST)
    return life.told[-1].at if life.timeliness is not None else max(asked, life.told[-1].at)


def _competent(life: Life) -> Office:
    received = next(each.at for each in life.told if each.fact == "received")
    return office_of(life.competent, received)


def _one_piece(life: Life, piece: dict[str, Any], told: str) -> None:
    begin, end = _at(piece["from"]), _at(piece["to"])
    assert begin < end, told
    is_acceptance = piece["phase"] == "acceptance"
    office = office_of(life.receiver, life.told[0].at) if is_acceptance else _competent(life)
    if piece["kind"] == "closed":
        assert office.worked(begin, end) == 0, told
        assert piece["working_minutes"] == 0, told
        assert piece["reason"] == _why_closed(life.receiver if is_acceptance else life.competent, office, begin, end), told
        is_named = piece["reason"] == "holiday"
        assert (piece["reason_name"] is not None) == is_named, told
        assert piece["rule"] == "calendar_body" if is_named else piece["rule"].startswith("office_hours"), told
    elif piece["kind"] == "running" and (is_acceptance or life.unit not in HOLDS_DATES):
        assert office.worked(begin, end) == end - begin, told
        assert (piece["reason"] == "make_up_day") == (instants.day_of(begin) in MADE_UP), told


def _why_closed(code: str, office: Office, begin: int, end: int) -> str:
    """By the official announcements and the windows of the profile alone."""
    first = date.fromisoformat(instants.day_of(begin))
    if not office.is_working_day(first):
        if first.isoformat() in DAYS_OFF:
            return "holiday"
        return "weekend" if first.weekday() >= 5 else "day_off"
    assert instants.day_of(end - 1) == first.isoformat(), "a closed part of a working day ends with it"
    midnight = local(f"{first} 00:00")
    if office.worked(midnight, begin) == 0:
        return "before_opening"
    if office.worked(begin, midnight + 1440 * MINUTE) == 0:
        return "after_closing"
    noon = datetime.combine(first, datetime.min.time()) + timedelta(hours=12)
    profile = "default" if code == "CHANGES" else code
    gaps = pairwise(ALL_PROFILES[profile].get(("mon", "tue", "wed", "thu", "fri", "sat", "sun")[first.weekday()], ()))
    spans_noon = any(one[1] <= f"{noon:%H:%M}" < other[0] and _clock(begin) >= one[1] for one, other in gaps)
    return "lunch_break" if spans_noon or (first.isoformat() in MADE_UP and _clock(begin) >= "11:30") else "break"


def _clock(instant: int) -> str:
    return instants.show(instant)[11:16]


def _limit_minutes(life: Life) -> int | None:
    if life.unit in (None, *HOLDS_DATES) or (life.unit, life.amount) == ("working_days", 0):
        return None
    return life.amount * (60 if life.unit == "working_hours" else 480)


def _at(text: str) -> int:
    return instants.parse(text)


@pytest.mark.slow
def test_events_in_any_disorder_leave_a_ledger_without_gaps() -> None:
    """Clocks that differ, steps that apply after the ones that followed them: told all the same, up to the end."""
    chance, seen = random.Random("disorder"), 0
    for number in range(600):
        kept = []
        for offset in range(chance.randrange(2, 14)):
            fact = chance.choice(FACTS_IN_DISORDER) if offset else "submitted"
            when = local("2025-08-28 08:00") + (chance.randrange(16 * 60) * MINUTE if offset else 0)
            reported = event(fact, when, source="/units/odd", id=f"{number}-{offset}", **_anything(chance, fact))
            kept.append(keep(reported, offset, when, None))
        view = deadline_view(Dossier("X", tuple(kept)), local("2025-09-04 08:00"), RULES)
        pieces = view["segments"]
        assert all(one["to"] == other["from"] for one, other in pairwise(pieces)), kept
        assert not pieces or pieces[0]["from"] == instants.show(local("2025-08-28 08:00")), kept
        if view["verdict"]["code"] in ("running", "paused", "overdue", "acceptance_paused", "acceptance_overdue"):
            assert pieces[-1]["to"] == "2025-09-04T08:00:00+07:00", kept
            seen += view["verdict"]["code"] == "running" or len(view["moves"]) > 2
    assert seen > 50


FACTS_IN_DISORDER = (
    "received", "received", "processing_started", "processing_started", "supplement_requested", "supplement_provided",
    "payment_requested", "payment_made", "suspended", "resumed", "completed", "recalled", "rescheduled", "handed_over",
)  # fmt: skip


def _anything(chance: random.Random, fact: str) -> dict[str, Any]:
    if fact == "submitted":
        unit = chance.choice(["working_hours", "working_days", "calendar_days"])
        limit = {"amount": chance.randrange(4), "unit": unit}
        return {"procedure": "p", "channel": "online", "receiver": "odd", "competent": "odd", "time_limit": limit}
    if fact in ("supplement_requested", "suspended", "recalled"):
        return {"reason": "any"}
    if fact == "supplement_provided":
        return {"restart": chance.random() < 0.3}
    if fact == "rescheduled":
        return {"due": f"2025-09-{chance.randrange(1, 20):02}T16:00:00+07:00"}
    return {"competent": chance.choice(["default", "odd"])} if fact == "handed_over" else {}
