"""Every metric of the metrics API, with help and unit: its own on /metrics, the exact series on /metrics/dossiers."""

from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from contracts.face import release
from services.metrics.domain.counters import COUNTERS

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Family:
    """A family of /metrics/dossiers; a unit's series bear `unit`, most also `role`."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str


REBUILDING: Final = Family(
    "motcua_metrics_rebuilding", "gauge", "1 while positions trail the ends that the logs had at take-over, else 0."
)
GENERATION: Final = Family(
    "motcua_metrics_generation", "gauge", "The generation whose figures are shown: with another one all of them may jump."
)
BUILD: Final = Family(
    "motcua_metrics_build", "gauge", "A number for the count that is shown: with another one, counters were counted anew."
)
STOPPED: Final = Family(
    "motcua_metrics_stopped", "gauge", "1 for a lifecycle partition that is counted no further, by partition and reason."
)
REPORTED_OFFSET: Final = Family(
    "motcua_metrics_reported_offset", "gauge", "Last offset of dossier.reported counted in, by partition; -1 if none."
)
LOG_CLOCK: Final = Family(
    "motcua_metrics_log_clock_timestamp_seconds", "gauge", "Smallest log clock of the partitions, seconds since 1970."
)
RECEIVED: Final = Family("motcua_dossiers_received", "gauge", "Dossiers received since the log began, by channel.")
COMPLETED: Final = Family("motcua_dossiers_completed", "gauge", "Dossiers completed since the log began, by timeliness.")
OPEN: Final = Family("motcua_dossiers_open", "gauge", "Open dossiers now, by state of the national portal.")
OVERDUE: Final = Family("motcua_dossiers_overdue", "gauge", "Open dossiers past their due with a running clock.")
DUE: Final = Family("motcua_dossiers_due", "gauge", "Open dossiers due within 24 or 72 hours by the clock; 72 includes 24.")
TODAY: Final = Family("motcua_dossiers_today", "gauge", "Dossiers of the business day of the largest log clock, by counter.")
LAST_EVENT: Final = Family(
    "motcua_unit_last_event_timestamp_seconds", "gauge", "When intake stored a unit's last event, seconds since 1970."
)
HEARTBEATS_READ: Final = Family(
    "motcua_metrics_heartbeats_read", "gauge",
    "1 while the heartbeats of centres are read, else 0: then this page tells nothing of lines and outboxes.",
)  # fmt: skip
SPOOL: Final = Family("motcua_unit_spool_events", "gauge", "Events in the outboxes of a unit, by its newest heartbeats.")
QUARANTINED: Final = Family(
    "motcua_unit_quarantined_events",
    "gauge",
    "Events that intake refused and a unit's edges keep aside, by their newest heartbeats.",
)
LINK: Final = Family(
    "motcua_unit_link", "gauge", "Line of a unit's edges, the worst of them (up, degraded, unknown, down); always 1."
)
OLDEST_UNSENT: Final = Family(
    "motcua_unit_oldest_unsent_timestamp_seconds",
    "gauge",
    "When the oldest event in the outboxes of a unit was entered, seconds since 1970; absent while they are empty.",
)
COMPLETE_UNTIL: Final = Family(
    "motcua_unit_complete_until_timestamp_seconds",
    "gauge",
    "Up to when a unit's edges have delivered all they hold, seconds since 1970.",
)
PROVISIONAL: Final = Family(
    "motcua_unit_provisional", "gauge", "1 while an outbox of a unit is not empty or nobody can say so, else 0."
)
SILENT: Final = Family(
    "motcua_unit_silent", "gauge", "1 while nothing has come from a unit for too much of its own working time, else 0."
)
AT_WORK: Final = Family(
    "motcua_unit_at_work", "gauge",
    "1 from a unit's opening to its closing on the days on which it works, or while nobody knows its hours, else 0; "
    "absent of one that has closed for good.",
)  # fmt: skip
UNIT: Final = Family("motcua_unit_info", "gauge", "Name and kind of a unit or department; always 1.")
BY_UNIT: Final = Family(
    "motcua_lifecycle_by_unit_total", "counter", "Events that came in since the log began, by unit and outcome on arrival."
)
BY_FACT: Final = Family(
    "motcua_lifecycle_by_fact_total", "counter", "Events that came in since the log began, by fact and outcome on arrival."
)

CHANNELS: Final = ("direct", "online", "post")
TIMELINESS: Final = ("early", "on_time", "late", "without_due")
STATES: Final = ("1", "2", "4", "5", "6", "8")
WITHIN: Final = ("24h", "72h")
OUTCOMES: Final = ("applied", "parked", "duplicate", "rejected", "annulled")
TODAYS: Final = ("received", "completed", "returned", "refused")
# Shown by channel, timeliness, state or span instead.
_IN_PARTS: Final = frozenset(
    {
        "received", *(f"received_{channel}" for channel in CHANNELS),
        "completed", *(f"completed_{timeliness}" for timeliness in TIMELINESS),
        "open", "overdue_open",
        *(f"due_in_{within}" for within in WITHIN),
    }
)  # fmt: skip
# All other counters, each a family of its own.
PLAIN: Final = tuple(
    (counter, Family(f"motcua_dossiers_{counter.name}", "gauge", counter.help))
    for counter in COUNTERS
    if counter.name not in _IN_PARTS
)
OF_SOURCE: Final = frozenset(counter.name for counter in COUNTERS if counter.attributed == "source")


class Instruments:
    """The API's own instruments, in a registry of their own; no label here ever holds a unit or a dossier."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        release.tell(registry)
        self.requests = Counter(
            "motcua_metrics_api_requests", "HTTP requests answered, by route, method and status.",
            ("route", "method", "status"), registry=registry,
        )  # fmt: skip
        self.shed = Counter(
            "motcua_metrics_api_shed", "Requests refused so that others are answered (their status is 503), by code.",
            ("code",), registry=registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "motcua_metrics_api_request_seconds", "Seconds from a request's arrival to its answer, by route.", ("route",),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.redis_errors = Counter(
            "motcua_metrics_api_redis_errors", "Reads that Redis did not answer as it should, by kind of error.", ("kind",),
            registry=registry,
        )  # fmt: skip
        self.kafka_errors = Counter(
            "motcua_metrics_api_kafka_errors", "Looks at Kafka that failed, by name of the error.", ("name",),
            registry=registry,
        )  # fmt: skip
        self.stream_clients = Gauge(
            "motcua_metrics_api_stream_clients", "Clients that listen to /v1/stream now.", registry=registry
        )
        self.stream_age_seconds = Gauge(
            "motcua_metrics_api_stream_age_seconds", "Seconds since the stream last looked at Redis.", registry=registry
        )
        self.scrape_series = Gauge(
            "motcua_metrics_api_scrape_series", "Series in the last answer of /metrics/dossiers.", registry=registry
        )
        self.lag_seconds = Gauge(
            "motcua_metrics_api_lag_seconds", "Seconds by which counting trails dossier.reported; NaN while not known.",
            registry=registry,
        )  # fmt: skip
        self.heartbeats_read = Gauge(
            "motcua_metrics_api_heartbeats_read",
            "1 while the heartbeats of centres are read, else 0: then nothing is told of lines and outboxes.",
            registry=registry,
        )
        self.ready = Gauge(
            "motcua_metrics_api_ready", "1 while figures can be answered, as this scrape found it, else 0.",
            registry=registry,
        )  # fmt: skip
        self.well = Gauge(
            "motcua_metrics_api_well",
            "1 while nothing but partitions that are counted no further keeps it from being ready, else 0.",
            registry=registry,
        )
