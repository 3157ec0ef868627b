"""What counts as a fault: only what has hit something, and only in the way that it says."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import injecting, kept
from tests.faults.centres import Centres
from tests.faults.injecting import Injector
from tests.faults.kept import Kept
from tests.faults.load import EDGE_UNITS, Load, identity, load, without_recordedtime
from tests.faults.plan import Fault
from tests.faults.stand import Stand

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
        self.stand = SimpleNamespace(lines=lines, **stand)

    def suffered(self, kind: str) -> bool:
        """Whether a fault of this kind is counted."""
        injector = Injector(self.stand, self)  # type: ignore[arg-type]
        return injector.suffer(Fault(kind, target=0, amount=90.0)) is not None

    def tick(self, at: int) -> None: ...
    def drained(self, edge: int) -> None: ...
    def fresh(self) -> None: ...

    def lost_requests(self, edge: int) -> int | None:
        return self.lost


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for as long as in earnest."""
    for name in ("WAITS_SECONDS", "LOOK_EVERY_SECONDS"):
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


def test_a_jump_of_a_clock_counts_when_an_event_was_entered_by_it(tmp_path: Path) -> None:
    """Only while it is off, and at that edge."""
    stand = Stand(tmp_path, lambda base: SimpleNamespace())
    for unit in EDGE_UNITS:
        (tmp_path / f"edge-{unit}").mkdir()
    assert [stand.entered_by_clock_off(0), stand.is_clock_off(0)] == [0, False]
    stand.entered(0, 5)
    stand.shift_clock(0, -90)
    stand.entered(1, 5)
    assert [stand.entered_by_clock_off(0), stand.is_clock_off(0), stand.is_clock_off(1)] == [0, True, False]
    stand.entered(0, 5)
    assert stand.entered_by_clock_off(0) == 5
    stand.shift_clock(0, 0)
    assert not stand.is_clock_off(0)


def test_while_a_clock_is_off_its_centre_leaves_the_time_of_entry_to_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody else; what is handed in is what the oracle judges by."""
    entered: list[tuple[int, int]] = []
    off = EDGE_UNITS[1]
    stand: Any = SimpleNamespace(
        is_clock_off=lambda edge: EDGE_UNITS[edge] == off, entered=lambda edge, events: entered.append((edge, events))
    )
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
    assert {identity(raw) for raw in wanted} == {identity(each.event) for batch in LOAD.batches for each in batch.events}
