"""The shipped calendar compiled beside the oracle's own reading of it, and whole lives of dossiers told to both."""

import random
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from contracts import instants, reference_files
from contracts.reference import Calendar, Reference, Unit
from services.processing.domain.calendar import WorkingTime
from services.processing.domain.rules import Rules
from tests.unit.oracle_minutes import MINUTE, Office, Paper, Windows, local
from tests.unit.vietnam_2025_2026 import DAYS_OFF, MADE_UP, PROFILES

SHIPPED = reference_files.read(Path(__file__).parents[2] / "deploy/reference").calendar
HOURS = {name: WorkingTime.compile(SHIPPED, name) for name in PROFILES}
OFFICES = {name: Office(windows, DAYS_OFF, MADE_UP, "2024-12-01", 760) for name, windows in PROFILES.items()}
FIRST, LAST = local("2025-01-01 00:00"), local("2026-11-30 00:00")

# Three windows, a break before noon, a free Tuesday, an evening, a Sunday; its make-up days are Mondays as all are.
ODD: Windows = {
    "mon": (("06:15", "09:45"), ("10:00", "12:00"), ("13:00", "18:30")),
    "wed": (("08:00", "16:00"),),
    "thu": (("13:30", "21:10"),),
    "fri": (("07:00", "11:30"), ("13:30", "17:00")),
    "sat": (("09:10", "11:05"),),
    "sun": (("14:00", "18:00"),),
}
ALL_PROFILES: dict[str, Windows] = {**PROFILES, "odd": ODD}
CALENDAR: Calendar = msgspec.structs.replace(
    SHIPPED, profiles={name: {day: list(week[day]) for day in week} for name, week in ALL_PROFILES.items()}
)
WALKED = {name: Office(week, DAYS_OFF, MADE_UP, "2024-12-01", 1_100) for name, week in ALL_PROFILES.items()}
# CHANGES opens on Saturdays from Friday, 1 August 2025: who was received before keeps the hours that were told then.
CHANGED_ON = "2025-08-01"
CLOCK_BODY = Reference(
    units=[
        *(Unit(code=name, name=name, kind="ward", hours=name, valid_from="2024-12-01") for name in ALL_PROFILES),
        Unit(code="CHANGES", name="C", kind="ward", hours="default", valid_from="2024-12-01", valid_to="2025-07-31"),
        Unit(code="CHANGES", name="C", kind="ward", hours="saturday_morning", valid_from=CHANGED_ON),
    ],
    departments=[],
    procedures=[],
    calendar=CALENDAR,
)
RULES = Rules.compile("clock", CLOCK_BODY)
LIMITS = {
    "working_hours": (1, 2, 4, 8, 16, 40),
    "working_days": (0, 0, 1, 2, 3, 5, 7, 10),
    "calendar_days": (1, 2, 5, 10, 15, 30, 45),
    "months": (1, 2),
}
PAUSES = {"supplement_requested": "supplement_provided", "payment_requested": "payment_made", "suspended": "resumed"}


class Told(NamedTuple):
    """One event of a life; `dues` are the paper's original and current after it, None where it cannot have moved them."""

    fact: str
    at: int
    data: dict[str, Any]
    dues: tuple[int | None, int | None] | None = None


class Life(NamedTuple):
    """A dossier from birth to its end or to where it stands; `acceptance_due` is the paper's, None when never submitted."""

    receiver: str
    competent: str
    unit: str | None
    amount: int
    told: list[Told]
    acceptance_due: int | None
    due: int | None
    timeliness: str | None
    started: int
    is_paused: bool


def any_instant(chance: random.Random) -> int:
    """Any instant of two years, often on the very edge of a window or one microsecond beside it."""
    at = chance.randrange(FIRST, LAST)
    if chance.random() < 0.3:  # the edges of windows, and one microsecond beside them
        midnight = instants.midnight(instants.day_number(at))
        at = midnight + chance.choice([0, 420, 690, 810, 900, 1020]) * MINUTE + chance.choice([-1, 0, 1])
    elif chance.random() < 0.3:
        at -= at % MINUTE
    return at


def office_of(code: str, at: int) -> Office:
    """The oracle's office of a body as it opened on the day of an instant."""
    if code == "CHANGES":
        return WALKED["default" if at < local(f"{CHANGED_ON} 00:00") else "saturday_morning"]
    return WALKED[code]


def any_life(chance: random.Random, begin: int | None = None) -> Life:
    """Acceptance, pauses one after another and over holidays, restarts, a letter, hand-overs, a completion, a recall.

    `begin`: the day number of its birth, any day if None.
    """
    return _Living(chance, begin).life()


