"""A smoke of faults while events pour in: the figures are those of what was handed in, and the audit is clean."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from lab.figures import Figures
from lab.sender import Sender
from tests.conftest import NewProvince
from tests.faults.handed_in import STEPS, Slice, expected, slices
from tests.province import Province, Service

UNITS = ("19804", "19942", "20044", "20056")
SESSION_SECONDS = 6
QUICK = {
    "MOTCUA_PROCESSING_SESSION_SECONDS": str(SESSION_SECONDS),
    "MOTCUA_METRICS_SESSION_SECONDS": str(SESSION_SECONDS),
    # Small commits, so that a fault falls between two of them.
    "MOTCUA_PROCESSING_CHUNK_RECORDS": "200",
    "MOTCUA_PROCESSING_SLICE_DOSSIERS": "50",
}
ENDS_WITHIN_SECONDS = 30.0
BROKER_BACK_WITHIN_SECONDS = 60.0

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


@pytest.mark.timeout(300)
def test_no_fault_changes_a_figure(own_province: NewProvince) -> None:
    """kill -9 of processing and metrics, also between producing and committing; FLUSHALL; zombies; broker kill -9."""
    province = own_province(**QUICK)
    running = province.start_all()
    parts = iter(_sevenths(slices(UNITS)))
    centre = _Centre(running["intake"].base_url)

    def while_sending(act: Callable[[], None]) -> None:
        with centre.sending(next(parts)):
            act()

    def kill(name: str) -> Callable[[], None]:
        def act() -> None:
            time.sleep(0.5)
            running[name].kill()
            running[name] = province.start(name)

        return act

    def die_before_commit(name: str) -> Callable[[], None]:
        def act() -> None:
            running[name].stop()
            doomed = province.start(name, ready=False, MOTCUA_FAULT="exit_before_commit:4")
            assert doomed.wait_end(ENDS_WITHIN_SECONDS) != 0
            running[name] = province.start(name)

        return act

    def freeze() -> None:
        """Both hold partitions beyond their session's end, and wake up when others have them."""
        heirs = {name: province.start(name, ready=False) for name in ("processing", "metrics")}
        for heir in heirs.values():
            heir.wait_ready()
        for name in heirs:
            running[name].freeze()
        time.sleep(SESSION_SECONDS + 3)
        for name in heirs:
            running[name].thaw()
        time.sleep(2)
        for name in heirs:
            running[name].stop()
        running.update(heirs)

    def flush_all() -> None:
        time.sleep(0.5)
        province.redis().flushall()

    def kill_broker() -> None:
        time.sleep(0.5)
        _kill_broker(province)

    for act in (
        kill("processing"), die_before_commit("processing"), kill("metrics"), die_before_commit("metrics"),
        freeze, flush_all, kill_broker,
    ):  # fmt: skip
        while_sending(act)
    assert next(parts, None) is None
    with _kept_running(province, running):
        answer = asyncio.run(_counted(running["metrics-api"], centre.ends))
    _assert_exact(answer)
    verified = province.run("services.audit.main", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def _assert_exact(answer: dict[str, Any]) -> None:
    """Every figure is that of the events which were handed in."""
    found = {row["unit"]: row["counters"] for row in answer["units"]}
    for unit, counters in expected(slices(UNITS)).items():
        shown = {name: found[unit][name] for name in (*STEPS, *counters)}
        assert shown == {name: counters[name] for name in shown}, f"unit {unit}"


@contextmanager
def _kept_running(province: Province, running: dict[str, Service]) -> Iterator[None]:
    """Whoever cannot go on ends itself, as it must; whoever keeps processes running starts it anew."""
    done = threading.Event()

    def keep() -> None:
        while not done.wait(0.5):
            for name in ("processing", "metrics"):
                if not running[name].running:
                    running[name] = province.start(name, ready=False)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


class _Centre:
    """The centres' software: hands everything in, again and again until it is stored, in a thread of its own."""

    def __init__(self, intake: str) -> None:
        self._intake = intake
        self.ends: dict[str, int] = {}

    def sending(self, part: Iterable[Slice]) -> "_Handover":
        """A context in which these slices are being sent; it ends when all are stored."""
        return _Handover(self, tuple(part))

    async def send(self, part: tuple[Slice, ...]) -> None:
        async with aiohttp.ClientSession() as session:
            sender = Sender(session, self._intake)
            for each in part:
                await sender.send(each.events)
                await sender.tick(each.tick)
            self.ends = sender.sent.ends


class _Handover:
    def __init__(self, centre: _Centre, part: tuple[Slice, ...]) -> None:
        self._failure: BaseException | None = None
        self._centre, self._part = centre, part
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._centre.send(self._part))
        except BaseException as error:  # told to the test when it leaves the context
            self._failure = error

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(180)
        assert not self._thread.is_alive(), "the centres could not hand everything in"
        if self._failure is not None:
            raise self._failure


def _sevenths(told: tuple[Slice, ...]) -> list[tuple[Slice, ...]]:
    bounds = [len(told) * number // 7 for number in range(8)]
    return [told[begin:end] for begin, end in pairwise(bounds)]


def _kill_broker(province: Province) -> None:
    stack = province.servers.stack
    assert stack is not None
    former = stack.pids["kafka"]
    os.kill(former, signal.SIGKILL)
    deadline = time.monotonic() + BROKER_BACK_WITHIN_SECONDS
    while stack.pids.get("kafka") in (None, former):
        assert time.monotonic() < deadline, "the broker did not come back"
        time.sleep(0.2)
    stack.wait_ready(("kafka",))


async def _counted(metrics: Service, ends: dict[str, int]) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session:
        figures = Figures(session, metrics.base_url, print)
        await figures.wait_counted(ends)
        async with session.get(f"{metrics.base_url}/v1/units?role=receiver") as answer:
            told: dict[str, Any] = await answer.json()
            return told
