"""Where all planned events are in the end, by the senders, by the counters, by the archive: each compared with the plan."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from lab.load.archived import RENAMED
from lab.load.asking import COULD_NOT_RUN
from lab.load.outcome import Outcome

# What audit finds in the archive beside events of senders, or a second time.
NO_EVENTS = ("standing_tick", "standing_control", "standing_duplicate")
STANDING = "standing_"


class Difference(Struct, frozen=True):
    """Counters against the plan, all units together: counts that are missing, that are too many, the first unit where."""

    missing: int
    too_many: int
    first: str


def difference(outcome: Outcome, names: Iterable[str]) -> Difference:
    """Of these counters, over every unit of the plan and every unit that was counted."""
    known = _known(outcome)
    missing = too_many = 0
    first = ""
    for unit in sorted({*outcome.expected, *outcome.counters}):
        expected, found = outcome.expected.get(unit, Counter()), outcome.counters.get(unit, {})
        for name in names:
            if known is not None and name not in known:
                continue
            more = found.get(name, 0) - expected.get(name, 0)
            missing += max(0, -more)
            too_many += max(0, more)
            if more and not first:
                first = f"{unit} {name}: {expected.get(name, 0)} planned, {found.get(name, 0)} counted"
    return Difference(missing, too_many, first)


def planned(outcome: Outcome, names: Iterable[str]) -> int:
    """What the plan has of these counters."""
    return sum(expected.get(name, 0) for expected in outcome.expected.values() for name in names)


def waiting(outcome: Outcome) -> int:
    """Events that an outbox still held when time was over, or that never came to be reported."""
    return max(outcome.left, outcome.planned - outcome.counts["due"])


def unfinished(outcome: Outcome) -> bool:
    """Something still waits, or may: what is not counted by then is not lost."""
    return bool(waiting(outcome) or outcome.silent_edges) or not outcome.all_counted


def astray(outcome: Outcome) -> int:
    """Planned events of which nobody says anything: neither stored nor refused, given up, or held."""
    counts = outcome.counts
    spoken_of = counts["stored"] + sum(outcome.refused.values()) + counts["given_up"] + waiting(outcome)
    return max(0, outcome.planned - spoken_of)


def timeless(outcome: Outcome) -> int:
    """Events of which nobody has a time: never stored, or never seen counted. They were not quick."""
    return outcome.unseen + waiting(outcome) + outcome.counts["given_up"] + astray(outcome)


def never_archived(outcome: Outcome) -> int:
    """Events that intake called stored and whose number the archive does not have; 0 where audit has not looked."""
    numbers = _audited(outcome).get("sequence_numbers")
    return 0 if numbers is None else max(0, outcome.counts["stored"] - numbers)


def never_sent(outcome: Outcome) -> int | None:
    """Records of the archive that are no event of any sender, or say again what another one says; None: nobody can tell.

    In the paper era each attempt is a record of its own, so that there it is asked what they say.
    """
    if outcome.manner != "outbox":
        return None if outcome.standing is None else outcome.standing.double
    counts = _audited(outcome)
    # Who does not know that an event was stored has none too many, and repeats are told apart by a second reading.
    if RENAMED not in counts or unfinished(outcome) or astray(outcome):
        return None
    kept = sum(count for name, count in counts.items() if name.startswith(STANDING) and name not in NO_EVENTS)
    return max(0, kept - outcome.counts["stored"] - outcome.counts["given_up"])


def given_up_and_archived(outcome: Outcome) -> int:
    """Events that their sender has given up and the archive has; 0 where nobody has read it."""
    if outcome.standing is None:
        return 0
    return max(0, outcome.counts["given_up"] - outcome.standing.absent)


def _audited(outcome: Outcome) -> dict[str, int]:
    """What audit counted, to the end of the archive. In the paper era nobody numbers, and who gave up does not know what was
    stored all the same."""
    if outcome.audit is None or outcome.audit["exit"] == COULD_NOT_RUN or outcome.manner != "outbox":
        return {}
    return dict(outcome.audit["counts"])


def _known(outcome: Outcome) -> set[str] | None:
    """Published figures say nothing about some counters; None: the plan knows all."""
    if outcome.scenario.arrivals.facts is None:
        return None
    return {name for expected in outcome.expected.values() for name in expected}
