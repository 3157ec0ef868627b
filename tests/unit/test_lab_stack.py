"""The lab's stacks: a province that somebody else keeps is never wiped, and no tool is led to it by the shell."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import lab.stack
from deploy.local import statedir
from deploy.local.errors import OtherStackError
from deploy.local.settings import PORTS
from lab import demo
from lab.errors import ForeignStateError, LabError
from lab.load import scenario, session
from lab.load.city import City, LoadStack
from lab.load.live import View
from lab.stack import DemoStack
from lab.verdict import Row

ELSEWHERE = {
    "MOTCUA_KAFKA": "elsewhere:9092", "MOTCUA_REDIS": "redis://elsewhere/0", "MOTCUA_METRICS_URL": "http://elsewhere",
    "MOTCUA_PROCESSING_URL": "http://elsewhere", "MOTCUA_INTAKE_URL": "http://elsewhere", "MOTCUA_KEYS_FILE": "/elsewhere",
    "MOTCUA_GEN": "7", "MOTCUA_LIVE_GEN": "7", "MOTCUA_AUDIT_KEY": "elsewhere", "MOTCUA_OPERATOR_KEY": "elsewhere",
    "MOTCUA_OPERATOR_KEY_FILE": "/elsewhere", "MOTCUA_EVENTS_KEY_FILE": "/elsewhere", "MOTCUA_AUDIT_KEY_FILE": "/elsewhere",
    "MOTCUA_EDGE_INTAKE_KEY_FILE": "/elsewhere",
}  # fmt: skip


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the local stack's command was asked to do."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(DemoStack, "_run", lambda self, *arguments, **_: asked.append(arguments))
    return asked


@pytest.fixture
def province(tmp_path: Path) -> Path:
    """A state directory of somebody's own."""
    directory = tmp_path / "province"
    directory.mkdir()
    (directory / "motcua-stack.json").write_text("{}")
    return directory


def _chosen(directory: Path) -> session.Chosen:
    return session.Chosen(
        scenario=scenario.read("mountain-link"), seed=1, manner="outbox", beside=False, keep=False, port_base=26000,
        state_dir=directory, out=directory.parent, given=None,
    )  # fmt: skip


def test_a_load_run_leaves_a_foreign_province_alone(province: Path, ran: list[tuple[str, ...]]) -> None:
    """Nothing is started, stopped or wiped in it."""
    with pytest.raises(ForeignStateError), View("") as view:
        asyncio.run(session._city(_chosen(province), "outbox", view))
    assert ran == []


def test_a_demo_that_is_to_go_down_leaves_a_foreign_province_alone(province: Path, ran: list[tuple[str, ...]]) -> None:
    """It says so and ends with 1."""
    assert demo.main(["--down", "--state-dir", str(province)]) == 1
    assert ran == []


@pytest.mark.parametrize("kind", [DemoStack, LoadStack])
def test_only_what_bears_the_mark_is_removed(kind: type[DemoStack], province: Path, ran: list[tuple[str, ...]]) -> None:
    """By whichever way one comes to it."""
    stack = kind(province, 26000)
    with pytest.raises(ForeignStateError):
        stack.remove()
    with pytest.raises(ForeignStateError):
        stack.start_anew()
    assert ran == []
    (province / kind.mark).touch()
    stack.remove()
    assert ran == [("down", "--wipe")]


SLOW = """
import sys, time
from pathlib import Path
log = Path({log!r})
with log.open("a") as told: told.write(f"{{sys.argv[1]}} begins\\n")
time.sleep({seconds} if sys.argv[1] == "up" else 0)
with log.open("a") as told: told.write(f"{{sys.argv[1]}} ends\\n")
"""


def test_a_start_that_was_interrupted_is_ended_before_its_stack_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else it would go on, and start in the wiped directory what nobody ends."""
    log = tmp_path / "log"
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    for package in (tmp_path / "deploy", tmp_path / "deploy" / "local"):
        (package / "__init__.py").write_text("")
    (tmp_path / "deploy" / "local" / "main.py").write_text(SLOW.format(log=str(log), seconds=60))
    monkeypatch.setattr(lab.stack, "REPOSITORY", tmp_path)
    stack = DemoStack(tmp_path / "state", 26000)

    with ThreadPoolExecutor() as pool:
        starting = pool.submit(stack.start_anew)
        while not starting.done() and not (log.exists() and "up begins" in log.read_text()):
            time.sleep(0.05)
        stack.remove()
        assert isinstance(starting.exception(10), LabError)
    assert log.read_text().splitlines() == ["down begins", "down ends", "up begins", "down begins", "down ends"]


def test_audit_is_led_to_the_labs_own_stack_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the shell says of another one."""
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    told: list[dict[str, str]] = []

    class Ended:
        async def wait(self) -> int:
            return 0

    async def start(*_: str, env: dict[str, str], **__: Any) -> Ended:
        told.append(env)
        return Ended()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    city = City.own(LoadStack(tmp_path / "load", 26000))
    assert asyncio.run(city.verify(tmp_path / "audit.json")) == 0
    [environment] = told
    assert not set(ELSEWHERE) & set(environment)
    assert environment["MOTCUA_PORT_BASE"] == "26000"
    assert environment["MOTCUA_STATE_DIR"] == str(tmp_path / "load")


