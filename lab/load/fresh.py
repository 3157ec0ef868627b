"""How long a backlog took to drain, whose a process is, and from when on it is at its limit."""

from msgspec.structs import replace

from lab.load.accounts import waiting
from lab.load.course import Stretch
from lab.load.flow import Backlog, Gap
from lab.load.outcome import Outcome

# A process of one thread can take no more than this of a core, a machine no more than this of its cores. Kafka's threads
# share all cores, so that it can only fill the machine.
FULL_CORE = 0.9
ONE_THREAD = ("intake", "processing", "processing-api", "metrics", "metrics-api", "audit", "redis")
# These are the lab's own, and no stage of the city: a generator at its limit spoils a run. Edges stand at their centres.
THE_LABS = ("generator", "edge ", "toxiproxy")
# What has just been started is busy with itself: code that is compiled, caches that are filled.
WARM_UP_SECONDS = 10.0
WARM_UP_SHARE = 0.2
FULL_MACHINE = 0.95
IN_A_ROW = 3
LINE_BROKEN = ("cut", "half_open", "captive")


def drains(outcome: Outcome) -> list[tuple[Stretch, Backlog | None]]:
    """After each stretch without a line what had gathered in it; None where nobody told."""
    told = {(each.link, each.until): each for each in outcome.backlogs}
    return [(stretch, told.get((stretch.on, stretch.until))) for stretch in without_line(outcome.stretches)]


def gaps(stretches: list[Stretch]) -> list[Gap]:
    """When which link was back, and when it had been back before."""
    told: list[Gap] = []
    back: dict[str, float] = {}
    for each in without_line(stretches):
        told.append(Gap(each.on, back.get(each.on, 0.0), each.until))
        back[each.on] = each.until
    return told


def without_line(stretches: list[Stretch]) -> list[Stretch]:
    """Of each link what adjoins is one: a line that is cut and then passes nothing is back after both."""
    told: list[Stretch] = []
    latest: dict[str, int] = {}
    for each in sorted(stretches, key=lambda stretch: stretch.since):
        if each.what not in LINE_BROKEN:
            continue
        place = latest.get(each.on)
        if place is not None and each.since <= told[place].until:
            before = told[place]
            told[place] = replace(before, what=f"{before.what}, {each.what}", until=max(before.until, each.until))
        else:
            latest[each.on] = len(told)
            told.append(each)
    return told


def never_stored(outcome: Outcome, link: str) -> int:
    """What its centres still held when time was over: the last sample tells of whom, if there was anything at all."""
    return min(waiting(outcome), outcome.samples[-1].outboxes.get(link, 0)) if outcome.samples else 0


def the_citys(process: str) -> bool:
    """Whether a process is one of the city's."""
    return not process.startswith(THE_LABS)
