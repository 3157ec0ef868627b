"""The plan of a run: every centre with its events and the instants at which they are due, before anything is sent."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from contracts import instants, reference_files
from contracts.events import TYPE_PREFIX, TYPE_SUFFIX
from contracts.reference import Reference
from lab.errors import ScenarioError
from lab.fortnight import facts as published
from lab.fortnight import writing
from lab.load.lives import KINDS, Life, Lives, Step
from lab.load.sampling import Sample, Sampled
from lab.load.scenario import EVENTS_PLANNED_MAX, RUN_SECONDS_MAX, TICKS_MAX, Scenario
from lab.load.wallclock import late_by
from lab.load.warp import Warp, hours_of

JOINT_FIELD = "lien_thong"
FACTS_DIRECTORY = Path(__file__).resolve().parents[1] / "facts"


class Due(Struct, frozen=True, gc=False):
    """An event with the real second at which it is due to be reported; `body` is its JSON."""

    at: float
    subject: str
    body: bytes
    birth: bool = False


class Centre(Struct, frozen=True):
    """One outbox: where it stands, on which link, and all that it will report."""

    number: int
    unit: str
    source: str
    link: str
    is_edge: bool
    incarnation: str
    events: list[Due]
    line: int = 0  # of its link, where lines are wires


class Plan(Struct, frozen=True):
    """Some or all centres of a run; `expected`: counters by unit; `sampled`: dossiers that may be asked for in the end;
    `late_by`: how many are late by the law and by a clock that never stops, empty where figures are published ones."""

    centres: list[Centre]
    expected: dict[str, Counter[str]]
    warp: Warp
    sampled: list[Sampled]
    late_by: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def events(self) -> int:
        """How many are planned."""
        return sum(len(each.events) for each in self.centres)

    @property
    def by_link(self) -> Counter[str]:
        """How many are planned on each link."""
        told: Counter[str] = Counter()
        for each in self.centres:
            told[each.link] += len(each.events)
        return told


class Slot(Struct, frozen=True):
    """A centre before its events are known."""

    number: int
    unit: str
    link: str
    is_edge: bool
    dossiers: int
    line: int = 0


def warp_of(scenario: Scenario, reference: Reference) -> Warp:
    """The scenario's time; ScenarioError when it would take too long or tick too often."""
    warp = Warp(scenario.time, hours_of(scenario.time, reference.calendar))
    if warp.real_seconds > RUN_SECONDS_MAX:
        raise ScenarioError(
            f"{scenario.name} would take {warp.real_seconds:.0f} s, more than {RUN_SECONDS_MAX:.0f}: raise [time] `speed`"
        )
    if warp.real_seconds / scenario.time.tick_seconds > TICKS_MAX:
        raise ScenarioError(f"{scenario.name} would tick more than {TICKS_MAX} times: raise [time] `tick_seconds`")
    return warp


def plan(scenario: Scenario, reference_directory: Path, seed: int, run: str, process: int = 0, processes: int = 1) -> Plan:
    """The centres of one of several processes; the same centre is the same whoever plans it."""
    reference = reference_files.read(reference_directory)
    warp = warp_of(scenario, reference)
    if scenario.arrivals.facts is not None:
        return _replay(scenario, reference_directory, seed, warp, process, processes)
    if unknown := set(scenario.mix.lives) - set(KINDS):
        raise ScenarioError(f"[mix] lives {', '.join(sorted(unknown))}: choose among {', '.join(KINDS)}")
    hours = hours_of(scenario.time, reference.calendar)
    procedures = tuple(each.code for each in reference.procedures if each.field != JOINT_FIELD)
    lives = Lives(scenario.arrivals, scenario.mix, hours, warp, procedures)
    units = tuple(unit.code for unit in reference.units)
    told, sample = Plan([], {}, warp, []), Sample(seed)
    for slot in slots(scenario, units):
        if slot.number % processes == process:
            _add(told, sample, slot, lives, tuple(code for code in units if code != slot.unit), seed, run)
    told.sampled.extend(sample.kept())
    check_bound(scenario, told.events)
    return told


