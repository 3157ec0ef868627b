"""A verdict: what was promised, what was measured, whether it holds; and what all of them together say."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Word = Literal["kept", "broken", "invalid", "shown"]

GENERATOR, MACHINE = "generator", "machine"
# Not of the system: whether times may be taken for its own.
OUTSIDE = (GENERATOR, MACHINE)


class Verdict(Struct, frozen=True, kw_only=True):
    """`broken`: the promise was not kept. `invalid`: it could not be measured. `shown`: nobody promised anything."""

    name: str
    promise: str
    measured: str
    word: Word
    figure: float | None = None


def broken(told: Iterable[Verdict]) -> list[Verdict]:
    """Promises of the system that were not kept; whether the generator kept its own is another question."""
    return [each for each in told if each.word == "broken" and each.name not in OUTSIDE]


def spoiled(told: Iterable[Verdict]) -> bool:
    """Whether the generator or somebody else on the machine was at fault: then times say nothing about the system."""
    return any(each.word == "broken" and each.name in OUTSIDE for each in told)


def invalid(verdict: Verdict) -> Verdict:
    """The same as something that nobody can tell."""
    return replace(verdict, word="invalid")
