"""The capacity sheet: from cores measured at several rates to the machines that a city, a province, the nation need."""

from collections.abc import Iterable, Sequence
from math import ceil, sqrt
from typing import Any

from msgspec import Struct

from lab.errors import LabError
from lab.load import yardstick
from lab.load.fresh import FULL_MACHINE, the_citys
from lab.load.report.said import said

EVENTS_PER_DOSSIER = 8
WORKING_SECONDS = 8 * 3600
PEAK_FACTOR = 4
BUSY_SHARE = 0.5
CATCH_UP_BUSY_SHARE = 0.8
CORES_PER_MACHINE = 4
REPLICATION = 3
CATCH_UP_SECONDS = 3600
WORKING_DAYS = 250
GIB = 1024**3
# Of one machine, from its slow hour to its quiet one, as measured while this lab was made.
HOURS_RATIO = 6.6
KAFKA = "kafka"
# What a knee counts that tells of costs.
RATES = "events/s"
STEPS_MIN = 3
# docs/GOING_LIVE.md, of Kafka's disk: for reports that say the archive of reported records alone.
KEPT_BYTES_PER_EVENT = 600
ASSUMED = (
    f"{EVENTS_PER_DOSSIER} events a dossier, {WORKING_SECONDS // 3600} hours a working day, {WORKING_DAYS} of them a year",
    f"the peak (Monday before 09:00) is {PEAK_FACTOR} times the mean of working hours",
    f"processors are to be {BUSY_SHARE:.0%} busy at the peak, {CORES_PER_MACHINE} cores a machine, like those measured",
    f"a whole day's events are to be caught up with within {CATCH_UP_SECONDS // 60} minutes after an outage, at the peak, "
    f"with processors {CATCH_UP_BUSY_SHARE:.0%} busy",
    f"one Kafka without replicas was measured: its processor time is taken {REPLICATION} times, as if each of so many did "
    "all of its work; what replicas say to one another was not measured",
    f"all topics that are kept for ever are kept {REPLICATION} times; a year of them",
    f"{REPLICATION} machines at least, since Kafka is kept so often; edges run at their centres and are not counted here",
    "cores grow more slowly than the rate, since larger batches make an event cheaper: outside the measured rates, below as "
    "well as above, the line lies over the truth",
)


class Place(Struct, frozen=True):
    """A size of administration with its dossiers of a working day, and where that figure comes from."""

    name: str
    dossiers: int
    source: str


PLACES = (
    Place("a ward", 203, "Thuận Hóa, 14 July 2025: 203 dossiers"),
    Place("Huế", 3_425, "14 July 2025: 3,425 dossiers in 40 units"),
    Place("a large province", 17_300, "assumed: a tenth of the nation's"),
    Place("the nation in one archive", 173_000, "July–October 2025: about 173,000 a working day; really 34 archives"),
)


class Need(Struct, frozen=True, kw_only=True):
    """What one place needs."""

    place: Place
    mean: float
    peak: float
    cores_peak: float
    cores_catching_up: float
    machines: int
    archive_gib_a_year: float


class Cost(Struct, frozen=True, kw_only=True):
    """Cores that the city takes: so many always, so many more for an event a second; between which rates it was measured."""

    fixed_cores: float
    cores_per_rate: float
    least: float
    most: float
    steps: int
    deviation: float

    def cores(self, rate: float) -> float:
        """At so many events a second."""
        return self.fixed_cores + self.cores_per_rate * rate


def cost(document: dict[str, Any]) -> Cost:
    """A line through the knee's steps whose machine was not full; LabError for a report that has no two such rates.

    Neither says a report, or a step, anything of costs in which the generator or the machine was at fault.
    """
    if "knee" not in document:
        raise LabError(
            f"{document['scenario']} has one rate, and what an event costs depends on the rate: "
            "capacity wants a report of find-the-knee"
        )
    if document["knee"].get("unit", RATES) != RATES:
        raise LabError(f"{document['scenario']} counts {document['knee']['unit']}: capacity wants a report of find-the-knee")
    if outside := said(document).outside:
        raise LabError(f"the {' and the '.join(outside)} was at fault in this {document['scenario']}: its costs say nothing")
    full = FULL_MACHINE * document["machine"]["cores"]
    # In the first step of all everything has just been started.
    steps = [
        each for each in document["knee"]["steps"][1:] if each["kept"] and each["valid"] and each["machine_cores"] < full
    ]  # fmt: skip
    points = [(each["reported"], _cores(each["cores"])) for each in steps if each["cores"]]
    if len(points) < STEPS_MIN or len({each["asked"] for each in steps}) < 2:
        raise LabError(
            f"{len(points)} steps of this knee left the machine room and have processor times: too few to tell a cost from"
        )
    return _line(points)


def needs(document: dict[str, Any]) -> list[Need]:
    """For each place."""
    measured, size = cost(document), kept_bytes(document)
    told = []
    for place in PLACES:
        day = place.dossiers * EVENTS_PER_DOSSIER
        mean = day / WORKING_SECONDS
        peak = mean * PEAK_FACTOR
        at_peak = measured.cores(peak) / BUSY_SHARE
        catching_up = measured.cores(peak + day / CATCH_UP_SECONDS) / CATCH_UP_BUSY_SHARE
        machines = max(REPLICATION, ceil(max(at_peak, catching_up) / CORES_PER_MACHINE))
        told.append(Need(
            place=place, mean=mean, peak=peak, cores_peak=at_peak, cores_catching_up=catching_up, machines=machines,
            archive_gib_a_year=day * WORKING_DAYS * size * REPLICATION / GIB,
        ))  # fmt: skip
    return told


