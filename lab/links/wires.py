"""Wires: a network namespace with a line for each centre, or for those who share one, at a real rate, losing real packets.

A rate is the line's own, whoever is on it: what one does not use another has. Delay and cuts are the proxy's, behind it.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from pathlib import Path

from msgspec import Struct

from lab.errors import LinksError
from lab.links.profiles import Condition, Profile

PROGRAMS = ("ip", "tc", "nft")
LINES_MAX = 512
# RFC 2544, for measurements: no network routes them. A line has four. Labs whose port bases lie 6,400 apart have the same.
NETWORK = IPv4Network("198.18.0.0/15")
ADDRESSES_PER_LINE = 4
INTERFACES = Path("/sys/class/net")
LABS = NETWORK.num_addresses // (LINES_MAX * ADDRESSES_PER_LINE)
PORTS_PER_LAB = 100
FRAME_BYTES = 1514
# What a line may send at once, and what waits before it: as home routers have it, and never less than some packets.
BURST_SECONDS, BURST_FRAMES_LEAST = 0.01, 2
QUEUE_SECONDS, QUEUE_FRAMES_LEAST = 0.5, 15
CALL_SECONDS = 60.0


class Line(Struct, frozen=True):
    """One wire: `near` is its end at the centres, in the namespace, `far` the one before the city."""

    link: str
    near: str
    far: str
    near_address: str
    far_address: str


class Wires:
    """Laid anew by `lay`, gone after `close`, also where that comes while they are laid; LinksError says what is missing or
    what the kernel does not know."""

    def __init__(self, port_base: int) -> None:
        self.namespace = f"motcua-{port_base}"
        self._port_base = port_base
        self._lines: list[Line] = []
        self._profiles: Mapping[str, Profile] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def check(self, lines: Mapping[str, int]) -> None:
        """Whether so many lines of each link can be laid here, before anything is started for them."""
        if not sys.platform.startswith("linux") or os.geteuid() != 0:
            raise LinksError("wires are network namespaces: they need Linux and root; without --wires a proxy alone does it")
        if missing := [each for each in PROGRAMS if shutil.which(each) is None]:
            raise LinksError(f"wires need {' and '.join(missing)}: install iproute2 and nftables")
        if (count := sum(lines.values())) > LINES_MAX:
            raise LinksError(f"{count:,} lines are more than {LINES_MAX} wires: fewer centres, or no --wires, please")

    def lay(self, profiles: Mapping[str, Profile], lines: Mapping[str, int]) -> dict[str, list[str]]:
        """So many lines of each link, in good condition; the addresses at which each ends before the city."""
        self.check(lines)
        with self._lock:
            if self._is_closed:
                raise LinksError("wires are not laid any more: the run was ended")
            self._profiles, self._lines = profiles, self._drawn(lines)
            self._remove()
            self._lay()
        addresses: dict[str, list[str]] = {link: [] for link in lines}
        for each in self._lines:
            addresses[each.link].append(each.far_address)
        return addresses

    def put(self, link: str, condition: Condition) -> None:
        """From now on its lines are as fast as in this condition; one that is gone keeps its rate."""
        profile = self._profiles[link].congested() if condition == "congested" else self._profiles[link]
        with self._lock:
            if not self._is_closed:
                self._rate([each for each in self._lines if each.link == link], {link: profile})

    def close(self) -> None:
        """Takes all of it away again."""
        with self._lock:
            self._is_closed = True
            if self._lines:
                self._remove()

    def _lay(self) -> None:
        _call(["ip", "netns", "add", self.namespace])
        _call(["ip", "-n", self.namespace, "link", "set", "lo", "up"])
        # A packet each: else a whole megabyte would be lost, or pass, as one.
        _call(["ip", "-batch", "-"], (
            f"link add {each.far} gso_max_segs 1 type veth peer name {each.near} gso_max_segs 1 netns {self.namespace}\n"
            f"addr add {each.far_address}/30 dev {each.far}\nlink set {each.far} up\n"
            for each in self._lines
        ))  # fmt: skip
        _call(["ip", "-n", self.namespace, "-batch", "-"], (
            f"addr add {each.near_address}/30 dev {each.near}\nlink set {each.near} up\n" for each in self._lines
        ))  # fmt: skip
        self._rate(self._lines, self._profiles)
        # Dropped where they arrive: who sent them is not told.
        _call(["nft", "-f", "-"], self._losing([(each.far, each.link) for each in self._lines]))
        _call(["ip", "netns", "exec", self.namespace, "nft", "-f", "-"],
              self._losing([(each.near, each.link) for each in self._lines]))  # fmt: skip

    def _drawn(self, lines: Mapping[str, int]) -> list[Line]:
        first = int(NETWORK.network_address) + self._port_base // PORTS_PER_LAB % LABS * LINES_MAX * ADDRESSES_PER_LINE
        links = [link for link, count in lines.items() for _ in range(count)]
        hosts = (list(IPv4Network((first + place * ADDRESSES_PER_LINE, 30)).hosts()) for place in range(len(links)))
        return [
            Line(link, f"w{place}", f"mc{self._port_base}w{place}", str(near), str(far))
            for place, (link, (far, near)) in enumerate(zip(links, hosts, strict=True))
        ]

    def _rate(self, lines: Iterable[Line], profiles: Mapping[str, Profile]) -> None:
        ends = [(each, profiles[each.link]) for each in lines]
        near = (f"qdisc replace dev {each.near} root {_bucket(profile.up_kbps)}\n" for each, profile in ends)
        far = (f"qdisc replace dev {each.far} root {_bucket(profile.down_kbps)}\n" for each, profile in ends)
        _call(["tc", "-n", self.namespace, "-batch", "-"], near)
        _call(["tc", "-batch", "-"], far)

    def _losing(self, ends: Iterable[tuple[str, str]]) -> list[str]:
        rules = [
            f'iifname "{end}" numgen random mod 10000 < {round(loss * 100)} drop\n'
            for end, link in ends
            if (loss := self._profiles[link].loss_percent)
        ]
        return [f"table inet {self.namespace} {{\nchain lost {{\ntype filter hook input priority -10\n", *rules, "}\n}\n"]

    def _remove(self) -> None:
        """Also what a lab that was killed has left at this port base. Wires by themselves: a namespace takes its own along
        only some time after the last who lives in it."""
        left = sorted(each.name for each in INTERFACES.glob(f"mc{self._port_base}w*"))
        _call(["ip", "-force", "-batch", "-"], (f"link del {each}\n" for each in left), may_fail=True)
        _call(["ip", "netns", "del", self.namespace], may_fail=True)
        _call(["nft", "delete", "table", "inet", self.namespace], may_fail=True)


def _bucket(kbps: float) -> str:
    per_second = kbps * 1000 / 8
    burst = max(BURST_FRAMES_LEAST * FRAME_BYTES, round(per_second * BURST_SECONDS))
    queue = max(QUEUE_FRAMES_LEAST * FRAME_BYTES, round(per_second * QUEUE_SECONDS))
    return f"tbf rate {round(kbps * 1000)}bit burst {burst} limit {queue}"


def _call(command: list[str], told: Iterable[str] = (), *, may_fail: bool = False) -> None:
    try:
        done = subprocess.run(
            command, input="".join(told), capture_output=True, text=True, timeout=CALL_SECONDS, check=False
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        if may_fail:
            return
        raise LinksError(f"wires: {' '.join(command)} did not end well: {type(error).__name__}") from error
    if done.returncode and not may_fail:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise LinksError(f"wires: {' '.join(command)} says: {said[0]}")
