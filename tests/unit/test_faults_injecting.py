"""What counts as a fault: only what has hit something, and only in the way that it says."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import injecting, kept
from tests.faults.centres import Centres
from tests.faults.clocks import Clocks
from tests.faults.coming import identity
from tests.faults.injecting import Injector
from tests.faults.kept import Kept
from tests.faults.kinds import Spoilt
from tests.faults.load import EDGE_UNITS, Load, load, without_recordedtime
from tests.faults.plan import Fault
from tests.faults.proof import Proof
from tests.faults.sockets import Crossed

pytestmark = pytest.mark.slow

HOWS: tuple[Spoilt, ...] = ("cut", "reset", "half_open", "slow", "lossy", "unanswered")
SLEEPS = "import time; time.sleep(60)"
LOAD = load(1, 0, dossiers_per_unit=4)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Any]:
    """Makes processes, and ends them."""
    made: list[Kept] = []

    def make(program: str, anew: bool = True) -> Kept:
        made.append(Kept("it", [sys.executable, "-S", "-c", program], {}, tmp_path / "log", 1, anew))
        return made[-1]

    yield make
    for each in made:
        each.stop()


class World:
    """A stand and its doors, as far as faults see them."""

    def __init__(self, **stand: Any) -> None:
        self.clock = 0
        self.lost: int | None = 0
        self.told: list[str] = []
        lines = SimpleNamespace(spoil=lambda name, how: self.told.append(how), heal=lambda name: self.told.append("healed"))
        self.open: dict[int, Crossed] = {}
        self.nudged = 0
        self.stand = SimpleNamespace(lines=lines, connections=lambda name: dict(self.open), **stand)

    def suffered(self, kind: str) -> bool:
        """Whether a fault of this kind is counted."""
        injector = Injector(self.stand, self)  # type: ignore[arg-type]
        return injector.suffer(Fault(kind, target=0, amount=90.0)) is not None

    def tick(self, at: int) -> None: ...
    def drained(self, edge: int) -> None: ...
    def fresh(self) -> None: ...

    def nudge(self) -> None:
        self.nudged += 1

    def lost_requests(self, edge: int) -> int | None:
        return self.lost


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for as long as in earnest."""
    for name in ("WAITS_SECONDS", "CARRIES_WITHIN_SECONDS", "LOOK_EVERY_SECONDS"):
        monkeypatch.setattr(injecting, name, 0.01)
    monkeypatch.setattr(kept, "BACK_WITHIN_SECONDS", 0.3)