def check_bound(scenario: Scenario, events: int) -> None:
    """ScenarioError when these are more than a run may have."""
    if events > EVENTS_PLANNED_MAX:
        raise ScenarioError(
            f"{scenario.name} plans {events:,} events, more than {EVENTS_PLANNED_MAX:,}: fewer dossiers, please"
        )


def slots(scenario: Scenario, units: tuple[str, ...]) -> list[Slot]:
    """All centres, their units by turns, their dossiers by their group's share."""
    told: list[Slot] = []
    places: Counter[str] = Counter()
    whole = sum(each.share for each in scenario.centres)
    for group in scenario.centres:
        where = tuple(group.units) or units
        if unknown := set(where) - set(units):
            raise ScenarioError(f"[[centres]] units {', '.join(sorted(unknown))} are not in the reference data")
        dossiers = scenario.arrivals.dossiers * scenario.scale * group.share / whole
        bounds = [round(dossiers * part / group.count) for part in range(group.count + 1)]
        for number in range(group.count):
            count = bounds[number + 1] - bounds[number]
            unit, line = where[number % len(where)], _line(scenario, group.link, places)
            told.append(Slot(len(told), unit, group.link, number < group.edges, count, line))
    return told


def lines(scenario: Scenario, reference: Reference) -> dict[str, int]:
    """How many lines of each link the centres need; of published figures a body has one whether or not it reports."""
    if scenario.arrivals.facts is None:
        found = slots(scenario, tuple(unit.code for unit in reference.units))
        return {link: 1 + max(slot.line for slot in found if slot.link == link) for link in scenario.links}
    links, default = _bodies(scenario)
    places = Counter(links.get(body.code, default) for body in (*reference.units, *reference.departments))
    return {link: -(-places[link] // scenario.profiles[link].shared_by) for link in scenario.links}


def door(links: Mapping[str, Sequence[str]], of: Centre | Slot) -> str:
    """Where a centre's line begins; where lines are not wires, all of a link begin at one place."""
    doors = links[of.link]
    return doors[of.line % len(doors)]


def _bodies(scenario: Scenario) -> tuple[dict[str, str], str]:
    """On which link which body of published figures is, and all others."""
    links = {unit: group.link for group in scenario.centres for unit in group.units}
    return links, next((group.link for group in scenario.centres if not group.units), scenario.links[0])


def _line(scenario: Scenario, link: str, places: Counter[str]) -> int:
    """The line of the next centre on a link: one of its own, or that of so many before it."""
    place, profile = places[link], scenario.profiles.get(link)
    places[link] += 1
    return place // (profile.shared_by if profile is not None else 1)


def _add(
    told: Plan, sample: Sample, slot: Slot, lives: Lives, others: tuple[str, ...], seed: int, run: str
) -> None:  # fmt: skip
    chance = Random(f"{seed} centre {slot.number} {run}")
    source = f"/units/{slot.unit}/{'edge' if slot.is_edge else 'c'}{slot.number}"
    mine: list[tuple[int, Due]] = []
    expected = told.expected.setdefault(slot.unit, Counter())
    for number, life in enumerate(lives.of_centre(slot.unit, others, slot.dossiers, chance)):
        if not life.steps:
            continue
        subject = _subject(slot, run, number, life)
        mine += [(each.entered_at, _due(each, subject, source, told.warp, chance)) for each in life.steps]
        expected.update(life.expected)
        told.late_by.update(late_by(life, told.warp.ends))
        if life.due is not None:
            sample.offer((each.fact for each in life.steps), subject, life.due, life.expected)
    events = [due for _, due in sorted(mine, key=lambda pair: pair[0])]
    incarnation = uuid7(told.warp.starts, chance)
    if not slot.is_edge:  # a real edge numbers by itself
        events = _numbered(events, incarnation)
    told.centres.append(Centre(slot.number, slot.unit, source, slot.link, slot.is_edge, incarnation, events, slot.line))


def _subject(slot: Slot, run: str, number: int, life: Life) -> str:
    day = instants.day_of(life.steps[0].at)[2:].replace("-", "")
    return f"H57.{slot.unit}-{day}-{run}{slot.number:04d}{number:04d}"


def _due(step: Step, subject: str, source: str, warp: Warp, chance: Random) -> Due:
    event = {
        "specversion": "1.0", "id": uuid7(step.entered_at, chance), "source": source,
        "type": f"{TYPE_PREFIX}{step.fact}{TYPE_SUFFIX}", "subject": subject, "time": instants.show(step.at),
        "recordedtime": instants.show(step.entered_at), "datacontenttype": "application/json", "data": step.data,
    }  # fmt: skip
    return Due(warp.real(step.entered_at), subject, msgspec.json.encode(event), step.birth)


def _replay(scenario: Scenario, reference_directory: Path, seed: int, warp: Warp, process: int, processes: int) -> Plan:
    """A fortnight of published figures, each body's events from an outbox of its own; a part are whole units."""
    facts = published.read(FACTS_DIRECTORY / str(scenario.arrivals.facts))
    plans = writing.planned(facts, reference_directory, seed)
    if any(unit.carried_over for unit in plans):
        raise ScenarioError(f"{scenario.name} has facts that carry dossiers over, but nothing is before a run")
    chosen = set(part_of([unit.code for unit in plans], scenario))
    links, default = _bodies(scenario)
    places: Counter[str] = Counter()
    by_code: dict[str, list[Due]] = {}
    born_at: dict[str, str] = {}
    for each in writing.fortnight(facts, reference_directory, seed):
        # A dossier's first event is its unit's; later ones may be those of a department or of another unit.
        if born_at.setdefault(each.subject, each.code) not in chosen:
            continue
        due = Due(warp.real(each.entered_at), each.subject, each.event)
        by_code.setdefault(each.code, []).append(due)
    told = Plan([], {}, warp, [])
    for number, code in enumerate(sorted(by_code)):
        link = links.get(code, default)
        line = _line(scenario, link, places)
        if number % processes == process:
            incarnation = uuid7(warp.starts, Random(f"{seed} body {code}"))
            events = _numbered(by_code[code], incarnation)
            told.centres.append(Centre(number, code, f"/units/{code}", link, False, incarnation, events, line))
    mine = chosen & {each.unit for each in told.centres}
    for unit in plans:
        if unit.code in mine:
            told.expected[unit.code] = Counter(
                received=sum(unit.received), received_online=sum(unit.online), completed=unit.completed,
                completed_late=unit.completed - unit.on_time,
            )  # fmt: skip
    return told


def part_of(units: Iterable[str], scenario: Scenario) -> list[str]:
    """Of published figures a scale takes whole units, evenly spread; ScenarioError when it is too small for one of them."""
    told = sorted(units)
    if not (count := round(len(told) * scenario.scale)):
        raise ScenarioError(f"{scenario.name} has {len(told)} units, and {scenario.scale:g} of them is none")
    return [told[place * len(told) // count] for place in range(count)]


class _Source(Struct, frozen=True, gc=False):
    source: str


def _numbered(events: list[Due], incarnation: str) -> list[Due]:
    """With the numbers that an edge gives, from 1 for each source: audit can then prove that none is missing."""
    numbers: Counter[str] = Counter()
    told = []
    for each in events:
        source = msgspec.json.decode(each.body, type=_Source).source
        numbers[source] += 1
        numbered = b'%b,"sequence":"%d","incarnation":"%b"}' % (each.body[:-1], numbers[source], incarnation.encode())
        told.append(msgspec.structs.replace(each, body=numbered))
    return told


def uuid7(at: int, chance: Random) -> str:
    """An id for something of this instant."""
    told = f"{at // 1000 << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0x2 << 62 | chance.getrandbits(62):032x}"
    return f"{told[:8]}-{told[8:12]}-{told[12:16]}-{told[16:20]}-{told[20:]}"
