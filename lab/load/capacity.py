"""The capacity sheet: from cores measured at several rates to the machines that a city, a province, the nation need."""

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any

from msgspec import Struct

from lab.errors import LabError
from lab.load.fresh import FULL_MACHINE, the_citys

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
KAFKA = "kafka"
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
    """A line through the knee's steps whose machine was not full; LabError for a report that has no two such rates."""
    if "knee" not in document:
        raise LabError(
            f"{document['scenario']} has one rate, and what an event costs depends on the rate: "
            "capacity wants a report of find-the-knee"
        )
    full = FULL_MACHINE * document["machine"]["cores"]
    # In the first step of all everything has just been started.
    steps = [each for each in document["knee"]["steps"][1:] if each["kept"] and each["machine_cores"] < full]
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


def sheet(document: dict[str, Any]) -> str:
    """As a page in Markdown."""
    machine, measured = document["machine"], cost(document)
    is_known = document["cost"].get("kept_bytes_per_event") is not None
    whose = "measured" if is_known else "by [GOING_LIVE.md](../GOING_LIVE.md): the report has one topic of three"
    lines = [
        f"# Capacity, from `{document['scenario']}` of {machine['began']}",
        "",
        f"All services together, Kafka {REPLICATION} times, took {measured.fixed_cores:.2f} cores whatever the rate and "
        f"{measured.cores_per_rate * 1e6:,.0f} µs an event besides: a line through the {measured.steps} steps between "
        f"{measured.least:,.0f} and {measured.most:,.0f} events/s in which the machine was not full (they lie "
        f"±{measured.deviation:.2f} cores around it). {kept_bytes(document):,.0f} bytes an event are kept ({whose}). "
        f"{machine['cores']} cores, load {machine['load_before']} before, commit {machine['commit']}.",
        "",
        "| | dossiers a day | events/s, mean | at the peak | cores at the peak | cores to catch up | machines "
        "| kept topics, GiB a year |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for need in needs(document):
        lines.append(
            f"| {need.place.name} | {need.place.dossiers:,} | {need.mean:,.1f} | {need.peak:,.1f} | {need.cores_peak:,.1f} "
            f"| {need.cores_catching_up:,.1f} | {need.machines} | {need.archive_gib_a_year:,.1f} |"
        )
    lines += ["", "Assumed:", *(f"- {text}" for text in ASSUMED), "", "Whose figures:"]
    lines += [f"- {place.name}: {place.source}" for place in PLACES]
    return "\n".join(lines) + "\n"


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
