"""The worker's own door, served from threads of its own, so that it answers while the fold is busy."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from services.metrics.worker.health import Health

REQUEST_SECONDS: Final = 5.0
REQUESTS_MAX: Final = 16
_PROBLEM: Final = "application/problem+json"


class Door(ThreadingHTTPServer):
    """`GET /healthz`, `/readyz`, `/metrics`; further requests wait in the socket's queue while all threads are taken."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, health: Callable[[], Health], registry: CollectorRegistry) -> None:
        super().__init__((host, port), _Handler)
        self.health = health
        self.registry = registry
        self._turns = threading.BoundedSemaphore(REQUESTS_MAX)

    def open(self) -> None:
        """Serves until the process ends."""
        threading.Thread(target=self.serve_forever, name="door", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for each request, a bounded number of them."""
        self._turns.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answers one request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._turns.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: Door
    timeout = REQUEST_SECONDS

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/healthz":
                self._answer(200, "application/json", json.dumps({"status": "alive"}).encode())
            case "/readyz":
                health = self.server.health()
                told = {"ready": health.is_ready, "reasons": health.reasons, "notes": health.notes}
                if not health.is_ready:
                    told = {"title": "not ready", "status": 503, "code": "not_ready", **told}
                status, kind = (200, "application/json") if health.is_ready else (503, _PROBLEM)
                self._answer(status, kind, json.dumps(told).encode())
            case "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
            case _:
                told = {"title": "no such resource", "status": 404, "code": "not_found"}
                self._answer(404, _PROBLEM, json.dumps(told).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: who asks for health is not worth a line."""
