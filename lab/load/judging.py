"""Verdicts on a run: drawn from its outcome and from nothing else; what somebody else may have spoilt is called invalid."""

from msgspec.structs import replace

from lab.load.accounts import unfinished
from lab.load.counting import WAITS, counted
from lab.load.health import generator, machine
from lab.load.outcome import Outcome
from lab.load.timing import FAIRNESS, NO_EDGE, resources, timed
from lab.load.verdict import Verdict, invalid
from lab.load.yardstick import times_slower

# Promises of time were set on a machine of some 2,300 units a second, and hold for whatever is half as fast.
PROMISED_UNITS = 1_200.0


def verdicts(outcome: Outcome) -> list[Verdict]:
    """All of them, what counts first."""
    health = [generator(outcome), *machine(outcome)]
    told, speed = counted(outcome), [_by_machine(outcome, each) for each in timed(outcome)]
    if any(each.word == "broken" for each in health):
        # Counts are counts whoever was late; a time that somebody else may have spent is no verdict.
        speed = [each if each.measured == NO_EDGE else invalid(each) for each in speed]
        if unfinished(outcome) and not outcome.counts["given_up"]:
            told = [invalid(each) if each.name in WAITS and each.word == "broken" else each for each in told]
    return [*health, *told, *speed, *resources(outcome)]


def _by_machine(outcome: Outcome, told: Verdict) -> Verdict:
    """What a machine kept that is too slow for its promise was kept; what it broke may be the machine's. Links share it."""
    slower = 1.0 if outcome.yardstick is None else times_slower(outcome.yardstick, PROMISED_UNITS)
    if slower == 1 or told.word != "broken" or told.figure is None or told.name == FAIRNESS:
        return told
    return invalid(replace(told, measured=f"{told.measured}; the machine was {slower:.1f} times too slow for this promise"))
