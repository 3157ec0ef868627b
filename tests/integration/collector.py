"""A collector of OpenTelemetry: takes what OTLP exporters send over HTTP, and knows each span by service, name and trace."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

PROTOBUF = "application/x-protobuf"


class Seen(NamedTuple):
    """One span, as it came over the wire."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str]
    wire: bytes


class Collector:
    """What has come in so far."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = 0
        self.spans: list[Seen] = []

    def of(self, trace: str) -> list[Seen]:
        """The spans of one trace."""
        return [span for span in list(self.spans) if span.trace == trace]

    def environment(self) -> dict[str, str]:
        """What makes a process send its traces here, soon."""
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    def take(self, body: bytes) -> None:
        """One request of an exporter."""
        told = ExportTraceServiceRequest.FromString(body)
        for of_resource in told.resource_spans:
            service = {each.key: each.value.string_value for each in of_resource.resource.attributes}["service.name"]
            for of_scope in of_resource.scope_spans:
                for span in of_scope.spans:
                    attributes = {each.key: str(each.value) for each in span.attributes}
                    links = tuple(link.trace_id.hex() for link in span.links)
                    self.spans.append(
                        Seen(service, span.name, span.kind, span.trace_id.hex(), span.span_id.hex(),
                             span.parent_span_id.hex(), links, attributes, span.SerializeToString())
                    )  # fmt: skip
        self.requests += 1


@contextmanager
def collector() -> Iterator[Collector]:
    """Listens on a free port of this machine."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == PROTOBUF
            found.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", PROTOBUF)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
