"""The recount: how often each piece stands, and the table that says which counters a piece moves."""

from dataclasses import dataclass, field

from contracts.lifecycle import Counted, Stand, Step
from services.audit.domain.pieces import NOTHING, Head, Pieces

ROLES = ("receiver", "competent")

# What docs/COUNTERS.md says, as a table: fact of a step -> flows it adds one to.
BY_FACT: dict[str, tuple[str, ...]] = {
    "submitted": ("submitted",),
    "received": ("received",),
    "refused": ("refused",),
    "supplement_lapsed": ("refused",),
    "returned": ("returned",),
    "withdrawn": ("withdrawn",),
    "halted": ("halted",),
    "recalled": ("recalled",),
    "handed_over": ("handed_over",),
    "rescheduled": ("rescheduled",),
}
BY_STANDING = {"duplicate": "duplicates", "rejected": "rejected", "annulled": "annulled"}
BY_LATE = {"by_link": "late_by_link", "entry": "late_entry"}
BY_BIRTH = {"case": "cases", "leg": "legs"}
BY_STATE = {2: "open_in_processing", 4: "open_in_processing", 5: "open_waiting_supplement", 6: "open_waiting_payment"}
OPEN_STATES = (1, 2, 4, 5, 6)

Figures = dict[str, int]


@dataclass
class Tally:
    """The figures as Redis lays them out: in total and by day, plain and split by field and channel. Zeros are left out."""

    total: Figures = field(default_factory=dict)
    split: Figures = field(default_factory=dict)
    day: dict[str, Figures] = field(default_factory=dict)
    daysplit: dict[str, Figures] = field(default_factory=dict)
    by_state: Figures = field(default_factory=dict)


class Recount:
    """Counts pieces while the log goes by; what they come to is worked out when somebody asks."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._entries: dict[tuple[int, int], int] = {}
        self._stands: dict[int, int] = {}

    def entry(self, number: int, stand: int, times: int) -> None:
        """An entry done (+1) or undone (−1) under a stand."""
        of = number, self._pieces.head_of[stand]
        self._entries[of] = self._entries.get(of, 0) + times

    def move(self, was: int, now: int) -> None:
        """A dossier's stand gives way to another."""
        if was != now:
            self._stands[was] = self._stands.get(was, 0) - 1
            self._stands[now] = self._stands.get(now, 0) + 1

    def figures(self) -> Tally:
        """Everything counted so far."""
        pieces, counted = self._pieces, Tally()
        for (number, head), times in self._entries.items():
            if times:
                _add_entry(counted, pieces.entries[number], pieces.heads[head], times)
        for number, times in self._stands.items():
            if times and number != NOTHING:
                _add_stand(counted, pieces.stands[number], times)
        _drop_zeros(counted)
        return counted


def flows_of(step: Step, channel: str | None) -> list[str]:
    """The flows that one standing step adds one to."""
    flows = list(BY_FACT.get(step.fact, ()))
    if step.fact == "received" and channel is not None:
        flows.append(f"received_{channel}")
    if step.birth is not None:
        flows.append(BY_BIRTH[step.birth])
    if step.timeliness is not None:
        flows += ["completed", f"completed_{step.timeliness}"]
    if step.late is not None:
        flows.append(BY_LATE[step.late])
    for flag in ("digitised", "electronic_result", "paid_online"):
        if getattr(step, flag):
            flows.append(flag)
    return flows


def stocks_of(stand: Stand) -> list[str]:
    """The stocks in which a dossier with this stand is one."""
    suspended = stand.state == 8 and stand.state_detail == "suspended"
    stocks = []
    if stand.state in OPEN_STATES or suspended:
        stocks.append("open")
    if suspended:
        stocks.append("open_suspended")
    elif stand.state in BY_STATE:
        stocks.append(BY_STATE[stand.state])
    if stand.overdue:
        stocks.append("overdue_open")
    for flag in ("due_in_24h", "due_in_72h", "acceptance_overdue"):
        if getattr(stand, flag):
            stocks.append(flag)
    return stocks


def _add_entry(to: Tally, entry: Counted, head: Head, times: int) -> None:
    day = to.day.setdefault(entry.day, {}) if entry.day is not None else {}
    if entry.source is not None:
        of_source = [BY_STANDING[entry.standing]] if entry.standing in BY_STANDING else []
        of_source += [flag for flag in ("skewed", "backdated") if getattr(entry, flag)]
        for counter in of_source:
            for role in ROLES:
                _add(to.total, f"{role}|{entry.source}|{counter}", times)
                _add(day, f"{role}|{entry.source}|{counter}", times)
    if entry.step is None:
        return
    daysplit = to.daysplit.setdefault(entry.day, {}) if entry.day is not None else {}
    for counter in flows_of(entry.step, head.channel):
        for role, unit in zip(ROLES, (head.receiver, entry.step.competent), strict=True):
            _add(to.total, f"{role}|{unit}|{counter}", times)
            _add(day, f"{role}|{unit}|{counter}", times)
            for mark in _marks(head.field, head.channel):
                _add(to.split, f"{role}|{unit}|{mark}|{counter}", times)
                _add(daysplit, f"{role}|{unit}|{mark}|{counter}", times)


def _add_stand(to: Tally, stand: Stand, times: int) -> None:
    for role, unit in zip(ROLES, (stand.receiver, stand.competent), strict=True):
        if unit is None:
            continue
        stocks = stocks_of(stand)
        for counter in stocks:
            _add(to.total, f"{role}|{unit}|{counter}", times)
            for mark in _marks(stand.field, stand.channel):
                _add(to.split, f"{role}|{unit}|{mark}|{counter}", times)
        if "open" in stocks:
            _add(to.by_state, f"{role}|{unit}|{stand.state}", times)
    for source, parked in stand.parked.items():
        for role in ROLES:
            _add(to.total, f"{role}|{source}|parked_now", times * parked)


def _marks(field_name: str | None, channel: str | None) -> list[str]:
    marks = [] if field_name is None else [f"f:{field_name}"]
    return marks if channel is None else [*marks, f"c:{channel}"]


def _add(figures: Figures, name: str, times: int) -> None:
    figures[name] = figures.get(name, 0) + times


def _drop_zeros(counted: Tally) -> None:
    for figures in (counted.total, counted.split, counted.by_state, *counted.day.values(), *counted.daysplit.values()):
        for name in [name for name, number in figures.items() if not number]:
            del figures[name]
