"""Shopify's toxiproxy as the lines, on machines where it is to be had, run as a process of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LinksError
from lab.links import program as programs
from lab.links.server import HOST, Server
from tests.faults.kinds import Spoilt

# Within the hundred of a stand.
PORT = 70
# Kilobytes a second: 20 kbit/s to a centre, little enough to feel to Kafka.
SLOW_RATE = {"line": 2, "kafka": 64}
# After so many bytes either way a lossy line breaks off; all that an edge says in a slot are some 8,000, a tick some 3,000.
LOSSY_BREAKS_AFTER_BYTES = {"line": 500, "kafka": 6_000}
# Of the connections, for each way: of an edge's a few get through. Intake has so few to Kafka that all of them might.
LOSSY_BREAKS_SHARE = {"line": 0.7, "kafka": 1.0}
Toxic = tuple[str, str, float, Mapping[str, int]]
"""(type, stream, share of the connections that have it, attributes)"""


class Toxiproxy:
    """Lines by name; each disturbance is a few toxics, or a line switched off."""

    name = f"toxiproxy v{programs.VERSION}"

    def __init__(self, program: Path, port: int, log: Path) -> None:
        self._server = Server(program, port, log)
        self._spoilt: dict[str, Spoilt] = {}

    def open(self, name: str, port: int, target_port: int) -> None:
        """A line from `port` to `target_port` of this machine."""
        line = {
            "name": _in_path(name),
            "listen": f"{HOST}:{port}",
            "upstream": f"{HOST}:{target_port}",
            "enabled": True,
        }
        self._server.call("POST", "/proxies", line)

    def spoil(self, name: str, how: Spoilt) -> None:
        """From now on, until it is healed."""
        self._spoilt[name] = how
        if how == "cut":
            self._switch(name, on=False)
        for number, (kind, stream, share, attributes) in enumerate(_toxics(name, how)):
            toxic = {"name": f"{how}-{number}", "type": kind, "stream": stream, "toxicity": share, "attributes": attributes}
            self._server.call("POST", f"/proxies/{_in_path(name)}/toxics", toxic)

    def heal(self, name: str) -> None:
        """As good as new."""
        how = self._spoilt.pop(name)
        if how == "half_open":
            # What was held back must never arrive: whoever still believes in the connection learns it now.
            self._switch(name, on=False)
        for number in range(len(_toxics(name, how))):
            self._server.call("DELETE", f"/proxies/{_in_path(name)}/toxics/{how}-{number}")
        self._switch(name, on=True)

    def seed(self, text: str) -> None:
        """Its chance cannot be told anything once it runs."""

    def close(self) -> None:
        """Ends all lines."""
        self._server.close()

    def _switch(self, name: str, on: bool) -> None:
        self._server.call("POST", f"/proxies/{_in_path(name)}", {"enabled": on})


def built() -> Path | None:
    """The program, built when it is not there yet; None on a machine where it cannot be."""
    try:
        return programs.ensure()
    except LinksError:
        return None


def _toxics(name: str, how: Spoilt) -> Sequence[Toxic]:
    both = ("upstream", "downstream")
    match how:
        case "cut":
            return ()
        case "reset":
            return [("reset_peer", stream, 1.0, {"timeout": 0}) for stream in both]
        case "half_open":
            return [("timeout", stream, 1.0, {"timeout": 0}) for stream in both]
        case "slow":
            rate = SLOW_RATE[name.partition(" ")[0]]
            slow: list[Toxic] = [("bandwidth", stream, 1.0, {"rate": rate}) for stream in both]
            return [*slow, ("latency", "downstream", 1.0, {"latency": 200, "jitter": 100})]
        case "lossy":
            end = name.partition(" ")[0]
            after, share = LOSSY_BREAKS_AFTER_BYTES[end], LOSSY_BREAKS_SHARE[end]
            breaks: list[Toxic] = [("limit_data", stream, share, {"bytes": after}) for stream in both]
            return [*breaks, ("latency", "downstream", 1.0, {"latency": 50, "jitter": 400})]
        case "unanswered":
            return [("limit_data", "downstream", 1.0, {"bytes": 0})]


def _in_path(name: str) -> str:
    return name.replace(" ", "-")
