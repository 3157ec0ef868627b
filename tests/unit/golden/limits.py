"""The golden log of the legal clock, beside the other: every limit, span and bound, at its last instant and the next."""

from collections.abc import Iterable
from itertools import count
from typing import Any

import msgspec

from contracts import instants, reference
from contracts.data import TimeLimit
from contracts.events import Activated, Event, Opened, Ticked, control_record, to_record
from contracts.reference import Calendar, Procedure, Reference, Unit
from services.processing.domain.generation import GEN
from tests.unit.fold_world import event
from tests.unit.golden import make
from tests.unit.golden.fold import Reported
from tests.unit.legal_clock_world import ALL_PROFILES, CALENDAR, CHANGED_ON
from tests.unit.oracle_minutes import local
from tests.unit.test_deadline import FIRST_DUES, PAUSED_DUES, SATURDAY_DUES

INSTANT = 1  # a microsecond
FIRST_CLOCK, ACTIVATED, NEXT = "2024-02-01 00:00", "2026-03-10 00:00", "2026-03-11 00:00"
REASON: dict[str, Any] = {"reason": "incomplete"}
Pauses = Iterable[tuple[str, str]]

# Limit, receiver, received, pauses, due, worked out by hand as the rows of test_deadline.py are.
DUES: list[tuple[str, str, str, Pauses, str]] = [
    *((limit, "default", received, (), due) for limit, received, due in FIRST_DUES),
    *((limit, "default", received, pauses, due) for limit, received, pauses, due in PAUSED_DUES),
    *((limit, "saturday_morning", received, (), due) for limit, received, due in SATURDAY_DUES),
    ("1 months", "default", "2025-07-02 08:00", [("2025-07-08 09:00", "2025-07-11 08:00")], "2025-08-05 17:00"),
    # CHANGES opens on Saturdays from 1 August: who came before keeps the hours that were told then.
    ("2 working_hours", "CHANGES", "2025-07-25 16:00", (), "2025-07-28 08:00"),
    ("2 working_hours", "CHANGES", "2025-08-01 16:00", (), "2025-08-02 08:00"),
    ("", "default", "2025-07-07 08:00", (), "2025-07-09 08:00"),  # the catalogue's
]


class Log:
    """What is said to one partition, in the order of recording."""

    def __init__(self) -> None:
        self._said: list[Reported] = []
        self._ids = count()

    def say(
        self, code: str, fact: str, when: int, *, source: str = "default", recorded: int | None = None,
        entered: int | None = None, **data: Any,
    ) -> None:  # fmt: skip
        """An event, recorded at its own time unless it says otherwise."""
        reported: Event = event(fact, when, source=f"/units/{source}", id=f"e{next(self._ids)}", entered=entered, **data)
        entered_text = None if entered is None else instants.show(entered)
        _, value, headers = to_record(msgspec.structs.replace(reported, subject=code, recordedtime_text=entered_text))
        self._add(value, headers, when if recorded is None else recorded)

    def control(self, control: Opened | Activated | Ticked, at: int) -> None:
        """A control record."""
        value, headers = control_record(control, "golden", "/operators")
        self._add(value, headers, at)

    def tick(self, *moments: int) -> None:
        """The clock at each of these."""
        for at in moments:
            self.control(Ticked(at), at)

    def around(self, at: int) -> None:
        """A tick an instant before and one at the very instant."""
        self.tick(at - INSTANT, at)

    def born(self, code: str, limit: str, at: int, fact: str = "received", by: str = "default", **more: Any) -> None:
        """A dossier's first event; without a limit, the catalogue's holds."""
        recorded = more.pop("recorded", None)
        if limit:
            amount, unit = limit.split(" ")
            more["time_limit"] = msgspec.to_builtins(TimeLimit(amount=int(amount), unit=unit))  # type: ignore[arg-type]
        birth = {"procedure": "1.1", "channel": "online", "receiver": by, "competent": by}
        self.say(code, fact, at, source=by, recorded=recorded, **birth | more)

    def records(self) -> list[Reported]:
        """All of it; what was recorded at the same instant, as it was said."""
        return sorted(self._said, key=lambda record: record.recorded_at)

    def _add(self, value: bytes, headers: Iterable[tuple[str, bytes]], recorded_at: int) -> None:
        self._said.append(Reported(value.decode(), [(name, text.decode()) for name, text in headers], recorded_at))


