"""What a run shows while it goes on: rates of each step, latencies of all processes, and what is not broken yet."""

import asyncio
import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from lab.load import generator, sofar
from lab.load.centre import Tally
from lab.load.live import View
from lab.load.measures import Latencies
from lab.load.processes import Generators


def _told(at: float, due: int, counted: int, rows: list[sofar.Row]) -> dict[str, Any]:
    return {
        "at": at, "of": 12.0, "clock": "2025-07-01T07:30", "counts": Counter(due=due, stored=due), "waiting": {},
        "troubles": Counter(), "counted": counted, "sample": None, "so_far": rows,
    }  # fmt: skip


def test_each_step_of_a_search_shows_its_own_rates() -> None:
    """Each begins at its second 0 with nothing due, while the counters go on; the rate is that of this step."""
    view = View("")
    view.show(_told(0.0, 0, 0, []))
    view.show(_told(10.0, 600, 600, []))
    assert view._rates == (60.0, 60.0)
    view.show(_told(0.0, 0, 700, []))
    view.show(_told(2.0, 2_000, 2_300, []))
    assert view._rates == (1_000.0, 800.0)


def _latencies(*milliseconds: float) -> Latencies:
    told = Latencies()
    for each in milliseconds:
        told.record(each)
    return told


def test_what_is_broken_so_far_is_said_at_once() -> None:
    """One refused, one given up, a generator that stood still; and a line of it where there is no terminal."""
    soon = {"stored": _latencies(*[100.0] * 99, 9_000.0), "late": _latencies(1.0), "loop": _latencies(900.0)}
    rows = {each.name: each for each in sofar.rows(Counter(refused=1, given_up=2), Counter(answer_503=3), soon)}
    assert "accepted at the counter" not in rows
    assert rows["due until stored"].said == "p50 100 ms, p99 100 ms"
    assert (rows["refused wrongly"].said, rows["refused wrongly"].word) == ("1", "BROKEN")
    assert (rows["given up, so lost"].said, rows["given up, so lost"].word) == ("2", "BROKEN")
    assert rows["tried again"].said == "3 times"
    assert rows["generator"].word == "NOT punctual"
    assert "refused wrongly 1" in sofar.line(list(rows.values()))


def test_what_is_well_is_kept_so_far_and_no_more() -> None:
    """Nobody knows before the end."""
    soon = {"accepted": _latencies(7.0), "stored": _latencies(50.0), "late": _latencies(1.0), "loop": _latencies(1.0)}
    rows = sofar.rows(Counter(due=10, stored=9), Counter(), soon)
    assert {each.word for each in rows} == {"", "kept so far"}
    assert "refused" not in sofar.line(rows)


@pytest.mark.slow
def test_the_view_gets_histograms_of_all_processes_while_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merged, as at the end; what a process says of itself is what the conductor hears."""
    generators = Generators()
    assert generators.latencies() == {}

    async def tell() -> None:
        heard = asyncio.Event()

        def say(what: dict[str, Any]) -> None:
            if what["kind"] == "latencies":
                for place in range(2):
                    generators._heard.append({})
                    generators._hear(place, msgspec.json.encode(what))
                heard.set()

        monkeypatch.setattr(generator, "_say", say)
        tally = Tally(time.monotonic(), 1.0, ("fibre",))
        tally.book.record("stored fibre", 0.0, 40.0)
        tally.book.record("accepted edge", 0.0, 5.0)
        telling = asyncio.create_task(generator._tell(tally, {}, generator._Punctual()))
        await asyncio.wait_for(heard.wait(), 30)
        telling.cancel()

    asyncio.run(tell())
    assert generators.latencies()["stored"].count == 2
    assert generators.latencies()["accepted"].at(50) == pytest.approx(5.0, rel=0.01)
    assert generators.latencies()["late"].count == 0
