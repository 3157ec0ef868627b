"""Every record is one line of JSON, with allowed fields alone and nothing that could be a key or a citizen's."""

import io
import json
import logging
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import RefusedError
from contracts.face import guarded, logs
from deploy.local.logs import show

pytestmark = pytest.mark.slow

CARD = "046203001234"


class Written:
    """What has been written, line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(logs.OneLine("intake"))
        handler.addFilter(logs.Budget(per_second=0.0, burst=3.0))
        self.log = logging.Logger("services.intake.doors", logging.DEBUG)
        self.log.addHandler(handler)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def written() -> Written:
    return Written()


def test_a_line_says_when_how_grave_who_and_what(written: Written) -> None:
    written.log.warning("not ready: %s", "kafka_unreachable")
    [line] = written.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+07:00", line.pop("time"))
    assert line == {
        "level": "WARNING", "service": "intake", "logger": "services.intake.doors", "message": "not ready: kafka_unreachable"
    }  # fmt: skip


def test_a_line_about_an_event_carries_where_it_is_found(written: Written) -> None:
    """Offsets and ids that machines make pass, however much they look like a number of somebody."""
    made = "0192f0c1-7e3a-7cc3-98c4-123456789012"
    written.log.info("stored", extra=logs.about("/units/19753", made, partition=3, offset=123456789, sequence=123456789012))
    [line] = written.lines
    found = {name: line[name] for name in ("event_source", "event_id", "partition", "offset", "sequence")}
    assert found == {
        "event_source": "/units/19753", "event_id": made, "partition": 3, "offset": 123456789, "sequence": 123456789012
    }  # fmt: skip


@pytest.mark.parametrize(
    "extra",
    [
        {"citizen": "Lan"},
        {"subject": "H57.19753-250701-0001"},
        {"code": "two words"},
        {"partition": "Lan"},
        {"event_id": "Nguyễn Thị Lan"},
        {"event_source": "Lan Lan"},
        {"trace_id": "Lan"},
        {"key": ["Lan"]},
        {"offset": {"of": "Lan"}},
    ],
)
def test_a_field_that_nobody_has_allowed_or_of_another_form_is_withheld(written: Written, extra: dict[str, Any]) -> None:
    written.log.info("said", extra=extra)
    [line] = written.lines
    assert line["withheld"] == 1
    assert not line.keys() & extra.keys()


ALLOWED: dict[str, Any] = {
    "event_id": "01J2BX912345678901ABCDEFGH", "event_source": "/units/19753", "partition": 3, "partitions": [0, 11],
    "offset": 7, "sequence": 8, "sequences": [8, 9], "index": 1, "code": "unknown_unit", "check": "sequences.once",
    "counter": "received", "fact": "resumed", "key": "phu-xuan", "outcome": "applied", "status": 503, "events": 2,
    "records": 4, "seconds": 0.5, "left_out": 6, "trace_id": "0123456789abcdef" * 2, "span_id": "0123456789abcdef",
}  # fmt: skip


def test_every_field_that_is_allowed_is_written_as_it_is() -> None:
    assert guarded.FIELDS.keys() == ALLOWED.keys()
    assert guarded.fields({**ALLOWED, "code": None}) == {name: ALLOWED[name] for name in ALLOWED if name != "code"}
    assert guarded.fields(ALLOWED) == ALLOWED


def test_a_sentence_has_an_end() -> None:
    assert guarded.text("a " * 2000) == "a " * 2000
    assert guarded.text("a " * 2000 + "b") == "a " * 2000 + "…"


@pytest.mark.parametrize(
    "never",
    [
        CARD, "191234567", "0905123456", "0905 123 456", "+84905123456", "0234.3822.123", "046 203 001 234",
        "lan@hue.example.vn", "a" * 64, "F" * 64, "dev-19753", "dev-operator", "s3cr3t-t0ken",
    ],
)  # fmt: skip
def test_what_looks_like_a_key_or_a_citizens_is_withheld_from_words(written: Written, never: str) -> None:
    said = f"Bearer {never}" if never == "s3cr3t-t0ken" else never
    written.log.error("%s", f"begin {said} end")
    written.log.error("%s", OSError(2, said))
    written.log.error("failed", exc_info=OSError(2, f"({said})"))
    assert len(written.lines) == 3
    assert never not in written.stream.getvalue()
    assert written.lines[0]["message"].startswith("begin ")
    assert written.lines[0]["message"].endswith(" end")


def test_the_password_of_an_address_is_withheld(written: Written) -> None:
    written.log.error("redis://motcua:hue2025@10.0.0.1:6379/0 does not answer")
    assert written.lines[0]["message"] == "redis://[withheld]@10.0.0.1:6379/0 does not answer"


def test_ordinary_sentences_stay_as_they_are() -> None:
    for said in (
        "owner of partitions [0, 1, 11]", "left the group after 0.1 s", "Uvicorn running on http://127.0.0.1:28103",
        "2025-07-01T08:00:00.123456+07:00", "partition 3 stopped: gap", "digest 0123456789abcdef0123456789abcdef",
        "Kafka at 10.130.2.4:9092: _TRANSPORT", "incarnation 0192f0c1-7e3a-7cc3-98c4-123456789012 begins",
        "7,400 events", "1 of 79,023 records to go",
    ):  # fmt: skip
        assert guarded.text(said) == said


@given(st.integers(0, 10**12 - 1), st.text("abc ,:;()\n", max_size=5), st.text("abc ,:;()\n", max_size=5))
def test_no_identity_number_passes_wherever_it_stands(number: int, before: str, after: str) -> None:
    assert f"{number:012d}" not in guarded.text(f"{before}{number:012d}{after}")
    assert f"{number % 10**9:09d}" not in guarded.text(f"{before}{number % 10**9:09d}{after}")


def test_an_exception_is_one_field_and_quotes_nothing(written: Written) -> None:
    """Python's own errors quote what they were given; ours and the system's do not."""
    try:
        try:
            int("Nguyễn Thị Lan")
        except ValueError as error:
            raise RefusedError("invalid_data", "not a number - at `$.amount`") from error
    except RefusedError:
        written.log.exception("it failed")
    [line] = written.lines
    told = line["exception"]
    assert (told["type"], told["message"]) == (
        "contracts.events.RefusedError", "invalid_data: not a number - at `$.amount`"
    )  # fmt: skip
    assert told["cause"].keys() == {"type", "frames"}
    assert told["cause"]["type"] == "ValueError"
    assert re.fullmatch(
        r"tests/unit/test_logs\.py:\d+ test_an_exception_is_one_field_and_quotes_nothing", told["frames"][-1]
    )
    assert "Lan" not in written.stream.getvalue()


def test_an_exception_in_a_sentence_quotes_nothing_either(written: Written) -> None:
    written.log.warning("tried again: %r", ValueError(f"invalid literal: {CARD} Lan"))
    written.log.warning(KeyError("Lan"))
    written.log.warning("refused: %s", RefusedError("invalid_data", "not a number"))
    assert [line["message"] for line in written.lines] == [
        "tried again: ValueError", "KeyError", "refused: invalid_data: not a number"
    ]  # fmt: skip


def test_lines_about_events_are_bounded_and_the_next_one_says_how_many_were_left_out(written: Written) -> None:
    for _ in range(5):
        written.log.info("refused", extra=logs.about(None, "an-id"))
    written.log.error("the disk is full")
    budget = written.log.handlers[0].filters[0]
    assert isinstance(budget, logs.Budget)
    budget._left = 1.0
    written.log.info("refused", extra=logs.about(None, "an-id"))
    assert [(line["message"], line.get("left_out")) for line in written.lines] == [
        ("refused", None), ("refused", None), ("refused", None), ("the disk is full", None), ("refused", 2)
    ]  # fmt: skip


def test_what_python_would_print_is_a_line_too() -> None:
    """A thread that ends by an error, a task that nobody asks, a record that cannot be formatted, an error in __del__."""
    script = """
