"""The local stack comes up, comes back from being half dead, goes down, and leaves its neighbours alone."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.local import processes
from deploy.local.errors import OtherClockError, OtherStackError, PortInUseError
from deploy.local.readiness import kafka_reason
from deploy.local.settings import REPOSITORY
from deploy.local.stack import Stack
from deploy.operators.log import Log

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

SERVERS = ("kafka", "redis")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, module_port_base: int) -> Iterator[Stack]:
    """One stack for the tests of this module: each begins with `up`, which is itself the promise that it can."""
    # A directory of a name such as people here give.
    made = Stack(tmp_path_factory.mktemp("local") / "Một Cửa", module_port_base, "log")
    yield made
    made.down()


# Supervisor looks each second at what died.
STARTED_ANEW_SECONDS = 1.5


def _command(stack: Stack, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.main", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **stack.environment, **settings},
        capture_output=True,
        text=True,
        timeout=120,
    )


def _until(holds: object, within_seconds: float = 60.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_up_twice_status_down_twice_up_again(stack: Stack) -> None:
    """Each command may be given again; a second `up` touches nothing that runs; what was stored outlives `down`."""
    first = _command(stack, "up", "--only", "kafka,redis")
    assert first.returncode == 0, first.stderr
    assert f"127.0.0.1:{stack.settings.port_base + 92}" in first.stdout
    pids = stack.pids
    assert set(pids) == set(SERVERS)
    assert {name: int((stack.directory / f"{name}.pid").read_text()) for name in SERVERS} == pids

    second = _command(stack, "up", "--only", "kafka,redis")
    assert second.returncode == 0, second.stderr
    assert stack.pids == pids

    status = _command(stack, "status")
    rows = {line.split()[0]: line for line in status.stdout.splitlines()}
    assert rows["kafka"].split()[1:3] == [str(pids["kafka"]), str(stack.settings.port_base + 92)]
    assert rows["kafka"].endswith("yes")
    assert rows["intake"].endswith("no: is not running")
    assert status.returncode == 1, "not everything is ready"
    assert (stack.directory / "kafka" / "data" / "meta.properties").exists(), "what is stored lies in this directory"
    assert "Kafka Server started" in _command(stack, "logs", "kafka", "-n", "5000").stdout
    assert "spawned: 'kafka' with pid" in _command(stack, "logs", "supervisor", "-n", "5000").stdout
    assert "it has redis, kafka, " in _command(stack, "logs", "nobody").stderr

    cluster = Log(stack.settings.bootstrap).cluster_id()
    with redis.Redis.from_url(stack.settings.redis_url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.set("kept", "yes")
    assert _command(stack, "down").returncode == 0
    assert not any(processes.is_alive(pid) for pid in pids.values())
    assert _command(stack, "down").returncode == 0

    stack.up(SERVERS)
    assert Log(stack.settings.bootstrap).cluster_id() == cluster
    with redis.Redis.from_url(stack.settings.redis_url) as client:
        assert client.get("kept") == b"yes"


def test_a_killed_server_comes_back_with_a_right_pid_file(stack: Stack) -> None:
    stack.up(SERVERS)
    before = stack.pids
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    _until(lambda: set(stack.pids) == set(SERVERS) and not set(stack.pids.values()) & set(before.values()))
    stack.wait_ready(SERVERS)
    assert {row.name for row in stack.status() if row.ready} == set(SERVERS)


def test_a_server_that_stands_still_is_named_while_it_is_waited_for(stack: Stack) -> None:
    """`up` mends no hang: it says after ten seconds who keeps it waiting, its log, and what ends that; then it gives up."""
    stack.up(SERVERS)
    frozen = stack.pids["redis"]
    os.kill(frozen, signal.SIGSTOP)
    try:
        still = rf"stands still \(state T\): kill -KILL {frozen}, supervisor starts it anew"
        told = rf"does not answer; PID {frozen} has run for .+ and {still}"
        assert re.search(rf"^redis .+ no: {told}$", _command(stack, "status").stdout, re.MULTILINE)
        waited = _command(stack, "up", "--only", "redis", MOTCUA_READY_WITHIN_SECONDS="14")
        assert waited.returncode == 1
        assert len(re.findall(rf"^  redis +{told} \(see .+/logs/redis\.log\)$", waited.stdout, re.MULTILINE)) == 1
        assert re.search(rf"^redis is not ready after 14 s: it {told}", waited.stderr)
    finally:
        os.kill(frozen, signal.SIGKILL)
    # As the sentence says.
    _until(lambda: stack.pids.get("redis") not in (None, frozen))
    stack.wait_ready(SERVERS)


@pytest.mark.long
def test_a_server_that_has_just_died_is_stopped_for_good(stack: Stack) -> None:
    """Told in the moment in which its supervisor has seen it die and not yet started it anew, too."""
    stack.up(SERVERS)
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4, 0.8):
        os.kill(stack.pids["redis"], signal.SIGKILL)
        time.sleep(pause)
        stack.stop("redis")
        time.sleep(STARTED_ANEW_SECONDS)
        assert "redis" not in stack.pids, pause
        stack.start("redis")


def test_up_starts_only_what_is_missing(stack: Stack) -> None:
    """Half dead: one server stopped, the other running and left alone."""
    stack.up(SERVERS)
    before = stack.pids
    stack.stop("redis")
    assert set(stack.pids) == {"kafka"}
    stack.up(SERVERS)
    assert stack.pids["kafka"] == before["kafka"]
    assert stack.pids["redis"] != before["redis"]


def test_a_stack_whose_supervisor_was_killed_is_put_right_by_up(stack: Stack) -> None:
    stack.up(SERVERS)
    before = stack.pids
    keeper = stack.keeper_pid
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    assert processes.gone(keeper, within_seconds=20)
    said: list[str] = []
    stack.say = said.append
    stack.up(SERVERS)
    assert any("left behind without its supervisor" in line for line in said)
    assert not any(processes.is_alive(pid) for pid in before.values())
    assert set(stack.pids) == set(SERVERS)
    assert stack.keeper_pid not in (None, keeper)


@pytest.mark.long
def test_two_stacks_side_by_side_and_the_sentences_for_two_in_one_place(
    stack: Stack, tmp_path: Path, port_base: int
) -> None:
    stack.up(SERVERS)
    base = stack.settings.port_base

    with pytest.raises(PortInUseError, match=rf"Port {base + 79}, meant for redis, is in use by another program"):
        Stack(tmp_path / "same-ports", base, "log").up(SERVERS)
    assert not (tmp_path / "same-ports").exists(), "a start that was refused leaves nothing behind"
    with pytest.raises(OtherStackError, match=f"runs with MOTCUA_PORT_BASE={base}"):
        Stack(stack.directory, port_base, "log").up(SERVERS)
    with pytest.raises(OtherClockError, match="driven by CLOCK=log"):
        Stack(stack.directory, base, "wall").up(SERVERS)

    other = Stack(tmp_path / "other", port_base, "wall")
    try:
        other.up(SERVERS)
        assert kafka_reason(other.settings.bootstrap) is None
        assert Log(other.settings.bootstrap).cluster_id() != Log(stack.settings.bootstrap).cluster_id()
        pids = stack.pids
        assert _command(other, "wipe").returncode == 0
        assert not other.directory.exists()
        assert stack.pids == pids, "its neighbour's end does not touch it"
    finally:
        other.down()


def test_what_a_stack_runs_is_for_its_user_s_eyes_alone(stack: Stack) -> None:
    """Programs are told keys by their environment, which stands in supervisor's file."""
    stack.up(("redis",))
    for name in ("supervisord.conf", "environment.json"):
        assert (stack.directory / name).stat().st_mode & 0o077 == 0, name