def bodies() -> list[Reference]:
    """The hours of the legal clock's tests in the years that the log is of; afterwards a unit more and a day off more."""
    calendar: Calendar = msgspec.structs.replace(
        CALENDAR,
        days_off={day: "off" for day in CALENDAR.days_off if "2024" <= day < "2028"},
        make_up_days={day: "made up" for day in CALENDAR.make_up_days if "2024" <= day < "2028"},
    )
    units = [Unit(code=name, name=name, kind="ward", hours=name, valid_from="2024-01-01") for name in ALL_PROFILES]
    units += [
        Unit(code="CHANGES", name="C", kind="ward", hours="default", valid_from="2024-01-01", valid_to="2025-07-31"),
        Unit(code="CHANGES", name="C", kind="ward", hours="saturday_morning", valid_from=CHANGED_ON),
        # No end is given for GIVES: it ends with the eve of its successor.
        Unit(code="GIVES", name="G", kind="ward", hours="default", valid_from="2024-01-01", successor="TAKES"),
        Unit(code="TAKES", name="T", kind="ward", hours="default", valid_from=CHANGED_ON),
    ]
    two_days = TimeLimit(amount=2, unit="working_days")
    procedures = [
        Procedure(code="1.1", name="one", field="civil", time_limit=two_days),
        Procedure(code="2.2", name="two", field="land"),
    ]
    before = Reference(units=units, departments=[], procedures=procedures, calendar=calendar)
    late = Unit(code="LATER", name="L", kind="ward", hours="default", valid_from="2024-01-01")
    corrected = msgspec.structs.replace(calendar, days_off={**calendar.days_off, "2025-07-08": "storm"})
    return [before, msgspec.structs.replace(before, units=[*units, late], calendar=corrected)]


def records() -> list[Reported]:
    """The whole partition."""
    digests = [reference.digest(reference.encode(body)) for body in bodies()]
    log, first, activated = Log(), local(FIRST_CLOCK), local(ACTIVATED)
    log.control(Opened("log", "golden"), first)
    log.control(Activated(digests[0]), first)
    log.tick(first, local("2025-07-01 00:00"))
    _dues(log)
    _verdicts(log)
    _letters_and_restarts(log)
    _units_that_give_way(log)
    _clocks_that_differ(log)
    _running(log)
    _failures(log)
    log.control(Activated(digests[1]), activated)
    log.tick(activated + INSTANT, local(NEXT))
    _retirements(log)
    _bounds(log)
    return log.records()


def _dues(log: Log) -> None:
    """Each of them met by one dossier, and missed by an instant by another."""
    for number, (limit, unit, received, pauses, due) in enumerate(DUES):
        for code, end in ((f"MET-{number:02}", local(due)), (f"MISSED-{number:02}", local(due) + INSTANT)):
            log.born(code, limit, local(received), by=unit)
            for begin, resumed in pauses:
                log.say(code, "payment_requested", local(begin), source=unit)
                log.say(code, "payment_made", local(resumed), source=unit)
            log.say(code, "completed", end, source=unit)


