"""Links through a real Toxiproxy: each condition does to a connection what it says."""

import asyncio
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from deploy.local import golang
from lab.errors import LinksError
from lab.links import program
from lab.links.captive import PAGE, Portal
from lab.links.profiles import Condition, Profile
from lab.links.toxiproxy import Toxiproxy
from lab.load import leftovers

# Where nobody has done so before, the first of these builds Toxiproxy.
pytestmark = pytest.mark.timeout(700)

SILENT_SECONDS = 1.0
SLOW = Profile(title="slow", up_kbps=80, down_kbps=80, round_trip_ms=200, jitter_ms=0, source="made for this test")


class _City(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.rfile.read(size)
        self.send_response(202)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def city() -> Iterator[str]:
    """Where somebody answers `ok`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _City)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def link(city: str, tmp_path: Path, port_base: int) -> Iterator[tuple[Toxiproxy, str]]:
    """A slow link to that city, and where it begins."""
    proxy = Toxiproxy(program.ensure(print), port_base + 39, tmp_path / "toxiproxy.log")
    try:
        address = f"127.0.0.1:{port_base + 40}"
        proxy.open("slow", SLOW, [address], city, "127.0.0.1:9")
        yield proxy, address
    finally:
        proxy.close()


def _post(address: str, body: bytes = b"x", timeout: float = 20.0) -> tuple[int, bytes]:
    host, _, port = address.partition(":")
    line = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        line.request("POST", "/", body)
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def test_a_good_link_takes_its_delay_and_its_rate(link: tuple[Toxiproxy, str]) -> None:
    """At least the round trip; at least what 10,000 bytes take at 10,000 bytes a second."""
    _, address = link
    began = time.monotonic()
    assert _post(address) == (202, b"ok")
    assert time.monotonic() - began >= 0.2
    began = time.monotonic()
    assert _post(address, b"x" * 10_000) == (202, b"ok")
    assert time.monotonic() - began >= 0.8


def test_a_server_says_what_version_it_is(link: tuple[Toxiproxy, str]) -> None:
    """By its own word, unless it was built here and was told none."""
    proxy, _ = link
    assert re.match(r"\d+\.\d+", program.version_of(program.ensure(print), proxy.version()))


def test_what_a_program_says_is_believed(tmp_path: Path) -> None:
    """A named one may be of any version."""
    built = tmp_path / program.BUILT / "toxiproxy-server"
    assert program.version_of(tmp_path / "toxiproxy-server", "2.12.0") == "2.12.0"
    assert program.version_of(built, "2.12.0") == "2.12.0"
    assert program.version_of(built, "git") == program.VERSION
    assert program.version_of(tmp_path / "toxiproxy-server", "git") == "git", "nobody knows of which"


def test_of_a_shared_line_a_connection_has_its_part(link: tuple[Toxiproxy, str], city: str) -> None:
    """Two share 10,000 bytes a second: 5,000 of them take a second, also while the other one sends nothing."""
    proxy, address = link
    shared = msgspec.structs.replace(SLOW, shared_by=2, round_trip_ms=0)
    door = f"127.0.0.1:{int(address.rpartition(':')[2]) + 1}"
    proxy.open("shared", shared, [door], city, "127.0.0.1:9")
    began = time.monotonic()
    assert _post(door, b"x" * 5_000) == (202, b"ok")
    assert time.monotonic() - began >= 0.8


def test_what_a_killed_lab_left_is_ended_by_the_next(link: tuple[Toxiproxy, str], tmp_path: Path) -> None:
    """The proxy's own process, by its pid file and its environment."""
    proxy, _ = link
    assert leftovers.end(tmp_path) == [proxy.pid]


@pytest.mark.parametrize("condition", ["cut", "half_open"])
def test_a_cut_link_refuses_and_a_half_open_one_is_silent(link: tuple[Toxiproxy, str], condition: Condition) -> None:
    """And both are well again afterwards."""
    proxy, address = link
    proxy.put("slow", condition)
    with pytest.raises(ConnectionRefusedError if condition == "cut" else socket.timeout):
        _post(address, timeout=SILENT_SECONDS)
    proxy.put("slow", "good")
    assert _post(address) == (202, b"ok")


def test_a_cut_breaks_what_is_under_way(link: tuple[Toxiproxy, str]) -> None:
    """A body of ten seconds does not get through."""
    proxy, address = link
    timer = threading.Timer(0.5, proxy.put, ("slow", "cut"))
    timer.start()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        _post(address, b"x" * 100_000)
    timer.join()


def test_a_captive_link_shows_its_own_page(tmp_path: Path, port_base: int) -> None:
    """200, and nothing that intake would say."""

    async def ask() -> tuple[int, bytes]:
        async with Portal() as portal:
            proxy = await asyncio.to_thread(Toxiproxy, program.ensure(print), port_base + 39, tmp_path / "toxiproxy.log")
            try:
                address = f"127.0.0.1:{port_base + 40}"
                proxy.open("slow", SLOW, [address], "127.0.0.1:9", portal.address)
                proxy.put("slow", "captive")
                return await asyncio.to_thread(_post, address)
            finally:
                proxy.close()

    assert asyncio.run(ask()) == (200, PAGE)


def test_without_go_and_without_a_program_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, before anything is started."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(golang, "PLACES", ())
    with pytest.raises(LinksError, match="install Go"):
        program.ensure(cache=tmp_path)
    monkeypatch.setenv("MOTCUA_TOXIPROXY", str(tmp_path / "nothing"))
    with pytest.raises(LinksError, match="MOTCUA_TOXIPROXY"):
        program.ensure(cache=tmp_path)
