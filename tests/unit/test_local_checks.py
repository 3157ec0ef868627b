"""Whatever is wrong before a start is said in one sentence that names the remedy."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import pytest
from pydantic import ValidationError

from deploy.local import (
    command,
    counters,
    generation,
    generations,
    here,
    kafka,
    keeper,
    main,
    processes,
    recovery,
    statedir,
    valkey,
)
from deploy.local.checks import check_keys, check_ports, check_python, check_written, free_port_base, give_back, is_free
from deploy.local.errors import (
    ForeignStateDirError,
    ForgottenSettingError,
    KeysFileError,
    NotNowError,
    OldPythonError,
    OpenDoorError,
    OtherClockError,
    PortInUseError,
    StateDirError,
    TwoKindsOfKeysError,
    UnaskedHostError,
    UnwritableSettingError,
)
from deploy.local.generations import Generation, Generations
from deploy.local.opening import up_and_open
from deploy.local.readiness import http_reason
from deploy.local.settings import CONTROLLER_PORT, PORTS, REPOSITORY, StackSettings, moved_ports
from deploy.local.stack import Stack
from deploy.local.statedir import Marker
from lab import correction, demo

MARKER = Marker(clock="wall", cluster_id="dGhpcyBpcyBhIGNsdXM", port_base=8000)


def test_a_program_starts_also_where_its_id_cannot_be_written(tmp_path: Path) -> None:
    """A full disk: what dies at once supervisor gives up in the end, and nobody starts it when there is room again."""
    command = keeper._recording_pid(tmp_path / "missing" / "x.pid", (sys.executable, "-c", "print('runs')"))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "runs\n"


def test_an_old_python_is_refused_with_both_versions() -> None:
    with pytest.raises(OldPythonError, match=r"needs Python 3\.11 or newer and this is 3\.10"):
        check_python((3, 10))


@pytest.mark.parametrize("version", [(3, 11), (3, 14), (4, 0)])
def test_a_new_python_is_taken(version: tuple[int, int]) -> None:
    check_python(version)


@pytest.mark.parametrize("service", ["kafka", "redis", "intake", "metrics-api"])
def test_a_port_in_use_is_named_with_its_service_and_a_free_base(service: str, port_base: int) -> None:
    with socket.create_server(("127.0.0.1", port_base + PORTS[service])):
        with pytest.raises(PortInUseError) as raised:
            check_ports("127.0.0.1", port_base, PORTS)
        assert f"Port {port_base + PORTS[service]}, meant for {service}," in str(raised.value)
        suggested = int(str(raised.value).partition("MOTCUA_PORT_BASE=")[2].split()[0])
        check_ports("127.0.0.1", suggested, PORTS)
    check_ports("127.0.0.1", port_base, PORTS)


def test_kafkas_second_port_counts_too(port_base: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port_base + CONTROLLER_PORT)),
        pytest.raises(PortInUseError, match=f"Port {port_base + CONTROLLER_PORT}, meant for kafka"),
    ):
        check_ports("127.0.0.1", port_base, ["kafka"])


def test_two_processes_are_never_given_the_same_base_though_neither_listens_yet() -> None:
    """Both choose by chance, and start what listens there only a while later."""
    own = {free_port_base() for _ in range(15)}
    ask = "from deploy.local.checks import free_port_base\nprint(*(free_port_base() for _ in range(15)))"
    other = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert len(own) == 15
    assert own.isdisjoint(map(int, other.stdout.split()))
    for base in own:
        give_back(base)


def test_a_base_that_was_given_back_is_free_again() -> None:
    base = free_port_base()
    assert not is_free("127.0.0.1", base + 99)
    give_back(base)
    assert is_free("127.0.0.1", base + 99)


def test_connections_that_have_just_ended_do_not_hold_a_port() -> None:
    """A stack that was stopped may be started again at once (TIME_WAIT)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()
    assert is_free("127.0.0.1", port)


def test_development_keys_beside_a_file_of_real_ones_are_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port_base: int
) -> None:
    monkeypatch.setenv("MOTCUA_KEYS_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("MOTCUA_DEV_KEYS", "1")
    with pytest.raises(TwoKindsOfKeysError, match="exclude each other: unset one of them"):
        Stack(tmp_path / "state", port_base, "wall").up()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("text", "why"), [(None, "No such file or directory"), ("{", "it is not JSON of the form")])