def test_a_server_is_stopped_also_when_its_supervisor_is_gone_or_never_was(stack: Stack) -> None:
    """As `make recover` does before it puts a dump back: Redis must not run then, whoever started it."""
    stack.up(("redis",))
    redis_pid, supervisor_pid = stack.pids["redis"], stack.keeper_pid
    assert supervisor_pid is not None
    os.kill(supervisor_pid, signal.SIGKILL)
    _until(lambda: stack.keeper_pid is None)
    stack.stop("redis")
    assert not processes.is_alive(redis_pid)
    stack.down()
    stack.stop("redis")
    assert stack.pids == {}


def test_a_stack_whose_files_somebody_has_removed_is_still_found_and_ended(stack: Stack) -> None:
    """As by `rm -rf .local`: its supervisor is asked at its socket, which lies elsewhere."""
    stack.down()
    stack.up(("redis",))
    keeper, pids = stack.keeper_pid, stack.pids
    shutil.rmtree(stack.directory)
    assert (stack.keeper_pid, stack.pids) == (keeper, pids)
    with pytest.raises(OtherStackError, match="its files are gone: stop it with make down"):
        stack.up(("redis",))
    assert _command(stack, "wipe").returncode == 0
    assert not processes.is_alive(pids["redis"])
    assert stack.keeper_pid is None
    assert not stack.directory.exists()
