"""The lab's events through processing's own fold, as figures by unit and day in the shape in which metrics answers."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts import instants, lifecycle, reference, reference_files
from contracts.events import Activated, Opened, Ticked, control_record, read_structured, to_record
from lab.demo import ticks
from lab.fortnight.facts import Facts
from lab.fortnight.writing import Reported
from services.processing.domain.line import Sent
from services.processing.domain.rules import Rules
from tests.unit.memory_line import MemoryLine

RECORDED_AT = instants.parse("2026-06-01T00:00:00+07:00")
Key = tuple[str, str, str]  # the receiver, the day of the event, what is counted


class Folded:
    """`flows` by unit, day and name; `outcomes` of all records; `open_before`: who was open at the period's start."""

    def __init__(self, reported: Sequence[Reported], facts: Facts, directory: Path) -> None:
        body = reference_files.read(directory)
        digest = reference.digest(reference.encode(body))
        self.flows: Counter[Key] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.open_before: Counter[str] = Counter()
        self.overdue_before = 0
        self._stands: dict[str, lifecycle.Stand] = {}
        self._line = MemoryLine({digest: Rules.compile(digest, body)})
        self._control(Opened("log", "c"))
        self._control(Activated(digest))
        position = 0
        for number, tick in enumerate(ticks(facts)):
            while position < len(reported) and reported[position].entered_at < tick:
                event = read_structured(reported[position].event, RECORDED_AT)
                _, value, headers = to_record(event)
                self._count(self._line.take(value, headers, RECORDED_AT))
                position += 1
            self._control(Ticked(tick))
            if number == 0:
                standing = [stand for stand in self._stands.values() if stand.state in (1, 2, 4, 5, 6)]
                self.open_before = Counter(stand.receiver or "" for stand in standing)
                self.overdue_before = sum(stand.overdue for stand in standing)
        assert position == len(reported)

    def answer(self, units: Sequence[str], first: str, last: str) -> dict[str, Any]:
        """Metrics' answer about the days from one to another."""
        each = [self._unit(unit, first, last) for unit in units]
        return {"units": each, "total": _rated({"unit": "", "counters": sum((Counter(one["counters"]) for one in each),
                                                                           Counter())})}  # fmt: skip

    def _unit(self, unit: str, first: str, last: str) -> dict[str, Any]:
        counters: Counter[str] = Counter()
        for (own, day, name), count in self.flows.items():
            if own == unit and first <= day <= last:
                counters[name] += count
        return _rated({"unit": unit, "name": unit, "counters": counters})

    def _control(self, what: Opened | Activated | Ticked) -> None:
        self._count(self._line.take(*control_record(what, "c", "/c"), RECORDED_AT))

    def _count(self, sent: list[Sent]) -> None:
        for each in sent:
            record = lifecycle.decode(each.value)
            self.outcomes[record.outcome] += 1
            if record.dossier is not None and record.now is not None:
                self._stands[record.dossier] = record.now
            for sign, entries, stand in ((1, record.done, record.now), (-1, record.undone, record.was)):
                for entry in entries:
                    if entry.step is None or stand is None or entry.day is None:
                        continue
                    for name in _names(entry.step, stand):
                        self.flows[stand.receiver or "", entry.day, name] += sign


def _names(step: lifecycle.Step, stand: lifecycle.Stand) -> list[str]:
    told = [step.fact] if step.fact in ("received", "withdrawn", "halted") else []
    if step.fact == "received" and stand.channel == "online":
        told.append("received_online")
    return told if step.timeliness is None else [*told, "completed", f"completed_{step.timeliness}"]


def _rated(told: dict[str, Any]) -> dict[str, Any]:
    counters = told["counters"]
    in_time = counters["completed_early"] + counters["completed_on_time"]
    shares = {"online": (counters["received_online"], counters["received"]),
              "on_time": (in_time, counters["completed"] - counters["completed_without_due"])}  # fmt: skip
    rates = {
        name: {"numerator": part, "denominator": whole, "percent": 100 * part / whole if whole else None}
        for name, (part, whole) in shares.items()
    }
    return told | {"rates": rates}