def test_a_process_that_is_dead_just_then_is_hit_when_it_is_back(processes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keeper needs a moment; the second kill hits the one that came after the first."""
    monkeypatch.setattr(kept, "BACK_WITHIN_SECONDS", 10.0)
    process = processes(SLEEPS)
    first = process.pid
    os.kill(first, signal.SIGKILL)
    with suppress(ChildProcessError):  # its keeper, which looks now and then, may know it before
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert process.kill()
    deadline = time.monotonic() + 10.0
    while len(process.gave_up) < 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.gave_up == [-signal.SIGKILL], "the first was none of ours, the second was"


@pytest.mark.parametrize("kind", ["kill_intake", "stop_intake"])
def test_a_process_that_does_not_come_back_has_suffered_nothing(processes: Any, kind: str) -> None:
    gone = processes("", anew=False)
    while gone.running:
        time.sleep(0.01)
    assert not World(intake=gone).suffered(kind)
    assert World(intake=processes(SLEEPS)).suffered(kind)


@pytest.mark.slow
@pytest.mark.parametrize(("service", "right"), [("processing", "os._exit(137)"), ("metrics", "os.kill(os.getpid(), 9)")])
def test_a_worker_that_ends_in_another_way_has_not_died_at_its_commit(processes: Any, service: str, right: str) -> None:
    """A few are tried; the exit status tells."""

    def suffered(*programs: str) -> bool:
        left = iter(programs)
        return World(join=lambda *_, **__: processes(f"import os; {next(left)}", anew=False)).suffered(f"die_{service}")

    assert suffered(right)
    assert suffered("os._exit(1)", right)
    assert not suffered("os._exit(0)", "os._exit(1)", "os.kill(os.getpid(), 6)")


@pytest.mark.parametrize("kind", ["line_unanswered", "line_lossy"])
def test_a_line_that_cut_nothing_is_not_counted(kind: str) -> None:
    """It is healed all the same; so is one whose edge does not say what it lost."""
    world = World()
    assert not world.suffered(kind)
    assert world.told == [kind.partition("_")[2], "healed"]
    world.stand.lines.spoil = lambda name, how: setattr(world, "lost", 1)
    assert world.suffered(kind)
    world.lost = None
    assert not world.suffered(kind)


def test_a_line_without_a_connection_in_use_is_not_spoilt() -> None:
    """Nothing could be hit; one that never got an answer is somebody who finds nobody behind the line."""
    world = World()
    world.open = {4001: Crossed(60, 0)}
    assert not world.suffered("kafka_cut")
    assert world.told == []


@pytest.mark.parametrize(
    "kind", [*(f"kafka_{how}" for how in HOWS), "line_cut", "line_reset", "line_half_open", "line_slow"]
)
def test_a_spoilt_line_counts_when_its_connections_show_it(kind: str) -> None:
    """Else it is healed and not counted, though something was sent over a line to Kafka for it to hit."""
    how = kind.partition("_")[2]
    before = {4001: Crossed(500, 900), 4002: Crossed(60, 0)}
    hit = {"half_open": {4001: Crossed(560, 900)}, "slow": {4001: Crossed(501, 901)}}.get(how, {4002: Crossed(60, 0)})
    missed = {"half_open": {4001: Crossed(560, 930)}, "slow": {4001: Crossed(560, 900)}}.get(
        how, {4001: Crossed(900, 990), 4003: Crossed(0, 0)}
    )
    for after, counts in ((missed, False), (before, False), (hit, True)):
        world = World()
        world.open = dict(before)

        def spoil(name: str, how: str, world: World = world, after: dict[int, Crossed] = after) -> None:
            # Asked once just after it, then for what it has hit.
            told = iter([before])
            world.told.append(how)
            world.stand.connections = lambda name: dict(next(told, after))

        world.stand.lines.spoil = spoil
        assert world.suffered(kind) == counts
        assert world.told == [how, "healed"]
        assert (world.nudged > 0) == (kind.startswith("kafka") and not counts)


@pytest.mark.parametrize("how", ["cut", "reset", "lossy", "unanswered"])
def test_a_connection_that_was_opened_later_and_has_ended_proves_nothing(how: Spoilt) -> None:
    """Its client may have had no more to say; one that was in use when the line was spoilt was kept to be used."""
    looks = [
        {4001: Crossed(500, 900)},
        {4001: Crossed(500, 900), 4002: Crossed(0, 0)},
        {4001: Crossed(520, 930), 4002: Crossed(60, 90)},
        {4001: Crossed(540, 960)},
        {4002: Crossed(60, 90)},
    ]
    told = iter(looks)
    proof = Proof(how, lambda: next(told))
    proof.spoilt()
    assert [proof.hit() for _ in looks[2:]] == [None, None, "1 connections broke"]


def test_a_jump_of_a_clock_counts_when_an_event_was_entered_by_it(tmp_path: Path) -> None:
    """Only while it is off, and at that edge."""
    clocks = Clocks(lambda number: tmp_path / f"shift-{number}")
    assert (clocks.entered_while_off(0), clocks.off_by(0)) == (0, None)
    clocks.entered(0, 5)
    clocks.shift(0, -90)
    clocks.entered(1, 5)
    assert (clocks.entered_while_off(0), clocks.off_by(0), clocks.off_by(1)) == (0, -90, None)
    clocks.entered(0, 5)
    assert clocks.entered_while_off(0) == 5
    clocks.shift(0, 0)
    assert clocks.off_by(0) is None
    assert (tmp_path / "shift-0").read_text() == "0"


def test_a_jump_that_was_lifted_is_not_brought_back_by_who_entered_something_meanwhile(tmp_path: Path) -> None:
    """The injector lifts it just when the centre has looked whether the clock is off."""
    clocks = Clocks(lambda number: tmp_path / f"shift-{number}")
    clocks.shift(0, -90)
    lifting = threading.Thread(target=clocks.shift, args=(0, 0))

    class Looked(dict[int, tuple[float, int]]):
        def get(self, *asked: Any) -> Any:
            found = super().get(*asked)
            if lifting.ident is None:
                lifting.start()
                lifting.join(0.3)
            return found

    clocks._off = Looked(clocks._off)
    clocks.entered(0, 5)
    lifting.join(10)
    assert not lifting.is_alive()
    assert (clocks.off_by(0), clocks.entered_while_off(0)) == (None, 0)


def test_while_a_clock_is_off_its_centre_leaves_the_time_of_entry_to_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody else; what is handed in is what the oracle judges by, and what that clock was meanwhile."""
    began = datetime.now(UTC)
    entered: list[tuple[int, int]] = []
    off = EDGE_UNITS[1]
    clocks = SimpleNamespace(
        off_by=lambda edge: -7200.0 if EDGE_UNITS[edge] == off else None,
        entered=lambda edge, events: entered.append((edge, events)),
    )
    stand: Any = SimpleNamespace(clocks=clocks)
    centres = Centres(stand, SimpleNamespace(), Load(LOAD.ticks, LOAD.batches), (), "1")  # type: ignore[arg-type]
    sent: list[bytes] = []
    monkeypatch.setattr(centres, "_store", lambda session, code, events: sent.extend(events))
    centres._send_all(LOAD.batches)
    centres.close()
    wanted = [without_recordedtime(each.event) if batch.code == off else each.event
              for batch in LOAD.batches for each in batch.events]  # fmt: skip
    assert centres.handed_in == sent == wanted
    mine = [batch for batch in LOAD.batches if batch.code == off]
    assert entered == [(1, len(batch.events)) for batch in mine]
    assert centres.by_edges.keys() == {identity(each.event) for batch in mine for each in batch.events}
    shift, now = timedelta(hours=2), datetime.now(UTC)
    assert all(began - shift <= since <= until <= now - shift for since, until in centres.by_edges.values())
    assert {identity(raw) for raw in wanted} == {identity(each.event) for batch in LOAD.batches for each in batch.events}


@pytest.mark.parametrize("kind", ["batch_duplicated", "batch_shuffled", "batch_withheld"])
def test_a_batch_has_recovered_when_all_of_it_is_counted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A withheld one since it was handed in, before it is stored; the others since their last event was."""
    storing, counting, waited = 0.5, 0.1, list[str]()

    def counted(what: str) -> None:
        waited.append(what)
        time.sleep(counting / 2)

    doors: Any = SimpleNamespace(drained=lambda edge: counted("drained"), fresh=lambda: counted("fresh"))
    stand: Any = SimpleNamespace(clocks=SimpleNamespace(off_by=lambda edge: None))
    own = tuple(batch for batch in LOAD.batches if batch.code == EDGE_UNITS[0])[:1]
    monkeypatch.setattr("tests.faults.centres.WORTH_SHUFFLING_EVENTS", 1)
    centres = Centres(stand, doors, Load(LOAD.ticks, own), (Fault(kind, target=0),), "1")
    monkeypatch.setattr(centres, "_store", lambda session, code, events: time.sleep(storing))
    [struck] = centres._faults
    centres._send_all([own[struck]])
    [suffered] = centres.suffered()
    centres.close()
    assert waited == ["drained", "fresh"]
    least = counting + (storing if kind == "batch_withheld" else 0.0)
    assert suffered.recovered_seconds is not None
    assert least <= suffered.recovered_seconds + 0.01 < least + storing
