"""Audit at the doors of others: what they answer wrongly is no verdict, and never the end of the service."""

import gc
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis

from services.audit import answers, main, totals
from services.audit.archive import CouldNotRunError, Ends, Log
from services.audit.domain.line import Line
from services.audit.domain.reading import Stored
from services.audit.door import Door
from services.audit.dossiers import Dossiers
from services.audit.instruments import Instruments
from services.audit.reader import Reader
from services.audit.settings import Settings
from services.audit.verification import Verification
from services.audit.watch import Watch

ANSWER_SECONDS = 5.0
GONE = json.dumps({"as_of": {"partitions": {"0": 7}}}).encode()
NOWHERE = Settings(kafka="127.0.0.1:9", audit_every_seconds=0.01, audit_again_seconds=0.01)
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


@pytest.mark.parametrize("body", [
    b"<html>", b"", b"[]", b"\xff", b'{"status":"maintenance"}',
    b'{"as_of":{"partitions":{"0":"seven"}},"units":[],"days":[]}',
    b'{"as_of":null,"units":null,"days":null,"by_field":[]}', b'{"as_of":{"partitions":{"0":7}},"units":[{"unit":"A"}]}',
])  # fmt: skip
@pytest.mark.parametrize("ask", [
    lambda door: answers.units(door, "receiver", None),
    lambda door: answers.one_unit(door, "receiver", "A", None),
    lambda door: answers.days(door, "receiver", "A", "2025-07-01", "2025-07-02"),
    answers.dossiers,
])  # fmt: skip
def test_an_answer_of_another_form_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Door], object], body: bytes
) -> None:
    """A proxy's page of its own, say: neither a difference nor an end of audit."""
    monkeypatch.setattr(Door, "get", lambda *_: (200, body))
    with pytest.raises(CouldNotRunError, match="another form"):
        ask(Door("metrics", "http://127.0.0.1:9", ANSWER_SECONDS))


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"as_of":{"partitions":{"0":7}}}', b'{"as_of":{"partitions":{"1":7}}}'])
def test_an_answer_of_another_form_about_a_dossier_is_no_verdict(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(Door, "get", lambda *_: (200, body))
    dossiers = Dossiers(Settings(audit_key="operators"))
    assert dossiers.is_open
    with pytest.raises(CouldNotRunError, match="another form"):
        dossiers.ask(0, "X-1")


def test_positions_that_are_no_numbers_are_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    for position in (["next", "seven"], ["target", "x"], ["next"]):
        parts = [position, *[[]] * 11, [], [], []]
        monkeypatch.setattr(redis.Redis, "eval", lambda *_, parts=parts: parts)
        with pytest.raises(CouldNotRunError, match="no figure"):
            totals.snapshot(Settings())


def test_a_heartbeat_of_a_day_that_no_calendar_has_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = [
        {"source": f"/units/{name}", "incarnation": "0197c000-0000-7000-8000-000000000001", "at": at, "spool_depth": 0,
         "oldest_unsent_age_seconds": 0.0, "delivered_until": until}
        for name, at, until in (
            ("A", "2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"), ("B", "2026-02-30T09:00:00Z", "2026-01-05T09:00:00Z"),
            ("C", "2026-01-05T09:00:00Z", "2026-13-05T09:00:00Z"),
        )
    ]  # fmt: skip
    monkeypatch.setattr(Reader, "_kept", lambda *_: [(b"key", json.dumps(beat).encode()) for beat in beats])
    verification = Verification(NOWHERE, 0, 1)
    assert list(verification.reader._heartbeats()) == ["/units/A"]
    verification.close()


@pytest.mark.parametrize(
    ("told", "shown_max"), [((), 20), (("--entries", "7"), 7), (("--entries", "all"), Settings().audit_records_max)]
)
def test_a_verdict_names_as_many_events_of_a_list_as_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, told: tuple[str, ...], shown_max: int
) -> None:
    """`all` is no more than audit would read."""
    made: list[Verification] = []
    monkeypatch.setattr(Verification, "run", lambda self, scope: made.append(self))
    monkeypatch.setattr(sys, "argv", ["audit", "verify", "--seed", "1", *told])
    with pytest.raises(SystemExit):
        main.main()
    assert made[0]._books.notes.shown_max == shown_max


@pytest.mark.parametrize("told", ["0", "-3", "some"])
def test_a_list_of_no_length_is_not_asked_for(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setattr(sys, "argv", ["audit", "verify", "--entries", told])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2


def test_a_fault_of_audit_s_own_is_no_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and a line; the traceback is in the log."""
    monkeypatch.setattr(Verification, "run", _fails)
    assert main.verify(NOWHERE, 0, 1, tmp_path / "verdict.json") == 2
    assert "audit itself failed (KeyError)" in capsys.readouterr().err
    assert json.loads((tmp_path / "verdict.json").read_text())["exit"] == 2


def test_a_verdict_that_cannot_be_written_is_no_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Verification, "run", _fails)
    monkeypatch.setattr(main, "Settings", lambda: NOWHERE)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["audit", "verify", "--json", str(tmp_path / "nowhere" / "verdict.json")])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert "it failed itself (FileNotFoundError)" in capsys.readouterr().err


def test_a_fault_of_audit_s_own_costs_the_service_a_look_and_what_it_has_read_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [KeyError("x"), ZeroDivisionError()]
    looked = threading.Event()

    def run(*_: object) -> None:
        if faults:
            raise faults.pop()
        looked.set()

    monkeypatch.setattr(Verification, "run", run)
    watch = Watch(NOWHERE, 1, Instruments(), failed=_fails)
    before = watch._verification
    watch.start()
    assert looked.wait(10)
    watch.stop()
    assert watch.verdict is not None
    assert watch.verdict.clean
    assert watch._verification is before


def test_whoever_has_read_a_verdict_finds_its_figures_among_the_instruments(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are set before it is told."""
    monkeypatch.setattr(Verification, "run", lambda *_: None)
    instruments, told = Instruments(), list[object]()
    watch = Watch(NOWHERE, 1, instruments, failed=_fails)
    for gauge in (instruments.clean, instruments.last_look, instruments.look_seconds, instruments.sample_dossiers):
        monkeypatch.setattr(gauge, "set", lambda _: told.append(watch.verdict))
    watch._look()
    watch._verification.close()
    assert told == [None] * 4
    assert watch.verdict is not None


def test_after_a_fault_in_the_middle_of_a_record_the_service_ends_and_nothing_more_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever keeps it starts it anew: a passing want of memory passes."""
    ends = Ends((0,) * 12, (1,) * 12)
    monkeypatch.setattr(Log, "ends", lambda _: ends)
    monkeypatch.setattr(Log, "read", lambda _, number, start, end: iter([Stored(0, 0, None, b"{}", ())]))
    monkeypatch.setattr("services.audit.reader.SETTLE_SECONDS", 0)
    monkeypatch.setattr(Line, "take", _fails)
    monkeypatch.setattr(Verification, "run", lambda self, _: self.reader.to(ends.next))
    ended = threading.Event()
    watch = Watch(NOWHERE, 1, Instruments(), failed=ended.set)
    watch.start()
    assert ended.wait(10)
    watch.stop()
    assert watch._looks == 1


def _fails(*_: object) -> None:
    raise KeyError("x")