def _verdicts(log: Log) -> None:
    """Early by 480 minutes of working time or not; heard of before and after the clock had passed the due; without a due."""
    monday, due = local("2025-07-07 07:00"), local("2025-07-11 17:00")
    for code, end in (("EARLY", local("2025-07-11 07:00")), ("NOT-EARLY", local("2025-07-11 07:00") + INSTANT)):
        log.born(code, "5 working_days", monday)
        log.say(code, "completed", end)
    log.around(due + INSTANT)
    heard = due + instants.DAY
    for code, entered, recorded in (
        ("IN-TIME", None, due), ("LATE-ENTRY", None, heard), ("LATE-LINK", due, heard), ("NO-LINK", due + INSTANT, heard),
    ):  # fmt: skip
        log.born(code, "5 working_days", monday)
        log.say(code, "returned", due, entered=entered, recorded=recorded)
    log.born("WITHOUT", "", monday, procedure="2.2")
    log.say("WITHOUT", "completed", due)
    # What the reception gives goes before what the submission gave.
    log.born("GIVEN", "3 working_days", monday, "submitted")
    log.say("GIVEN", "received", monday, time_limit={"amount": 1, "unit": "working_days"})
    log.say("GIVEN", "completed", local("2025-07-07 17:00") + INSTANT)


def _letters_and_restarts(log: Log) -> None:
    """Appointments, what moves them and what drops them; a hand-over moves no due."""
    for suffix, late in (("MET", 0), ("MISSED", INSTANT)):
        for code, limit, due in (
            (f"DATES-{suffix}", "10 calendar_days", "2025-07-21 17:00"),
            (f"MONTH-{suffix}", "1 months", "2025-08-11 17:00"),
        ):
            appointed = "2025-07-18T10:00:00+07:00" if "DATES" in code else "2025-08-09T10:00:00+07:00"
            log.born(code, limit, local("2025-07-02 08:00"))
            log.say(code, "rescheduled", local("2025-07-03 08:00"), due=appointed)
            log.say(code, "supplement_requested", local("2025-07-10 08:00"), **REASON)
            log.say(code, "supplement_provided", local("2025-07-12 08:00"))
            log.say(code, "completed", local(due) + late)
        code = f"AGAIN-{suffix}"
        log.born(code, "2 working_days", local("2025-07-07 07:00"))
        log.say(code, "rescheduled", local("2025-07-07 10:00"), due="2025-07-31T10:00:00+07:00")
        log.say(code, "supplement_requested", local("2025-07-08 08:00"), **REASON)
        log.say(code, "supplement_provided", local("2025-07-10 09:00"), restart=True)
        log.say(code, "completed", local("2025-07-14 09:00") + late)
        code = f"HANDED-{suffix}"
        log.born(code, "2 working_hours", local("2025-07-04 16:00"))
        log.say(code, "handed_over", local("2025-07-04 16:30"), competent="saturday_morning")
        log.say(code, "completed", local("2025-07-07 08:00") + late, source="saturday_morning")

    for code, at, appointed in (
        ("LETTER-AT-DUE", "2025-07-08 17:00", "2025-07-18T10:00:00+07:00"),
        ("LETTER-FOR-DUE", "2025-07-08 16:59", "2025-07-08T17:00:00+07:00"),
        ("LETTER-TWICE", "2025-07-08 16:59", "2025-07-18T10:00:00+07:00"),
    ):
        log.born(code, "2 working_days", local("2025-07-07 07:00"))
        log.say(code, "rescheduled", local(at), due=appointed)
    log.say("LETTER-TWICE", "rescheduled", local("2025-07-09 08:00"), due="2025-07-25T10:00:00+07:00")


def _units_that_give_way(log: Log) -> None:
    """The successor answers from the first instant of its first day, for stocks and as the one who reports."""
    first = local(f"{CHANGED_ON} 00:00")
    for code, at in (("MOVES", first), ("MOVES-EARLY", first - INSTANT)):
        log.born(code, "30 working_days", local("2025-07-30 08:00"), by="GIVES")
        log.say(code, "processing_started", at, source="TAKES", recorded=first)
    log.born("MOVES-ASIDE", "30 working_days", local("2025-07-30 08:00"), by="GIVES")
    log.around(first)


