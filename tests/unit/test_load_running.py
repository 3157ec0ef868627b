"""While a run is under way: a fault that fails is noticed, what waits is not lost, and whoever fails says so."""

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
import pytest

from lab.errors import LabError, ScenarioError, TooSlowError, UnreachableError
from lab.links.wires import Wires
from lab.load import asking, main
from lab.load.asking import Asking, audited
from lab.load.city import City, LoadStack
from lab.load.conductor import Lab
from lab.load.course import Act, Course, Stretch
from lab.load.edges import Edges, Remains
from lab.load.processes import Generators
from lab.load.scenario import Fault, read

pytestmark = pytest.mark.slow


def test_a_fault_that_fails_is_noticed_though_the_course_goes_on() -> None:
    """The city is somebody else's: nothing of it may be killed, and the scenario is another one without that."""
    put: list[str] = []
    moment = read("mountain-link").time.starts

    async def run() -> list[str]:
        async def change(link: str, _: str) -> None:
            put.append(link)

        plan = [Act(at=0.0, fault=Fault(at=moment, what="kill", of="kafka")), Act(at=0.05, link="fibre", becomes="cut")]
        course = Course(plan, change, City("", "", "", None), time.monotonic(), lambda line: None)
        with pytest.raises(ScenarioError, match="faults happen to a stack of the lab's own"):
            await course.run()
        return [each.what for each in course.stretches]

    assert asyncio.run(run()) == []
    assert put == ["fibre"]


def test_a_kill_lasts_until_the_service_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch on the timeline, not an instant of no length."""
    killed: list[int] = []
    pids = iter([7, 7, None, None, 8])
    monkeypatch.setattr(City, "pid", lambda *_: next(pids))
    monkeypatch.setattr("lab.load.city.os.kill", lambda pid, _: killed.append(pid))
    fault = Fault(at=read("mountain-link").time.starts, what="kill", of="kafka")

    async def run() -> list[Stretch]:
        city = City("", "", "", cast(LoadStack, object()))
        course = Course([Act(at=0.0, fault=fault)], cast(Any, None), city, time.monotonic(), lambda line: None)
        await course.run()
        return course.stretches

    [told] = asyncio.run(run())
    assert killed == [7]
    assert told.until - told.since >= 0.3


class _Holding(Edges):
    """Edges that say what they are told to say."""

    def __init__(self, looks: list[dict[str, int]]) -> None:
        super().__init__(Path("nowhere"), 0)
        self.addresses = {"1": "", "2": ""}
        self.looks = looks

    async def depths(self, _: aiohttp.ClientSession) -> dict[str, int]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


@pytest.mark.parametrize(
    ("looks", "seconds", "remains"),
    [
        ([{"1": 5, "2": 0}, {"1": 0, "2": 0}], 60, Remains(0, 0)),
        ([{"1": 5, "2": 2}], -1, Remains(7, 0)),
        ([{"1": 5}], -1, Remains(5, 1)),
        ([{}], -1, Remains(0, 2)),
    ],
)
def test_what_real_edges_hold_at_the_deadline_is_left_and_not_lost(
    looks: list[dict[str, int]], seconds: float, remains: Remains
) -> None:
    """Also when the deadline is over before anybody asks; an edge that does not answer is told apart."""

    async def ask() -> Remains:
        async with aiohttp.ClientSession() as session:
            return await _Holding(looks).emptied(session, time.monotonic() + seconds)

    assert asyncio.run(ask()) == remains


class _Answer:
    """One answer of a service."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self._body = status, body

    async def __aenter__(self) -> "_Answer":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to end."""

    async def read(self) -> bytes:
        return self._body


class _Session:
    """A service that answers so, one after the other, the last one for ever."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def get(self, *_: object, **__: object) -> _Answer:
        self.asked += 1
        return _Answer(*(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]))


UNWELL = (503, b'{"code":"rebuilding"}')
WELL = (200, b'{"units":[{"unit":"20044","counters":{"received":1}}],"total":{"counters":{"received":1}}}')


def _asking(session: _Session) -> Asking:
    return Asking(City("", "", "", None), cast(aiohttp.ClientSession, session))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks again at once."""
    monkeypatch.setattr(asking, "ASK_AGAIN_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
def test_a_service_that_is_not_well_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is well, or until it has been given time enough."""
    well = _Session(UNWELL, (200, b"<html>"), WELL)
    assert asyncio.run(_asking(well).counters()).total == {"received": 1}
    assert well.asked == 3
    monkeypatch.setattr(asking, "ANSWERED_WITHIN_SECONDS", 0.05)
    with pytest.raises(UnreachableError, match="it answers 503"):
        asyncio.run(_asking(_Session(UNWELL)).counters())
    with pytest.raises(UnreachableError, match="it answers 503"):
        asyncio.run(_asking(_Session(UNWELL)).ledgers(["D-1"]))