def test_a_keys_file_that_cannot_be_read_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, why: str, port_base: int
) -> None:
    file = tmp_path / "keys.json"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("MOTCUA_KEYS_FILE", str(file))
    said = re.escape(f"The keys file {file} (MOTCUA_KEYS_FILE) cannot be used: {why}")
    with pytest.raises(KeysFileError, match=f"^{said}"):
        Stack(tmp_path / "state", port_base, "wall").up()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("before", "now", "refused"), [
    ({"KEYS_FILE": "/k.json"}, {}, r"with MOTCUA_KEYS_FILE=/k\.json, and now .*: set it again, or MOTCUA_DEV_KEYS=1"),
    ({"KEYS_FILE": "/k.json"}, {"KEYS_FILE": ""}, "MOTCUA_KEYS_FILE=/k"),
    ({"KEYS_FILE": "/k.json"}, {"KEYS_FILE": "/other.json"}, None),
    ({"KEYS_FILE": "/k.json", "EDGE_INTAKE_KEY_FILE": "/e.key"}, {"DEV_KEYS": "1"}, None),
    ({"KEYS_FILE": "/k.json", "EDGE_INTAKE_KEY_FILE": "/e.key"}, {"KEYS_FILE": "/k.json"}, "MOTCUA_EDGE_INTAKE_KEY_FILE=/e"),
    ({"DEV_KEYS": "0"}, {}, "MOTCUA_DEV_KEYS=0"),
    ({"REFERENCE_DIR": "/r"}, {}, r"MOTCUA_REFERENCE_DIR=/r, .*or to nothing \(MOTCUA_REFERENCE_DIR=\)"),
    ({"REFERENCE_DIR": "/r"}, {"REFERENCE_DIR": ""}, None),
    ({}, {}, None),
])  # fmt: skip
def test_a_stack_with_keys_of_its_own_does_not_go_on_with_known_ones_because_a_new_shell_says_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, str],
    now: dict[str, str],
    refused: str | None,
    port_base: int,
) -> None:
    def told(members: dict[str, str]) -> Stack:
        for name in [each for each in os.environ if each.startswith("MOTCUA_")]:
            monkeypatch.delenv(name)
        for name, value in members.items():
            monkeypatch.setenv(f"MOTCUA_{name}", value)
        return Stack(tmp_path, port_base, "wall")

    statedir.keep_environment(tmp_path, told(before).environment)
    with nullcontext() if refused is None else pytest.raises(ForgottenSettingError, match=refused):
        told(now)._check_settings()


def test_what_runs_on_this_machine_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch, port_base: int) -> None:
    monkeypatch.setattr(BaseHTTPRequestHandler, "log_message", lambda *_: None)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port_base}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as service:
        threading.Thread(target=service.handle_request, daemon=True).start()
        assert http_reason(f"http://127.0.0.1:{service.server_port}") == "answers 501"


