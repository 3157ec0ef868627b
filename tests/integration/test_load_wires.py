"""Lines as wires, in a real network namespace: a rate that several share, packets that are lost, nothing left behind."""

import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.links.inside import NAMESPACES, Inside
from lab.links.profiles import Profile
from lab.links.wires import Wires

pytestmark = [
    pytest.mark.wires,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.environ.get("MOTCUA_TEST_NO_WIRES") == "1", reason="no wires are wanted (MOTCUA_TEST_NO_WIRES=1)"),
]

BYTES = 50_000
SLOW = Profile(title="slow", up_kbps=400, down_kbps=4000, round_trip_ms=0, jitter_ms=0, source="made for this test")
LOSSY = replace(SLOW, up_kbps=20_000, down_kbps=20_000, loss_percent=10.0)
PROFILES = {"slow": SLOW, "lossy": LOSSY}
# linux/tcp.h, struct tcp_info: where tcpi_total_retrans stands.
TOTAL_RETRANS = 100


class City:
    """Takes whatever is sent at a line's end, and says at last how many bytes it was."""

    def __init__(self, address: str) -> None:
        self._server = socket.create_server((address, 0))
        self.address = self._server.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                threading.Thread(target=self._take, args=(line,), daemon=True).start()

    def _take(self, line: socket.socket) -> None:
        taken = 0
        while got := line.recv(65536):
            taken += len(got)
        line.sendall(str(taken).encode())
        line.close()


@pytest.fixture
def wires(port_base: int) -> Iterator[tuple[Wires, dict[str, list[str]]]]:
    """Two slow lines and a lossy one, and where they end before the city."""
    laid = Wires(port_base)
    try:
        yield laid, laid.lay(PROFILES, {"slow": 2, "lossy": 1})
    finally:
        laid.close()


def _sent(wires: Wires, city: City, size: int = BYTES) -> tuple[float, int]:
    """How long it took from among the centres until the city had it, and how many packets had to go again."""
    inside = Inside(wires.namespace)
    with inside((socket.AF_INET, socket.SOCK_STREAM, 0)) as line:
        inside.close()
        line.settimeout(60)
        began = time.monotonic()
        line.connect(city.address)
        line.sendall(b"x" * size)
        line.shutdown(socket.SHUT_WR)
        assert int(line.recv(64)) == size
        took = time.monotonic() - began
        again = struct.unpack_from("I", line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), TOTAL_RETRANS)[0]
    return took, again


def test_a_line_has_its_rate_and_who_is_on_it_shares_it(wires: tuple[Wires, dict[str, list[str]]]) -> None:
    """50 kB at 400 kbit/s take a second; two at once on one line take two, on two lines they do not wait for each other."""
    laid, ends = wires
    first, second = (City(address) for address in ends["slow"])
    alone, _ = _sent(laid, first)
    assert alone >= 0.9
    took: dict[str, float] = {}

    def send(name: str, city: City) -> None:
        took[name] = _sent(laid, city)[0]

    for names in (("a", "b"), ("c", "d")):
        sending = [threading.Thread(target=send, args=(name, city)) for name, city in
                   zip(names, (first, first if names[0] == "a" else second), strict=True)]  # fmt: skip
        for each in sending:
            each.start()
        for each in sending:
            each.join()
    assert max(took["a"], took["b"]) >= 1.9
    assert max(took["c"], took["d"]) < max(took["a"], took["b"])
    first.close()
    second.close()


def test_a_congested_line_has_a_tenth_of_its_rate_until_it_is_well_again(
    wires: tuple[Wires, dict[str, list[str]]],
) -> None:
    """10 kB take two seconds at 40 kbit/s."""
    laid, ends = wires
    city = City(ends["slow"][1])
    laid.put("slow", "congested")
    congested, _ = _sent(laid, city, 10_000)
    laid.put("slow", "good")
    well, _ = _sent(laid, city, 10_000)
    assert congested >= 1.5
    assert well < congested
    city.close()


def test_packets_are_lost_and_tcp_has_to_send_them_again(wires: tuple[Wires, dict[str, list[str]]]) -> None:
    """A tenth of a megabyte's packets, and none of a line that loses none."""
    laid, ends = wires
    lossy = City(ends["lossy"][0])
    assert _sent(laid, lossy, 1_000_000)[1] > 10
    lossy.close()


def test_nothing_is_left_and_what_a_killed_lab_left_is_taken_away_by_the_next(port_base: int) -> None:
    """Neither the namespace nor an interface nor a rule."""
    killed, following = Wires(port_base), Wires(port_base)
    try:
        killed.lay(PROFILES, {"slow": 1, "lossy": 1})
        assert len(following.lay(PROFILES, {"slow": 3})["slow"]) == 3
        assert f"mc{port_base}w2" in _said("ip", "-o", "link")
        assert "10000" not in _said("nft", "list", "table", "inet", following.namespace)
    finally:
        following.close()
    assert f"mc{port_base}w" not in _said("ip", "-o", "link")
    assert following.namespace not in _said("nft", "list", "tables")
    assert not Path(NAMESPACES / following.namespace).exists()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
