"""The queue before the disk: bounded, and without what nobody waits for any more."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from services.edge.store import writer as writer_module
from services.edge.store.errors import BusyError
from tests.intake_bad_inputs import ONE, event, packed
from tests.unit.edge_city import until
from tests.unit.edge_world import Answer, World

pytestmark = pytest.mark.slow

CENTRE = {"Authorization": "Bearer dev-19753", "Content-Type": ONE}
MIB = 1024 * 1024


def while_the_disk_hangs(world: World, act: Callable[[], Awaitable[None]]) -> int:
    """Acts while the outbox's thread is stuck in something; how many events are kept when it came out of it."""

    async def acted() -> int:
        begun, may_go_on = threading.Event(), threading.Event()

        def hang(_: object) -> None:
            begun.set()
            may_go_on.wait(20)

        hanging = asyncio.create_task(world.ports.writer.do(hang))
        await until(begun.is_set)
        try:
            await act()
        finally:
            may_go_on.set()
        await hanging
        return await unsent(world)

    return world.do(acted)


async def unsent(world: World) -> int:
    for _ in range(500):
        # What still waits from before may leave no room yet.
        with suppress(BusyError):
            return (await world.ports.writer.do(lambda outbox: outbox.stand())).unsent
        await asyncio.sleep(0.01)
    raise AssertionError("the queue before the disk does not empty itself")


async def post(world: World, event_id: str) -> Answer:
    return await world.call("POST", "/v1/events", CENTRE, [packed(event(id=event_id))])


def sample(world: World, name: str, **labels: str) -> float | None:
    return world.ports.instruments.registry.get_sample_value(f"motcua_edge_{name}", labels)


def test_what_was_answered_retry_because_the_disk_hung_is_not_kept_when_it_goes_on(tmp_path: Path) -> None:
    """Its sender sends it again: it would be there twice, and on a disk that hangs for long without end."""
    world = World(tmp_path, edge_store_seconds=0.1)

    async def act() -> None:
        for number in range(3):
            answer = await post(world, f"a{number}")
            assert (answer.status, answer.told["code"]) == (503, "unavailable")

    assert while_the_disk_hangs(world, act) == 0


def test_more_than_may_wait_for_the_disk_is_told_so_at_once_and_the_line_still_gets_through(tmp_path: Path) -> None:
    world = World(tmp_path, edge_waiting_kib=4096)
    waiting: list[asyncio.Task[Any]] = []

    async def act() -> None:
        do = world.ports.writer.do
        waiting.append(asyncio.create_task(do(lambda outbox: None, 5 * MIB)))
        await until(lambda: sample(world, "store_waiting_bytes") == 5 * MIB)
        with pytest.raises(BusyError):
            await do(lambda outbox: None, 1)
        answer = await post(world, "a")
        assert (answer.status, answer.told["code"]) == (503, "too_busy")
        assert [item["status"] for item in answer.told["results"]] == ["retry"]
        assert "retry-after" in answer.headers
        # What brings nothing along is what makes room: deliveries, and looking.
        waiting.append(asyncio.create_task(do(lambda outbox: outbox.settle([], []))))
        await asyncio.sleep(0)

    assert while_the_disk_hangs(world, act) == 0
    assert all(task.done() and task.exception() is None for task in waiting)
    assert (sample(world, "store_waiting_bytes"), sample(world, "store_errors_total", code="store_busy")) == (0, 2)


def test_acts_that_weigh_nothing_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "WAITING_ACTS_MAX", 3)
    world = World(tmp_path, edge_store_seconds=0.1)

    async def act() -> None:
        answers = [await world.call("GET", "/v1/outbox", {}) for _ in range(5)]
        assert [answer.status for answer in answers] == [503] * 5
        assert ["store_busy" in answer.told["detail"] for answer in answers] == [False] * 3 + [True] * 2

    assert while_the_disk_hangs(world, act) == 0