def kept_bytes(document: dict[str, Any]) -> float:
    """Of all topics kept for ever, an event; what GOING_LIVE.md says where a report does not know them all."""
    told = document["cost"].get("kept_bytes_per_event")
    return float(told or max(KEPT_BYTES_PER_EVENT, document["cost"]["archive_bytes_per_event"] or 0))


def sheet(*documents: dict[str, Any]) -> str:
    """As a page in Markdown; of several reports from the least to the most that any of them says."""
    told = [needs(each) for each in documents]
    began = ", ".join(each["machine"]["began"] for each in documents)
    lines = [f"# Capacity, from `{documents[0]['scenario']}` of {began}", ""]
    for each in documents:
        lines += [_measured(each), ""]
    lines += [_between_hours(documents), ""]
    lines += [
        "| | dossiers a day | events/s, mean | at the peak | cores at the peak | cores to catch up | machines "
        "| kept topics, GiB a year |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in zip(*told, strict=True):
        place, mean, peak = row[0].place, row[0].mean, row[0].peak
        lines.append(
            f"| {place.name} | {place.dossiers:,} | {mean:,.1f} | {peak:,.1f} | {_range(need.cores_peak for need in row)} "
            f"| {_range(need.cores_catching_up for need in row)} | {_range((need.machines for need in row), 0)} "
            f"| {_range(need.archive_gib_a_year for need in row)} |"
        )
    lines += ["", "Assumed:", *(f"- {text}" for text in ASSUMED), "", "Whose figures:"]
    lines += [f"- {place.name}: {place.source}" for place in PLACES]
    return "\n".join(lines) + "\n"


def _measured(document: dict[str, Any]) -> str:
    """One report, with the yardstick of its machine."""
    machine, measured = document["machine"], cost(document)
    is_known = document["cost"].get("kept_bytes_per_event") is not None
    whose = "measured" if is_known else "by [GOING_LIVE.md](../GOING_LIVE.md): the report has one topic of three"
    fast = "yardstick not known"
    if (told := yardstick.of(document)) is not None:
        before, after = told.own
        fast = (
            f"yardstick {before:,.0f} units a second of processor time before and {after:,.0f} after, by the wall "
            f"{told.before:,.0f} and {told.after:,.0f}"
        )
    return (
        f"All services together, Kafka {REPLICATION} times, took {measured.fixed_cores:.2f} cores whatever the rate and "
        f"{measured.cores_per_rate * 1e6:,.0f} µs an event besides: a line through the {measured.steps} steps between "
        f"{measured.least:,.0f} and {measured.most:,.0f} events/s in which the machine was not full (they lie "
        f"±{measured.deviation:.2f} cores around it). {kept_bytes(document):,.0f} bytes an event are kept ({whose}). "
        f"{machine['cores']} cores, load {machine['load_before']} before, {fast}, commit {machine['commit']}."
    )


def _between_hours(documents: Sequence[dict[str, Any]]) -> str:
    """How far the figures hold: those of a line are of its hour."""
    another = f"Another hour of the same machine has been measured at up to {HOURS_RATIO} times the cost of an event"
    if len(documents) > 1:
        return f"From the cheapest to the dearest of {len(documents)} reports; the next one may lie outside. {another}."
    return (
        f"**This is one hour of one machine.** {another}, whatever lies around the line above; cores and machines needed "
        "grow with it. The yardstick tells whether a machine is as fast as this one was; more reports give a range."
    )


def _range(values: Iterable[float], digits: int = 1) -> str:
    told = [f"{each:,.{digits}f}" for each in sorted(values)]
    return told[0] if told[0] == told[-1] else f"{told[0]}–{told[-1]}"


def _cores(taken: dict[str, float]) -> float:
    """Of the city's own processes, with as many Kafkas as there are to be."""
    return sum(cores * (REPLICATION if name == KAFKA else 1) for name, cores in taken.items() if the_citys(name))


def _line(points: Sequence[tuple[float, float]]) -> Cost:
    """Least squares; more events never take fewer cores, and none take less than none, whatever a noisy step says."""
    rates, cores = [rate for rate, _ in points], [each for _, each in points]
    middle, mean = sum(rates) / len(points), sum(cores) / len(points)
    spread = sum((rate - middle) ** 2 for rate in rates)
    slope = max(0.0, sum((rate - middle) * (each - mean) for rate, each in points) / spread)
    if (fixed := mean - slope * middle) < 0:
        fixed, slope = 0.0, sum(rate * each for rate, each in points) / sum(rate * rate for rate in rates)
    off = sqrt(sum((each - fixed - slope * rate) ** 2 for rate, each in points) / len(points))
    return Cost(
        fixed_cores=fixed, cores_per_rate=slope, least=min(rates), most=max(rates), steps=len(points), deviation=off
    )  # fmt: skip
