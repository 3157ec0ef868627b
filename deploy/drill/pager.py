"""The pager: a receiver of Alertmanager's notifications that writes down what came, for whom, and when."""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True)
class Notice:
    """One notification; `resolved` are the alerts that it says are over."""

    at: float
    receiver: str
    alert: str
    firing: int
    resolved: int


class Pager:
    """Listens on a port of its own until `close`."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        notices = self.notices

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(min(int(self.headers["Content-Length"]), BODY_BYTES_MAX)))
                states = [each["status"] for each in told["alerts"]]
                alert = told["commonLabels"].get("alertname", "")
                notices.append(
                    Notice(time.monotonic(), told["receiver"], alert, states.count("firing"), states.count("resolved"))
                )
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The table says it all."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="pager", daemon=True).start()

    def since(self, began: float) -> list[Notice]:
        """What came after a moment, without the watchdog, which always comes."""
        return [notice for notice in self.notices if notice.at >= began and notice.alert != "Watchdog"]

    def close(self) -> None:
        """Hangs up."""
        self._server.shutdown()
