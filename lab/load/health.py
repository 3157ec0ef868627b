"""Whether a run's times may be taken for the city's: the generator was punctual, and others left the machine to it."""

from statistics import median

from lab.load.outcome import Outcome
from lab.load.verdict import GENERATOR, MACHINE, Verdict
from lab.load.watch import CORES

# The generator must not be the slow one: what it may take of its own before a run says nothing about the system.
LATE_P99_MS_MAX = 250.0
LOOP_P99_MS_MAX = 250.0
CORE_SHARE_MAX = 0.85
# More than this of the cores taken by others, half of the time: what is slow may be slow by them.
OTHERS_SHARE_MAX = 0.35


def generator(outcome: Outcome) -> Verdict:
    """Whether the generator itself kept its appointments."""
    late, loop = outcome.late.at(99), outcome.loop.at(99)
    share = max(outcome.generator_cores, default=0.0)
    why = []
    if late > LATE_P99_MS_MAX:
        why.append(f"it was {late:.0f} ms late (p99)")
    if loop > LOOP_P99_MS_MAX:
        why.append(f"its loop stood still for {loop:.0f} ms (p99)")
    if share > CORE_SHARE_MAX:
        why.append(f"it took {share:.0%} of a core")
    measured = f"late {late:.1f} ms, loop {loop:.1f} ms (p99), {share:.0%} of a core at most"
    return Verdict(
        name=GENERATOR, promise=f"punctual: below {LATE_P99_MS_MAX:.0f} ms late, below {CORE_SHARE_MAX:.0%} of its core",
        measured=measured + (f": {'; '.join(why)}" if why else ""), word="broken" if why else "kept", figure=late,
    )  # fmt: skip


def machine(outcome: Outcome) -> list[Verdict]:
    """Whether others left the machine to this run; nothing where it is not told whose the processes are.

    Somebody's own city may run on this very machine: what it takes is no stranger's, and nobody here knows how much it is.
    """
    if not outcome.samples or not outcome.own_city:
        return []
    others = median(max(0.0, each.machine_cores - sum(each.cores.values())) / CORES for each in outcome.samples)
    return [Verdict(
        name=MACHINE, promise=f"others take below {OTHERS_SHARE_MAX:.0%} of its cores",
        measured=f"{others:.0%} of {CORES} cores were taken by others (median)",
        word="broken" if others > OTHERS_SHARE_MAX else "kept", figure=others,
    )]  # fmt: skip