@pytest.mark.usefixtures("impatient")
def test_a_dossier_that_nobody_knows_is_an_answer() -> None:
    """And is not asked for again."""
    session = _Session((404, b"{}"))
    assert asyncio.run(_asking(session).ledgers(["D-1"])) == {"D-1": None}
    assert session.asked == 1


@pytest.mark.parametrize(
    ("ended", "left", "exit_status"),
    [
        (0, {"checks": [], "counts": {"sequence_numbers": 3}}, 0),
        (1, {"checks": [{"name": "sequences.once", "passed": False}]}, 1),
        (2, {"could_not_run": "Kafka is gone", "counts": {"sequence_numbers": 3}}, 2),
        (1, None, 2),
        (0, None, 2),
        (-9, None, 2),
        (137, {"checks": []}, 2),
    ],
)
def test_an_audit_without_a_verdict_could_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: int, left: dict[str, Any] | None, exit_status: int
) -> None:
    """A breakdown that ends with 1 is no difference, and the file of an earlier one is no verdict of this."""
    file = tmp_path / "audit.json"
    file.write_bytes(msgspec.json.encode({"checks": [{"name": "old", "passed": False}]}))

    async def verify(_: City, json_file: Path) -> int:
        if left is not None:
            await asyncio.to_thread(json_file.write_bytes, msgspec.json.encode(left))
        return ended

    monkeypatch.setattr(City, "verify", verify)
    told = asyncio.run(audited(City.own(LoadStack(tmp_path, 26000)), file))
    assert told["exit"] == exit_status
    assert told["failed"] == (["sequences.once"] if exit_status == 1 else [])
    assert (told["why"] is None) == (exit_status < 2)
    assert told["counts"] == ({"sequence_numbers": 3} if exit_status == 0 else {}), "of an archive that was read to its end"


def test_an_edge_that_does_not_answer_holds_what_it_held() -> None:
    """Else a backlog would be over at the first look that it did not answer."""

    async def ask() -> list[dict[str, int]]:
        edges = _Holding([{"1": 5, "2": 7}, {"1": 4}, {}, {"1": 0, "2": 1}])
        async with aiohttp.ClientSession() as session:
            return [dict(await edges.last_depths(session)) for _ in range(4)]

    assert asyncio.run(ask()) == [{"1": 5, "2": 7}, {"1": 4, "2": 7}, {"1": 4, "2": 7}, {"1": 0, "2": 1}]


def test_what_makes_the_links_is_said_with_the_version_that_it_has(tmp_path: Path) -> None:
    """And of wires that they give the delay to somebody behind them."""
    for wires in (None, Wires(8_000)):
        lab = Lab(City("", "", "", None), tmp_path, 8_000, print, "127.0.0.1:9", wires)
        lab._proxy_version = "2.12.0"
        assert "Toxiproxy 2.12.0: delay" in lab.links_by
        assert ("delay lies behind the wire" in lab.links_by) == (wires is not None)


def test_a_generator_that_says_nothing_is_too_slow() -> None:
    """An error of the lab's, with what it should have said."""
    generators = Generators()
    generators._heard.append({})

    async def wait() -> None:
        pipe = asyncio.subprocess.PIPE
        generators._running.append(await asyncio.create_subprocess_exec("sleep", "60", stdin=pipe, stdout=pipe))
        try:
            await generators.wait("planned", 0.05)
        finally:
            await generators.close()

    with pytest.raises(TooSlowError, match="did not say `planned` within 0 s"):
        asyncio.run(wait())


@pytest.mark.parametrize(
    ("error", "status"),
    [(TimeoutError("so long"), 2), (KeyError("units"), 2), (LabError("no"), 2), (KeyboardInterrupt(), 130)],
)
def test_a_breakdown_of_the_lab_is_no_broken_promise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int
) -> None:
    """Exit status 2 and one sentence; 1 is the city's alone."""

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(main, "run", fail)
    assert main.main(["run", "mountain-link"]) == status
    assert len(capsys.readouterr().err.splitlines()) == 1
