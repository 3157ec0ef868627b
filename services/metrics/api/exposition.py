"""`/metrics/dossiers`: the exact figures as Prometheus reads them, put together from lines that are kept.

A metrics library takes a third of a second for tens of thousands of label sets. Here everything of a series but its number
is made once, and made again only when the units that are shown change.
"""

from collections.abc import Iterable, KeysView, Mapping
from itertools import chain
from typing import Final
from zlib import crc32

from contracts import instants
from services.metrics.api import instruments as told
from services.metrics.api.instruments import Family
from services.metrics.api.queries import ROLES
from services.metrics.api.snapshots import All, Figures, Snapshot, Wanted
from services.metrics.api.units import Units
from services.metrics.domain.delivery import Delivery
from services.metrics.domain.silence import Silence

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# Which of the things wanted says when each unit's last event was stored.
SEEN_AT: Final = 3
# A kept series: all of its line but the number, and the field that holds it.
Line = tuple[str, str]


class Page:
    """What one scrape gets, family by family."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.series = 0

    def add(self, family: Family, series: list[str]) -> None:
        """A family with all its series."""
        self._lines += (f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}", *series)
        self.series += len(series)

    def text(self) -> bytes:
        """As it goes over the wire."""
        return ("\n".join(self._lines) + "\n").encode()


def wanted(day: str) -> tuple[Wanted, ...]:
    """What a scrape reads; `day` is that of the largest log clock."""
    return All("total"), All("states"), All("outcomes"), All("seen"), All(f"day:{day}")


class Exposition:
    """The page, with the lines that are kept from one scrape to the next."""

    def __init__(self, units: Units, gen: int) -> None:
        self._units = units
        self._gen = gen
        self._kept_for: tuple[KeysView[str], str, str] = {}.keys(), "", ""
        self._shown: dict[str, list[str]] = {role: [] for role in ROLES}
        self._of_total: list[tuple[Family, list[Line]]] = []
        self._of_states: list[Line] = []
        self._of_today: list[Line] = []

    def page(
        self, snapshot: Snapshot, day: str, deliveries: Mapping[str, Delivery] | None, silences: Mapping[str, Silence]
    ) -> Page:
        """Everything; without what is counted while that is being rebuilt, of lines and outboxes with nothing while it is
        not known how they stand (None)."""
        page = Page()
        page.add(told.REBUILDING, [f"{told.REBUILDING.name} {int(snapshot.is_rebuilding)}"])
        page.add(told.STOPPED, [
            f'{told.STOPPED.name}{{partition="{number}",reason="{why}"}} 1' for number, why in snapshot.stopped.items()
        ])  # fmt: skip
        page.add(told.HEARTBEATS_READ, [f"{told.HEARTBEATS_READ.name} {int(deliveries is not None)}"])
        deliveries = deliveries or {}
        # Heartbeats are not counted: lines and outboxes are told all the same. When units were last heard of is counted.
        if snapshot.is_rebuilding:
            self._add_names(page, deliveries, day)
            _add_centres(page, deliveries, {})
            return page
        [total], [states], [outcomes], [seen], [today] = snapshot.found
        self._keep(total, day)
        page.add(told.GENERATION, [f"{told.GENERATION.name} {self._gen}"])
        page.add(told.BUILD, [f"{told.BUILD.name} {crc32(snapshot.build.encode())}"])
        page.add(told.REPORTED_OFFSET, [
            f'{told.REPORTED_OFFSET.name}{{partition="{number}"}} {offset}' for number, offset in snapshot.closed.items()
        ])  # fmt: skip
        if (clock := snapshot.log_clock) is not None:
            page.add(told.LOG_CLOCK, [f"{told.LOG_CLOCK.name} {clock / instants.SECOND!r}"])
        for family, kept in self._of_total:
            page.add(family, _numbered(kept, total))
        page.add(told.OPEN, _numbered(self._of_states, states))
        if snapshot.latest_clock is not None:
            page.add(told.TODAY, _numbered(self._of_today, today))
        page.add(told.LAST_EVENT, [
            f'{told.LAST_EVENT.name}{{unit="{escaped(unit)}"}} {at / instants.SECOND!r}' for unit, at in sorted(seen.items())
        ])  # fmt: skip
        self._add_names(page, chain(seen, deliveries, *self._shown.values()), day)
        _add_centres(page, deliveries, silences)
        # A department reports as well, and is a receiver of nothing.
        _add_arrivals(page, outcomes, self._units.shown("competent", day, day, chain(*self._shown.values())))
        return page

    def _keep(self, total: Figures, day: str) -> None:
        """Makes the lines anew when other units are shown than at the last scrape."""
        kept_for = total.keys(), day, self._units.digest
        if kept_for == self._kept_for:
            return
        self._kept_for = kept_for
        units: dict[str, set[str]] = {role: set() for role in ROLES}
        for field in total:
            role, unit, name = field.split("|", 2)
            # The competent role shows a unit once it was ever competent; what belongs to sources does not make it so.
            if role == "receiver" or name not in told.OF_SOURCE:
                units[role].add(unit)
        self._shown = {
            "receiver": self._units.shown("receiver", day, day, units["receiver"]),
            "competent": sorted(units["competent"]),
        }
        rows = [(role, unit, _labels(role, unit)) for role, codes in self._shown.items() for unit in codes]
        self._of_total = [
            (told.RECEIVED, _in_parts(rows, told.RECEIVED, "channel", told.CHANNELS, "received_")),
            (told.COMPLETED, _in_parts(rows, told.COMPLETED, "timeliness", told.TIMELINESS, "completed_")),
            (told.OVERDUE, _plain(rows, told.OVERDUE, "overdue_open")),
            (told.DUE, _in_parts(rows, told.DUE, "within", told.WITHIN, "due_in_")),
        ]
        receivers = [row for row in rows if row[0] == "receiver"]
        for counter, family in told.PLAIN:
            mine = receivers if counter.name in told.OF_SOURCE else rows
            self._of_total.append((family, _plain(mine, family, counter.name)))
        self._of_states = _in_parts(rows, told.OPEN, "state", told.STATES, "")
        self._of_today = _in_parts(receivers, told.TODAY, "counter", told.TODAYS, "")

    def _add_names(self, page: Page, with_series: Iterable[str], day: str) -> None:
        # Whoever has a series has a name, also a body that is no longer in force.
        known = self._units.shown("competent", day, day, with_series)
        names = [(unit, escaped(self._units.name(unit, day)), self._units.kind(unit, day)) for unit in known]
        page.add(told.UNIT, [
            f'{told.UNIT.name}{{unit="{escaped(unit)}",name="{name}",kind="{kind}"}} 1' for unit, name, kind in names
        ])  # fmt: skip


def escaped(value: str) -> str:
    """A label's value as the text format wants it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _numbered(kept: Iterable[Line], figures: Figures) -> list[str]:
    found = figures.get
    return [f"{line} {found(field, 0)}" for line, field in kept]


