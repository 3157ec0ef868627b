"""Every metric of the edge, with help and unit; no label ever holds an id, a unit or a dossier."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from contracts.face import release

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Instruments:
    """The instruments of one running edge, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        release.tell(self.registry)
        self.requests = self._counter("requests", "HTTP requests answered, by route, method and status.",
                                      "route", "method", "status")  # fmt: skip
        self.request_seconds = self._histogram(
            "request_seconds", "Seconds from a request's first byte to its answer.", "route"
        )
        self.requests_in_flight = self._gauge("requests_in_flight", "Requests being read or waiting for the disk.")
        self.events = self._counter(
            "events",
            "Events answered, by outcome: `stored`, or the item code of one refused or to be sent again.",
            "outcome",
        )
        self.commit_seconds = self._histogram("commit_seconds", "Seconds of a transaction until it lay on the disk.")
        self.store_errors = self._counter("store_errors", "Times that the outbox could not be used, by code.", "code")
        self.store_waiting_bytes = self._gauge("store_waiting_bytes", "Bytes of requests that wait for the disk.")
        self.sent = self._counter("sent_events", "Events of which intake has spoken, by outcome.", "outcome")
        self.send_failures = self._counter("send_failures", "Requests to intake that took nothing, by kind.", "kind")
        self.send_seconds = self._histogram("send_seconds", "Seconds of a request to intake that was answered.")
        self.sent_bytes = self._counter("sent_bytes", "Bytes of bodies sent to intake, packed.")
        self.held_events = self._gauge(
            "held_events", "Events that wait apart: intake could take others, and not them or those before them."
        )
        self.heartbeats = self._counter("heartbeats", "Heartbeats that intake has answered, by status.", "status")
        self.heartbeats_refused = self._gauge(
            "heartbeats_refused", "Sources of whose state intake has refused to hear, so that the city knows nothing of it."
        )
        self.outbox_events = self._gauge("outbox_events", "Events that wait for delivery.")
        self.outbox_bytes = self._gauge("outbox_bytes", "Bytes in the outbox, quarantine included.")
        self.outbox_oldest_seconds = self._gauge("outbox_oldest_seconds", "Age of the oldest event that waits, in seconds.")
        self.outbox_fill = self._gauge("outbox_fill_ratio", "The largest share of a limit that is used up: 1 is full.")
        self.outbox_alarm = self._gauge("outbox_alarm", "1 while the fill has reached the alarm.")
        self.quarantined = self._gauge("quarantined_events", "Events that intake refused, kept aside, by code.", "code")
        self.link_up = self._gauge("link_up", "1 while intake answers, also slowly, else 0.")
        self.batch_events = self._gauge("batch_events", "Events that a batch may have now.")
        self.clock_offset_seconds = self._gauge("clock_offset_seconds", "This clock less intake's, in seconds.")
        self.ready = self._gauge("ready", "1 while events can be taken, else 0.")
        self.keys = self._gauge("keys", "Keys in force.")
        self.keys_file_broken = self._gauge(
            "keys_file_broken", "1 while the keys cannot be read and former ones stay in force."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"motcua_edge_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"motcua_edge_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"motcua_edge_{name}", text, labels, buckets=_SECONDS, registry=self.registry)
