"""Every metric of the processing worker, with help and unit; no label ever holds an id, a unit or a dossier."""

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from contracts.events import ItemCode
from contracts.face import release
from services.processing.domain.fold import DETAILS

Wiped = Literal["new", "gone", "torn", "unclean", "log_behind"]


class Instruments:
    """The instruments of one running worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        release.tell(registry)

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"motcua_processing_{name}", meaning, labels, registry=registry)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"motcua_processing_{name}", meaning, labels, registry=registry)

        self.records = counter("records", "Reported records and dossiers of ticks folded and stored, by outcome.", "outcome")
        self.lifecycle = counter("lifecycle_records", "Lifecycle records sent and stored.")
        self.letters = counter("rejected", "Dead letters sent and stored, by code.", "code")
        # A counter that is first seen at 50 has not risen, for Prometheus: each begins at 0. Besides the fold's own codes
        # there are those of intake: what somebody else wrote to the archive is judged as intake would have.
        for code in {*DETAILS, *get_args(ItemCode)} - {"unavailable"}:
            self.letters.labels(code)
        self.commits = counter("commits", "Commits of a partition that Redis took.")
        self.fenced = counter("fenced", "Times that a partition's stored state was found moved by somebody else, or gone.")
        self.takeovers = counter("takeovers", "Partitions taken over.")
        self.wipes = counter(
            "wipes",
            "Partitions whose state was wiped and is folded from the start: nothing of it is stored (`new`, or `gone` if of "
            "its log something was sent before), `torn`, `unclean` (of another release, or half wiped), `log_behind`.",
            "reason",
        )
        for why in get_args(Wiped):
            self.wipes.labels(why)
        self.ticks = counter("ticks", "Ticks appended to the archive.")
        self.kafka_errors = counter("kafka_errors", "Errors that Kafka or its client reported, by name.", "name")
        self.redis_errors = counter("redis_errors", "Errors that Redis or its client reported, by name.", "name")
        self.owned = gauge("owned_partitions", "Partitions that the group has given to this worker, stopped ones too.")
        self.stopped = gauge("stopped", "1 for a partition that goes no further, by reason.", "partition", "reason")
        self.lag_seconds = gauge(
            "lag_seconds", "0 at the end of a partition, else seconds since its last folded record was stored.", "partition"
        )
        self.lag_records = gauge("lag_records", "Reported records of a partition that are not folded yet.", "partition")
        self.log_clock = gauge(
            "log_clock_timestamp_seconds", "The log clock of a partition; 0 before its first tick.", "partition"
        )
        self.clock = gauge("clock_info", "1, by the clock that the archive lives by: `wall` or `log`.", "clock")
        self.clock_jump_seconds = gauge(
            "clock_jump_seconds",
            "Seconds by which this machine's wall clock was set: no tick meanwhile; 0 while it goes right.",
        )
        self.queued = gauge("queued_records", "Reported records that came in and are not folded yet.")
        self.outstanding = gauge("outstanding_records", "Records sent that Kafka has not acknowledged yet.")
        self.oldest_outstanding_seconds = gauge(
            "oldest_unacknowledged_seconds", "Seconds for which sent records have waited for Kafka, 0 when none waits."
        )
        self.cached = gauge("cached_dossiers", "Dossiers in memory.")
        self.internal_errors = gauge(
            "internal_errors_recent",
            "Failures of the fold within the last hour, of a partition that trails within that of its last record.",
            "partition",
        )
        self.rejected_ratio = gauge(
            "rejected_ratio", "Share of rejected among the last events of a partition, 0 to 1.", "partition"
        )
        self.unreachable = gauge(
            "unreachable",
            "1 while a server does not answer, else 0; nothing while the loop that asks stands still.",
            "server",
        )
        self.turn_age_seconds = gauge("turn_age_seconds", "Seconds since the loop last came round.")
        self.ready = gauge("ready", "1 while the worker can do its job, else 0.")
        self.well = gauge(
            "well", "1 while nothing but partitions that stopped, which `stopped` tells of, keeps it from being ready."
        )
