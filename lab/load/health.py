"""Whether a run's times may be taken for the city's: the generator was punctual, and others left the machine to it."""

from statistics import fmean

from lab.load.measures import Latencies
from lab.load.outcome import Outcome
from lab.load.verdict import GENERATOR, MACHINE, Verdict
from lab.load.watch import CORES
from lab.load.yardstick import DRIFT_RATIO_MAX

# The generator must not be the slow one: what it may take of its own before a run says nothing about the system.
LATE_P99_MS_MAX = 250.0
LOOP_P99_MS_MAX = 250.0
# Of freshness a p99.9 is told: one event in a hundred may not be as late as it likes.
LATE_P99_9_MS_MAX = 2_000.0
LOOP_P99_9_MS_MAX = 2_000.0
CORE_SHARE_MAX = 0.85
# More than this of the cores taken by others, in all or where they took most: what is slow may be slow by them.
OTHERS_SHARE_MAX = 0.35
OTHERS_WORST_THIRD_MAX = 0.5


def generator(outcome: Outcome) -> Verdict:
    """Whether the generator itself kept its appointments."""
    late, loop = outcome.late.at(99), outcome.loop.at(99)
    share = max(outcome.generator_cores, default=0.0)
    why = _above(outcome.late, LATE_P99_MS_MAX, LATE_P99_9_MS_MAX, "it was {} late")
    why += _above(outcome.loop, LOOP_P99_MS_MAX, LOOP_P99_9_MS_MAX, "its loop stood still for {}")
    if share > CORE_SHARE_MAX:
        why.append(f"it took {share:.0%} of a core")
    measured = (
        f"late {late:.1f} ms, loop {loop:.1f} ms (p99), {outcome.late.at(99.9):.1f} and {outcome.loop.at(99.9):.1f} ms "
        f"(p99.9), {share:.0%} of a core at most"
    )
    return Verdict(
        name=GENERATOR, promise=f"punctual: below {LATE_P99_MS_MAX:.0f} ms late (p99), {LATE_P99_9_MS_MAX:,.0f} ms (p99.9), "
                                f"below {CORE_SHARE_MAX:.0%} of its core",
        measured=measured + (f": {'; '.join(why)}" if why else ""), word="broken" if why else "kept", figure=late,
    )  # fmt: skip


def machine(outcome: Outcome) -> list[Verdict]:
    """Whether others left the machine to this run, and it was the same one all the time; nothing where neither is known.

    Somebody's own city may run on this very machine: what it takes is no stranger's, and nobody here knows how much it is.
    """
    promised, measured, broken = [], [], []
    others: float | None = None
    if outcome.samples and outcome.own_city:
        shares = sorted(max(0.0, each.machine_cores - sum(each.cores.values())) / CORES for each in outcome.samples)
        others, worst = fmean(shares), fmean(shares[len(shares) * 2 // 3 :])
        promised.append(
            f"others take below {OTHERS_SHARE_MAX:.0%} of its cores, {OTHERS_WORST_THIRD_MAX:.0%} in the worst third"
        )
        measured.append(
            f"{others:.0%} of {CORES} cores were taken by others (mean), {worst:.0%} in the worst third of looks"
        )
        broken.append(others > OTHERS_SHARE_MAX or worst > OTHERS_WORST_THIRD_MAX)
    if (yardstick := outcome.yardstick) is not None:
        before, after = yardstick.own
        promised.append(
            f"as fast after as before, to {DRIFT_RATIO_MAX - 1:.0%}; {1 - OTHERS_SHARE_MAX:.0%} of a core free at one end"
        )
        measured.append(
            f"its yardstick {before:,.0f} units/s of processor time before, {after:,.0f} after, "
            f"by the wall {yardstick.before:,.0f} and {yardstick.after:,.0f}"
        )
        broken.append(yardstick.drift > DRIFT_RATIO_MAX or yardstick.others > OTHERS_SHARE_MAX)
    if not promised:
        return []
    return [Verdict(
        name=MACHINE, promise="; ".join(promised), measured="; ".join(measured),
        word="broken" if any(broken) else "kept", figure=others,
    )]  # fmt: skip


def _above(kept: Latencies, p99_ms_max: float, p99_9_ms_max: float, said: str) -> list[str]:
    told = [("p99", kept.at(99), p99_ms_max), ("p99.9", kept.at(99.9), p99_9_ms_max)]
    return [said.format(f"{ms:.0f} ms") + f" ({name})" for name, ms, most in told if ms > most][:1]
