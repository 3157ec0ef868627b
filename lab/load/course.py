"""What happens while a scenario runs, in real seconds: links change, things break at the city; all of it is written down."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct

from lab.links.profiles import Condition
from lab.load.city import City
from lab.load.scenario import Fault, Scenario, instant
from lab.load.warp import Warp


class Stretch(Struct, frozen=True):
    """From when to when (real seconds) something was not as it should be."""

    what: str
    on: str
    since: float
    until: float


class Act(Struct, frozen=True):
    """A change of links or a fault at its real second."""

    at: float
    link: str | None = None
    becomes: Condition | None = None
    fault: Fault | None = None


Put = Callable[[str, Condition], Awaitable[None]]


def acts(scenario: Scenario, warp: Warp) -> list[Act]:
    """All of them in order; "all" is every link."""
    told = []
    for each in scenario.course:
        links = scenario.links if each.link == "all" else (each.link,)
        told += [Act(warp.real(instant(each.at)), link=link, becomes=each.becomes) for link in links]
    told += [Act(warp.real(instant(each.at)), fault=each) for each in scenario.faults]
    return sorted(told, key=lambda act: act.at)


class Course:
    """Runs through the acts; `stretches` tells what was."""

    def __init__(self, plan: list[Act], put: Put, city: City, began: float, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._put = put
        self._city = city
        self._began = began
        self._say = say
        self._open: dict[str, Stretch] = {}
        self._suffering: list[asyncio.Task[None]] = []
        self.stretches: list[Stretch] = []

    async def run(self) -> None:
        """Until the last act is over; what kept a fault from happening is raised, however early it was."""
        for act in self._plan:
            await asyncio.sleep(max(0.0, self._began + act.at - time.monotonic()))
            if act.link is not None and act.becomes is not None:
                await self._put(act.link, act.becomes)
                self._change(act.link, act.becomes)
            elif act.fault is not None:
                self._suffering.append(asyncio.create_task(self._suffer(act.fault)))
        await asyncio.gather(*self._suffering)

    def end(self) -> None:
        """Whatever still lasts ends here."""
        for link in list(self._open):
            self._change(link, "good")
        for task in self._suffering:
            task.cancel()

    def _change(self, link: str, becomes: Condition) -> None:
        now = self._now()
        self._say(f"{link} is {becomes}")
        if (before := self._open.pop(link, None)) is not None:
            self.stretches.append(Stretch(before.what, link, before.since, now))
        if becomes != "good":
            self._open[link] = Stretch(becomes, link, now, now)

    async def _suffer(self, fault: Fault) -> None:
        since = self._now()
        self._say(f"{fault.of}: {fault.what}" + (f" for {fault.seconds:.0f} s" if fault.seconds else ""))
        await self._city.suffer(fault)
        self.stretches.append(Stretch(fault.what, fault.of, since, self._now()))

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 2)
