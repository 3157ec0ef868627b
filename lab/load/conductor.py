"""A run from its first event to its last figure: links, edges, generators, time, faults, watching, asking, measuring."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import aiohttp
import msgspec

from contracts import instants, reference_files
from lab.errors import LabError, LinksError, TooSlowError
from lab.links import program
from lab.links.captive import Portal
from lab.links.inside import Inside, connector
from lab.links.oneline import OneLine
from lab.links.profiles import STEP_KBPS, Condition
from lab.links.server import HOST
from lab.links.toxiproxy import Toxiproxy
from lab.links.wires import Wires
from lab.load import archived, ledger, leftovers, sofar
from lab.load import plan as planning
from lab.load.archived import Standing
from lab.load.asking import Asking, Told, archive_bytes, audited, kept_bytes
from lab.load.centre import TURNED_AWAY
from lab.load.city import City
from lab.load.clock import Clock
from lab.load.course import Course, acts
from lab.load.edges import LOOK_SECONDS, Edges, Remains
from lab.load.fresh import gaps
from lab.load.gathering import gather, leave_out_older
from lab.load.generator import Manner, Orders
from lab.load.knee import REFERENCE
from lab.load.outcome import Outcome
from lab.load.processes import MEASURED_WITHIN_SECONDS, Generators
from lab.load.scenario import Scenario
from lab.load.warp import Warp
from lab.load.watch import Counted, Sampler

FIRST_LINK_PORT = 40
# Where the proxy stands behind a line that is one for all.
BEHIND_ONE_LINE_PORT = 59
FIRST_EDGE_PORT = 60
TOXIPROXY_PORT = 39
START_IN_SECONDS = 0.5
WIRES_WITHIN_SECONDS = 10.0
COUNTED_WITHIN_SECONDS = 180.0

Say = Callable[[str], None]


class Lab:
    """The city with the links that lead to it; `door` (host:port) is where they lead if not to intake itself, `wires` what
    lies before the proxy, if anything does."""

    def __init__(
        self, city: City, directory: Path, port_base: int, say: Say, door: str | None = None, wires: Wires | None = None
    ) -> None:  # fmt: skip
        self.city = city
        self._directory = directory
        self._port_base = port_base
        self._say = say
        self._door = door or city.intake.removeprefix("http://")
        self._proxy: Toxiproxy | None = None
        self._proxy_version = ""
        self._wires = wires
        self._inside: Inside | None = None
        self._one_line: OneLine | None = None
        self._links: dict[str, list[str]] = {}
        self._held: TextIO | None = None

    async def open(self, scenario: Scenario, portal: Portal) -> None:
        """Lays the links that the scenario uses."""
        self._held = leftovers.hold(self._directory)
        if ended := await asyncio.to_thread(leftovers.end, self._directory):
            self._say(f"ended {len(ended)} programs of a lab that was killed")
        binary = await asyncio.to_thread(program.ensure, self._say)
        log = self._directory / "toxiproxy.log"
        # Known before it is waited for: whoever interrupts the waiting ends it by `close`.
        port = self._port_base + TOXIPROXY_PORT
        self._proxy = Toxiproxy(binary, port, log, is_awaited=False, has_rates=self._wires is None and not scenario.one_line)
        await asyncio.to_thread(self._proxy.wait)
        self._proxy_version = program.version_of(binary, await asyncio.to_thread(self._proxy.version))
        hosts: dict[str, list[str]] = {link: [HOST] for link in scenario.links}
        if self._wires is not None:
            lines = planning.lines(scenario, reference_files.read(REFERENCE))
            hosts = await asyncio.to_thread(self._wires.lay, scenario.profiles, lines)
            self._inside = Inside(self._wires.namespace)
        for place, (link, profile) in enumerate(scenario.profiles.items()):
            port = self._port_base + FIRST_LINK_PORT + place
            self._links[link] = [f"{host}:{port}" for host in hosts[link]]
            doors = self._links[link]
            if scenario.one_line:
                doors = [f"{HOST}:{self._port_base + BEHIND_ONE_LINE_PORT}"]
                self._one_line = OneLine(profile, self._links[link][0], doors[0])
                await self._one_line.open()
            await asyncio.to_thread(self._proxy.open, link, profile, doors, self._door, portal.address)
        if self._inside is not None:
            await asyncio.to_thread(_try_wires, self._inside, [doors[0] for doors in self._links.values()])

    def close(self) -> None:
        """Ends the links."""
        if self._one_line is not None:
            self._one_line.close()
        if self._proxy is not None:
            self._proxy.close()
        if self._inside is not None:
            self._inside.close()
        if self._wires is not None:
            self._wires.close()
        if self._held is not None:
            self._held.close()

    async def run(self, scenario: Scenario, seed: int, run: str, manner: Manner = "outbox", *, audit: bool = True,
                  tell: Callable[[dict[str, Any]], None] = lambda told: None) -> Outcome:  # fmt: skip
        """One run; whatever it started is ended."""
        one = _Run(self, scenario, seed, run, manner, tell)
        try:
            return await one.go(audit)
        finally:
            await one.close()

    async def audit(self, run: str) -> dict[str, Any] | None:
        """Audit's own verdict; None about a city that somebody else runs."""
        if self.city.bootstrap is None:
            return None
        self._say("audit recounts the archive")
        told = await audited(self.city, self._directory / run / "audit.json")
        if told["counts"]:
            told["counts"] = await asyncio.to_thread(archived.read_again, self.city.bootstrap, told["counts"])
        return told

    async def put(self, link: str, condition: Condition) -> None:
        """A link is in this condition from now on."""
        assert self._proxy is not None
        await asyncio.to_thread(self._proxy.put, link, condition)
        if self._wires is not None:
            await asyncio.to_thread(self._wires.put, link, condition)

    @property
    def links(self) -> dict[str, list[str]]:
        """Where each line of each link begins; one for all, unless lines are wires."""
        return dict(self._links)

    @property
    def namespace(self) -> str | None:
        """The network namespace in which centres are, if in any."""
        return None if self._wires is None else self._wires.namespace

    def connector(self) -> aiohttp.TCPConnector:
        """For a client among the centres."""
        return connector(self._inside)

    @property
    def links_by(self) -> str:
        """What makes the links."""
        proxy = f"{Toxiproxy.name} {self._proxy_version}"
        if self._wires is not None:
            return (
                f"wires in a network namespace (tc tbf, nft numgen): real rates, which centres on one line share, and lost "
                f"packets; behind them {proxy}: delay, cuts of TCP connections; as delay lies behind the wire, what is lost "
                "is sent again sooner than over a long way"
            )
        if self._one_line is not None:
            return f"one line at its rate, which all centres share; behind it {proxy}: delay; no lost packets"
        return (
            f"{proxy}: delay, rate, cuts of TCP connections; no lost packets; a rate is each "
            f"connection's own, in steps of {STEP_KBPS} kbit/s, and a shared line's is divided among its centres"
        )

    @property
    def pids(self) -> dict[str, int]:
        """What stands between centres and city."""
        return {} if self._proxy is None else {"toxiproxy": self._proxy.pid}

    @property
    def port_base(self) -> int:
        """Where the lab's ports begin."""
        return self._port_base

    @property
    def directory(self) -> Path:
        """Where the lab keeps its files."""
        return self._directory

    def say(self, line: str) -> None:
        """To whoever watches."""
        self._say(line)


