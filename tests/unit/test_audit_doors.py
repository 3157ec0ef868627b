"""Audit at the doors of others: what they answer wrongly is no verdict, and never the end of the service."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.audit import answers
from services.audit.archive import CouldNotRunError
from services.audit.door import Door
from services.audit.dossiers import Dossiers
from services.audit.settings import Settings

ANSWER_SECONDS = 5.0
GONE = json.dumps({"as_of": {"partitions": {"0": 7}}}).encode()
Says = Callable[[str], tuple[int, bytes]]


@pytest.fixture
def at() -> Iterator[Callable[[Says], str]]:
    """Starts a server that answers by the key it is shown; its address."""
    started = []

    def start(says: Says) -> str:
        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = says(self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_a_key_that_was_exchanged_is_read_from_its_file_at_the_next_look(at: Callable[[Says], str], tmp_path: Path) -> None:
    """The former one is refused, which is said; nobody starts audit anew."""
    file, valid = tmp_path / "operator.key", ["old"]
    file.write_text("old\n")
    url = at(lambda shown: (410, GONE) if shown == f"Bearer {valid[0]}" else (401, b"{}"))
    dossiers = Dossiers(Settings(processing_url=url, audit_key_file=file, audit_answer_seconds=ANSWER_SECONDS))

    def look() -> int:
        assert dossiers.is_open
        answered = dossiers.ask(0, "X-1")
        assert answered is not None
        return answered.as_of

    assert look() == 7
    valid[0] = "new"
    file.write_text("new\n")
    with pytest.raises(CouldNotRunError, match="answered 401"):
        look()
    assert look() == 7
    dossiers.close()


def test_an_answer_that_is_no_json_is_no_verdict(at: Callable[[Says], str]) -> None:
    door = Door("metrics", at(lambda _: (200, b"<html>")), ANSWER_SECONDS)
    with pytest.raises(CouldNotRunError, match="no JSON"):
        answers.units(door, "receiver", None)
    door.close()
