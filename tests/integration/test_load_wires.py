"""Lines as wires, in a real network namespace: a rate that several share, packets that are lost, nothing left behind."""

import asyncio
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

from lab.errors import LinksError
from lab.links.inside import NAMESPACES, Inside
from lab.links.profiles import Profile
from lab.links.wires import Wires
from lab.load import judging
from lab.load import scenario as scenarios
from lab.load.counting import COUNTS
from lab.load.report import leaving
from lab.load.report.document import document
from tests.conftest import NewProvince
from tests.integration.load_city import city_of, run

pytestmark = [
    pytest.mark.wires,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.environ.get("MOTCUA_TEST_NO_WIRES") == "1", reason="no wires are wanted (MOTCUA_TEST_NO_WIRES=1)"),
]

SMOKE = scenarios.read(str(Path(__file__).resolve().parents[1] / "load_scenarios" / "smoke.toml"))
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
    laid = _wanted(port_base)
    try:
        yield laid, laid.lay(PROFILES, {"slow": 2, "lossy": 1})
    finally:
        laid.close()


def _wanted(port_base: int) -> Wires:
    wires = Wires(port_base)
    try:
        wires.check({"any": 1})
    except LinksError as error:
        pytest.fail(f"{error}; or say MOTCUA_TEST_NO_WIRES=1")
    return wires


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
        return took, _resent(line)


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
    """A tenth of a megabyte's packets, and none on a line that loses none."""
    laid, ends = wires
    lossy, sound = City(ends["lossy"][0]), City(ends["slow"][0])
    assert _sent(laid, lossy, 1_000_000)[1] > 10
    # Less than its queue takes: what does not fit there is lost, too.
    assert _sent(laid, sound, 10_000)[1] == 0
    lossy.close()
    sound.close()


def test_the_way_down_has_its_rate_and_its_losses_too(wires: tuple[Wires, dict[str, list[str]]]) -> None:
    """500 kB at 4,000 kbit/s take a second; of a line that loses there are those who have to send again at the city."""
    laid, ends = wires
    assert _fetched(laid, ends["slow"][0], 500_000)[0] >= 0.9
    assert _fetched(laid, ends["lossy"][0], 1_000_000)[1] > 10


def _fetched(wires: Wires, address: str, size: int) -> tuple[float, int]:
    """How long it took until somebody among the centres had it, and how many packets the city had to send again."""
    again: list[int] = []

    def serve(server: socket.socket) -> None:
        line, _ = server.accept()
        with line:
            line.sendall(b"x" * size)
            line.shutdown(socket.SHUT_WR)
            assert line.recv(1) == b""
            again.append(_resent(line))

    with socket.create_server((address, 0)) as server:
        serving = threading.Thread(target=serve, args=(server,), daemon=True)
        serving.start()
        inside = Inside(wires.namespace)
        with inside((socket.AF_INET, socket.SOCK_STREAM, 0)) as line:
            inside.close()
            line.settimeout(60)
            began = time.monotonic()
            line.connect(server.getsockname())
            taken = 0
            while got := line.recv(65536):
                taken += len(got)
            took = time.monotonic() - began
        serving.join(60)
    assert taken == size
    return took, again[0]


def _resent(line: socket.socket) -> int:
    told = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("I", told, TOTAL_RETRANS)[0])


@pytest.mark.kafka
@pytest.mark.timeout(700)
def test_a_run_over_wires_breaks_no_count(new_province: NewProvince, tmp_path: Path) -> None:
    """With a real edge in the namespace, a congested line and a cut one; its report says over what it was."""
    outcome = asyncio.run(run(city_of(new_province()), SMOKE, tmp_path, is_wired=True))
    told = {each.name: each.word for each in judging.verdicts(outcome)}
    assert {name: told[name] for name in COUNTS} == dict.fromkeys(COUNTS, "kept")
    assert (outcome.edges, outcome.left, outcome.silent_edges) == (1, 0, 0)
    assert leaving.name_of(document(outcome, "2026-01-01T00:00:00", 0.0)) == "smoke.wires"
    assert "delay lies behind the wire" in outcome.links_by


def test_who_is_interrupted_while_wires_are_laid_leaves_none(port_base: int) -> None:
    """Whoever ends them waits until they are laid, and nothing is laid afterwards."""
    wires = _wanted(port_base)

    def lay() -> None:
        with suppress(LinksError):  # ended before it began
            wires.lay(PROFILES, {"slow": 8, "lossy": 8})

    laying = threading.Thread(target=lay)
    laying.start()
    while laying.is_alive() and not (NAMESPACES / wires.namespace).exists():
        time.sleep(0.001)
    wires.close()
    laying.join(60)
    left = _said("ip", "-o", "link"), _said("nft", "list", "tables")
    with pytest.raises(LinksError, match="ended"):
        wires.lay(PROFILES, {"slow": 1})
    wires.close()
    assert f"mc{port_base}w" not in left[0]
    assert wires.namespace not in left[1]


def test_nothing_is_left_and_what_a_killed_lab_left_is_taken_away_by_the_next(port_base: int) -> None:
    """Neither the namespace nor an interface nor a rule."""
    killed, following = _wanted(port_base), Wires(port_base)
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
