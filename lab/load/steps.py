"""A step of the knee: one rate, held for some seconds; what it showed and, if it broke the promise, which stage that was."""

from math import ceil
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from lab.load.accounts import astray, waiting
from lab.load.counting import NOT_COUNTED
from lab.load.filled import Full, fullest
from lab.load.flow import Flow
from lab.load.fresh import FULL_CORE, FULL_MACHINE, the_citys
from lab.load.health import generator, machine
from lab.load.outcome import Outcome
from lab.load.saturation import turned_away, turning_away
from lab.load.scenario import Knee
from lab.load.timing import NOTHING
from lab.load.verdict import spoiled
from lab.load.watch import CORES, Sample

OUTSIDE = "nothing of the system"
UNKNOWN = "not known"
THE_MACHINE = "the machine"
# A rate grows until dossiers of all ages are under way: what is due before is no part of the rate that is judged.
STEADY_FROM_SHARE = 0.25
# A queue that grows all the time breaks any promise in the end: half of the events may take this part of the promise longer
# in the last third of the steady part than in the first. Its last seconds are left out: the load's end helps them.
GROWTH_SHARE_MAX = 0.25
FLATTERED_SECONDS = 2.0
# A stage that lets this part of the time pass by itself is the one that broke the promise.
ITS_SHARE = 0.5
# Of what is due, so much must be on full lines for these to be what a p99 waits for.
IN_A_P99 = 0.01


class Step(Struct, frozen=True, kw_only=True):
    """One rate, or so many centres; `reported` is what was due a second in the steady part, of which the times are, too."""

    repeat: int
    asked: float
    reported: float
    fresh_p50_ms: float
    fresh_p99_ms: float
    stored_p99_ms: float
    lag_processing: float
    lag_metrics: float
    cores: dict[str, float]
    machine_cores: float
    valid: bool
    kept: bool
    stage: str = ""
    evidence: str = ""
    # What was within intake at half of the looks, or more: requests, and events that Kafka had not yet taken.
    intake_in_flight: float = 0.0
    intake_queue: float = 0.0
    steady_from_seconds: float = 0.0
    # Freshness of the middle event in the first and in the last third of the steady part.
    first_third_p50_ms: float = 0.0
    last_third_p50_ms: float = 0.0
    # How many centres, where these are what is stepped.
    centres: int = 0
    # Parts of the steady part's looks at which intake turned away, and of its seconds in which one line was full.
    turned_away_share: float = 0.0
    line: Full | None = None
    # Which part of what was due in the steady part is on its link's full lines.
    on_full_lines: float = 1.0

    @property
    def reached(self) -> float:
        """What the knee is told in."""
        return float(self.centres) or self.reported

    @property
    def grew_ms(self) -> float:
        """By how much the middle event became slower while the rate stood still."""
        return self.last_third_p50_ms - self.first_third_p50_ms


class Seen(Struct, frozen=True):
    """What a step's evidence is made of."""

    step: Step
    short: str
    is_sampled: bool
    promise_ms: float
    door: str = ""


def judged(outcome: Outcome, repeat: int, asked: float, knee: Knee) -> Step:
    """What a step showed in its steady part; whatever never came through breaks it, whenever it was due."""
    since = _steady_from(outcome)
    fresh, stored = (outcome.book.since(prefix, since) for prefix in ("fresh ", "stored "))
    samples = [each for each in outcome.samples if since <= each.at <= outcome.real_seconds + 1]
    p99 = fresh.at(99)
    short = _short(outcome, fresh.count)
    first, last = _thirds(outcome, since)
    fell_behind = last - first > knee.freshness_p99_ms * GROWTH_SHARE_MAX
    kept = p99 <= knee.freshness_p99_ms and not short and not fell_behind
    line, on_full_lines = _line(outcome, since)
    step = Step(
        repeat=repeat, asked=round(asked, 1), reported=round(_due_a_second(outcome, since), 1),
        fresh_p50_ms=fresh.at(50), fresh_p99_ms=p99, stored_p99_ms=stored.at(99),
        lag_processing=_usual(samples, "lag_processing"), lag_metrics=_usual(samples, "lag_metrics"),
        cores=_cores(samples),
        machine_cores=round(median(each.machine_cores for each in samples), 2) if samples else 0.0,
        valid=not spoiled([generator(outcome), *machine(outcome)]), kept=kept,
        intake_in_flight=_usual(samples, "intake_in_flight"), intake_queue=_usual(samples, "intake_queue"),
        steady_from_seconds=since, first_third_p50_ms=first, last_third_p50_ms=last,
        centres=round(asked) if knee.is_of_centres else 0,
        turned_away_share=round(len(turning_away(samples)) / max(1, len(samples) - 1), 2),
        line=line, on_full_lines=round(on_full_lines, 4),
    )  # fmt: skip
    if kept:
        return step
    door = turned_away(samples) if step.turned_away_share else ""
    stage, evidence = blamed(Seen(step, short, any(each.waits for each in samples), knee.freshness_p99_ms, door))
    return replace(step, stage=stage, evidence=evidence)


