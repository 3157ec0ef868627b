"""Every metric of the audit service, with help and unit; no label ever holds an id, a unit or a dossier."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from contracts.face import release

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Instruments:
    """The instruments of one running service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        release.tell(self.registry)
        self.looks = self._counter("looks", "Looks, by outcome: `clean`, `differences`, `could_not_run`.", "outcome")
        self.look_seconds = self._gauge("look_seconds", "Seconds that the newest finished look took.")
        self.busy_seconds = self._counter("busy_seconds", "Seconds spent looking, since the start.")
        self.looking = self._gauge("looking", "1 while a look is under way, 0 between two of them.")
        self.last_look = self._gauge("last_look_timestamp_seconds", "When the newest look that came to a verdict ended.")
        self.clean = self._gauge("clean", "1 when the newest verdict is clean, 0 when it has differences.")
        self.differences = self._gauge("differences", "Differences in the newest verdict, by check.", "check")
        self.examined = self._gauge("examined", "What the newest verdict has examined, by check.", "check")
        self.records_read = self._gauge("records_read", "Records of both logs read since the start.")
        self.lag_records = self._gauge("lag_records", "Reported records that are stored and not examined yet.")
        self.lag_seconds = self._gauge(
            "lag_seconds", "Seconds since the last examined record was reported; 0 at the end of the log."
        )
        self.remembered_records = self._gauge("remembered_records", "Reported records of which something is remembered.")
        self.sample_dossiers = self._gauge("sample_dossiers", "Dossiers that are derived from nothing at each look.")
        self.standings = self._gauge("standing_records", "Reported records by how they stand.", "standing")
        self.listed = self._gauge(
            "listed_events", "Events listed as back-dated, late, discarded, left behind or given up, by kind.", "kind"
        )
        self.disk_free_bytes = self._gauge("disk_free_bytes", "Bytes that can still be written, by place.", "place")
        self.disk_free_ratio = self._gauge("disk_free_ratio", "Free share of a place's file system, 0 to 1.", "place")
        self.ready = self._gauge("ready", "1 when /readyz last said ready, else 0.")
        self.requests = self._counter(
            "requests", "HTTP requests answered, by route, method and status.", "route", "method", "status"
        )
        self.request_seconds = Histogram(
            "motcua_audit_request_seconds",
            "Seconds from a request's arrival to its answer, by route.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"motcua_audit_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"motcua_audit_{name}", help_text, labels, registry=self.registry)
