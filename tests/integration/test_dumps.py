"""Dumps of Redis: a whole state of one instant, which wins over the append-only file when it is put back."""

import errno
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from deploy.local import dumps, recovery, recovery_files, statedir, valkey
from deploy.local.errors import DumpError
from deploy.local.settings import REPOSITORY, StackSettings, python

pytestmark = pytest.mark.timeout(120)

START_SECONDS = 30.0
HOUR = 3600.0


class Server:
    """A real server with its append-only file on, as the local stack runs it."""

    def __init__(self, directory: Path, port_base: int) -> None:
        self.settings = StackSettings(state_dir=directory, port_base=port_base)
        valkey.prepare(self.settings)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it and waits until it has loaded."""
        with (self.settings.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(valkey.command(self.settings), stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    assert time.monotonic() < deadline, (self.settings.directory / "log").read_text()
                    time.sleep(0.05)

    def stop(self, by: str = "terminate") -> None:
        """Ends it."""
        if self._process is not None:
            getattr(self._process, by)()
            self._process.wait(START_SECONDS)

    def client(self) -> "redis.Redis":
        """A client."""
        return redis.Redis.from_url(self.settings.redis_url, decode_responses=True)

    def all(self) -> dict[str, str]:
        """Everything it holds, as strings."""
        with redis.Redis.from_url(self.settings.redis_url) as client:
            found = {name: client.get(name) for name in client.keys("*")}
        return {_text(name): _text(value) for name, value in found.items()}


def _text(value: object) -> str:
    assert isinstance(value, bytes)
    return value.decode(errors="backslashreplace")


@pytest.fixture
def server(tmp_path: Path, port_base: int) -> Iterator[Server]:
    running = Server(tmp_path / "state", port_base)
    yield running
    running.stop("kill")


def test_a_dump_that_is_put_back_is_the_state_of_its_instant_and_lasts(server: Server) -> None:
    """The append-only file says more, and the dump wins all the same; what comes afterwards outlives a kill -9 as ever."""
    with server.client() as client:
        client.mset({f"k{number}": "then" for number in range(1000)})
        older = dumps.make(server.settings, kept=3)
        then = server.all()
        client.mset({f"k{number}": "later" for number in range(500, 2000)})
        assert server.all() != then
    recovery_files.lay_ready(server.settings, older)
    server.stop()
    recovery_files.put_back(server.settings)
    server.start()
    assert server.all() == then

    with server.client() as client:
        client.set("after", "yes")
        # Once more than the second for which the file may trail behind.
        client.bgrewriteaof()
        while client.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.05)
    server.stop("kill")
    server.start()
    assert server.all() == {**then, "after": "yes"}
    assert (valkey.directory(server.settings) / recovery_files.BEFORE).is_dir()


def test_so_many_dumps_are_kept_and_a_later_one_changes_no_earlier(server: Server) -> None:
    """The oldest go; each that is kept is whole, and as it was made."""
    with server.client() as client:
        client.set("n", "0")
        bytes_of = {}
        for number in range(4):
            client.set("n", str(number))
            made = dumps.make(server.settings, kept=2)
            bytes_of[made.name] = made.file.read_bytes()
    kept = dumps.found(server.settings)
    assert [each.name for each in kept] == sorted(bytes_of)[-2:]
    for each in kept:
        recovery_files.check(each)
        assert each.file.read_bytes() == bytes_of[each.name]


def test_a_dump_that_is_not_whole_is_refused_and_changes_nothing(server: Server) -> None:
    """A bit that has turned in the file is found before anything is moved; names in it need not be text."""
    with server.client() as client:
        client.mset({b"k\xc3(%d" % number: "value" * 20 for number in range(200)})
    dump = dumps.make(server.settings, kept=3)
    before = server.all()
    server.stop()
    damaged = bytearray(dump.file.read_bytes())
    damaged[len(damaged) // 2] ^= 0x10
    dump.file.unlink()
    dump.file.write_bytes(bytes(damaged))
    with pytest.raises(DumpError, match="not whole"):
        recovery_files.lay_ready(server.settings, dump)
    server.start()
    assert server.all() == before


def test_no_redis_no_dump_and_one_sentence(tmp_path: Path, port_base: int) -> None:
    """Who makes dumps says that Redis does not answer, and leaves no file behind."""
    settings = StackSettings(state_dir=tmp_path, port_base=port_base)
    with pytest.raises(DumpError, match="made no dump"):
        dumps.make(settings, kept=3)
    assert dumps.found(settings) == []


def test_a_file_that_somebody_else_has_put_beside_the_dumps_is_none(server: Server) -> None:
    dump = dumps.make(server.settings, kept=3)
    shutil.copy(dump.file, dump.file.with_name(f"{dump.file.stem}-before-upgrade.rdb"))
    assert [each.name for each in dumps.found(server.settings)] == [dump.name]
    assert dumps.reason_not_ready(server.settings, HOUR) is None


def test_a_dump_for_which_there_is_no_room_is_refused_while_redis_still_runs(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, nothing half laid down, and whatever Redis holds stays as it is."""
    with server.client() as client:
        client.set("a", "1")
    dump = dumps.make(server.settings, kept=3)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("deploy.local.recovery_files.shutil.copyfile", full)
    with pytest.raises(DumpError, match=r"cannot be copied into .*: No space left on device"):
        recovery_files.lay_ready(server.settings, dump)
    assert not (valkey.directory(server.settings) / recovery_files.NEW).exists()
    assert server.all() == {"a": "1"}


