"""What the way decides in which events came: which only repeat, which completions came late, and by whose delay.

By the letter of docs/RULES.md from the order of the archive and what centres know; no code of lab or services.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

Identity = tuple[str, str, str]
Between = tuple[datetime, datetime]


class Arrival(NamedTuple):
    """How an event lies in the archive: in how many records; what the log clock said before the first of them; when it was
    entered by that one's word."""

    records: int
    clock: datetime | None
    entered: datetime | None


Came = Mapping[Identity, Arrival]


def identity(raw: bytes) -> Identity:
    """By what an event is known."""
    event = json.loads(raw)
    return event["source"], event["id"], event["subject"]


def duplicates(came: Came) -> Iterator[str]:
    """The code in `source` of each record beyond an event's first."""
    for (source, _, _), arrival in came.items():
        yield from [source.split("/")[2]] * (arrival.records - 1)


def entries(raws: Iterable[bytes], came: Came, by_edges: Mapping[Identity, Between]) -> dict[Identity, datetime]:
    """When each event was entered: by its own word, else by its edge's, as far as that edge's clock can have said so."""
    told: dict[Identity, datetime] = {}
    for raw in raws:
        event, known = json.loads(raw), identity(raw)
        if "recordedtime" in event:
            told[known] = datetime.fromisoformat(event["recordedtime"])
        elif known in by_edges:
            earliest, latest = by_edges[known]
            arrival = came.get(known)
            said = None if arrival is None else arrival.entered
            told[known] = earliest if said is None else min(max(said, earliest), latest)
    return told


def lateness(arrival: Arrival | None, entered: datetime | None, due: datetime) -> str | None:
    """How a completion in time is shown apart, if the log clock had passed the due before it came."""
    if arrival is None or arrival.clock is None or arrival.clock <= due:
        return None
    return "late_by_link" if entered is not None and entered <= due else "late_entry"
