"""A small world for tests of the fold: four bodies, one of which gives way to another, and events in one line each."""

from typing import Any

import msgspec

from contracts import instants
from contracts.data import FACTS
from contracts.events import Event
from contracts.reference import Calendar, Procedure, Reference, Unit
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.effects import Effect, Moment
from services.processing.domain.fold import activate, arrive, due_again, look, pass_time
from services.processing.domain.rules import Rules

WINDOWS = [("07:00", "11:30"), ("13:30", "17:00")]
CALENDAR = Calendar(
    profiles={"default": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), WINDOWS)},
    days_off={"2025-09-02": "National day"},
    make_up_days={},
)


def unit(code: str, kind: str = "ward", **more: Any) -> Unit:
    return Unit(code=code, name=code, kind=kind, hours="default", valid_from="2025-01-01", **more)  # type: ignore[arg-type]


BODY = Reference(
    units=[
        unit("A"),
        unit("B"),
        unit("OLD", valid_to="2025-07-09", successor="NEW"),
        Unit(code="NEW", name="NEW", kind="ward", hours="default", valid_from="2025-07-10"),
    ],
    departments=[unit("D", "department")],
    procedures=[Procedure(code="1.1", name="one", field="civil", time_limit=None)],
    calendar=CALENDAR,
)
RULES = Rules.compile("d1", BODY)
BIRTH: dict[str, Any] = {"procedure": "1.1", "channel": "online", "receiver": "A", "competent": "A"}
LIMIT: dict[str, Any] = {"amount": 3, "unit": "working_days"}


def at(text: str) -> int:
    """`07-01 08:00` in July-like short form to microseconds, always of 2025 and Vietnam's offset."""
    day, clock = text.split(" ")
    return instants.parse(f"2025-{day}T{clock}:00+07:00")


def event(
    fact: str, when: str | int, *, source: str = "/units/A", id: str = "", entered: int | None = None, **data: Any
) -> Event:
    """An event of the dossier `X`; without an id its fact and time name it."""
    time = at(when) if isinstance(when, str) else when
    raw = msgspec.json.encode(data)
    return Event(
        id=id or f"{fact}-{time}-{source}",
        source=source,
        fact=fact,
        subject="X",
        time=time,
        time_text=instants.show(time),
        data=msgspec.json.decode(raw, type=FACTS[fact]),
        raw_data=raw,
        recordedtime=entered,
    )


class Desk:
    """One dossier at a partition's end: events arrive, time passes, every effect is kept for the test to look at."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.dossier: Dossier | Retired | None = None
        self.clock: int | None = None
        self.first_clock: int | None = None
        self.due: int | None = None
        self.offset = 0
        self.effects: list[Effect] = []

    def moment(self, recorded_at: int | None = None) -> Moment:
        recorded = at("07-01 00:00") + self.offset if recorded_at is None else recorded_at
        return Moment(offset=self.offset, recorded_at=recorded, log_clock=self.clock, first_clock=self.first_clock)

    def report(self, reported: Event, recorded_at: int | None = None) -> Effect:
        moment = self.moment(recorded_at or reported.time)
        return self._keep(arrive(self.dossier, reported, moment, self.rules))

    def tick(self, clock: int) -> Effect | None:
        before, moment = self.clock, self.moment()
        self.clock = clock if before is None else max(clock, before)
        effect = None
        if isinstance(self.dossier, Dossier) and self.due is not None and self.due <= self.clock:
            effect = pass_time(self.dossier, moment, before, self.clock, self.rules)
            if effect is not None:
                self._keep(effect)
            else:
                self.due = due_again(self.dossier, self.clock, self.first_clock or self.clock, self.rules)
        if self.first_clock is None:
            self.first_clock = self.clock
        self.offset += 1
        return effect

    def activate(self, rules: Rules) -> Effect:
        assert isinstance(self.dossier, Dossier)
        effect = activate(self.dossier, self.moment(), self.rules, rules)
        assert effect is not None
        self.rules = rules
        return self._keep(effect)

    def _keep(self, effect: Effect) -> Effect:
        self.offset += 1
        self.effects.append(effect)
        if effect.dossier is not None:
            self.dossier, self.due = effect.dossier, effect.due_at
        return effect

    @property
    def state(self) -> int | None:
        assert isinstance(self.dossier, Dossier)
        return look(self.dossier, self.clock, self.rules)[1].stand.state
