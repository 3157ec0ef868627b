"""The capacity sheet: from the measured cost of an event to the machines that a city, a province, the nation need."""

from math import ceil
from typing import Any

from msgspec import Struct

from lab.errors import LabError

EVENTS_PER_DOSSIER = 8
WORKING_SECONDS = 8 * 3600
PEAK_FACTOR = 4
BUSY_SHARE = 0.5
CORES_PER_MACHINE = 4
REPLICATION = 3
CATCH_UP_SECONDS = 3600
WORKING_DAYS = 250
GIB = 1024**3
NOT_THE_CITY = ("generator", "edge ", "toxiproxy")
ASSUMED = (
    f"{EVENTS_PER_DOSSIER} events a dossier, {WORKING_SECONDS // 3600} hours a working day, {WORKING_DAYS} of them a year",
    f"the peak (Monday before 09:00) is {PEAK_FACTOR} times the mean of working hours",
    f"processors are to be {BUSY_SHARE:.0%} busy at the peak, {CORES_PER_MACHINE} cores a machine, like those measured",
    f"a whole day's events are to be caught up with within {CATCH_UP_SECONDS // 60} minutes after an outage",
    f"the archive is kept {REPLICATION} times; a year of it",
    "three machines at least, since Kafka is kept three times; edges run at their centres and are not counted here",
    "cost grows with the rate: with larger batches an event costs less, so this is an upper bound",
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


def cost_us(document: dict[str, Any]) -> float:
    """Processor time of the city's own processes for one event, in microseconds."""
    costs = document["cost"]["cpu_us_per_event"]
    mine = [us for name, us in costs.items() if not name.startswith(NOT_THE_CITY)]
    if not mine:
        raise LabError("this report has no processor times: it was taken from somebody's running stack")
    return float(sum(mine))


def needs(document: dict[str, Any]) -> list[Need]:
    """For each place."""
    us = cost_us(document)
    size = document["cost"]["archive_bytes_per_event"] or 0
    told = []
    for place in PLACES:
        day = place.dossiers * EVENTS_PER_DOSSIER
        mean = day / WORKING_SECONDS
        peak = mean * PEAK_FACTOR
        at_peak = peak * us / 1e6 / BUSY_SHARE
        catching_up = day / CATCH_UP_SECONDS * us / 1e6
        machines = max(3, ceil(max(at_peak, catching_up) / CORES_PER_MACHINE))
        told.append(Need(
            place=place, mean=mean, peak=peak, cores_peak=at_peak, cores_catching_up=catching_up, machines=machines,
            archive_gib_a_year=day * WORKING_DAYS * size * REPLICATION / GIB,
        ))  # fmt: skip
    return told


def sheet(document: dict[str, Any]) -> str:
    """As a page in Markdown."""
    machine = document["machine"]
    lines = [
        f"# Capacity, from `{document['scenario']}` of {machine['began']}",
        "",
        f"Measured: {cost_us(document):,.0f} µs of processor time an event, all services together, Kafka and Redis "
        f"included; {document['cost']['archive_bytes_per_event'] or 0:,} bytes of archive an event. "
        f"{machine['cores']} cores, load {machine['load_before']} before, commit {machine['commit']}.",
        "",
        "| | dossiers a day | events/s, mean | at the peak | cores at the peak | cores to catch up | machines "
        "| archive, GiB a year |",
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
