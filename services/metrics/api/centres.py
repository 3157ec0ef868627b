"""What is said of each unit's centre beside its figures: how complete they are, its line, its silence."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from contracts import instants
from services.metrics.api.units import Units
from services.metrics.api.watch import Watch
from services.metrics.domain import delivery, silence
from services.metrics.domain.delivery import Beat, Delivery
from services.metrics.domain.hours import Hours
from services.metrics.domain.silence import Silence

Row = dict[str, Any]


class Heard(Struct, frozen=True):
    """The heartbeats of one moment, by unit, and whether they had been read by then."""

    is_read: bool
    of: Mapping[str, tuple[Beat, ...]]


class Centres:
    """Heartbeats and last events, judged by each unit's own calendar at the moment of asking; some have a patience of
    their own."""

    def __init__(
        self, units: Units, watch: Watch, now: Callable[[], int], old_after: int, patience: int, own: Mapping[str, int]
    ) -> None:
        self._units = units
        self._watch = watch
        self._now = now
        self._old_after = old_after
        self._patience = patience
        self._own = own

    def heard(self) -> Heard:
        """The heartbeats of now. Whoever says them beside figures takes them before these are read: an edge that has
        delivered since calls complete what those lack."""
        is_read = self._watch.has_read_beats
        return Heard(is_read, self._watch.beats.of if is_read else {})

    def deliveries(self) -> Mapping[str, Delivery] | None:
        """How the edges of each unit that has one stand now; None while heartbeats have not been read."""
        heard = self.heard()
        return self._judged(heard) if heard.is_read else None

    def silences(self, seen: Mapping[str, int]) -> Mapping[str, Silence]:
        """How the silence of each unit that has ever reported is to be taken now; `seen` has their last events."""
        now = self._now()
        return {unit: self._silence(unit, at, now, self._units.hours(unit)) for unit, at in seen.items()}

    def marked(self, rows: Iterable[Row], seen: Mapping[str, int], heard: Heard) -> list[Row]:
        """Rows with what is said of each one's centre."""
        now, marked = self._now(), []
        for row in rows:
            unit, hours = row["unit"], self._units.hours(row["unit"])
            stand = delivery.judge(heard.of.get(unit, ()), now, hours, self._old_after)
            marked.append({**row, **_told(stand, self._silence(unit, seen.get(unit), now, hours), heard.is_read)})
        return marked

    def overall(self, heard: Heard) -> Row:
        """The same of all known centres together."""
        until, is_provisional = delivery.together(self._judged(heard).values())
        return {"complete_until": _show(until), "provisional": is_provisional if heard.is_read else None}

    def _silence(self, unit: str, last_event: int | None, now: int, hours: Hours | None) -> Silence:
        return silence.judge(last_event, now, hours, self._own.get(unit, self._patience))

    def _judged(self, heard: Heard) -> dict[str, Delivery]:
        now = self._now()
        return {
            unit: delivery.judge(beats, now, self._units.hours(unit), self._old_after) for unit, beats in heard.of.items()
        }


# While heartbeats have not been read, also because this API alone has lost Kafka, nobody knows whether figures are
# provisional: null. Silence is told all the same: it goes by events.
def _told(stand: Delivery, quiet: Silence, read: bool) -> Row:
    return {
        "complete_until": _show(stand.complete_until),
        "provisional": stand.is_provisional if read else None,
        "centre": {
            "link": stand.link,
            "heard_at": _show(stand.heard_at),
            "spool_events": stand.spool_events,
            "oldest_unsent_at": _show(stand.oldest_unsent_at),
            "quarantined_events": None if stand.spool_events is None else stand.quarantined_events,
            "silence": quiet.state,
            "last_event": _show(quiet.last_event),
            "expected_by": _show(quiet.expected_by),
        },
    }


def _show(instant: int | None) -> str | None:
    return None if instant is None else instants.show(instant)
