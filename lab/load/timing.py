"""Verdicts about times and what they cost: acceptance, freshness, draining, fairness, what was the first at its limit."""

from lab.load.accounts import timeless
from lab.load.fair import fairness, is_measured, wait_seconds
from lab.load.flow import Backlog
from lab.load.fresh import drains, never_stored, the_citys, without_line
from lab.load.generator import Manner
from lab.load.measures import Summary
from lab.load.outcome import Outcome
from lab.load.saturation import saturation
from lab.load.verdict import Verdict, Word
from lab.load.watch import CORES

ACCEPTANCE, EDGES = "acceptance at the counter", "real edges"
FAIRNESS = "fairness"
AGAIN = "freshness, once all lines are back"
NOTHING = "nothing was measured"
NO_EDGE = "no real edge in this scenario"
# As many as a p99 leaves out: with more of them gone, the promise is broken whatever the others took.
GONE_SHARE_MAX = 0.01


def timed(outcome: Outcome) -> list[Verdict]:
    """What was promised about time."""
    return [*_acceptance(outcome), *_freshness(outcome), *_again(outcome), *_drained(outcome), *_fair(outcome)]


def resources(outcome: Outcome) -> list[Verdict]:
    """What it took; nothing of a city whose processes are somebody else's."""
    mine = {name: each for name, each in outcome.cpu_seconds.items() if the_citys(name)}
    if not mine or not outcome.samples:
        return []
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


def _acceptance(outcome: Outcome) -> list[Verdict]:
    told = []
    most = outcome.scenario.promises.acceptance_p99_ms
    if most is None and outcome.manner == "outbox" and not any(group.edges for group in outcome.scenario.centres):
        told.append(Verdict(name=f"{ACCEPTANCE}, {EDGES}", promise="—", measured=NO_EDGE, word="shown"))
    for name, who, manner in (("accepted edge", EDGES, "outbox"), ("accepted paper", "paper era", "paper")):
        kept = outcome.book.whole.get(name)
        if kept is None and (most is None or manner != outcome.manner):
            continue
        each = Summary(count=0) if kept is None else kept.summary()
        told.append(Verdict(
            name=f"{ACCEPTANCE}, {who}", promise="—" if most is None else f"p99 ≤ {most:,.0f} ms",
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


def _again(outcome: Outcome) -> list[Verdict]:
    """Of what was due once the last line was back: draining asks about storing alone, and counters may be long in coming."""
    if (most := outcome.scenario.promises.freshness_again_p99_ms) is None:
        return []
    back = max((stretch.until for stretch in without_line(outcome.stretches)), default=0.0)
    each = outcome.book.since("fresh ", back).summary()
    return [Verdict(
        name=AGAIN, promise=f"p99 ≤ {most:,.0f} ms",
        measured=_measured(outcome, f"p50 {each.p50:,.0f} ms, p99 {each.p99:,.0f} ms from {back:.0f} s on", each.count),
        word=_word(outcome, most, each), figure=each.p99 if each.count else None,
    )]  # fmt: skip


def _measured(outcome: Outcome, figures: str, count: int) -> str:
    told = f"{figures}, {count:,} events" if count else NOTHING
    return told + (f"; {gone:,} of the run have no time at all" if (gone := timeless(outcome)) else "")


def _word(outcome: Outcome, most: float | None, each: Summary, waiting: int = 0) -> Word:
    """Of a p99: those who came through do not speak for those who did not. `waiting`: known to wait at the end."""
    if most is None:
        return "shown"
    gone = timeless(outcome) + outcome.silent_edges
    if each.p99 > most or waiting > GONE_SHARE_MAX * (each.count + waiting) or (gone and not each.count):
        return "broken"
    return "kept" if each.count and not gone else "invalid"


def _drained(outcome: Outcome) -> list[Verdict]:
    """When the last event was stored that had been due before the line was back. What never was has not drained."""
    most = outcome.scenario.promises.drain_seconds
    told = []
    for stretch, gathered in drains(outcome):
        seconds = None if gathered is None or gathered.never_stored else gathered.seconds
        is_kept = seconds is not None and most is not None and seconds <= most
        word: Word = "shown" if most is None else "invalid" if gathered is None else "kept" if is_kept else "broken"
        told.append(Verdict(
            name=f"drained, {stretch.on} {stretch.what} at {stretch.since:.0f} s",
            promise="—" if most is None else f"≤ {most:.0f} s",
            measured=NOTHING if gathered is None else _gathered(gathered, outcome.manner), word=word, figure=seconds,
        ))  # fmt: skip
    return told


def _gathered(backlog: Backlog, manner: Manner) -> str:
    if not backlog.due:
        return "nothing was due before"
    if not backlog.stored:
        return f"not before the end: none of {backlog.due:,} events due before was stored"
    when = f"{backlog.seconds:.1f} s after it was back"
    if not backlog.never_stored:
        return f"{when}, {backlog.due:,} events due before"
    why = "thrown away, or never stored" if manner == "paper" else "never stored"
    return f"not before the end: {backlog.never_stored:,} of {backlog.due:,} events due before {why}; the others {when}"


def _fair(outcome: Outcome) -> list[Verdict]:
    """The worst stretch of the link that fared worst: at the end all have long been through."""
    least = outcome.scenario.promises.slowest_link_share
    long = wait_seconds(outcome)
    promise = (
        "—" if least is None else f"≥ {least:.0%} of the best other's part, wherever a link waits for more than {long} s"
    )
    if not is_measured(outcome):
        return [] if least is None else [Verdict(name=FAIRNESS, promise=promise, measured=NOTHING, word="invalid")]
    shares = fairness(outcome)
    measured, figure = f"no link waited for more than {long} s beside another one", 1.0
    if shares:
        slowest, worst = min(shares.items(), key=lambda pair: pair[1].ratio)
        figure = worst.ratio
        measured = (
            f"{slowest} {figure:.0%} from {worst.since} to {worst.until} s: of what had waited {worst.part:.0%} was through "
            f"on the mean, of {worst.beside}'s {worst.best:.0%}"
        )
        measured += "".join(f"; {link} {each.ratio:.0%}" for link, each in shares.items() if link != slowest)
    word: Word = "shown" if least is None else "broken" if figure < least else "kept"
    if word == "kept" and (timeless(outcome) or outcome.silent_edges):
        word = "invalid"
    return [Verdict(name=FAIRNESS, promise=promise, measured=measured, word=word, figure=figure)]
