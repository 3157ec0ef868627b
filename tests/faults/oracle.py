"""What must come of the events that centres handed in: each dossier's state and dues, every counter of both roles.

Worked out from the bytes of the events and the way they came, by the letter of docs/RULES.md; no code of lab or services.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tests.faults.coming import Between, Came, Identity, duplicates, entries, identity, lateness
from tests.unit import plain_recount as plain
from tests.unit.plain_recount import ARROWS, PAUSED, Event, fact_of, time_of

WORKING_DAY = timedelta(hours=8)
BACKDATED_AFTER = timedelta(minutes=60)
STATES = {80: 8, 88: 8}
OPEN = {1, 2, 4, 5, 6, 80}
RUNNING = {2, 4}
STOCKS = {1: (), 2: ("open_in_processing",), 4: ("open_in_processing",), 5: ("open_waiting_supplement",),
          6: ("open_waiting_payment",), 80: ("open_suspended",)}  # fmt: skip
COUNTED_ALIKE = {"submitted", "received", "refused", "withdrawn", "returned", "halted", "recalled", "handed_over",
                 "rescheduled"}  # fmt: skip
Limit = tuple[int, str]
Figures = dict[tuple[str, str], Counter[str]]
"""(role, code) → counters."""


@dataclass
class Due:
    """An end of a time limit, moved by pauses; `day` is the date of a calendar limit before it was moved off a day off."""

    at: datetime
    day: date | None

    @staticmethod
    def of(limit: Limit, received: datetime) -> "Due":
        """Where a limit that starts now ends."""
        by_date = None if limit[1].startswith("working") else plain._date_due(limit, received)
        return Due(plain.first_due(limit, received), by_date)

    def pause(self, since: datetime, until: datetime) -> None:
        """Nobody's clock ran in between."""
        if self.day is None:
            self.at = plain.advance(self.at, plain.worked(since, until))
        elif until.date() != since.date():
            self.day += until.date() - since.date()
            self.at = plain.closing_on_or_after(self.day)


@dataclass
class Standing:
    """One dossier after all its events."""

    receiver: str
    competent: str
    channel: str
    state: int = 0
    before: int = 0
    original: Due | None = None
    current: Due | None = None
    acceptance: Due | None = None
    counted: list[tuple[str, str]] = field(default_factory=list)  # (counter, body competent then)
    completion: list[tuple[str, str]] = field(default_factory=list)
    in_time: tuple[Identity, datetime] | None = None  # the event of a completion in time, and its due

    @property
    def shown_state(self) -> int:
        """The state as the portal numbers it."""
        return STATES.get(self.state, self.state)


def standings(raws: Iterable[bytes]) -> dict[str, Standing]:
    """How each dossier stands."""
    limits = plain.catalogue()
    return {subject: _walked(events, limits) for subject, events in plain.dossiers(raws).items()}


def figures(
    stands: Mapping[str, Standing], raws: Sequence[bytes], clock: datetime, came: Came, by_edges: Mapping[Identity, Between]
) -> Figures:
    """Every counter, as of a log clock."""
    told: Figures = {}
    entered = entries(raws, came, by_edges)

    def count(name: str, receiver: str, competent: str) -> None:
        told.setdefault(("receiver", receiver), Counter())[name] += 1
        told.setdefault(("competent", competent), Counter())[name] += 1

    for stand in stands.values():
        for name, competent in (*stand.counted, *stand.completion):
            count(name, stand.receiver, competent)
        for name in _stocks(stand, clock):
            count(name, stand.receiver, stand.competent)
        if stand.in_time is not None:
            event, due = stand.in_time
            if (late := lateness(came.get(event), entered.get(event), due)) is not None:
                count(late, stand.receiver, stand.completion[0][1])
    for name, source in _of_sources(raws, entered):
        count(name, source, source)
    for source in duplicates(came):
        count("duplicates", source, source)
    return told


