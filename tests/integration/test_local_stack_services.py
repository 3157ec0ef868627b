"""The whole stack under supervisor: every service ready, back after kill -9, in little memory."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from deploy.local import programs
from deploy.local.errors import NotReadyError
from deploy.local.opening import up_and_open
from deploy.local.settings import REPOSITORY
from deploy.local.stack import Stack
from tests.shell import Shell

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

GIB = 1024**3
FIRST_EVENT = re.compile(r"^## Your first event\n(.*?)^## ", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COUNTED_WITHIN_SECONDS = 30.0


def test_everything_is_ready_with_its_pid_file_and_fits_into_the_memory(full_stack: Stack) -> None:
    rows = full_stack.status()
    assert [row.name for row in rows if not row.ready] == []
    assert {row.name: row.pid for row in rows} == {
        name: int((full_stack.directory / f"{name}.pid").read_text()) for name in full_stack.names
    }
    assert sum(row.resident_bytes or 0 for row in rows) < 1.2 * GIB
    for row in rows:
        environ = _environ(row.pid)
        assert environ["MOTCUA_STATE_DIR"] == str(full_stack.directory)


def test_readme_s_first_event_is_stored_counted_due_to_be_done_and_verified(full_stack: Stack, tmp_path: Path) -> None:
    """As it is typed: `make up` finds everything running, and what was reported a moment ago is counted a moment later."""
    found = FIRST_EVENT.search((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    report, ask = COMMANDS.findall(found[1])
    [dossier] = re.findall(r'"subject": "([^"]+)"', report)
    *questions, verify = ask.splitlines()
    shell = Shell(tmp_path, full_stack.settings.port_base, {**os.environ, **full_stack.environment})
    try:
        assert '"status":"stored"' in shell.run(report)
        deadline = time.monotonic() + COUNTED_WITHIN_SECONDS
        # Once in its own ledger and once in the worklist.
        while '"received":1,' not in (told := shell.run("\n".join(questions))) or told.count(f'"code":"{dossier}"') != 2:
            assert time.monotonic() < deadline, told
            time.sleep(0.2)
        verified = shell.run(f"{verify}\necho status $?")
        assert verified.endswith("status 0\n"), verified
    finally:
        shell.end()


@pytest.mark.faults
def test_every_service_comes_back_after_kill_9_of_all(full_stack: Stack) -> None:
    before = full_stack.pids
    services = [name for name in full_stack.names if name not in programs.SERVERS]
    for name in services:
        os.kill(before[name], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while any(full_stack.pids.get(name, before[name]) == before[name] for name in services):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    full_stack.wait_ready(full_stack.names)
    assert all(full_stack.pids[name] == before[name] for name in programs.SERVERS)


def test_up_on_a_half_dead_stack_starts_what_is_missing_and_opens_nothing_twice(full_stack: Stack) -> None:
    before = full_stack.pids
    for name in ("processing", "metrics-api", "intake"):
        full_stack.stop(name)
    up_and_open(full_stack)
    after = full_stack.pids
    assert set(after) == set(full_stack.names)
    assert {name for name in full_stack.names if after[name] != before[name]} == {"processing", "metrics-api", "intake"}


def test_status_tells_what_an_emptied_redis_has_still_to_get_back(full_stack: Stack) -> None:
    """While processing is stopped nothing moves, and that is said; once it runs it comes to the end of its log by itself."""
    full_stack.stop("processing")
    with redis.Redis.from_url(full_stack.settings.redis_url) as client:
        client.flushall(asynchronous=False)
    assert re.search(r"^processing +([\d,]+) of \1 records to go, nothing moved for 5 s$", _status(full_stack), re.MULTILINE)
    up_and_open(full_stack)
    deadline = time.monotonic() + 60
    while not re.search(r"^processing +at the end of its log, [\d,]+ records$", told := _status(full_stack), re.MULTILINE):
        assert time.monotonic() < deadline, told


@pytest.mark.long
def test_a_service_that_cannot_start_is_named_with_its_own_words(full_stack: Stack) -> None:
    """Nobody waits two minutes for a process that dies at each start."""
    broken = Stack(
        full_stack.directory,
        full_stack.settings.port_base,
        full_stack.settings.clock,
        environment={"MOTCUA_KEYS_FILE": str(full_stack.directory / "none.json"), "MOTCUA_DEV_KEYS": "1"},
    )
    try:
        with pytest.raises(NotReadyError, match=r"^(processing-api|intake) ends again and again: .+ cannot start: "):
            up_and_open(broken)
    finally:
        up_and_open(full_stack)
    assert [row.name for row in full_stack.status() if not row.ready] == []


def _status(stack: Stack) -> str:
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.main", "status"], cwd=REPOSITORY, env={**os.environ, **stack.environment},
        capture_output=True, text=True, timeout=60, check=False,
    ).stdout  # fmt: skip


def _environ(pid: int | None) -> dict[str, str]:
    with open(f"/proc/{pid}/environ", "rb") as opened:
        return dict(entry.decode().partition("=")[::2] for entry in opened.read().split(b"\0") if b"=" in entry)
