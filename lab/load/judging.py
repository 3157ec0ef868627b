"""Verdicts: what was promised, what was measured, whether it holds; drawn from a run's outcome and from nothing else."""

from collections.abc import Iterable
from statistics import median
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts import instants
from lab.load.fresh import drains, fairness, never_stored, saturation
from lab.load.measures import Summary
from lab.load.outcome import Outcome
from lab.load.watch import CORES

Word = Literal["kept", "broken", "invalid", "shown"]

# The generator must not be the slow one: what it may take of its own before a run says nothing about the system.
LATE_P99_MS_MAX = 250.0
LOOP_P99_MS_MAX = 250.0
CORE_SHARE_MAX = 0.85
GENERATOR, MACHINE = "generator", "machine"
OUTSIDE = (GENERATOR, MACHINE)
# What cannot be told while something still waits.
UNFINISHED = ("lost", "deadlines")
NOT_COUNTED = "the counters did not come to the end of the log"
NOTHING = "nothing was measured"
# As many as a p99 leaves out: with more of them gone, the promise is broken whatever the others took.
GONE_SHARE_MAX = 0.01
# More than this of the cores taken by others, half of the time: what is slow may be slow by them.
OTHERS_SHARE_MAX = 0.35
# By audit's exit status: with any other it could not run and says nothing.
AUDIT_WORDS: dict[int, Word] = {0: "kept", 1: "broken"}
# What the plan knows exactly of each unit.
FLOWS = (
    "submitted", "received", "received_direct", "received_online", "received_post", "completed", "returned", "withdrawn",
    "refused", "handed_over", "open",
)  # fmt: skip
LATE = ("completed_late", "overdue_open")


class Verdict(Struct, frozen=True, kw_only=True):
    """`broken`: the promise was not kept. `invalid`: the generator was at fault. `shown`: nobody promised anything."""

    name: str
    promise: str
    measured: str
    word: Word
    figure: float | None = None


def verdicts(outcome: Outcome) -> list[Verdict]:
    """All of them, what counts first."""
    health, quiet = generator(outcome), machine(outcome)
    told = [
        health,
        *quiet,
        _lost(outcome),
        _double(outcome),
        _wrongly_overdue(outcome),
        _refused(outcome),
        _deadlines(outcome),
        *_audited(outcome),
    ]
    speed = [*_acceptance(outcome), *_freshness(outcome), *_drained(outcome), *_fair(outcome)]
    if any(each.word == "broken" for each in (health, *quiet)):
        # Counts are counts whoever was late; a time that somebody else may have spent is no verdict.
        speed = [_spoiled(each) for each in speed]
        if _unfinished(outcome) and not outcome.counts["given_up"]:
            told = [
                _spoiled(each) if each.name in ("lost", "deadlines") and each.word == "broken" else each for each in told
            ]
    return [*told, *speed, *_resources(outcome)]


def broken(told: Iterable[Verdict]) -> list[Verdict]:
    """Promises of the system that were not kept; whether the generator kept its own is another question."""
    return [each for each in told if each.word == "broken" and each.name not in OUTSIDE]


def spoiled(told: Iterable[Verdict]) -> bool:
    """Whether the generator or somebody else on the machine was at fault: then times say nothing about the system."""
    return any(each.word == "broken" and each.name in OUTSIDE for each in told)


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
    """Whether others left the machine to this run; nothing where the machine does not tell."""
    if not outcome.samples:
        return []
    others = median(max(0.0, each.machine_cores - sum(each.cores.values())) / CORES for each in outcome.samples)
    return [Verdict(
        name=MACHINE, promise=f"others take below {OTHERS_SHARE_MAX:.0%} of its cores",
        measured=f"{others:.0%} of {CORES} cores were taken by others (median)",
        word="broken" if others > OTHERS_SHARE_MAX else "kept", figure=others,
    )]  # fmt: skip


def differences(outcome: Outcome, names: Iterable[str]) -> tuple[int, int, str]:
    """How many of these counters' counts are missing, how many are too many, and the first unit where."""
    missing = too_many = 0
    first = ""
    for unit, expected in sorted(outcome.expected.items()):
        found = outcome.counters.get(unit, {})
        for name in names:
            if name not in expected and outcome.scenario.arrivals.facts is not None:
                continue  # the published figures say nothing about it
            more = found.get(name, 0) - expected.get(name, 0)
            missing += max(0, -more)
            too_many += max(0, more)
            if more and not first:
                first = f"{unit} {name}: {expected.get(name, 0)} planned, {found.get(name, 0)} counted"
    return missing, too_many, first


