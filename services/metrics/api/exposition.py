"""`/metrics/dossiers`: the exact figures as Prometheus reads them; pure, from hashes to text.

Lines are put together by hand: tens of thousands of label sets cost a metrics library a third of a second a scrape.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from contracts import instants
from services.metrics.api.answers import by_unit
from services.metrics.api.snapshots import Figures, Snapshot
from services.metrics.api.units import Units, day_shown
from services.metrics.domain.counters import COUNTERS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = ("1", "2", "4", "5", "6", "8")
TODAY: Final = ("received", "completed", "returned", "refused")
ALWAYS: Final = ("total", "states", "outcomes", "seen")
CHANNELS: Final = ("direct", "online", "post")
TIMELINESS: Final = ("early", "on_time", "late", "without_due")
WITHIN: Final = ("24h", "72h")
# Shown by channel, timeliness, state or span instead.
IN_PARTS: Final = frozenset(
    {
        "received", *(f"received_{channel}" for channel in CHANNELS),
        "completed", *(f"completed_{timeliness}" for timeliness in TIMELINESS),
        "open", "open_in_processing", "open_waiting_supplement", "open_waiting_payment", "open_suspended", "overdue_open",
        *(f"due_in_{within}" for within in WITHIN),
    }
)  # fmt: skip
PLAIN: Final = tuple(counter for counter in COUNTERS if counter.name not in IN_PARTS)
OF_SOURCE: Final = frozenset(counter.name for counter in COUNTERS if counter.attributed == "source")


class Page:
    """Families in the order in which they are added; each is told once."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.series = 0

    def family(self, name: str, kind: str, meaning: str, rows: Iterable[tuple[str, float]]) -> None:
        """A family with its series: (labels as they stand between the braces, value)."""
        self._lines += (f"# HELP {name} {meaning}", f"# TYPE {name} {kind}")
        for labels, value in rows:
            self._lines.append(f"{name}{{{labels}}} {value!r}" if labels else f"{name} {value!r}")
            self.series += 1

    def text(self) -> bytes:
        """The whole page."""
        return ("\n".join(self._lines) + "\n").encode()


def hashes_for(snapshot: Snapshot) -> tuple[str, ...]:
    """The hashes that a scrape reads; the day is that of the largest log clock."""
    day = today_of(snapshot)
    return ALWAYS if day is None else (*ALWAYS, f"day:{day}")


def today_of(snapshot: Snapshot) -> str | None:
    """The business day of the largest log clock, None before the first tick."""
    clock = snapshot.latest_clock
    return None if clock is None else instants.day_of(clock)


def page(snapshot: Snapshot, units: Units, spool: Mapping[str, int], now: int) -> Page:
    """Everything; without the exact series while they are being rebuilt."""
    told = Page()
    told.family("motcua_metrics_rebuilding", "gauge", "1 while positions trail the ends that the logs had at take-over.",
                [("", int(snapshot.is_rebuilding))])  # fmt: skip
    told.family("motcua_metrics_stopped", "gauge", "1 for a lifecycle partition that is counted no further, by reason.",
                [(f'partition="{number}",reason="{why}"', 1) for number, why in snapshot.stopped.items()])  # fmt: skip
    if snapshot.is_rebuilding:
        return told
    told.family("motcua_metrics_reported_offset", "gauge", "Last offset of dossier.reported counted in, by partition.",
                [(f'partition="{number}"', offset) for number, offset in snapshot.closed.items()])  # fmt: skip
    day = day_shown(snapshot.latest_clock, now)
    of_role = {role: by_unit([snapshot.hashes["total"]], role) for role in ("receiver", "competent")}
    shown = {
        "receiver": units.shown("receiver", day, of_role["receiver"]),
        "competent": sorted(unit for unit, counters in of_role["competent"].items() if counters.keys() - OF_SOURCE),
    }
    _dossiers(told, of_role, shown, by_state(snapshot.hashes["states"]))
    _today(told, snapshot, shown["receiver"])
    _units(told, snapshot, units, spool, day)
    _arrivals(told, snapshot.hashes["outcomes"])
    return told


