"""Every metric of processing's API, with help and unit; no label ever holds a unit, a dossier or a key."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from contracts.face import release

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Instruments:
    """The instruments of one running API, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        release.tell(self.registry)
        self.requests = Counter(
            "motcua_processing_api_requests",
            "HTTP requests answered, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "motcua_processing_api_request_seconds",
            "Seconds from a request's arrival to its answer, by route.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.requests_in_flight = Gauge(
            "motcua_processing_api_requests_in_flight",
            "Requests for dossiers, deadlines and lists that wait for their answer.",
            registry=self.registry,
        )
        self.letters_scanned = Counter(
            "motcua_processing_api_letters_scanned",
            "Dead letters read from Kafka to answer requests, whether or not they were asked for.",
            registry=self.registry,
        )
        self.redis_errors = Counter(
            "motcua_processing_api_redis_errors",
            "Reads that Redis did not answer as it should, by kind of error.",
            ("kind",),
            registry=self.registry,
        )
        self.kafka_errors = Counter(
            "motcua_processing_api_kafka_errors",
            "Reads that Kafka did not answer in time, by what was read: `ends`, `rules` or `letters`.",
            ("read",),
            registry=self.registry,
        )
        self.lag_seconds = Gauge(
            "motcua_processing_api_lag_seconds",
            "Seconds by which the slowest partition trails dossier.reported, as last told in an answer.",
            registry=self.registry,
        )
        self.ready = Gauge(
            "motcua_processing_api_ready", "1 while dossiers can be answered, as this scrape found it, else 0.",
            registry=self.registry,
        )  # fmt: skip
        self.keys = Gauge("motcua_processing_api_keys", "Keys in force.", registry=self.registry)
        self.keys_file_broken = Gauge(
            "motcua_processing_api_keys_file_broken",
            "1 while the keys cannot be read and former ones stay in force.",
            registry=self.registry,
        )
