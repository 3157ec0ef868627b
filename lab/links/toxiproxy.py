"""Links through Toxiproxy: a proxy for each door of a kind of link, put into its conditions through its own API."""

from collections.abc import Sequence
from pathlib import Path

from lab.links.profiles import STEP_KBPS, Condition, Profile
from lab.links.server import Server


class Toxiproxy:
    """On a server of its own, ended by `close`. Each connection has its rate for itself: shared lines are divided before.

    Where lines are wires (`has_rates` False), rates and losses are theirs, and the proxy gives delay and conditions alone.
    """

    name = "Toxiproxy"

    def __init__(
        self, program: Path, port: int, log: Path, *, is_awaited: bool = True, has_rates: bool = True
    ) -> None:  # fmt: skip
        self._has_rates = has_rates
        self._paths: dict[str, list[str]] = {}
        self._server = Server(program, port, log, is_awaited=is_awaited)
        self._profiles: dict[str, Profile] = {}
        self._upstreams: dict[str, str] = {}
        self._captive: dict[str, str] = {}

    def wait(self) -> None:
        """Until the server answers; LinksError when it does not."""
        self._server.wait()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def version(self) -> str:
        """What it says of itself."""
        return str(self._server.call("GET", "/version").get("version", "?")).strip()

    def open(self, link: str, profile: Profile, doors: Sequence[str], target: str, captive: str) -> None:
        """A link from these doors to `target`, in good condition; all are host:port. `captive` is a portal's address."""
        self._profiles[link], self._upstreams[link], self._captive[link] = profile, target, captive
        self._paths[link] = [f"/proxies/{link}.{place}" for place in range(len(doors))]
        for path, door in zip(self._paths[link], doors, strict=True):
            name = path.rpartition("/")[2]
            self._server.call("POST", "/proxies", {"name": name, "listen": door, "upstream": target, "enabled": True})
        self.put(link, "good")

    def put(self, link: str, condition: Condition) -> None:
        """From now on the link is in this condition."""
        for path in self._paths[link]:
            self._put(path, link, condition)

    def close(self) -> None:
        """Ends the server and with it every link."""
        self._server.close()

    def _put(self, path: str, link: str, condition: Condition) -> None:
        if condition == "cut":
            self._server.call("POST", path, {"enabled": False})
            return
        upstream = self._captive[link] if condition == "captive" else self._upstreams[link]
        self._server.call("POST", path, {"enabled": True, "upstream": upstream})
        for toxic in self._server.call("GET", path)["toxics"]:
            self._server.call("DELETE", f"{path}/toxics/{toxic['name']}")
        if condition == "half_open":
            for stream in ("upstream", "downstream"):
                self._toxic(path, f"silent-{stream}", "timeout", stream, {"timeout": 0})
            return
        profile = self._profiles[link].congested() if condition == "congested" else self._profiles[link]
        for stream, kbps in (("upstream", profile.up_kbps), ("downstream", profile.down_kbps)):
            one_way = {"latency": round(profile.round_trip_ms / 2), "jitter": round(profile.jitter_ms / 2)}
            self._toxic(path, f"way-{stream}", "latency", stream, one_way)
            if self._has_rates:
                self._toxic(path, f"rate-{stream}", "bandwidth", stream, {"rate": profile.rate_kbps(kbps) // STEP_KBPS})

    def _toxic(self, path: str, name: str, kind: str, stream: str, attributes: dict[str, int]) -> None:
        body = {"name": name, "type": kind, "stream": stream, "toxicity": 1.0, "attributes": attributes}
        self._server.call("POST", f"{path}/toxics", body)