def by_state(states: Figures) -> dict[tuple[str, str], dict[str, int]]:
    """(role, unit) -> state -> open dossiers."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, number in states.items():
        role, unit, state = name.split("|")
        found.setdefault((role, unit), {})[state] = number
    return found


def escaped(value: str) -> str:
    """A label's value as the text format wants it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _dossiers(
    told: Page,
    of_role: Mapping[str, Mapping[str, Figures]],
    shown: Mapping[str, list[str]],
    states: Mapping[tuple[str, str], Mapping[str, int]],
) -> None:
    rows = [
        (role, unit, f'unit="{escaped(unit)}",role="{role}"', of_role[role].get(unit, {}))
        for role, codes in shown.items()
        for unit in codes
    ]

    def parts(label: str, values: Iterable[str], start: str) -> list[tuple[str, float]]:
        return [
            (f'{at},{label}="{value}"', counters.get(start + value, 0)) for _, _, at, counters in rows for value in values
        ]

    told.family("motcua_dossiers_received", "gauge", "Dossiers received since the log began, by channel.",
                parts("channel", CHANNELS, "received_"))  # fmt: skip
    told.family("motcua_dossiers_completed", "gauge", "Dossiers completed since the log began, by timeliness.",
                parts("timeliness", TIMELINESS, "completed_"))  # fmt: skip
    told.family("motcua_dossiers_open", "gauge", "Open dossiers now, by state of the national portal.",
                [(f'{at},state="{state}"', states.get((role, unit), {}).get(state, 0))
                 for role, unit, at, _ in rows for state in STATES])  # fmt: skip
    told.family("motcua_dossiers_overdue", "gauge", "Open dossiers past their due with a running clock.",
                [(at, counters.get("overdue_open", 0)) for _, _, at, counters in rows])  # fmt: skip
    told.family("motcua_dossiers_due", "gauge", "Open dossiers due within 24 or 72 hours by the clock; 72 includes 24.",
                parts("within", WITHIN, "due_in_"))  # fmt: skip
    for counter in PLAIN:
        mine = [row for row in rows if row[0] == "receiver"] if counter.name in OF_SOURCE else rows
        told.family(f"motcua_dossiers_{counter.name}", "gauge", counter.help,
                    [(at, counters.get(counter.name, 0)) for _, _, at, counters in mine])  # fmt: skip


def _today(told: Page, snapshot: Snapshot, codes: list[str]) -> None:
    day = today_of(snapshot)
    if day is None:
        return
    figures = snapshot.hashes[f"day:{day}"]
    told.family("motcua_dossiers_today", "gauge", "Figures of the business day of the largest log clock.",
                [(f'unit="{escaped(unit)}",role="receiver",counter="{name}"', figures.get(f"receiver|{unit}|{name}", 0))
                 for unit in codes for name in TODAY])  # fmt: skip


def _units(told: Page, snapshot: Snapshot, units: Units, spool: Mapping[str, int], day: str) -> None:
    seen = snapshot.hashes["seen"]
    told.family("motcua_unit_last_event_timestamp_seconds", "gauge", "When intake stored the last event of a unit.",
                [(f'unit="{escaped(unit)}"', at / instants.SECOND) for unit, at in sorted(seen.items())])  # fmt: skip
    told.family("motcua_unit_spool_events", "gauge", "Events in the outboxes of a unit, by its newest heartbeats.",
                [(f'unit="{escaped(unit)}"', depth) for unit, depth in sorted(spool.items())])  # fmt: skip
    known = sorted(set(units.shown("competent", day, ())) | seen.keys())
    told.family("motcua_unit_info", "gauge", "Name and kind of a unit or department.",
                [(f'unit="{escaped(unit)}",name="{escaped(units.name(unit, day))}",kind="{units.kind(unit, day)}"', 1)
                 for unit in known])  # fmt: skip


def _arrivals(told: Page, outcomes: Figures) -> None:
    by_what: dict[str, list[tuple[str, float]]] = {"unit": [], "fact": []}
    for name, number in sorted(outcomes.items()):
        what, value, outcome = name.split("|")
        by_what[what].append((f'{what}="{escaped(value)}",outcome="{outcome}"', number))
    told.family("motcua_lifecycle_by_unit_total", "counter", "Events that came in, by unit and outcome on arrival.",
                by_what["unit"])  # fmt: skip
    told.family("motcua_lifecycle_by_fact_total", "counter", "Events that came in, by fact and outcome on arrival.",
                by_what["fact"])  # fmt: skip