import asyncio, logging, threading
from contracts.face import logs

class Gone:
    def __del__(self):
        raise ValueError("Nguyễn Thị Lan")

async def fail():
    raise ValueError("Nguyễn Thị Lan")

async def main():
    task = asyncio.create_task(fail())
    await asyncio.sleep(0.01)

with logs.begun("intake"):
    thread = threading.Thread(target=int, args=("Nguyễn Thị Lan",))
    thread.start()
    thread.join()
    asyncio.run(main())
    logging.getLogger("services.x").error("%d of %d", "Nguyễn Thị Lan")
    Gone()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["message"], line["exception"]["type"]) for line in lines] == [
        ("a thread ended by an error that nobody foresaw", "ValueError"),
        ("Task exception was never retrieved", "ValueError"),
        ("a record that cannot be written", "TypeError"),
        ("an error where none can be raised", "ValueError"),
    ]
    assert "Lan" not in done.stderr


@pytest.mark.parametrize(
    ("ending", "status", "said"),
    [
        ("sys.exit('intake cannot start: no key')", 1, "intake cannot start: no key"),
        ("sys.exit(2)", 2, None),
        ("int('Nguyễn Thị Lan')", 1, "ended by an error that nobody foresaw"),
        (
            "from services.intake.settings import Settings; Settings(intake_quota_burst_events=7)",
            1,
            "intake cannot start: MOTCUA_INTAKE_QUOTA_BURST_EVENTS (Input should be greater than or equal to 1000)",
        ),
    ],
)
def test_last_words_are_a_line_too(ending: str, status: int, said: str | None) -> None:
    script = f"import sys\nfrom contracts.face import logs\nwith logs.begun('intake'):\n    {ending}\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["message"] for line in lines] == ([] if said is None else [said])
    assert "Lan" not in done.stderr


