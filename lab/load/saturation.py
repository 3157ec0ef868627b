"""What was the first at its limit: a service at its core, the machine, a line at its rate, intake's door that turns away."""

from collections.abc import Iterator
from itertools import pairwise
from math import ceil

from lab.load.filled import fullest
from lab.load.fresh import FULL_CORE, FULL_MACHINE, IN_A_ROW, ONE_THREAD, WARM_UP_SECONDS, WARM_UP_SHARE, the_citys
from lab.load.outcome import Outcome
from lab.load.watch import CORES, Sample

NOTHING = "nothing"
Found = tuple[float, str]


def saturation(outcome: Outcome) -> str:
    """The first of them with its evidence, and the others after it in the order in which they came to their limits."""
    warm = min(WARM_UP_SECONDS, outcome.real_seconds * WARM_UP_SHARE)
    samples = [each for each in outcome.samples if each.at >= warm]
    found = sorted([*_cores(outcome, samples), *_door(outcome), *_lines(outcome)])
    return "; then ".join(told for _, told in found) or NOTHING


def turning_away(samples: list[Sample]) -> list[Sample]:
    """The looks since the one before which intake had turned somebody away and said for how long."""
    return [now for was, now in pairwise(samples)
            if sum(now.turned_away.values()) > sum(was.turned_away.values())]  # fmt: skip


def turned_away(samples: list[Sample]) -> str:
    """How often, with which word, and in which part of the looks."""
    first, last = samples[0].turned_away, samples[-1].turned_away
    by_code = {code: count for code in sorted(last) if (count := last[code] - first.get(code, 0))}
    codes = ", ".join(f"{count:,} with {code}" for code, count in by_code.items())
    share = len(turning_away(samples)) / max(1, len(samples) - 1)
    return f"turned away {sum(by_code.values()):,} requests for a while ({codes}) in {share:.0%} of {len(samples) - 1} looks"


def _cores(outcome: Outcome, samples: list[Sample]) -> Iterator[Found]:
    """The first service of one thread that took a whole core for some seconds, else the machine."""
    for place, sample in enumerate(samples[: len(samples) - IN_A_ROW + 1]):
        row = samples[place : place + IN_A_ROW]
        when = _when(outcome, sample)
        full = [name for name in ONE_THREAD if all(each.cores.get(name, 0.0) >= FULL_CORE for each in row)]
        if full:
            yield sample.at, f"{full[0]} (one core) {when}"
            return
        if all(each.machine_cores >= FULL_MACHINE * CORES for each in row):
            mine = {name: took for name, took in sample.cores.items() if the_citys(name)}
            most = f", most {max(mine, key=lambda name: mine[name])}" if mine else ""
            yield (
                sample.at,
                (
                    f"the machine ({CORES} cores) {when}; the city took {sum(mine.values()):.1f} cores of it{most}, "
                    f"the lab itself {sum(sample.cores.values()) - sum(mine.values()):.1f}"
                ),
            )
            return


def _door(outcome: Outcome) -> Iterator[Found]:
    """Intake that turns away at some looks in a row: one batch that comes again is no limit."""
    away, row = {each.at for each in turning_away(outcome.samples)}, 0
    for place, each in enumerate(outcome.samples):
        row = row + 1 if each.at in away else 0
        if row == IN_A_ROW:
            first = outcome.samples[place - IN_A_ROW + 1]
            yield first.at, f"intake's door {_when(outcome, first)}: {turned_away(outcome.samples)}"
            return


def _lines(outcome: Outcome) -> Iterator[Found]:
    last = max([0.0, *outcome.last_stored_at.values()])
    for each in fullest(outcome.lines, 0.0, ceil(max(outcome.real_seconds, last))):
        sample = next((one for one in outcome.samples if one.at >= each.since), None)
        when = f"at {each.since:.0f} s" if sample is None else _when(outcome, sample)
        yield each.since, f"{each.told()} {when}"


def _when(outcome: Outcome, sample: Sample) -> str:
    return f"at {sample.at:.0f} s, {_rate(outcome, sample):,.0f} events/s reported"


def _rate(outcome: Outcome, sample: Sample) -> float:
    place = outcome.samples.index(sample)
    before = outcome.samples[max(0, place - 3)]
    return (sample.due - before.due) / (sample.at - before.at) if sample.at > before.at else 0.0