def _try_wires(inside: Inside, doors: list[str]) -> None:
    """LinksError where nothing passes: else the city would be judged for it."""
    if closed := [door for door in doors if not inside.reaches(door, WIRES_WITHIN_SECONDS)]:
        raise LinksError(
            f"wires: nothing passes to {', '.join(closed)}: is a firewall before it, or has a lab whose --port-base lies "
            "6,400 away the same addresses?"
        )


class _Run:
    def __init__(
        self, lab: Lab, scenario: Scenario, seed: int, run: str, manner: Manner, tell: Callable[[dict[str, Any]], None]
    ) -> None:
        self._lab = lab
        self._scenario = scenario
        self._seed = seed
        self._name = run
        self._manner: Manner = manner
        self._tell = tell
        self._generators = Generators()
        self._edges = Edges(lab.directory / run, lab.port_base + FIRST_EDGE_PORT)
        self._depths: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._session = aiohttp.ClientSession()
        self._edge_session = aiohttp.ClientSession(connector=lab.connector())
        self._clock = Clock(lab.city.intake, self._session)
        self._before = Told({}, {})
        self._remains = Remains(0, 0)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._generators.close()
        await self._edges.stop()
        await self._session.close()
        await self._edge_session.close()

    async def go(self, audit: bool) -> Outcome:
        scenario, lab = self._scenario, self._lab
        body = reference_files.read(REFERENCE)
        warp = planning.warp_of(scenario, body)
        units = tuple(unit.code for unit in body.units)
        slots = [slot for slot in planning.slots(scenario, units) if slot.is_edge and self._manner == "outbox"]
        await self._edges.start(self._edge_session, slots, lab.links, scenario.outbox, lab.namespace)
        planned = await self._generators.start([
            Orders(scenario=scenario, reference_directory=str(REFERENCE), seed=self._seed, run=self._name, process=number,
                   processes=scenario.processes, manner=self._manner, links=lab.links, edges=self._edges.addresses,
                   namespace=lab.namespace)
            for number in range(scenario.processes)
        ])  # fmt: skip
        planning.check_bound(scenario, sum(each["events"] for each in planned))
        await self._clock.must(warp.starts)
        self._before = await Asking(lab.city, self._session).counters()
        began = time.monotonic() + START_IN_SECONDS
        counted = Counted(self._session, lab.city.metrics, units[0], began)
        others = {**lab.pids, **self._generators.pids, **self._edges.pids}
        sampler = Sampler(lab.city, self._session, others, began, self._so_far)
        course = Course(acts(scenario, warp), lab.put, lab.city, began, lab.say)
        watching = [self._task(counted.run()), self._task(sampler.run())]
        ticking = self._task(self._clock.run(warp, began, scenario.time.tick_seconds))
        running = self._task(course.run())
        self._task(self._look_at_edges({str(slot.number): slot.link for slot in slots}))
        self._task(self._show(warp, began, counted, sampler))
        self._generators.tell({"began": began})
        await self._delivered(warp, began, ticking, running)
        ticking.cancel()
        running.cancel()
        await asyncio.gather(ticking, running, return_exceptions=True)
        course.end()
        await self._clock.must(warp.ends)
        all_counted = await self._wait_counted(counted)
        finished = time.monotonic() - began
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        measured = await self._measured(counted, course)
        return await self._outcome(planned, measured, warp, began, finished, all_counted, counted, sampler, course, audit)

    async def _delivered(self, warp: Warp, began: float, *acting: "asyncio.Task[None]") -> None:
        """Until every outbox is empty and the period is over, or the time for it is."""
        within = warp.real_seconds + self._scenario.time.drain_seconds_max + START_IN_SECONDS
        deadline = began + within
        waiting = asyncio.ensure_future(self._generators.wait("delivered", within))
        done, _ = await asyncio.wait({waiting, *acting}, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if task is not waiting and not task.cancelled() and (error := task.exception()) is not None:
                waiting.cancel()
                raise error
        # Time that is over is no error: what has not been delivered by then is told.
        if waiting.done() and isinstance(error := waiting.exception(), LabError) and not isinstance(error, TooSlowError):
            raise error
        self._generators.tell({"stop": True})
        await self._generators.wait("delivered", MEASURED_WITHIN_SECONDS)
        self._remains = await self._edges.emptied(self._edge_session, deadline)

    async def _wait_counted(self, counted: Counted) -> bool:
        deadline = time.monotonic() + COUNTED_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if counted.have(self._clock.ends):
                return True
            await asyncio.sleep(0.1)
        return False

    async def _measured(self, counted: Counted, course: Course) -> list[dict[str, Any]]:
        file = self._lab.directory / self._name / "watched.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(counted.watched()))
        receipts = await self._edges.receipts() if self._edges.addresses else {}
        gone = msgspec.to_builtins(gaps(course.stretches))
        narrow = [[each.on, each.since, each.until] for each in course.stretches if each.what == "congested"]
        self._generators.tell({"watched": str(file), "receipts": receipts, "gaps": gone, "narrow": narrow})
        return await self._generators.wait("measured", MEASURED_WITHIN_SECONDS)

    async def _standing(self) -> Standing | None:
        """Of a paper-era run: who sends under new ids cannot know what is double."""
        if self._manner == "outbox" or (bootstrap := self._lab.city.bootstrap) is None:
            return None
        self._lab.say("the archive is read: what stands in it twice")
        found = await asyncio.to_thread(archived.read, bootstrap, self._clock.ends)
        if found is None:
            return None
        whole = await asyncio.to_thread(planning.plan, self._scenario, REFERENCE, self._seed, self._name)
        return archived.standing(archived.planned(whole), found)

    async def _look_at_edges(self, links: dict[str, str]) -> None:
        while links:
            depths = await self._edges.last_depths(self._edge_session)
            told: Counter[str] = Counter()
            for name, depth in depths.items():
                told[links[name]] += depth
            self._depths = told
            await asyncio.sleep(LOOK_SECONDS)

    def _so_far(self) -> tuple[int, int, dict[str, int], dict[str, int]]:
        counts, waiting, _ = self._generators.so_far()
        away = {name.removeprefix(TURNED_AWAY): count for name, count in counts.items() if name.startswith(TURNED_AWAY)}
        return counts["due"], counts["stored"], dict(waiting + self._depths), away

    async def _show(self, warp: Warp, began: float, counted: Counted, sampler: Sampler) -> None:
        while True:
            counts, waiting, troubles = self._generators.so_far()
            now = time.monotonic() - began
            self._tell({
                "at": now, "of": warp.real_seconds, "clock": instants.show(warp.simulated(now))[:16], "counts": counts,
                "waiting": dict(waiting + self._depths), "troubles": troubles, "counted": counted.total,
                "so_far": sofar.rows(counts, troubles, self._generators.latencies()),
                "sample": sampler.samples[-1] if sampler.samples else None,
            })  # fmt: skip
            await asyncio.sleep(0.5)

    def _task(self, coroutine: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._tasks.append(task)
        return task

    async def _outcome(
        self, planned: list[dict[str, Any]], measured: list[dict[str, Any]], warp: Warp, began: float, finished: float,
        all_counted: bool, counted: Counted, sampler: Sampler, course: Course, audit: bool,
    ) -> Outcome:  # fmt: skip
        told = gather(planned, measured, self._scenario.links)
        asking = Asking(self._lab.city, self._session)
        # What the paper era reports has other times, and so other dues than the lab's.
        chosen = told.dues if self._manner == "outbox" else {}
        ledgers = await asking.ledgers(chosen)
        since = (await asking.counters()).since(self._before)
        if self._before.total.get("open"):
            leave_out_older(*told.expected.values(), *since.by_unit.values())
        return Outcome(
            scenario=self._scenario, manner=self._manner, seed=self._seed, real_seconds=warp.real_seconds,
            started_at=time.time() - (time.monotonic() - began),
            links_by=self._lab.links_by, wires=self._lab.namespace is not None,
            planned=told.planned, centres=told.centres, edges=len(self._edges.addresses),
            expected=told.expected, counters=since.by_unit, total=since.total, dues=chosen,
            dues_told={subject: None if said is None else said["due_original"] for subject, said in ledgers.items()},
            ledgers={subject: ledger.problem(said) for subject, said in ledgers.items()},
            stands={subject: told.stands[subject] for subject in chosen},
            stands_told={subject: ledger.stands(said, warp.ends) for subject, said in ledgers.items()},
            counts=told.counts, refused=told.refused, troubles=told.troubles,
            by_link=told.by_link, late_by=told.late_by, backlogs=told.backlogs, flows=told.flows, lines=told.lines,
            left=told.left + self._remains.waiting, silent_edges=self._remains.silent, unseen=told.unseen,
            last_stored_at=told.last_stored_at, book=told.book, late=told.late, loop=told.loop,
            generator_cores=told.generator_cores,
            samples=sampler.samples, cpu_seconds=sampler.cpu_seconds, stretches=course.stretches,
            counted_after_seconds=finished - max([0.0, *told.last_stored_at.values()]),
            all_counted=all_counted, records=counted.total,
            audit=await self._lab.audit(self._name) if audit else None, standing=await self._standing(),
            archive_bytes=archive_bytes(self._lab.city), kept_bytes=kept_bytes(self._lab.city),
            own_city=self._lab.city.stack is not None,
        )  # fmt: skip
