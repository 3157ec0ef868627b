"""Metrics' figures worked out record by record from plain JSON, by docs/COUNTERS.md, not by code of services."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.metrics.domain.deltas import Deltas

Json = dict[str, Any]
Hashes = dict[str, dict[str, int]]

# What adds one to what, by hand: (member of a step, its value) -> flow of the bodies.
STEP_FLOWS: dict[tuple[str, Any], str] = {
    ("fact", "submitted"): "submitted",
    ("fact", "received"): "received",
    ("birth", "case"): "cases",
    ("birth", "leg"): "legs",
    ("fact", "refused"): "refused",
    ("fact", "supplement_lapsed"): "refused",
    ("timeliness", "early"): "completed_early",
    ("timeliness", "on_time"): "completed_on_time",
    ("timeliness", "late"): "completed_late",
    ("timeliness", "without_due"): "completed_without_due",
    ("fact", "returned"): "returned",
    ("fact", "withdrawn"): "withdrawn",
    ("fact", "halted"): "halted",
    ("fact", "recalled"): "recalled",
    ("fact", "handed_over"): "handed_over",
    ("fact", "rescheduled"): "rescheduled",
    ("late", "by_link"): "late_by_link",
    ("late", "entry"): "late_entry",
    ("digitised", True): "digitised",
    ("electronic_result", True): "electronic_result",
    ("paid_online", True): "paid_online",
}
STATE_STOCKS: dict[Any, list[str]] = {
    1: [],
    2: ["open_in_processing"],
    4: ["open_in_processing"],
    5: ["open_waiting_supplement"],
    6: ["open_waiting_payment"],
}
SUFFIX = {"duplicate": "duplicates", "rejected": "rejected", "annulled": "annulled"}


def figures(values: Iterable[bytes]) -> Hashes:
    """Every hash of metrics after these records, each counted once; zeros are left out."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    latest: Hashes = {"seen": {}, "restated": {}}
    for value in values:
        record = json.loads(value)
        ended: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for stand, entries, times in (
            (record.get("was"), record.get("undone"), -1),
            (record.get("is"), record.get("done"), 1),
        ):
            _stocks(found, stand or {}, times)
            for _, entry in entries or ():
                _flows(found, entry, stand or {}, times)
                if (
                    record.get("log_clock") is not None
                    and "day" in entry
                    and _midnight_after(entry["day"]) <= record["log_clock"]
                ):
                    _flows(ended, entry, stand or {}, times)
        for day in [name.removeprefix("day:") for name in ended if name.startswith("day:")]:
            for field, times in ended[f"day:{day}"].items():
                if times:  # what is undone and done again leaves the row as it was
                    role, unit, _ = field.split("|")
                    _rise(latest["restated"], f"{role}|{unit}|{day}", record["recorded_at"])
        if record["src"][1] == 0 and record.get("source"):
            code = record["source"].split("/")[2]
            found["outcomes"][f"unit|{code}|{record['outcome']}"] += 1
            found["outcomes"][f"fact|{record['fact']}|{record['outcome']}"] += 1
            _rise(latest["seen"], code, record["recorded_at"])
    hashes = {name: {field: n for field, n in counter.items() if n} for name, counter in found.items()}
    return {name: fields for name, fields in {**hashes, **latest}.items() if fields}


def _stocks(found: Mapping[str, Counter[str]], stand: Json, times: int) -> None:
    state, names = stand.get("state"), []
    is_suspended = state == 8 and stand.get("state_detail") == "suspended"
    is_open = is_suspended or state in STATE_STOCKS
    if is_open:
        names = ["open", *(["open_suspended"] if is_suspended else STATE_STOCKS[state])]
    names += ["overdue_open"] if stand.get("overdue") else []
    names += [flag for flag in ("due_in_24h", "due_in_72h", "acceptance_overdue") if stand.get(flag)]
    for role in ("receiver", "competent"):
        for name in names:
            _add(found, None, role, stand[role], name, stand, times)
        if is_open:
            found["states"][f"{role}|{stand[role]}|{state}"] += times
        for source, parked in stand.get("parked", {}).items():
            found["total"][f"{role}|{source}|parked_now"] += times * parked


def _flows(found: Mapping[str, Counter[str]], entry: Json, stand: Json, times: int) -> None:
    """Adds an entry's flows."""
    day = entry.get("day")
    if step := entry.get("step"):
        names = [flow for (member, value), flow in STEP_FLOWS.items() if step.get(member) == value]
        if step["fact"] == "received":
            names.append(f"received_{stand['channel']}")
        if "timeliness" in step:
            names.append("completed")
        for role, unit in (("receiver", stand["receiver"]), ("competent", step["competent"])):
            for name in names:
                _add(found, day, role, unit, name, stand, times)
    names = [SUFFIX[entry["standing"]]] if entry["standing"] in SUFFIX else []
    names += [flag for flag in ("skewed", "backdated") if entry.get(flag)]
    for name in names if "source" in entry else ():
        for role in ("receiver", "competent"):
            _add(found, day, role, entry["source"], name, {}, times)


def _add(
    found: Mapping[str, Counter[str]], day: str | None, role: str, unit: str, name: str, stand: Json, times: int
) -> None:
    marks = [f"{letter}:{stand[member]}" for letter, member in (("f", "field"), ("c", "channel")) if member in stand]
    for plain, split in [("total", "split"), *([(f"day:{day}", f"daysplit:{day}")] if day else [])]:
        found[plain][f"{role}|{unit}|{name}"] += times
        for mark in marks:
            found[split][f"{role}|{unit}|{mark}|{name}"] += times


def _midnight_after(day: str) -> int:
    end = datetime.fromisoformat(f"{day}T00:00:00+07:00") + timedelta(days=1)
    return int(end.timestamp()) * 1_000_000


def _rise(into: dict[str, int], field: str, at: int) -> None:
    into[field] = max(into.get(field, 0), at)


class Held:
    """What Redis would hold after some steps: sums and highest values, hash by hash."""

    def __init__(self) -> None:
        self.hashes: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def store(self, deltas: Deltas) -> None:
        """One step."""
        for name, changes in deltas.add.items():
            for field, number in changes.items():
                self.hashes[name][field] = self.hashes[name].get(field, 0) + number
        for name, changes in deltas.rise.items():
            for field, at in changes.items():
                _rise(self.hashes[name], field, at)

    def without_zeros(self) -> Hashes:
        """All hashes; absent and 0 are the same."""
        found = {name: {field: n for field, n in fields.items() if n} for name, fields in self.hashes.items()}
        return {name: fields for name, fields in found.items() if fields}