def blamed(seen: Seen) -> tuple[str, str]:
    """The stage at which events waited, with what shows it; where nothing shows it, it is not known.

    Where no core was left, more of the machine would have been needed first: the queue stood where it could.
    """
    step = seen.step
    cores = ", ".join(f"{name} {took:.2f}" for name, took in sorted(step.cores.items(), key=lambda pair: -pair[1])[:4])
    beside = f"; {seen.short}" if seen.short else ""
    has_grown = step.grew_ms > seen.promise_ms * GROWTH_SHARE_MAX
    if has_grown:
        beside += (
            f"; it fell behind: half of the events took {step.first_third_p50_ms:,.0f} ms in the first third of its steady "
            f"part, {step.last_third_p50_ms:,.0f} ms in the last"
        )
    if seen.is_sampled:
        labs = sum(took for name, took in step.cores.items() if not the_citys(name))
        beside += (
            f"; cores taken: {cores}; the machine {step.machine_cores:.2f} of {CORES}, of which the lab itself {labs:.2f}"
        )
    if not step.valid:
        return OUTSIDE, f"the generator was late or others had the machine: it says nothing about the system{beside}"
    if not seen.is_sampled:
        return UNKNOWN, f"nobody could look where events waited{beside}"
    if step.fresh_p99_ms <= seen.promise_ms and not has_grown:
        return UNKNOWN, f"what was counted was counted in time{beside}"
    if step.stored_p99_ms > min(seen.promise_ms, step.fresh_p99_ms) * ITS_SHARE:
        stage, why = _before_stored(step)
        why += f"; intake {seen.door}" if seen.door else ""
        why += f"; {step.line.told()}" if step.line is not None else ""
    else:
        stage, why = _after_stored(step)
    if step.machine_cores >= FULL_MACHINE * CORES:
        stage = THE_MACHINE if stage == UNKNOWN else f"{THE_MACHINE}, with the queue at {stage}"
    return stage, why + beside


def told(step: Step) -> str:
    """One line."""
    line = f"repeat {step.repeat + 1}: " + (f"{step.centres:,} centres, " if step.centres else "")
    line += f"{step.reported:,.0f} events/s, "
    line += f"p50 {step.fresh_p50_ms:,.0f} ms, p99 {step.fresh_p99_ms:,.0f} ms"
    return line + ("" if step.kept else f": BROKEN at {step.stage}: {step.evidence}")


def _before_stored(step: Step) -> tuple[str, str]:
    """On the line, within intake, or before Kafka: by what intake held, and who was at its limit."""
    why = (
        f"{step.stored_p99_ms:,.0f} ms p99 until stored, of {step.fresh_p99_ms:,.0f} ms until counted; usually "
        f"{step.intake_in_flight:,.0f} requests and {step.intake_queue:,.0f} events within intake"
    )
    # So many events that Kafka has not taken are, at this rate, a wait of so long.
    for_kafka_ms = step.intake_queue / max(1.0, step.reported) * 1000
    if step.cores.get("intake", 0.0) >= FULL_CORE:
        return "intake", why
    if for_kafka_ms >= step.stored_p99_ms * ITS_SHARE:
        return "kafka", f"{why}, which are {for_kafka_ms:,.0f} ms of waiting for Kafka"
    if step.turned_away_share >= ITS_SHARE:
        return "intake's door", why
    # Before what intake holds: a request whose body is still on the line is within intake, too.
    if step.line is not None and step.line.share >= ITS_SHARE and step.on_full_lines >= IN_A_P99:
        return f"the line ({step.line.link})", why
    if step.intake_in_flight < 1 and step.intake_queue < 1:
        return "links", why
    return "intake", why