def test_a_new_directory_is_claimed_once_and_keeps_its_cluster(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    assert statedir.claim(directory, MARKER) == MARKER
    again = statedir.claim(directory, Marker("wall", "another", 9000))
    assert again == Marker("wall", MARKER.cluster_id, 9000)


def test_the_other_clock_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    statedir.claim(tmp_path / "state", MARKER)
    with pytest.raises(OtherClockError, match=r"driven by CLOCK=wall and cannot be driven by CLOCK=log"):
        statedir.claim(tmp_path / "state", Marker("log", "another", 8000))
    assert statedir.read(tmp_path / "state") == MARKER


@pytest.mark.parametrize("marker", [None, b"", b"{}", b'{"clock": "sun", "cluster_id": "x", "port_base": 1}'])
def test_a_foreign_directory_is_neither_used_nor_wiped(tmp_path: Path, marker: bytes | None, port_base: int) -> None:
    directory = tmp_path / "home"
    directory.mkdir()
    (directory / "thesis.txt").write_text("years of work")
    if marker is not None:
        (directory / statedir.MARKER).write_bytes(marker)
    with pytest.raises(ForeignStateDirError):
        statedir.claim(directory, MARKER)
    with pytest.raises(ForeignStateDirError, match="choose an empty or new directory"):
        statedir.wipe(directory)
    with pytest.raises(ForeignStateDirError):
        Stack(directory, port_base, "wall").up(())
    with pytest.raises(ForeignStateDirError):
        Stack(directory, port_base, "wall").wipe()
    assert (directory / "thesis.txt").read_text() == "years of work"


def test_a_state_directory_is_wiped_whole(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    statedir.claim(directory, MARKER)
    (directory / "kafka" / "data").mkdir(parents=True)
    (directory / "kafka" / "data" / "meta.properties").write_text("x")
    assert statedir.wipe(directory)
    assert list(tmp_path.iterdir()) == []
    assert not statedir.wipe(directory), "there is nothing left to wipe, and that is said"


def test_a_wipe_that_was_interrupted_is_ended_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port_base: int
) -> None:
    directory = tmp_path / "state"
    statedir.claim(directory, MARKER)
    (directory / "kafka").mkdir()
    stack = Stack(directory, port_base, "wall")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            stack.wipe()
    assert stack.wipe(), "half of it was still there"
    assert list(tmp_path.iterdir()) == []


def test_two_commands_do_not_work_on_one_stack_at_once(tmp_path: Path) -> None:
    with statedir.only_one(tmp_path / "state"):
        holder = "\n".join(
            (
                "from pathlib import Path",
                "from deploy.local import errors, statedir",
                f"lock = statedir.only_one(Path({str(tmp_path / 'state')!r}))",
                "try:",
                "    lock.__enter__()",
                "except errors.OtherStackError as error:",
                "    print(error)",
            )
        )
        other = subprocess.run([sys.executable, "-c", holder], capture_output=True, text=True, check=True, timeout=30)
    assert "Another command is starting or stopping the stack" in other.stdout


def test_a_stale_pid_file_is_never_taken_for_a_process_of_the_stack(tmp_path: Path, port_base: int) -> None:
    """The number in an old pid file may be anybody's by now: here it is this test's own process."""
    directory = tmp_path / "state"
    statedir.claim(directory, MARKER)
    stack = Stack(directory, port_base, "wall")
    stack.pid_file("kafka").write_text(f"{os.getpid()}\n")
    stack.pid_file("redis").write_text("not a number")
    assert stack.pids == {}
    said: list[str] = []
    stack.say = said.append
    stack.down()
    assert not stack.pid_file("kafka").exists()
    assert processes.is_alive(os.getpid())


def test_a_stale_pid_file_is_removed_with_a_sentence_before_anything_is_started(tmp_path: Path, port_base: int) -> None:
    """The next `up` does it, once its settings have been checked; nobody's process is touched."""
    said: list[str] = []
    stack = Stack(tmp_path, port_base, "wall", say=said.append)
    statedir.claim(tmp_path, statedir.Marker("wall", "cluster", port_base))
    stack.pid_file("kafka").write_text(f"{os.getpid()}\n")
    stack.pid_file("redis").write_text("not a number")
    stack._checked(())
    assert said == [
        "  redis.pid named no process: removed",
        f"  kafka.pid named a process ({os.getpid()}) that is gone or not of this stack: removed",
    ]
    assert not stack.pid_file("kafka").exists()
    assert not stack.pid_file("redis").exists()
    assert processes.is_alive(os.getpid())


def test_a_dead_process_is_dead_before_it_is_buried() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    assert processes.gone(ended.pid, within_seconds=20), "a zombie counts as gone"
    ended.wait()
    assert not processes.is_alive(ended.pid)


def test_which_programs_a_stack_has_is_as_they_are_told_whoever_asks(tmp_path: Path, port_base: int) -> None:
    """Begun with a file of keys and none for an edge, it has no edge; also for who asks from a shell without them."""
    real = {"MOTCUA_KEYS_FILE": str(tmp_path / "keys.json")}
    assert "edge" not in Stack(tmp_path / "state", port_base, "wall", environment=real).names
    own = {**real, "MOTCUA_EDGE_INTAKE_KEY_FILE": str(tmp_path / "intake.key")}
    assert "edge" in Stack(tmp_path / "state", port_base, "wall", environment=own).names
    assert "edge" in Stack(tmp_path / "state", port_base, "wall").names


def test_a_port_of_one_service_alone_moves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port_base: int) -> None:
    """Compose knows settings of the same names: exported for it, they must not part a service from its own stack."""
    monkeypatch.setenv("MOTCUA_INTAKE_PORT", "9001")
    stack = Stack(tmp_path / "state", port_base, "wall")
    assert "MOTCUA_INTAKE_PORT" not in stack.environment
    assert moved_ports() == ["MOTCUA_INTAKE_PORT"]


