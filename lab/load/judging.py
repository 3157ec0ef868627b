"""Verdicts on a run: drawn from its outcome and from nothing else; what somebody else may have spoilt is called invalid."""

from lab.load.accounts import unfinished
from lab.load.counting import WAITS, counted
from lab.load.health import generator, machine
from lab.load.outcome import Outcome
from lab.load.timing import resources, timed
from lab.load.verdict import Verdict, invalid


def verdicts(outcome: Outcome) -> list[Verdict]:
    """All of them, what counts first."""
    health = [generator(outcome), *machine(outcome)]
    told, speed = counted(outcome), timed(outcome)
    if any(each.word == "broken" for each in health):
        # Counts are counts whoever was late; a time that somebody else may have spent is no verdict.
        speed = [invalid(each) for each in speed]
        if unfinished(outcome) and not outcome.counts["given_up"]:
            told = [invalid(each) if each.name in WAITS and each.word == "broken" else each for each in told]
    return [*health, *told, *speed, *resources(outcome)]
