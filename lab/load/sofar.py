"""What can be said of a run while it goes on: latencies, and which promises about counts it has not broken yet."""

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from lab.load.health import LATE_P99_MS_MAX, LOOP_P99_MS_MAX
from lab.load.measures import Latencies


class Row(Struct, frozen=True):
    """One line of the view; `word` is empty where nothing is judged."""

    name: str
    said: str
    word: str = ""


def rows(counts: Counter[str], troubles: Counter[str], latencies: Mapping[str, Latencies]) -> list[Row]:
    """What has been counted and timed so far. Whether all that was stored is counted, only the end can tell."""
    told = [
        Row(name, f"p50 {each.at(50):,.0f} ms, p99 {each.at(99):,.0f} ms")
        for name, key in (("accepted at the counter", "accepted"), ("due until stored", "stored"))
        if (each := latencies.get(key)) is not None and each.count
    ]
    told += [
        Row(name, f"{counts[key]:,}", "BROKEN" if counts[key] else "kept so far")
        for name, key in (("refused wrongly", "refused"), ("given up, so lost", "given_up"))
    ]
    told.append(Row("tried again", f"{sum(troubles.values()):,} times"))
    if (late := latencies.get("late")) is not None and (loop := latencies.get("loop")) is not None:
        late_ms, loop_ms = late.at(99), loop.at(99)
        told.append(Row(
            "generator", f"late {late_ms:,.0f} ms, loop {loop_ms:,.0f} ms (p99)",
            "kept so far" if late_ms <= LATE_P99_MS_MAX and loop_ms <= LOOP_P99_MS_MAX else "NOT punctual",
        ))  # fmt: skip
    return told


def line(told: list[Row]) -> str:
    """The same in a line, where there is no terminal: what is well is not repeated."""
    return ", ".join(f"{each.name} {each.said}" for each in told if each.word != "kept so far")