def _lost(outcome: Outcome) -> Verdict:
    """What waits in an outbox when time is over is not lost, but neither can it be said that nothing is."""
    missing, _, first = differences(outcome, [name for name in FLOWS if name != "open"])
    gone = outcome.counts["given_up"]
    parts = [f"{outcome.planned:,} events planned, {outcome.counts['stored']:,} stored"]
    if gone:
        parts.append(f"{gone:,} given up")
    if _unfinished(outcome):
        lost = gone
        parts += [f"{outcome.left:,} still waiting when time was over"] if outcome.left else []
        parts += [f"{outcome.silent_edges} edges did not say what they hold"] if outcome.silent_edges else []
        parts += [] if outcome.all_counted else [NOT_COUNTED]
    else:
        lost = max(missing, gone)
        parts += [f"{missing:,} missing in the counters ({first})"] if missing else []
    word: Word = "broken" if lost or _unfinished(outcome) else "kept"
    return Verdict(name="lost", promise="0", measured=f"{lost:,}: {', '.join(parts)}", word=word, figure=lost)


def _unfinished(outcome: Outcome) -> bool:
    return bool(outcome.left or outcome.silent_edges) or not outcome.all_counted


def _double(outcome: Outcome) -> Verdict:
    _, double, first = differences(outcome, [name for name in FLOWS if name != "open"])
    again = outcome.total.get("duplicates", 0)
    measured = f"{double:,}" + (f" ({first})" if double else "") + f"; {again:,} repeats recognised and dropped"
    return Verdict(name="double", promise="0", measured=measured, word="broken" if double else "kept", figure=double)


def _wrongly_overdue(outcome: Outcome) -> Verdict:
    """A dossier counted late that was not: by the plan, which knows no link, all the same on whatever link."""
    late = wrong = 0
    first = ""
    for unit, expected in sorted(outcome.expected.items()):
        found = outcome.counters.get(unit, {})
        for name in LATE:
            if name not in expected and outcome.scenario.arrivals.facts is not None:
                continue
            late += expected.get(name, 0)
            more = found.get(name, 0) - expected.get(name, 0)
            wrong += max(0, more)
            if more > 0 and not first:
                first = f" ({unit} {name}: {expected.get(name, 0)} planned, {found.get(name, 0)} counted)"
    link = outcome.total.get("late_by_link", 0)
    measured = f"{wrong:,}{first}; {late:,} late by the units themselves; {link:,} in time that a link made come late"
    return Verdict(name="wrongly overdue", promise="0", measured=measured, word="broken" if wrong else "kept", figure=wrong)


def _refused(outcome: Outcome) -> Verdict:
    """Every planned event is a good one."""
    refused, rejected = sum(outcome.refused.values()), outcome.total.get("rejected", 0)
    codes = ", ".join(f"{code} {count}" for code, count in outcome.refused.most_common(3))
    measured = f"{refused + rejected:,}: {refused:,} at the door{f' ({codes})' if codes else ''}, {rejected:,} dead letters"
    word: Word = "broken" if refused + rejected else "kept"
    return Verdict(name="refused wrongly", promise="0", measured=measured, word=word, figure=refused + rejected)


def _deadlines(outcome: Outcome) -> Verdict:
    if not outcome.dues:
        return Verdict(name="deadlines", promise="as the lab works them out", measured="none asked", word="shown")
    right = sum(
        told is not None and instants.parse(told) == outcome.dues[subject] for subject, told in outcome.dues_told.items()
    )
    wrong = len(outcome.dues) - right
    return Verdict(
        name="deadlines", promise="as the lab works them out", measured=f"{right} of {len(outcome.dues)} asked are equal",
        word="broken" if wrong else "kept", figure=wrong,
    )  # fmt: skip


def _audited(outcome: Outcome) -> list[Verdict]:
    if outcome.audit is None:
        return []
    code, failed = outcome.audit["exit"], outcome.audit["failed"]
    counts = outcome.audit["counts"]
    words = {0: "clean", 1: f"differences: {', '.join(failed[:4])}"}
    told = words.get(code) or f"could not run: {outcome.audit['why'] or f'it ended with {code}'}"
    measured = (
        f"{told}; {counts.get('reported_records', 0):,} records, {counts.get('sequence_numbers', 0):,} numbers of edges"
    )
    return [Verdict(name="audit", promise="every stage equals the next", measured=measured,
                    word=AUDIT_WORDS.get(code, "invalid"), figure=float(code))]  # fmt: skip


def _acceptance(outcome: Outcome) -> list[Verdict]:
    told = []
    most = outcome.scenario.promises.acceptance_p99_ms
    for name, who, manner in (("accepted edge", "real edges", "outbox"), ("accepted paper", "paper era", "paper")):
        kept = outcome.book.whole.get(name)
        if kept is None and (most is None or manner != outcome.manner):
            continue
        each = Summary(count=0) if kept is None else kept.summary()
        told.append(Verdict(
            name=f"acceptance at the counter, {who}", promise="—" if most is None else f"p99 ≤ {most:,.0f} ms",
            measured=_measured(outcome, f"p50 {each.p50:,.0f} ms, p99 {each.p99:,.0f} ms", each.count),
            word=_word(outcome, most, each), figure=each.p99 if each.count else None,
        ))  # fmt: skip
    return told