def _labels(role: str, unit: str) -> str:
    return f'unit="{escaped(unit)}",role="{role}"'


def _plain(rows: Iterable[tuple[str, str, str]], family: Family, counter: str) -> list[Line]:
    return [(f"{family.name}{{{labels}}}", f"{role}|{unit}|{counter}") for role, unit, labels in rows]


def _in_parts(
    rows: Iterable[tuple[str, str, str]], family: Family, label: str, values: Iterable[str], start: str
) -> list[Line]:
    return [
        (f'{family.name}{{{labels},{label}="{value}"}}', f"{role}|{unit}|{start}{value}")
        for role, unit, labels in rows
        for value in values
    ]


def _add_centres(page: Page, deliveries: Mapping[str, Delivery], silences: Mapping[str, Silence]) -> None:
    rows = [(escaped(unit), stand) for unit, stand in sorted(deliveries.items())]
    page.add(told.SPOOL, [f'{told.SPOOL.name}{{unit="{unit}"}} {stand.spool_events}' for unit, stand in rows])
    page.add(told.QUARANTINED, [
        f'{told.QUARANTINED.name}{{unit="{unit}"}} {stand.quarantined_events}' for unit, stand in rows
    ])  # fmt: skip
    page.add(told.LINK, [f'{told.LINK.name}{{unit="{unit}",state="{stand.link}"}} 1' for unit, stand in rows])
    page.add(told.PROVISIONAL, [
        f'{told.PROVISIONAL.name}{{unit="{unit}"}} {int(stand.is_provisional)}' for unit, stand in rows
    ])  # fmt: skip
    page.add(told.OLDEST_UNSENT, _instants(told.OLDEST_UNSENT, [(unit, stand.oldest_unsent_at) for unit, stand in rows]))
    page.add(told.COMPLETE_UNTIL, _instants(told.COMPLETE_UNTIL, [(unit, stand.complete_until) for unit, stand in rows]))
    page.add(told.SILENT, [
        f'{told.SILENT.name}{{unit="{escaped(unit)}"}} {int(quiet.state == "silent")}'
        for unit, quiet in sorted(silences.items())
    ])  # fmt: skip
    at_work = {unit: stand.is_at_work for unit, stand in deliveries.items()}
    at_work |= {unit: quiet.is_at_work for unit, quiet in silences.items()}
    page.add(told.AT_WORK, [
        f'{told.AT_WORK.name}{{unit="{escaped(unit)}"}} {int(works)}'
        for unit, works in sorted(at_work.items())
        if works is not None
    ])  # fmt: skip


def _instants(family: Family, rows: Iterable[tuple[str, int | None]]) -> list[str]:
    return [f'{family.name}{{unit="{unit}"}} {at / instants.SECOND!r}' for unit, at in rows if at is not None]


def _add_arrivals(page: Page, outcomes: Figures, units: Iterable[str]) -> None:
    series: dict[str, list[str]] = {"unit": [], "fact": []}
    families = {"unit": told.BY_UNIT, "fact": told.BY_FACT}
    # A counter that is first seen at 50 has not risen, for Prometheus: each begins at 0.
    begun = {f"unit|{unit}|{outcome}": 0 for unit in units for outcome in told.OUTCOMES}
    for name, number in sorted({**begun, **outcomes}.items()):
        what, value, outcome = name.split("|")
        series[what].append(f'{families[what].name}{{{what}="{escaped(value)}",outcome="{outcome}"}} {number}')
    for what, family in families.items():
        page.add(family, series[what])
