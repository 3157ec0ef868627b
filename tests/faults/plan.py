"""The faults of a round and their order, decided by seed and number alone."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from tests.faults.kinds import BY_NAME, CLOCK_JUMPS_SECONDS, KAFKA_LINES, KINDS, WEEK_JUMPS_SECONDS, Kind
from tests.faults.load import EDGE_UNITS

ROUNDS = 26
# Of each kind in every round: what happens to the city takes all of it, what happens at a centre only that centre.
PER_ROUND = {"city": 1, "edge": 2, "batch": 2}
ALONE_PER_ROUND = 7
DELAY_SECONDS = (0.0, 1.0)
IN_WEEK_SHARE = 0.6


class Fault(Struct, frozen=True):
    """One fault: what happens, to which one of those that it can happen to, when within its slot, for how long.

    `alone`: no other fault of the city overlaps with it, so that the recovery is its own. `amount`: of a clock's jump,
    `in_week`: from the log clock instead of from the right time.
    """

    kind: str
    target: int
    delay_seconds: float = 0.0
    seconds: float = 0.0
    alone: bool = False
    amount: float = 0.0
    in_week: bool = False

    @property
    def of(self) -> Kind:
        """Its kind."""
        return BY_NAME[self.kind]


class Plan(Struct, frozen=True):
    """A round: slots one after the other, the faults of each overlapping; faults of batches; everything from its seed."""

    seed: int
    number: int
    slots: tuple[tuple[Fault, ...], ...]
    batches: tuple[Fault, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All of them."""
        return (*(fault for slot in self.slots for fault in slot), *self.batches)


def plan(seed: int, number: int) -> Plan:
    """The plan of a round."""
    chance = Random(f"{seed} faults {number}")
    city = _drawn("city", chance)
    slots = _city_slots(city, chance)
    _add_edges(slots, _drawn("edge", chance), chance)
    batches = tuple(_fault(name, chance) for name in _drawn("batch", chance))
    return Plan(seed, number, tuple(map(tuple, slots)), batches)


def promised(rounds: int) -> Counter[str]:
    """How many faults of each kind so many rounds inject."""
    return Counter({kind.name: rounds * PER_ROUND[kind.area] for kind in KINDS})


def chosen(seed: int, number: int, groups: Sequence[Sequence[str]]) -> Plan:
    """A short round of given kinds: each group is a slot; kinds of batches are wherever they stand."""
    chance = Random(f"{seed} faults {number}")
    slots: list[tuple[Fault, ...]] = []
    batches: list[Fault] = []
    for group in groups:
        told = [_fault(name, chance) for name in group]
        batches += [fault for fault in told if fault.of.area == "batch"]
        slots.append(tuple(fault for fault in told if fault.of.area != "batch"))
    return Plan(seed, number, tuple(slot for slot in slots if slot), tuple(batches))


def _drawn(area: str, chance: Random) -> list[str]:
    names = [kind.name for kind in KINDS if kind.area == area for _ in range(PER_ROUND[area])]
    chance.shuffle(names)
    return names


def _fault(name: str, chance: Random, alone: bool = False) -> Fault:
    kind = BY_NAME[name]
    is_clock, in_week = name == "clock_edge", chance.random() < IN_WEEK_SHARE
    targets = {"line to kafka": len(KAFKA_LINES), "edge": len(EDGE_UNITS), "line": len(EDGE_UNITS)}
    return Fault(
        kind=name, target=chance.randrange(targets.get(kind.on, 1000)),
        delay_seconds=0.0 if alone else round(chance.uniform(*DELAY_SECONDS), 2),
        seconds=round(chance.uniform(*kind.seconds), 2), alone=alone,
        amount=chance.choice(WEEK_JUMPS_SECONDS if in_week else CLOCK_JUMPS_SECONDS) if is_clock else 0.0,
        in_week=is_clock and in_week,
    )  # fmt: skip


def _city_slots(names: list[str], chance: Random) -> list[list[Fault]]:
    """Some alone, the others in pairs that happen to different things."""
    groups = [[name] for name in names[:ALONE_PER_ROUND]]
    left = names[ALONE_PER_ROUND:]
    while left:
        name = left.pop()
        other = next((each for each in left if BY_NAME[each].on != BY_NAME[name].on), None)
        if other is not None:
            left.remove(other)
        groups.append([name] if other is None else [name, other])
    chance.shuffle(groups)
    return [[_fault(name, chance, alone=len(group) == 1) for name in group] for group in groups]


def _add_edges(slots: list[list[Fault]], names: list[str], chance: Random) -> None:
    """At each edge at most one thing at a time: the slots are gone through again and again until all have a place."""
    taken: list[set[int]] = [set() for _ in slots]
    for place, name in enumerate(names):
        fault = _fault(name, chance)
        for step in range(len(slots) * len(EDGE_UNITS)):
            slot, edge = (place + step) % len(slots), (fault.target + step // len(slots)) % len(EDGE_UNITS)
            if edge not in taken[slot]:
                taken[slot].add(edge)
                slots[slot].append(replace(fault, target=edge))
                break
        else:
            raise AssertionError("more faults at edges than edges and slots")
