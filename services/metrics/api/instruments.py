"""Every metric of the metrics API itself, with help and unit; no label ever holds a unit or a dossier."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Instruments:
    """The instruments of one running API, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "motcua_metrics_api_requests", "HTTP requests answered, by route, method and status.",
            ("route", "method", "status"), registry=registry,
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
            "motcua_metrics_api_lag_seconds", "Seconds by which the slowest partition trails dossier.reported.",
            registry=registry,
        )  # fmt: skip
        self.ready = Gauge("motcua_metrics_api_ready", "1 when /readyz last said ready, else 0.", registry=registry)