def test_a_crash_of_native_code_leaves_the_places_of_all_threads() -> None:
    """A client of Kafka that touches memory which is not there ends the process before any line could be written."""
    script = (
        "import os, signal\nfrom contracts.face import logs\ndef stored(name):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
        "with logs.begun('intake'):\n    stored('Nguyễn Thị Lan')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in done.stderr
    assert "in stored" in done.stderr
    assert "Lan" not in done.stderr


def test_a_process_without_stderr_runs_all_the_same() -> None:
    script = "from contracts.face import logs\nwith logs.begun('intake'):\n    print('runs')\n"
    done = subprocess.run(["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, script], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"runs\n")


def test_make_logs_shows_a_line_for_eyes(tmp_path: Any, capsys: pytest.CaptureFixture[str], written: Written) -> None:
    """What is no line of ours, Kafka's say, is shown as it is."""
    written.log.info("stored", extra=logs.about("/units/19753", "an-id", partition=3, offset=7))
    file = tmp_path / "intake.log"
    file.write_text(written.stream.getvalue() + "[2025-07-01] INFO Kafka Server started\n")
    show({"intake": file}, 10)
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"intake +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO +services\.intake\.doors: stored"
        r" event_source=/units/19753 event_id=an-id partition=3 offset=7",
        first,
    )
    assert second.endswith(" [2025-07-01] INFO Kafka Server started")


def test_lines_about_events_without_an_id_are_bounded_too_and_warnings_are_not(written: Written) -> None:
    for _ in range(10):
        written.log.info("refused: invalid_envelope", extra=logs.about(None, None, code="invalid_envelope"))
    for _ in range(5):
        written.log.warning("a refused event was discarded", extra=logs.about("/units/19753", None, sequence=7))
    assert [line["level"] for line in written.lines] == ["INFO"] * 3 + ["WARNING"] * 5


def test_whoever_speaks_no_http_has_a_line_now_and_then_and_what_else_the_server_says_is_all_there() -> None:
    """Asked of the server itself, whose words they are."""
    script = """
import asyncio, uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from contracts.face import logs

class Wire(asyncio.Transport):
    write = close = lambda self, *_: None
    is_closing = lambda self: False

async def app(scope, receive, send):
    pass

async def main():
    config = uvicorn.Config(app, log_config=None)
    config.load()
    for sent in ("X", "GET / HTTP/1.1\\r\\nConnection: upgrade\\r\\nUpgrade: h2c") * 50:
        protocol = HttpToolsProtocol(config, ServerState(), {})
        protocol.connection_made(Wire())
        protocol.data_received(f"{sent}\\r\\n\\r\\n".encode())
        for task in protocol.tasks:
            task.cancel()
        protocol.logger.error("Exception in ASGI application")

logs.write("intake", logs.LogSettings())
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    told = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    strangers = [line for line in told if line != "Exception in ASGI application"]
    assert strangers[:2] == ["Invalid HTTP request received.", "Unsupported upgrade request."], done.stderr
    assert [line.partition(" library")[0] for line in strangers[2:]] == ["No supported WebSocket"]
    assert len(told) == len(strangers) + 100