def _freshness(outcome: Outcome) -> list[Verdict]:
    told = []
    promised = outcome.scenario.promises.freshness_p99_ms
    for link in outcome.scenario.links:
        most = promised.get(link, promised.get("all"))
        if (kept := outcome.book.whole.get(f"fresh {link}")) is None and most is None:
            continue
        each = Summary(count=0) if kept is None else kept.summary()
        figures = f"p50 {each.p50:,.0f} ms, p99 {each.p99:,.0f} ms, p99.9 {each.p99_9:,.0f} ms"
        told.append(Verdict(
            name=f"freshness, {link}", promise="—" if most is None else f"p99 ≤ {most:,.0f} ms",
            measured=_measured(outcome, figures, each.count),
            word=_word(outcome, most, each, never_stored(outcome, link)),
            figure=each.p99 if each.count else None,
        ))  # fmt: skip
    return told


def _gone(outcome: Outcome) -> int:
    """Events of which nobody has a time: never stored, or never seen counted. They were not quick."""
    return outcome.unseen + outcome.left + outcome.counts["given_up"]


def _measured(outcome: Outcome, figures: str, count: int) -> str:
    told = f"{figures}, {count:,} events" if count else NOTHING
    return told + (f"; {gone:,} of the run have no time at all" if (gone := _gone(outcome)) else "")


def _word(outcome: Outcome, most: float | None, each: Summary, waiting: int = 0) -> Word:
    """Of a p99: those who came through do not speak for those who did not. `waiting`: known to wait at the end."""
    if most is None:
        return "shown"
    gone = _gone(outcome) + outcome.silent_edges
    if each.p99 > most or waiting > GONE_SHARE_MAX * (each.count + waiting) or (gone and not each.count):
        return "broken"
    return "kept" if each.count and not gone else "invalid"


def _drained(outcome: Outcome) -> list[Verdict]:
    most = outcome.scenario.promises.drain_seconds
    told = []
    for stretch, seconds in drains(outcome):
        measured = "not before the end" if seconds is None else f"{seconds:.1f} s after it was back"
        word: Word = "shown" if most is None else "kept" if seconds is not None and seconds <= most else "broken"
        told.append(Verdict(
            name=f"drained, {stretch.on} {stretch.what} at {stretch.since:.0f} s",
            promise="—" if most is None else f"≤ {most:.0f} s",
            measured=measured, word=word, figure=seconds,
        ))  # fmt: skip
    return told


def _fair(outcome: Outcome) -> list[Verdict]:
    """Of what each link's centres had to report: the share of it that was stored when all had reported."""
    shares = fairness(outcome)
    least = outcome.scenario.promises.slowest_link_share
    if len(shares) < 2 and least is None:
        return []
    slowest, share = min(shares.items(), key=lambda pair: pair[1])
    word: Word = "shown" if least is None else "broken" if share < least else "kept"
    if word == "kept" and (_gone(outcome) or outcome.silent_edges):
        word = "invalid"
    others = ", ".join(f"{link} {each:.0%}" for link, each in shares.items())
    return [Verdict(
        name="fairness", promise="—" if least is None else f"≥ {least:.0%} of the slowest link's is through at the end",
        measured=f"{slowest} {share:.0%} when the period ended ({others})",
        word=word, figure=share,
    )]  # fmt: skip


def _resources(outcome: Outcome) -> list[Verdict]:
    mine = {name: each for name, each in outcome.cpu_seconds.items() if not name.startswith(("generator", "edge", "toxi"))}
    if not mine or not outcome.samples:
        return []  # somebody else's city: its processes are not ours to look at
    first = saturation(outcome)
    spent = sum(mine.values())
    stored = outcome.counts["stored"]
    most = max(sum(mib for name, mib in each.mib.items() if name in mine) for each in outcome.samples)
    largest = max(mine, key=lambda name: mine[name])
    return [
        Verdict(name="first to saturate", promise="—", measured=first, word="shown"),
        Verdict(name="events per CPU second", promise="—", figure=stored / spent if spent else None, word="shown",
                measured=f"{stored / spent if spent else 0:,.0f} ({stored:,} events, {spent:.1f} s of {CORES} cores, "
                         f"most by {largest}: {mine[largest]:.1f} s)"),
        Verdict(name="memory of all services", promise="—", measured=f"{most:,.0f} MiB at most", word="shown", figure=most),
    ]  # fmt: skip


def _spoiled(verdict: Verdict) -> Verdict:
    return replace(verdict, word="invalid")
