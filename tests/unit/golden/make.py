"""Writes a generation's golden log: `python -m tests.unit.golden.make`; for a new `gen` only, never to please a test."""

import json
import random
from pathlib import Path

import msgspec

from contracts import instants, reference
from contracts.events import Activated, Event, Opened, Ticked, control_record, to_record
from contracts.reference import Calendar, Reference
from services.processing.domain.generation import GEN
from tests.unit.fold_world import BODY, at, event, unit
from tests.unit.golden.fold import Reported, fold_log
from tests.unit.test_fold_order import SHAPES, SOURCES

HERE = Path(__file__).parent
DOSSIERS, EVENTS_MAX, SEED = 150, 12, 20250701
# Lives as they are meant to be, by places in SHAPES; together they take every fact over an arrow.
LIVES = (
    (0, 1, 4, 5, 6, 9, 10, 15, 16),
    (0, 1, 4, 11, 12, 15, 17, 15, 16),
    (0, 5, 8),
    (0, 3),
    (2, 4, 18, 5, 7, 4, 16),
    (2, 20, 4, 9, 10, 13),
    (2, 4, 11, 12, 14),
)


def bodies() -> list[Reference]:
    """The rules before and after: a corrected calendar, another limit in the catalogue, a unit that was missing."""
    profiles = {
        "default": {**BODY.calendar.profiles["default"], "sat": [("07:00", "11:30")]},
    }
    calendar = Calendar(
        profiles=profiles,
        days_off={**BODY.calendar.days_off, "2025-07-08": "extra day off"},
        make_up_days={"2025-07-13": "make-up day"},
    )
    after = Reference(
        units=[*BODY.units, unit("GHOST")], departments=BODY.departments, procedures=BODY.procedures, calendar=calendar
    )
    return [BODY, after]


def reports(chance: random.Random) -> list[Event]:
    """Lives of every shape, in an order of arrival that no centre would choose, with redeliveries and reused ids."""
    events: list[Event] = []
    for number in range(DOSSIERS):
        start = at("07-01 06:00") + chance.randrange(10 * 24 * 60) * instants.MINUTE
        life = chance.choice(LIVES) if number % 2 else ()
        for turn in range(len(life) or chance.randrange(1, EVENTS_MAX)):
            wild = SHAPES[chance.randrange(2)] if turn == 0 else chance.choice(SHAPES)
            fact, data = SHAPES[life[turn]] if life else wild
            reported = _of_dossier(f"X-{number:04d}", event(
                fact, start + turn * chance.randrange(60, 80 if life else 1260) * instants.MINUTE + chance.randrange(10**6),
                source=SOURCES[0] if turn == 0 or life else chance.choice(SOURCES), id=f"e{turn}",
                entered=None if chance.random() < 0.5 else start + chance.randrange(20 * 24 * 60) * instants.MINUTE, **data,
            ))  # fmt: skip
            events.append(reported)
            if chance.random() < 0.05:
                events.append(reported)
            if life and chance.random() < 0.05:
                mistake = event("annulled", reported.time, id=f"a{turn}", event=reported.id, reason="mistake")
                events.append(_of_dossier(reported.subject, mistake))
            if chance.random() < 0.03:
                events.append(msgspec.structs.replace(reported, time=reported.time + instants.HOUR, time_text=""))
    events.sort(key=lambda reported: reported.time + chance.randrange(72) * instants.HOUR)
    return [msgspec.structs.replace(reported, time_text=instants.show(reported.time)) for reported in events]


def records() -> list[Reported]:
    """The whole partition: opened, activated, events and ticks in turn, a second activation, something unreadable."""
    chance = random.Random(SEED)
    digests = [reference.digest(reference.encode(body)) for body in bodies()]
    clock = at("06-30 00:00")
    log = [_control(Opened("log", "golden"), clock), _control(Activated(digests[0]), clock)]
    events = reports(chance)
    for place, reported in enumerate(events):
        _, value, headers = to_record(reported)
        recorded_at = reported.time + chance.randrange(4 * 10**9)
        log.append(Reported(value.decode(), [(name, text.decode()) for name, text in headers], recorded_at))
        if place % 25 == 24:
            clock = max(clock, reported.time + chance.randrange(-10, 10) * instants.HOUR)
            log.append(_control(Ticked(clock), clock))
        if place == len(events) // 2:
            log.append(_control(Activated(digests[1]), clock))
            log.append(Reported("{}", [("ce_type", "vn.motcua.dossier.submitted.v1")], clock))
    log.extend(_control(Ticked(clock + days * instants.DAY), clock) for days in (3, 20, 120, 500))
    late = _of_dossier("X-0001", event("returned", clock, id="late"))
    _, value, headers = to_record(late)
    log.append(Reported(value.decode(), [(name, text.decode()) for name, text in headers], clock))
    return log


def _of_dossier(code: str, reported: Event) -> Event:
    return msgspec.structs.replace(reported, subject=code)


def _control(control: Opened | Activated | Ticked, recorded_at: int) -> Reported:
    value, headers = control_record(control, "golden", "/operators")
    return Reported(value.decode(), [(name, text.decode()) for name, text in headers], recorded_at)


def write(folder: Path, log: list[Reported], of: list[Reference]) -> None:
    """Log, bodies and digest."""
    folder.mkdir(exist_ok=True)
    (folder / "log.jsonl").write_bytes(b"\n".join(msgspec.json.encode(record) for record in log) + b"\n")
    (folder / "bodies.json").write_bytes(b"\n".join(reference.encode(body) for body in of) + b"\n")
    (folder / "expected.json").write_text(json.dumps(fold_log(folder), indent=2, sort_keys=True) + "\n")


def main() -> None:
    """That of the present generation, beside this module."""
    write(HERE / f"gen{GEN}", records(), bodies())


if __name__ == "__main__":
    main()
