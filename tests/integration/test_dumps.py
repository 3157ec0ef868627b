"""Dumps of Redis: a whole state of one instant, which wins over the append-only file when it is put back."""

import errno
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.local import dumps, valkey
from deploy.local.checks import free_port_base
from deploy.local.errors import DumpError
from deploy.local.settings import StackSettings

pytestmark = pytest.mark.timeout(120)

START_SECONDS = 30.0


class Server:
    """A real server with its append-only file on, as the local stack runs it."""

    def __init__(self, directory: Path) -> None:
        self.settings = StackSettings(state_dir=directory, port_base=free_port_base())
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
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "state")
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
    dumps.lay_ready(server.settings, older)
    server.stop()
    dumps.put_back(server.settings)
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
    assert (valkey.directory(server.settings) / dumps.BEFORE).is_dir()


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
        dumps.check(each)
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
        dumps.lay_ready(server.settings, dump)
    server.start()
    assert server.all() == before


def test_no_redis_no_dump_and_one_sentence(tmp_path: Path) -> None:
    """Who makes dumps says that Redis does not answer, and leaves no file behind."""
    settings = StackSettings(state_dir=tmp_path, port_base=free_port_base())
    with pytest.raises(DumpError, match="made no dump"):
        dumps.make(settings, kept=3)
    assert dumps.found(settings) == []


def test_a_file_that_somebody_else_has_put_beside_the_dumps_is_none(server: Server) -> None:
    dump = dumps.make(server.settings, kept=3)
    shutil.copy(dump.file, dump.file.with_name(f"{dump.file.stem}-before-upgrade.rdb"))
    assert [each.name for each in dumps.found(server.settings)] == [dump.name]
    assert dumps.reason_not_ready(server.settings) is None


def test_a_dump_for_which_there_is_no_room_is_refused_while_redis_still_runs(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, nothing half laid down, and whatever Redis holds stays as it is."""
    with server.client() as client:
        client.set("a", "1")
    dump = dumps.make(server.settings, kept=3)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("deploy.local.dumps.shutil.copyfile", full)
    with pytest.raises(DumpError, match=r"cannot be copied into .*: No space left on device"):
        dumps.lay_ready(server.settings, dump)
    assert not (valkey.directory(server.settings) / dumps.NEW).exists()
    assert server.all() == {"a": "1"}
