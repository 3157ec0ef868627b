"""Every metric of intake, with help and unit; no label ever holds an id, a unit or a dossier."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from contracts.events import ItemCode
from contracts.face import release

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Instruments:
    """The instruments of one running intake, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        release.tell(self.registry)
        self.requests = Counter(
            "motcua_intake_requests",
            "HTTP requests answered, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "motcua_intake_request_seconds",
            "Seconds from a request's first byte to its answer, by route.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.events = Counter(
            "motcua_intake_events",
            "Events answered, by outcome: `stored`, or the item code of one refused or to be sent again.",
            ("outcome",),
            registry=self.registry,
        )
        # A counter that is first seen at 50 has not risen, for Prometheus: each begins at 0.
        for outcome in ("stored", *get_args(ItemCode)):
            self.events.labels(outcome)
        self.heartbeats = Counter("motcua_intake_heartbeats", "Heartbeats stored.", registry=self.registry)
        self.ticks = Counter("motcua_intake_ticks", "Ticks stored, one per partition.", registry=self.registry)
        self.over_quota = Counter(
            "motcua_intake_over_quota", "Requests refused because a key had used up its quota, by key name.", ("key",),
            registry=self.registry,
        )  # fmt: skip
        self.slow_bodies = Counter(
            "motcua_intake_slow_bodies", "Requests whose body did not arrive in time (their status is 503).",
            registry=self.registry,
        )  # fmt: skip
        self.requests_in_flight = Gauge(
            "motcua_intake_requests_in_flight",
            "Requests whose body is being read or waits for Kafka.",
            registry=self.registry,
        )
        self.produce_queue_events = Gauge(
            "motcua_intake_produce_queue_events",
            "Records sent to Kafka whose outcome is not known yet.",
            registry=self.registry,
        )
        self.oldest_unacknowledged_seconds = Gauge(
            "motcua_intake_oldest_unacknowledged_seconds",
            "Seconds since the oldest record was sent whose outcome is not known yet, 0 without one.",
            registry=self.registry,
        )
        self.kafka_errors = Counter(
            "motcua_intake_kafka_errors",
            "Errors that Kafka or its client reported, by name.",
            ("name",),
            registry=self.registry,
        )
        self.kafka_unreachable = Gauge(
            "motcua_intake_kafka_unreachable", "1 while Kafka does not answer, else 0.", registry=self.registry
        )
        self.ready = Gauge("motcua_intake_ready", "1 while events can be stored, else 0.", registry=self.registry)
        self.keys_file_broken = Gauge(
            "motcua_intake_keys_file_broken", "1 while the keys cannot be read and former ones stay in force.",
            registry=self.registry,
        )  # fmt: skip
        self.keys = Gauge("motcua_intake_keys", "Keys in force.", registry=self.registry)