def _walked(events: list[Event], limits: dict[str, Limit | None]) -> Standing:
    birth = events[0]["data"]
    stand = Standing(birth["receiver"], birth["competent"], birth["channel"])
    stand.counted.append(("legs" if "parent" in birth else "cases", stand.competent))
    limit: Limit | None = None
    paused_at: datetime | None = None
    for event in events:
        fact, at, said = fact_of(event), time_of(event), event["data"]
        to = ARROWS[fact][stand.state]
        restarts = fact == "supplement_provided" and bool(said.get("restart"))
        if paused_at is not None and to not in PAUSED:
            for due in (stand.original, stand.current, stand.acceptance if stand.original is None else None):
                if due is not None and fact in ("supplement_provided", "payment_made", "resumed"):
                    due.pause(paused_at, at)
            paused_at = None
        if fact == "submitted":
            stand.acceptance = Due(plain.advance(at, WORKING_DAY), None)
        if fact == "received":
            given = said.get("time_limit") or birth.get("time_limit")
            limit = (given["amount"], given["unit"]) if given else limits[birth["procedure"]]
        if (fact == "received" or restarts) and limit is not None:
            stand.original, stand.current = Due.of(limit, at), Due.of(limit, at)
        if fact == "rescheduled":
            _reschedule(stand, at, datetime.fromisoformat(said["due"]))
        _count(stand, fact, said, at, (event["source"], event["id"], event["subject"]))
        if to in PAUSED and stand.state not in PAUSED:
            paused_at, stand.before = at, stand.state
        stand.state = (2 if restarts else stand.before) if to == "before" else int(to)
        if fact == "handed_over":
            stand.competent = said["competent"]
    return stand


def _reschedule(stand: Standing, at: datetime, due: datetime) -> None:
    current = stand.current
    assert current is not None
    assert at < current.at < due
    stand.current = Due(due, None if current.day is None else due.date())


def _count(stand: Standing, fact: str, said: dict[str, Any], at: datetime, event: Identity) -> None:
    """What one step adds, under the body that is competent as it is taken."""
    told = []
    if fact in COUNTED_ALIKE:
        told.append(fact)
    if fact == "supplement_lapsed":
        told.append("refused")
    if fact == "received":
        told.append(f"received_{stand.channel}")
        told += ["digitised"] if said.get("digitised") else []
    if fact == "payment_made" and said.get("online"):
        told.append("paid_online")
    stand.counted += [(name, stand.competent) for name in told]
    if fact == "recalled":
        stand.completion, stand.in_time = [], None
    if fact == "completed" or (fact == "returned" and stand.state != 9):
        ended = ["completed", _timeliness(stand.current, at)]
        ended += ["electronic_result"] if said.get("electronic_result") else []
        stand.completion = [(name, stand.competent) for name in ended]
        due = stand.current
        stand.in_time = None if due is None or at > due.at else (event, due.at)


def _timeliness(due: Due | None, at: datetime) -> str:
    if due is None:
        return "completed_without_due"
    if at > due.at:
        return "completed_late"
    return "completed_early" if plain.worked(at, due.at) >= WORKING_DAY else "completed_on_time"


def _stocks(stand: Standing, clock: datetime) -> Iterable[str]:
    if stand.state not in OPEN:
        return
    yield "open"
    yield from STOCKS[stand.state]
    if stand.state == 1 and stand.acceptance is not None and clock > stand.acceptance.at:
        yield "acceptance_overdue"
    if stand.state in RUNNING and stand.current is not None:
        left = stand.current.at - clock
        if left < timedelta():
            yield "overdue_open"
            return
        if left <= timedelta(hours=24):
            yield "due_in_24h"
        if left <= timedelta(hours=72):
            yield "due_in_72h"


def _of_sources(raws: Sequence[bytes], entered: Mapping[Identity, datetime]) -> Iterable[tuple[str, str]]:
    """What belongs to the code in `source`: events taken out, events entered long after they happened."""
    events = [json.loads(raw) for raw in raws]
    out = {(event["source"], event["data"]["event"], event["subject"]) for event in events if fact_of(event) == "annulled"}
    for raw, event in zip(raws, events, strict=True):
        code = event["source"].split("/")[2]
        if (known := identity(raw)) in out:
            yield "annulled", code
        elif time_of(event) + BACKDATED_AFTER < entered[known]:
            yield "backdated", code