def test_what_redis_still_writes_to_is_not_replaced(server: Server) -> None:
    """While something answers at its port the files of a running Redis stay in its hands, whoever started it."""
    with server.client() as client:
        client.set("a", "1")
    recovery_files.lay_ready(server.settings, dumps.make(server.settings, kept=3))
    with server.client() as client:
        client.set("a", "2")
    with pytest.raises(DumpError, match=f"Port {server.settings.port('redis')} still answers"):
        recovery_files.put_back(server.settings)
    server.stop()
    server.start()
    assert server.all() == {"a": "2"}


def test_nothing_is_put_back_while_somebody_else_starts_or_stops_the_stack(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two commands at once: one of them waits for the other, by hand, and changes nothing; nor does one whose Redis runs
    without the stack."""
    directory = server.settings.directory
    dumps.make(server.settings, kept=3)
    marker = statedir.Marker("log", "a-cluster", server.settings.port_base)
    (directory / statedir.MARKER).write_bytes(msgspec.json.encode(marker))
    monkeypatch.setenv("MOTCUA_STATE_DIR", str(directory))
    with statedir.only_one(directory):
        assert recovery.main([]) == 1
    assert "Another command is starting or stopping the stack" in capsys.readouterr().err
    assert not (valkey.directory(server.settings) / recovery_files.NEW).exists()
    assert recovery.main([]) == 1
    assert "still answers" in capsys.readouterr().err
    assert not (valkey.directory(server.settings) / recovery_files.BEFORE).exists()


def test_dumps_that_lie_on_another_file_system_are_kept_there(server: Server, tmp_path: Path) -> None:
    """Where a second name cannot be had, the bytes are copied: a dump is most of use on another disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        assert os.stat(elsewhere).st_dev != os.stat(tmp_path).st_dev
        dumps.directory(server.settings).symlink_to(elsewhere)
        with server.client() as client:
            client.set("a", "1")
        made = dumps.make(server.settings, kept=3)
        recovery_files.check(made)
        assert [each.name for each in Path(elsewhere).iterdir()] == [made.name]


def test_no_place_for_dumps_is_one_sentence(server: Server) -> None:
    dumps.directory(server.settings).write_text("not a directory")
    with pytest.raises(DumpError, match=r"A dump cannot be kept in .*: File exists"):
        dumps.make(server.settings, kept=3)


def test_a_dump_made_by_a_clock_that_was_ahead_holds_up_no_other_and_goes_in_its_turn(server: Server) -> None:
    """The process that makes dumps finds one of the year 2099: it says so, makes another at once, which is the newest from
    then on, and no third before its hour; the earlier goes first."""
    early = dumps.make(server.settings, kept=3)
    ahead = early.file.with_name(f"redis-n{early.number + 1:06}-2099-01-01T000000.000000Z.rdb")
    early.file.rename(ahead)
    assert "from now" in (dumps.reason_not_ready(server.settings, HOUR) or "")
    with Aide(server.settings) as aide:
        aide.wait_for(lambda: len(dumps.found(server.settings)) == 2)
        newest = dumps.found(server.settings)[-1]
        assert newest.name != ahead.name
        assert dumps.reason_not_ready(server.settings, HOUR) is None
        # No third one before its hour.
        time.sleep(2.5)
        assert [each.name for each in dumps.found(server.settings)] == [ahead.name, newest.name]
        assert f"dump {ahead.name} says a later time than the clock" in aide.said()
    dumps.make(server.settings, kept=2)
    assert not ahead.exists()
    assert newest.file.exists()


def test_a_dump_that_cannot_be_made_is_tried_again_after_a_pause(server: Server) -> None:
    """Where nothing can be kept, one sentence and no second try within seconds; the process lives."""
    dumps.directory(server.settings).write_text("not a directory")
    with Aide(server.settings) as aide:
        aide.wait_for(lambda: "cannot be kept" in aide.said())
        time.sleep(3.5)
        assert aide.said().count("cannot be kept") == 1
        assert "The next try is in 15 s." in aide.said()
        assert aide.process.poll() is None


class Aide:
    """The process that makes dumps, as the stack runs it."""

    def __init__(self, settings: StackSettings) -> None:
        self._log = settings.directory / "aide.log"
        told = {"MOTCUA_STATE_DIR": str(settings.directory), "MOTCUA_PORT_BASE": str(settings.port_base)}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [python(), "-m", "deploy.local.dumps"], cwd=REPOSITORY, env={**os.environ, **told}, stdout=log, stderr=log
            )

    def __enter__(self) -> "Aide":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(START_SECONDS)

    def said(self) -> str:
        """Everything it has written."""
        return self._log.read_text(errors="replace")

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Until that has happened."""
        deadline = time.monotonic() + START_SECONDS
        while not happened():
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)
