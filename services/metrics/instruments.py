"""Every metric of the metrics worker, with help and unit; no label ever holds an id, a unit or a dossier."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from contracts.face import release


class Instruments:
    """The instruments of one running worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        release.tell(self.registry)
        self.records = self._counter(
            "records", "Lifecycle records stored, counted or `redelivered` and dropped.", "disposition"
        )
        self.stale_chunks = self._counter("stale_chunks", "Stretches of log dropped because others are read meanwhile.")
        self.flushes = self._counter("flushes", "Steps stored in Redis, each of all partitions that have moved.")
        self.refused_flushes = self._counter(
            "refused_flushes", "Partitions whose step Redis refused: another owner, position or build."
        )
        self.acquisitions = self._counter("acquisitions", "Partitions taken over.")
        self.wipes = self._counter(
            "wipes", "Partitions counted from the start of a log with records, as nothing was stored of them or it was torn."
        )
        self.redis_errors = self._counter("redis_errors", "Calls of Redis that failed, by name of the error.", "name")
        self.redis_used_bytes = self._gauge("redis_used_bytes", "Bytes of memory that Redis has taken, as it says itself.")
        self.redis_max_bytes = self._gauge(
            "redis_max_bytes", "Bytes at which Redis refuses writes (maxmemory); 0 where nobody has set a bound."
        )
        self.kafka_errors = self._counter("kafka_errors", "Calls of Kafka that failed, by name of the error.", "name")
        self.doctor_checks = self._counter("doctor_checks", "Looks at the health of the Kafka client.", "outcome")
        self.pending_records = self._gauge("pending_records", "Records counted and not stored yet.")
        self.lag_records = self._gauge(
            "lag_records", "Records of the log that are not stored yet, by partition.", "partition"
        )
        self.lag_seconds = self._gauge(
            "lag_seconds",
            "Seconds since the last record counted was reported, by partition; 0 at the end of its log.",
            "partition",
        )
        self.stopped_partitions = self._gauge("stopped_partitions", "Partitions that count no further, by reason.", "reason")
        self.stopped = self._gauge(
            "worker_stopped", "1 for a partition that counts no further, else no series.", "partition", "reason"
        )
        self.partitions = self._gauge("partitions", "Partitions that this worker counts.")
        self.rebuilding = self._gauge(
            "worker_rebuilding", "1 while a partition trails the log end found at its take-over, else 0."
        )
        self.memo_pieces = self._gauge("memo_pieces", "Pieces of records remembered by their bytes.")
        self.memo_resets = self._gauge("memo_resets", "Times that the remembered pieces were too many and forgotten.")
        self.ready = self._gauge("worker_ready", "1 while records can be counted, else 0.")
        self.well = self._gauge(
            "worker_well",
            "1 while nothing but partitions that stopped, which `worker_stopped` tells of, keeps it from being ready.",
        )

    def tell_stopped(self, stopped: Mapping[int, str]) -> None:
        """Which partitions count no further, and why; of all others no series is left."""
        self.stopped_partitions.clear()
        self.stopped.clear()
        for number, reason in stopped.items():
            self.stopped_partitions.labels(reason).inc()
            self.stopped.labels(str(number), reason).set(1)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"motcua_metrics_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"motcua_metrics_{name}", help_text, labels, registry=self.registry)