def _after_stored(step: Step) -> tuple[str, str]:
    """Where records waited; Redis, when it is that of which the waiting stage has no more."""
    why = f"usually {step.lag_processing:,.0f} records waited to be folded, {step.lag_metrics:,.0f} to be counted"
    if not max(step.lag_processing, step.lag_metrics):
        return UNKNOWN, why
    stage = "processing" if step.lag_processing >= step.lag_metrics else "metrics"
    redis, own = step.cores.get("redis", 0.0), step.cores.get(stage, 0.0)
    if redis >= FULL_CORE > own:
        return "redis", f"{why}; redis took {redis:.2f} of its one core, {stage} {own:.2f}"
    return stage, why


def _line(outcome: Outcome, since: float) -> tuple[Full | None, float]:
    """The fullest of those that were full for as much of the steady part as names them (of one that centres share, from the
    first on), and which part of what was due is on its link's full ones; one that a p99 can wait for comes first."""
    due = {link: _due(flow, since) for link, flow in outcome.flows.items()}
    whole = sum(due.values())
    window = max(1, round((outcome.real_seconds - since) * ITS_SHARE))
    found = [
        (full, full.part * (due.get(full.link, 0) / whole if whole else 1.0))
        for full in fullest(outcome.lines, since, outcome.real_seconds, window)
    ]
    return max(found, key=lambda each: (each[1] >= IN_A_P99, each[0].share), default=(None, 0.0))


def _due(flow: Flow, since: float) -> int:
    return sum(flow.due[ceil(since) :])


def _steady_from(outcome: Outcome) -> float:
    """Where the first bin of the steady part begins."""
    size = outcome.book.bin_seconds
    return -(-outcome.real_seconds * STEADY_FROM_SHARE // size) * size


def _due_a_second(outcome: Outcome, since: float) -> float:
    """By the plan, whatever came of it: rates that were kept and rates that broke are to be put beside each other."""
    first = ceil(since)
    return sum(_due(each, since) for each in outcome.flows.values()) / max(1.0, outcome.real_seconds - first)


def _thirds(outcome: Outcome, since: float) -> tuple[float, float]:
    """Freshness of the middle event in the first and in the last third of whole bins; twice nothing where there are none."""
    book, size = outcome.book, outcome.book.bin_seconds
    until = (outcome.real_seconds - FLATTERED_SECONDS) // size * size
    third = max(1.0, (until - since) / 3 // size) * size
    first, last = book.since("fresh ", since, since + third), book.since("fresh ", until - third, until)
    return (first.at(50), last.at(50)) if first.count and last.count else (0.0, 0.0)


def _short(outcome: Outcome, measured: int) -> str:
    """What is missing from a step that did all that was asked of it; empty when nothing is."""
    refused, stored = sum(outcome.refused.values()), outcome.counts["stored"]
    told = [f"{refused:,} refused"] if refused else []
    if not outcome.planned == outcome.counts["due"] == stored:
        told.append(f"{stored:,} of {outcome.planned:,} stored")
    told += [f"{held:,} still waiting"] if (held := waiting(outcome)) else []
    told += [f"{gone:,} nowhere"] if (gone := astray(outcome)) else []
    told += [f"{outcome.unseen:,} never seen counted"] if outcome.unseen else []
    told += [f"{outcome.silent_edges} edges silent"] if outcome.silent_edges else []
    told += [] if outcome.all_counted else [NOT_COUNTED]
    told += [] if measured else [NOTHING]
    return ", ".join(told)


def _cores(samples: list[Sample]) -> dict[str, float]:
    names = sorted({name for each in samples for name in each.cores})
    return {name: round(median(each.cores.get(name, 0.0) for each in samples), 2) for name in names}


def _usual(samples: list[Sample], name: str) -> float:
    """Of looks: one request, or one long queue, at one of them says nothing of where the others waited."""
    return median(each.waits.get(name, 0.0) for each in samples) if samples else 0.0