def _clocks_that_differ(log: Log) -> None:
    """Skewed, back-dated, twelve hours behind, seven days waited for."""
    at = local("2025-07-15 10:00")
    for beyond in (0, INSTANT):
        log.born(f"SKEWED-{beyond}", "2 working_days", at, recorded=at - 5 * instants.MINUTE - beyond)
        log.born(f"BACKDATED-{beyond}", "2 working_days", at, recorded=at + 60 * instants.MINUTE + beyond)
        log.say(f"BEHIND-{beyond}", "completed", at)
        log.born(f"BEHIND-{beyond}", "2 working_days", at + 12 * instants.HOUR + beyond)
    log.say("WAITS", "completed", at)
    log.around(at + 7 * instants.DAY)


def _running(log: Log) -> None:
    """Soon due, due and overdue, and due for acceptance, an instant before and at each; who is paused is none of it."""
    due = local("2025-07-22 17:00")
    for code in ("OPEN", "PAUSED"):
        log.born(code, "5 working_days", local("2025-07-16 07:00"))
    log.say("PAUSED", "payment_requested", local("2025-07-18 08:00"))
    for at in (due - 3 * instants.DAY, due - instants.DAY, due + INSTANT):
        log.around(at)
    log.born("ASKED", "2 working_days", local("2025-07-04 20:00"), "submitted")
    log.around(local("2025-07-07 17:00") + INSTANT)
    log.born("ASKED-AGAIN", "2 working_days", local("2025-07-04 20:00"), "submitted")
    log.say("ASKED-AGAIN", "completed", local("2025-07-07 17:00"))
    log.say("HALF-BORN", "received", local("2025-07-07 08:00"), receiver="default", channel="direct")
    log.born("ASKED-PAUSED", "2 working_days", local("2025-07-07 08:00"), "submitted")
    log.say("ASKED-PAUSED", "supplement_requested", local("2025-07-07 10:00"), **REASON)
    log.say("ASKED-PAUSED", "supplement_provided", local("2025-07-07 15:00"))
    log.around(local("2025-07-08 11:00") + INSTANT)


def _failures(log: Log) -> None:
    """Beyond the calendar's horizon nothing can be folded: on arrival, at an activation, at the ticks after it."""
    recorded = local("2026-03-09 08:00")
    log.born("FAR", "2 calendar_days", local("2060-01-01 08:00"), recorded=recorded)
    log.born("FAR-LATER", "2 calendar_days", local("2060-01-01 08:00"), by="LATER", recorded=recorded)


def _retirements(log: Log) -> None:
    """Never born, ended and completed, an instant before each leaves and at it; and a word too late."""
    came = local("2026-03-20 08:00")
    log.tick(came)
    log.say("UNBORN", "completed", came + INSTANT)
    log.born("ENDED", "2 working_days", came + INSTANT)
    log.say("ENDED", "withdrawn", came + 2 * INSTANT)
    log.born("DONE", "2 working_days", came + INSTANT)
    log.say("DONE", "completed", came + 2 * INSTANT)
    log.around(came + 90 * instants.DAY)
    log.around(came + 400 * instants.DAY)
    log.say("ENDED", "returned", came + 401 * instants.DAY)


def _bounds(log: Log) -> None:
    """256 events kept of a unit and one more, another unit's beside them; 32 misfits and one more."""
    at = local("2027-06-01 08:00")
    log.born("FULL", "10 working_days", at)
    for minute in range(1, 254):
        log.say("FULL", "payment_requested" if minute % 2 else "payment_made", at + minute * instants.MINUTE)
    at += 300 * instants.MINUTE
    log.say("FULL", "payment_made", at)
    log.say("FULL", "handed_over", at + INSTANT, competent="odd")
    log.say("FULL", "completed", at + 2 * INSTANT)
    log.say("FULL", "completed", at + 3 * INSTANT, source="odd")
    for instant in range(33):
        log.say("MISFITS", "completed", at + instant)
    log.say("MISFITS", "completed", at, source="odd")


if __name__ == "__main__":
    make.write(make.HERE / f"gen{GEN}" / "limits", records(), bodies())
