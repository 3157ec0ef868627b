"""How many dossiers each unit has carried over from before the period, and how many of these it completes in it."""

from collections.abc import Collection, Sequence
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from lab.errors import UnsolvableError
from lab.fortnight.facts import Fact, Facts
from lab.fortnight.shares import share_out

# What has waited longest is taken first, so that more of it ends within the period than of what comes in it.
COMPLETED_SHARE = (0.75, 0.95)
LATE_MORE_OFTEN = 1.5
STRAYED_MAX = 50


class Ended(Struct, frozen=True):
    """Of the dossiers carried over those that are completed in the period, and of these those in time."""

    completed: int = 0
    on_time: int = 0


def with_completed(facts: Facts) -> Facts:
    """What is said to be completed becomes the whole of what is said to be in time; UnsolvableError when they differ."""
    told = [fact for fact in facts.facts if fact.what != "completed"]
    for fact in facts.facts:
        if fact.what != "completed":
            continue
        share = facts.about("on_time", fact.unit)
        if share is None:
            told.append(Fact(what="on_time", unit=fact.unit, of=fact.count))
        elif share.of is None:
            told[told.index(share)] = replace(share, of=fact.count)
        elif share.of != fact.count:
            raise UnsolvableError(f"{share.of} and {fact.count} cannot both have been completed")
    return replace(facts, facts=told)


def spread(facts: Facts, units: Sequence[str], new: Collection[str], chance: Random, bold: bool, free: bool) -> list[int]:
    """What is said of each unit; of what is said of all the rest by weight, where it is needed first; else none.

    `free`: what nobody says may be anything, as when a fact is left out to see whether the others hold without it.
    """
    known = facts.about("carried_over")
    total = _total(facts, known, chance, bold) if free else known
    said = [facts.about("carried_over", unit) for unit in units]
    if total is None or total.count is None:
        return [0 if fact is None else fact.count or 0 for fact in said]
    lows, highs, weights = [], [], []
    for unit, fact in zip(units, said, strict=True):
        low = _needed(facts, unit) if fact is None else fact.count or 0
        lows.append(low)
        highs.append(0 if unit in new else max(low, total.count) if fact is None else low)
        weights.append(facts.assumed.weights.get(unit, 1.0) * chance.uniform(*((0.1, 3) if bold else (0.75, 1.3))))
    whole = total.count if total is known else max(total.count, sum(lows))
    return share_out("carried over", whole, weights, lows, highs)


def ended(carried: int, received: int, plan: tuple[int, int], late_at_most: int, chance: Random) -> Ended:
    """How a unit's completions are shared between what it had and what came; `plan` is all, and those in time."""
    if not carried:
        return Ended()
    completed, on_time = plan
    late = completed - on_time
    # What came in the period can be late only if it came early; all that is left over must have been there before.
    fewest, most = max(0, late - min(late_at_most, received)), min(late, carried)
    usual = round(late * min(1.0, LATE_MORE_OFTEN * carried / (carried + received)))
    old_late = min(max(usual, fewest), most)
    fewest, most = max(0, on_time - (received - (late - old_late))), min(on_time, carried - old_late)
    usual = round(carried * chance.uniform(*COMPLETED_SHARE)) - old_late
    old_in_time = min(max(usual, fewest), most)
    return Ended(old_late + old_in_time, old_in_time)


def _total(facts: Facts, known: Fact | None, chance: Random, bold: bool) -> Fact:
    """What is said of all, else as many as all of them need."""
    more = chance.randint(0, STRAYED_MAX) if bold else 0
    return known or Fact(what="carried_over", count=_needed(facts, None) + more)


def _needed(facts: Facts, unit: str | None) -> int:
    """Who completed more than was received had the rest before."""
    share, received = facts.about("on_time", unit), facts.about("received", unit)
    if share is None or received is None or received.count is None:
        return 0
    return max(0, (share.of or share.count or 0) - received.count)
