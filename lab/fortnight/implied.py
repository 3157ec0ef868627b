"""What published figures say without saying it: the last of a sum, the whole of two parts, the one count of a share."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

from lab.errors import UnsolvableError
from lab.fortnight.facts import Facts, counts_for

# A unit's number and a day's number; None for all of them.
Place = tuple[int | None, int | None]
Layer = dict[Place, int]
Cell = tuple[int, int]


class Known(Struct, frozen=True):
    """What is published about one unit, one day, one unit on one day, or all."""

    received: int | None = None
    online: int | None = None
    percent: str | None = None


def said(facts: Facts, units: Sequence[str], days: Sequence[date], shut: Collection[Cell]) -> dict[Place, Known]:
    """All that is published of units, days and cells, or follows from it."""
    rows: dict[str | None, int | None] = {None: None} | {unit: row for row, unit in enumerate(units)}
    columns: dict[date | None, int | None] = {None: None} | {day: column for column, day in enumerate(days)}
    received: Layer = dict.fromkeys(sorted(shut), 0)
    online: Layer = {}
    percents: dict[Place, str] = {}
    for fact in facts.facts:
        if fact.what not in ("received", "online") or fact.day not in columns:
            continue
        place = (rows[fact.unit], columns[fact.day])
        whole = fact.count if fact.what == "received" else fact.of
        if whole is not None and received.setdefault(place, whole) != whole:
            raise UnsolvableError(f"{whole} and {received[place]} cannot both have been received")
        if fact.what == "online" and fact.count is not None:
            online[place] = fact.count
        if fact.percent is not None:
            percents[place] = fact.percent
    complete(received, online, percents, len(units), len(days))
    places = {*received, *online, *percents}
    return {place: Known(received.get(place), online.get(place), percents.get(place)) for place in places}


def complete(received: Layer, online: Layer, percents: Mapping[Place, str], units: int, days: int) -> None:
    """Adds what follows to the two layers; UnsolvableError when it follows that something is less than none."""
    offline: Layer = {}
    layers = (received, online, offline)
    lines = list(_lines(units, days))
    known = -1
    while known != (known := sum(map(len, layers))):
        for layer in layers:
            for whole, parts in lines:
                _last_of(layer, whole, parts)
        for place in {*received, *online, *offline}:
            _third_of(received, online, offline, place)
            if place in percents and place in received and place not in online:
                low, high = counts_for(percents[place], received[place])
                if low == high:
                    online[place] = low
        if any(count < 0 for layer in layers for count in layer.values()):
            raise UnsolvableError("less than none would be left")


def _lines(units: int, days: int) -> Iterator[tuple[Place, list[Place]]]:
    for day in (None, *range(days)):
        yield (None, day), [(unit, day) for unit in range(units)]
    for unit in (None, *range(units)):
        yield (unit, None), [(unit, day) for day in range(days)]


def _last_of(layer: Layer, whole: Place, parts: list[Place]) -> None:
    unknown = [place for place in parts if place not in layer]
    if whole not in layer:
        if not unknown:
            layer[whole] = sum(layer[place] for place in parts)
    elif layer[whole] == 0:
        layer.update(dict.fromkeys(unknown, 0))
    elif len(unknown) == 1:
        layer[unknown[0]] = layer[whole] - sum(layer[place] for place in parts if place in layer)


def _third_of(received: Layer, online: Layer, offline: Layer, place: Place) -> None:
    whole, part, rest = received.get(place), online.get(place), offline.get(place)
    if whole is None and part is not None and rest is not None:
        received[place] = part + rest
    elif whole is not None and part is None and rest is not None:
        online[place] = whole - rest
    elif whole is not None and part is not None and rest is None:
        offline[place] = whole - part
    if whole == 0:
        online.setdefault(place, 0)
