"""What a comparison found: counted in full, told in a bounded sample; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SAMPLE_DOSSIERS: Final = 20
SAMPLE_FIGURES: Final = 40
# Of one dossier; a long history may differ from its first step on.
SAMPLE_MEMBERS: Final = 12

Member = tuple[str, Any, Any]


@dataclass(frozen=True)
class Difference:
    """A dossier that differs: (what, in the first, in the second) of its members, and what it adds to counters more."""

    partition: int
    code: str
    members: tuple[Member, ...]
    counters: Mapping[str, int] = field(default_factory=dict)


class Dossiers:
    """Dossiers gone through: how many, how many differ, in what, and the first of them."""

    def __init__(self) -> None:
        self.compared = 0
        self.differ = 0
        self.by_member: Counter[str] = Counter()
        self.by_counter: Counter[str] = Counter()
        self.sample: list[Difference] = []
        # Dossiers that moved at every attempt: nothing is said about them.
        self.moved = 0

    def take(self, differences: Iterable[Difference]) -> None:
        """Differences, each of another dossier."""
        for each in differences:
            self.differ += 1
            self.by_member.update({_kind(name) for name, _, _ in each.members})
            self.by_counter.update(each.counters)
            if len(self.sample) < SAMPLE_DOSSIERS:
                self.sample.append(each)

    def told(self) -> dict[str, Any]:
        """As members of a report."""
        return {
            "compared": self.compared,
            "differ": self.differ,
            "moved_meanwhile": self.moved,
            "by_member": dict(self.by_member.most_common()),
            "sample": [
                {
                    "partition": each.partition,
                    "dossier": each.code,
                    "differences": [
                        {"what": what, "first": first, "second": second}
                        for what, first, second in each.members[:SAMPLE_MEMBERS]
                    ],
                    "differences_left_out": max(0, len(each.members) - SAMPLE_MEMBERS),
                    "counters": dict(each.counters),
                }
                for each in self.sample
            ],
        }


def members_of(first: Any, second: Any, where: str = "") -> Iterable[Member]:
    """What differs in two answers, down to the single member."""
    if isinstance(first, dict) and isinstance(second, dict):
        for name in [*first, *(each for each in second if each not in first)]:
            yield from members_of(first.get(name), second.get(name), f"{where}.{name}" if where else name)
    elif isinstance(first, list) and isinstance(second, list):
        for number in range(max(len(first), len(second))):
            left, right = (each[number] if number < len(each) else None for each in (first, second))
            yield from members_of(left, right, f"{where}[{number}]")
    elif first != second:
        yield where, first, second


def _kind(name: str) -> str:
    """A member without the number of its place or record: what is counted together."""
    plain = name.split(": ", 1)[-1]
    return "".join(part.split("]", 1)[-1] if place else part for place, part in enumerate(plain.split("[")))