def test_the_operators_tool_is_led_to_the_labs_own_stack_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor are its acts written down in somebody else's directory."""
    monkeypatch.setenv("MOTCUA_STATE_DIR", "/elsewhere")
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    told: list[dict[str, str]] = []
    really = subprocess.Popen

    def start(_: list[str], *, env: dict[str, str], **options: Any) -> Any:
        told.append(env)
        return really(["echo", "rules"], env=env, **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    assert DemoStack(tmp_path / "demo", 26000).operate("rules") == "rules\n"
    [environment] = told
    assert not set(ELSEWHERE) & set(environment)
    assert environment["MOTCUA_STATE_DIR"] == str(tmp_path / "demo")


HELD = """
import os, signal
from pathlib import Path
from lab.stack import DemoStack
with DemoStack(Path({directory!r}), 26000).held():
    print("held", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_stack_that_a_demo_sends_to_is_neither_started_nor_wiped_by_another_demo(tmp_path: Path) -> None:
    """It says what is going on; a demo that was killed keeps nobody away."""
    statedir.claim(tmp_path, statedir.Marker("log", "dGhpcyBpcyBhIGNsdXM", 26000))
    (tmp_path / DemoStack.mark).touch()
    stack = DemoStack(tmp_path, 26000)
    with stack.held():
        said = rf"^A demo \(process {os.getpid()}\) is sending its events to the stack in {tmp_path}: wait for it\.$"
        with pytest.raises(LabError, match=said):
            DemoStack(tmp_path, 26000).start_anew()
        with pytest.raises(LabError, match="is sending its events"), stack.held():
            pass
    killed = subprocess.run([sys.executable, "-c", HELD.format(directory=str(tmp_path))], capture_output=True, timeout=30)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, b"held\n")
    with stack.held():
        pass


def test_what_the_local_stack_complains_of_is_all_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port_base: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Once, and with advice that fits the demo as well."""
    monkeypatch.setattr(DemoStack, "_remove", lambda self: None)
    with socket.create_server(("127.0.0.1", port_base + PORTS["kafka"])), pytest.raises(LabError) as refused:
        DemoStack(tmp_path / "state", port_base).start_anew()
    assert re.search(r"is in use by another program.*: MOTCUA_PORT_BASE=\d+ before the same command\.$", str(refused.value))
    assert "in use" not in capfd.readouterr().err


def test_the_line_that_ends_a_demo_can_be_pasted() -> None:
    """Wherever its directory lies."""
    stack = DemoStack(Path("/data/a b"), 26000)
    assert demo._stop_line(stack) == "MOTCUA_STATE_DIR='/data/a b' MOTCUA_PORT_BASE=26000 make wipe"


@pytest.mark.parametrize(("equal", "status", "said"), [(True, 0, "2 of 2 rows equal"), (False, 1, "1 of 2 rows equal")])
def test_a_row_that_differs_decides_the_exit_status_of_the_demo(
    equal: bool, status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table alone: no stack is started, nothing is sent."""

    async def replay(*_: object) -> list[Row]:
        with pytest.raises(OtherStackError, match="is sending its events"), statedir.only_one(tmp_path / "state"):
            pytest.fail("somebody else could start, stop or wipe it meanwhile")
        return [Row("a", "1", "1", True), Row("b", "2", "2" if equal else "3", equal)]

    monkeypatch.setattr(DemoStack, "start_anew", lambda self: None)
    monkeypatch.setattr("lab.fortnight.writing.fortnight", lambda *_: [])
    monkeypatch.setattr(demo, "replay", replay)
    assert demo.main(["--state-dir", str(tmp_path / "state"), "--port-base", "26000"]) == status
    assert said in capsys.readouterr().out