class _Living:
    def __init__(self, chance: random.Random, begin: int | None) -> None:
        self._chance = chance
        self._receiver, self._competent = (chance.choice([*ALL_PROFILES, "CHANGES"]) for _ in range(2))
        self._unit = chance.choice([*LIMITS, *LIMITS, None])
        self._amount = 0 if self._unit is None else chance.choice(LIMITS[self._unit])
        self._at = any_instant(chance)
        if begin is not None or self._at > local("2026-06-30 00:00"):
            day = instants.day_from_text("2025-01-01") + chance.randrange(540) if begin is None else begin
            self._at += instants.midnight(day) - instants.midnight(instants.day_number(self._at))
        self._told: list[Told] = []
        self._is_paused = False

    def life(self) -> Life:
        chance = self._chance
        birth: dict[str, Any] = {"procedure": "p", "channel": "online"}
        birth |= {"receiver": self._receiver, "competent": self._competent}
        if self._unit is not None:
            birth["time_limit"] = {"amount": self._amount, "unit": self._unit}
        acceptance_due = None
        received_in = self._at
        if is_submitted := chance.random() < 0.5:
            gaps = [self._gap() for _ in range(chance.choice([0, 0, 2, 4]))]
            received_in += sum(gaps) + (gap := self._gap())
        self._paper = Paper(
            office_of(self._receiver, self._at), office_of(self._competent, received_in), self._unit, self._amount
        )
        if is_submitted:
            self._paper.submitted(self._at)
            self._say("submitted", birth)
            for place, before in enumerate(gaps):
                self._at += before
                if place % 2 == 0:
                    self._paper.paused(self._at)
                    self._say("supplement_requested", {"reason": "incomplete"})
                else:
                    self._paper.resumed(self._at)
                    self._say("supplement_provided", {})
            acceptance_due = self._paper.acceptance_due
            self._at += gap
        self._paper.received(self._at)
        self._say("received", {} if is_submitted else birth, moved=True)
        self._processing()
        timeliness = self._ending()
        assert self._paper.started is not None
        return Life(
            self._receiver, self._competent, self._unit, self._amount, self._told, acceptance_due,
            self._paper.due_current, timeliness, self._paper.started, self._is_paused,
        )  # fmt: skip

    def _processing(self) -> None:
        chance, state, has_letter = self._chance, 2, False
        for _ in range(chance.randrange(6)):
            self._at += self._gap()
            act = chance.choice(["start", "pause", "pause", "pause", "letter", "hand over"])
            if act == "start" and state == 2:
                state = 4
                self._say("processing_started", {})
            elif act == "hand over":
                self._say("handed_over", {"competent": chance.choice([c for c in ALL_PROFILES if c != self._now_with()])})
            elif act == "letter" and not has_letter:
                has_letter = self._letter()
            elif act == "pause":
                fact = chance.choice([*PAUSES][: 2 + (state == 4)])
                self._paper.paused(self._at)
                self._is_paused = True
                self._say(fact, {} if fact == "payment_requested" else {"reason": "incomplete"})
                if chance.random() < 0.1:
                    return
                self._at += chance.choice([1, self._gap(), self._gap()])
                self._is_paused = False
                if fact == "supplement_requested" and chance.random() < 0.25:
                    state = 2
                    self._paper.received(self._at)
                    self._say("supplement_provided", {"restart": True}, moved=True)
                else:
                    self._paper.resumed(self._at)
                    self._say(PAUSES[fact], {}, moved=True)

    def _letter(self) -> bool:
        due = self._paper.due_current
        if due is None or not self._at < due:
            return False
        new = due + self._chance.choice([1, self._gap(), self._gap()])
        self._paper.rescheduled(new)
        self._say("rescheduled", {"due": instants.show(new)}, moved=True)
        return True

    def _ending(self) -> str | None:
        if self._is_paused or self._chance.random() < 0.3:
            return None
        due = self._paper.due_current
        self._at += self._gap()
        if due is not None and self._chance.random() < 0.5:  # on the very edge of being late or early
            edge = due + self._chance.choice([-480 * MINUTE, 0]) + self._chance.choice([-1, 0, 1])
            self._at = max(self._at, edge)
        self._say("completed", {})
        if self._chance.random() < 0.2:
            self._at += self._gap()
            self._say("recalled", {"reason": "mistake"})
            self._at += self._gap()
            self._say("completed", {})
        return self._paper.timeliness(self._at)

    def _say(self, fact: str, data: dict[str, Any], moved: bool = False) -> None:
        dues = (self._paper.due_original, self._paper.due_current) if moved else None
        self._told.append(Told(fact, self._at, data, dues))

    def _now_with(self) -> str:
        given = [told.data["competent"] for told in self._told if told.fact == "handed_over"]
        return given[-1] if given else self._competent

    def _gap(self) -> int:
        chance = self._chance
        return 1 + chance.choice([chance.randrange(300), chance.randrange(2 * 1440), chance.randrange(9 * 1440)]) * (
            MINUTE if chance.random() < 0.5 else MINUTE - 17
        )
