"""What intake cannot take while it takes others: it waits apart, holds up nobody, and is tried again a few at a time."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from services.edge.domain.held import Held
from services.edge.domain.patience import Patience
from services.edge.domain.receipts import receipt
from services.edge.domain.window import Waiting
from services.edge.link import sender as sender_module
from tests.unit.edge_city import City, Events, depth, hand_in, stored, until, with_line
from tests.unit.edge_world import World

pytestmark = pytest.mark.slow

PATIENCE = Patience(first_seconds=1.0, most_seconds=60.0, asked_most_seconds=600.0)
BATCH_EVENTS = 16
# An eighth of the largest batch, and what is behind each in its dossier.
TRIED_MAX = 500 // 8 * 3


def waiting(*positions: int) -> list[Waiting]:
    return [Waiting(position, f"id{position}", f"D{position}", b"x") for position in positions]


def due(held: Held, now: float) -> list[int]:
    return [each.position for each in held.due(now, BATCH_EVENTS)]


def test_a_few_are_tried_at_a_time_more_while_that_succeeds_and_each_in_its_turn() -> None:
    held = Held(PATIENCE)
    held.put(waiting(*range(1, 41)), now=0.0, chance=0.5)
    assert due(held, 0.4) == []
    assert held.rest_seconds(0.4) == pytest.approx(0.1)
    assert due(held, 0.5) == [1, 2], "an eighth of a batch"
    assert due(held, 100.0) == [], "none while others are being tried"
    assert held.rest_seconds(100.0) is None
    held.put(waiting(1, 2), now=1.0, chance=0.5)
    assert held.rest_seconds(1.0) == 1.0, "twice as long"
    assert due(held, 2.0) == [3, 4], "those that failed go to the end"
    held.taken(waiting(3, 4))
    assert due(held, 2.0) == [5, 6, 7, 8], "one that is taken says that others may be"
    held.taken(waiting(5, 6, 7))
    assert due(held, 2.0) == [], "the eighth is still being tried"
    held.put(waiting(8), now=3.0, chance=0.5)
    assert due(held, 3.4) == []
    assert due(held, 3.5) == [9, 10]
    tried = [9, 10]
    for _ in range(3):
        held.taken(waiting(*tried))
        tried = due(held, 4.0)
    assert len(tried) == BATCH_EVENTS


def test_no_stream_of_new_ones_keeps_those_that_wait_from_being_tried() -> None:
    held = Held(PATIENCE)
    held.put(waiting(1), now=0.0, chance=0.5, asked_seconds=5.0)
    for second in range(1, 5):
        held.put(waiting(10 + second), now=float(second), chance=0.5, asked_seconds=5.0)
    assert due(held, 4.9) == []
    assert due(held, 5.0) == [1], "and none before intake wants to see it again"
    held.taken(waiting(1))
    assert due(held, 5.0) == []
    assert held.rest_seconds(5.0) == 1.0
    assert due(held, 7.0) == [11, 12]


def without_partition(events: Events, request: web.Request) -> web.Response:
    """Nothing of some dossiers can be written; what is left of a body is stored."""
    answer = stored(events, but=lambda each: "retry" if each["subject"].startswith("bad") else None)
    if all(each["subject"].startswith("bad") for each in events):
        answer.set_status(503)
    return answer


@pytest.mark.parametrize("most", [1000, 20_000])
def test_a_partition_that_cannot_be_written_does_not_stop_what_goes_to_others(most: int, tmp_path: Path) -> None:
    """More of its events are there than the sender reads ahead, and all before the others; when it can be, all arrive."""
    bad = 900 if most == 1000 else 3000

    async def act(world: World, city: City) -> None:
        city.says = without_partition
        await hand_in(world, *(f"bad{number % (bad // 3)}" for number in range(bad)), *(f"good{n}" for n in range(100)))

        async def the_others_are_gone() -> bool:
            return await depth(world) == bad

        await until(the_others_are_gone)
        held = world.ports.instruments.registry.get_sample_value("motcua_edge_held_events")
        assert held is not None
        assert bad - TRIED_MAX <= held <= bad
        city.says = lambda events, request: stored(events)

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)
        check_order(city, bad)

        assert world.ports.link.state != "down"

    with_line(tmp_path, act, edge_window_events_max=1000, edge_held_events_max=most)


def test_what_waits_apart_alone_is_no_outage_of_the_line_and_new_events_go_at_once(tmp_path: Path) -> None:
    async def act(world: World, city: City) -> None:
        city.says = without_partition
        await hand_in(world, "good", "bad1", "bad2")
        await until(lambda: len(city.batches) > 6)
        assert world.ports.link.state == "up"
        assert await depth(world) == 2

    with_line(tmp_path, act)


def test_what_waits_apart_is_bounded_and_nothing_is_lost_when_the_line_stops_for_it(tmp_path: Path) -> None:
    bad = 6000

    async def act(world: World, city: City) -> None:
        city.says = without_partition
        await hand_in(world, *(f"bad{number % (bad // 3)}" for number in range(bad)), *(f"good{n}" for n in range(100)))
        window = world.ports.sender._window
        await until(lambda: window.held_events >= 1000 and window.events == 0)
        assert window.held_events < 1000 + 1000, "its bound, and what was read at once"
        city.says = lambda events, request: stored(events)

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)
        check_order(city, bad)

    with_line(tmp_path, act, edge_window_events_max=1000, edge_held_events_max=1000)


def check_order(city: City, bad: int) -> None:
    """By the first answer that took it, each event of a dossier comes behind the one before it."""
    last = {each: at for at, batch in enumerate(city.batches) for each in batch}
    for number in range(bad // 3):
        ats = [last[f"e{number + turn * (bad // 3)}"] for turn in range(3)]
        assert ats == sorted(set(ats))


# -- what nobody foresaw


def test_an_event_that_makes_the_line_stumble_is_tried_again_after_a_rest_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = sender_module._packed
    poisonous = [True]

    def stumbles(batch: Any, level: int) -> bytes:
        if poisonous[0] and any(each.subject == "poison" for each in batch):
            raise RuntimeError("nobody foresaw this")
        return pack(batch, level)

    async def act(world: World, city: City) -> None:
        monkeypatch.setattr(sender_module, "_packed", stumbles)
        await hand_in(world, "A", "poison", "B", *(f"C{number}" for number in range(20)))
        await until(lambda: world.ports.link.line.trouble == "unexpected")

        async def one_is_left() -> bool:
            return await depth(world) == 1

        await until(one_is_left)
        failures = world.ports.instruments.registry.get_sample_value(
            "motcua_edge_send_failures_total", {"kind": "unexpected"}
        )
        assert failures is not None
        assert failures >= 1
        poisonous[0] = False

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)

    with_line(tmp_path, act)


def test_a_batch_whose_answer_made_the_line_stumble_is_settled_as_far_as_intake_spoke_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = iter([True])

    def stumbles(*of: Any) -> Any:
        if next(once, False):
            raise RuntimeError("nobody foresaw this")
        return receipt(*of)

    async def act(world: World, city: City) -> None:
        monkeypatch.setattr(sender_module, "receipt", stumbles)
        city.says = lambda events, request: stored(events, but=lambda each: "retry" if each["subject"] == "A" else None)
        await hand_in(world, "A", "B", "A")

        async def what_was_stored_is_gone() -> bool:
            return await depth(world) == 2

        await until(what_was_stored_is_gone)
        city.says = lambda events, request: stored(events)

        async def nothing_is_left() -> bool:
            return await depth(world) == 0

        await until(nothing_is_left)
        order = [each for batch in city.batches for each in batch]
        assert order.count("e1") == 1

    with_line(tmp_path, act)