def test_development_keys_can_be_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port_base: int) -> None:
    """Said outright, nobody is let in by them, and an edge, which would show one, is left out."""
    monkeypatch.setenv("MOTCUA_DEV_KEYS", "0")
    stack = Stack(tmp_path / "state", port_base, "wall")
    assert stack.environment["MOTCUA_DEV_KEYS"] == "0"
    assert "edge" not in stack.names


def test_a_command_speaks_of_the_stack_in_the_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ports, its clock, its live generation, whatever the defaults are; another port base means another stack."""
    for name in [each for each in os.environ if each.startswith("MOTCUA_")]:
        monkeypatch.delenv(name)
    directory = tmp_path / "a b"
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(directory))
    assert here.environment() == dict(os.environ)
    statedir.claim(directory, Marker(clock="log", cluster_id="dGhpcyBpcyBhIGNsdXM", port_base=8200))
    # As it was told then.
    statedir.keep_environment(directory, {**Stack(directory, 8200, "log").environment, "MOTCUA_LIVE_GEN": "1"})
    generations.write(directory, Generations(Generation(2, 1)))
    told = here.environment()
    assert (told["MOTCUA_PORT_BASE"], told["MOTCUA_CLOCK"], told["MOTCUA_KAFKA"]) == ("8200", "log", "127.0.0.1:8292")
    assert told["MOTCUA_LIVE_GEN"] == "2"
    monkeypatch.setenv("MOTCUA_LIVE_GEN", "3")
    assert here.environment()["MOTCUA_LIVE_GEN"] == "3", "what is said now goes before"
    for name in ("MOTCUA_PORT_BASE", "MOTCUA_KAFKA"):
        monkeypatch.setenv(name, "")
    assert here.environment() == {**told, "MOTCUA_LIVE_GEN": "3"}, "empty is not set"
    assert main._port_base("status") == 8200
    monkeypatch.setenv("MOTCUA_PORT_BASE", "8400")
    assert not here.environment()["MOTCUA_KAFKA"]
    assert main._port_base("status") is None


@pytest.mark.parametrize("asked", [{}, {"MOTCUA_PORT_BASE": "24000"}])
def test_where_no_stack_runs_nothing_is_asked_of_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: dict[str, str]
) -> None:
    """A directory that does not exist, or one whose stack is stopped: whoever has those ports is not meant."""
    for name in [each for each in os.environ if each.startswith("MOTCUA_")]:
        monkeypatch.delenv(name)
    directory = tmp_path / "state"
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(directory))
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["here", "services.audit.main", "verify"])
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("another stack would be looked at"))
    for _ in range(2):
        with pytest.raises(SystemExit) as left:
            here.main()
        assert left.value.code == 2, "audit's 1 says that figures differ"
        assert capsys.readouterr().err.startswith(f"No stack runs in {directory}: start one by make up, or name")
        assert generation.main(["status"]) == 1
        assert capsys.readouterr().err.startswith(f"No stack runs in {directory}: ")
        statedir.claim(directory, Marker(clock="log", cluster_id="dGhpcyBpcyBhIGNsdXM", port_base=24_000))


def test_ports_of_another_stack_are_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [each for each in os.environ if each.startswith("MOTCUA_")]:
        monkeypatch.delenv(name)
    statedir.claim(tmp_path, MARKER)
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("MOTCUA_PORT_BASE", "24000")
    here._say_which()
    assert capsys.readouterr().err == f"Not the stack in {tmp_path}, but what answers at ports 24000+.\n"


@pytest.mark.parametrize(("command", "status", "said"), [
    ("down", 0, "There is no stack in {}."), ("wipe", 0, "There is no {}."), ("logs", 1, "There are no logs in {}: make "),
])  # fmt: skip
def test_a_stack_that_never_was_is_not_said_to_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, status: int, said: str
) -> None:
    directory = tmp_path / "state"
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(directory))
    assert main.main([command]) == status
    assert said.format(directory) in "".join(capsys.readouterr())
    assert not directory.exists()


def test_ctrl_c_while_a_command_loads_costs_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "loading.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nos.read(0, 1)\n")
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local.command", "loading"], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, f"{command.SAID}\n")


@pytest.mark.parametrize(("then", "now"), [("_FILE", ""), ("", "_FILE"), ("", ""), ("_FILE", "_FILE")])
def test_a_key_that_is_said_now_goes_before_one_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, now: str
) -> None:
    """Whichever of the two is a file."""
    for name in [each for each in os.environ if each.startswith("MOTCUA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(tmp_path))
    statedir.claim(tmp_path, Marker(clock="log", cluster_id="dGhpcyBpcyBhIGNsdXM", port_base=8200))
    statedir.keep_environment(tmp_path, {**Stack(tmp_path, 8200, "log").environment, f"MOTCUA_OPERATOR_KEY{then}": "then"})
    monkeypatch.setenv(f"MOTCUA_OPERATOR_KEY{now}", "now")
    told = here.environment()
    assert {name: told[name] for name in told if "OPERATOR_KEY" in name} == {f"MOTCUA_OPERATOR_KEY{now}": "now"}


@pytest.mark.parametrize("tool", [demo, correction])
def test_an_empty_port_base_is_the_default_for_the_lab_too(monkeypatch: pytest.MonkeyPatch, tool: ModuleType) -> None:
    """As for the stack that it speaks of."""
    monkeypatch.setenv("MOTCUA_PORT_BASE", "")
    assert tool._parser().parse_args([]).port_base == 8000


@pytest.mark.parametrize("tool", [demo, correction])
def test_a_port_base_that_is_none_costs_the_lab_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tool: ModuleType
) -> None:
    monkeypatch.setenv("MOTCUA_PORT_BASE", "abc")
    with pytest.raises(SystemExit):
        tool.main([])
    assert "'abc' is no port base (MOTCUA_PORT_BASE): a number from 1 to 65400, please" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "value", "sign"), [
    ("MOTCUA_STATE_DIR", "o'brien", "'"),
    ("MOTCUA_STATE_DIR", "x #1", " #"),
    ("MOTCUA_STATE_DIR", "a,b", ","),
    ("OTEL_SERVICE_NAME", "a ;b", " ;"),
    ("MOTCUA_EDGE_UNIT", 'the "one"', '"'),
    ("MOTCUA_EDGE_UNIT", "two\nlines", r"\n"),
])  # fmt: skip
def test_a_value_that_would_not_arrive_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sign: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv(name, str(tmp_path / value) if name == "MOTCUA_STATE_DIR" else value)
    with pytest.raises(UnwritableSettingError, match=f"^{name} contains .{re.escape(sign)}.,"):
        Stack(None, 24_000, "wall").up(())
    assert list(tmp_path.iterdir()) == []


def test_what_supervisor_reads_is_what_was_told(tmp_path: Path) -> None:
    """Whatever is not refused: its file is read as supervisor does it."""
    told = {"MOTCUA_STATE_DIR": str(tmp_path / 'Một "Cửa" 50% \\t#;'), "MOTCUA_LIST": "a,b=c;d", "OTEL_NONE": ""}
    check_written(tmp_path, told)
    command = ("/bin/sh", "a b", "%s", "it's")
    keeper.Keeper(tmp_path, tmp_path)._write([keeper.Kept("x", command, told, 1, 1)])
    options, datatypes = import_module("supervisor.options"), import_module("supervisor.datatypes")
    read = options.UnhosedConfigParser()
    read.read_string((tmp_path / "supervisord.conf").read_text())
    assert datatypes.dict_of_key_value_pairs(read.get("program:x", "environment").replace("%%", "%")) == told
    assert shlex.split(read.get("program:x", "command").replace("%%", "%"))[-4:] == list(command)


@pytest.mark.parametrize("host", ["::1", "192.0.2.7", "nowhere.example"])
def test_a_host_at_which_nobody_asks_is_refused_and_is_no_port_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("MOTCUA_HOST", host)
    with pytest.raises(UnaskedHostError, match=f"MOTCUA_HOST={host} is not where"):
        Stack(tmp_path / "state", 24_000, "wall").up(())


@pytest.mark.parametrize(("name", "told"), [
    ("edge", "edge has no key of its own: set MOTCUA_EDGE_INTAKE_KEY_FILE"),
    ("processing-beside", "processing-beside runs only while it builds something beside"),
])  # fmt: skip
def test_a_program_that_the_stack_does_not_have_now_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str, port_base: int
) -> None:
    monkeypatch.setenv("MOTCUA_KEYS_FILE", str(tmp_path / "keys.json"))
    with pytest.raises(NotNowError, match=told):
        Stack(tmp_path / "state", port_base, "wall").up((name,))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("place", ["file/state", "file"])
def test_a_state_directory_that_cannot_be_made_costs_one_sentence(tmp_path: Path, place: str, port_base: int) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateDirError, match=r"choose (another one|an empty or new directory) with MOTCUA_STATE_DIR"):
        up_and_open(Stack(tmp_path / place, port_base, "wall"))


@pytest.mark.parametrize("command", [
    lambda: recovery.main(["--list"]), lambda: counters.main([]), lambda: generation.main(["status"]),
    lambda: main.main(["status"]), here.main,
])  # fmt: skip
def test_a_setting_that_is_none_costs_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: Callable[[], object]
) -> None:
    monkeypatch.setenv("MOTCUA_CLOCK", "sun")
    monkeypatch.setattr(sys, "argv", ["here", "services.audit.main", "verify"])
    try:
        told = command()
    except SystemExit as left:
        told = left.code
    said = told if isinstance(told, str) else capsys.readouterr().err
    assert said.startswith("MOTCUA_CLOCK is set to something that it cannot be:")


def test_keys_that_everybody_knows_are_refused_before_anything_starts_where_others_could_use_them() -> None:
    with pytest.raises(OpenDoorError, match=r"set MOTCUA_KEYS_FILE, or leave MOTCUA_HOST at 127\.0\.0\.1"):
        check_keys(None, None, "0.0.0.0")
    check_keys(None, None, "127.0.0.1")
    check_keys(None, False, "0.0.0.0")
    check_keys(Path("keys.json"), None, "0.0.0.0")


def test_a_state_directory_may_be_named_in_any_language(tmp_path: Path) -> None:
    """Java reads its settings as ISO 8859-1, with escapes; Redis reads UTF-8, and an escape in quotes."""
    settings = StackSettings(state_dir=tmp_path / "Một Cửa 𠀋 \\t")
    written = kafka.properties(settings)
    assert written.isascii()
    assert f"log.dirs={tmp_path}/M\\u1ed9t C\\u1eeda \\ud840\\udc0b \\u005ct/kafka/data\n" in written
    assert f'dir "{tmp_path}/Một Cửa 𠀋 \\\\t/redis"' in valkey.configuration(settings)


@pytest.mark.parametrize("base", [0, 65_401, 70_000])
def test_a_base_without_room_for_its_ports_is_refused(base: int) -> None:
    with pytest.raises(ValidationError, match="port_base"):
        StackSettings(port_base=base)


@pytest.mark.parametrize("status", [0, 1])
def test_a_command_whose_output_is_not_read_to_its_end_comes_to_its_own(status: int) -> None:
    """As `make up | head -1`: what it does is done, and its exit status is what it has come to."""
    program = (
        "import sys\nfrom deploy.operators.reader import is_read, unread_is_no_error\nunread_is_no_error()\n"
        "for n in range(100_000): print(n)\n"
        f"assert not is_read()\nprint('done', file=sys.stderr)\nsys.exit({status})"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        assert done.stdout.readline() == b"0\n"
        done.stdout.close()
        assert (done.stderr.read(), done.wait(30)) == (b"done\n", status)
