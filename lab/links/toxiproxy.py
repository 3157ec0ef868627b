"""Links through Toxiproxy: one proxy for each kind of link, put into its conditions through its own API."""

import json
import math
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from lab.errors import LinksError
from lab.links.profiles import Condition, Profile

CALL_SECONDS = 10.0
UP_WITHIN_SECONDS = 20.0
STOP_SECONDS = 5.0
HOST = "127.0.0.1"


class Toxiproxy:
    """A server of its own, ended by `close`. Every connection of a link has the link's rate for itself."""

    name = "Toxiproxy"

    def __init__(self, program: Path, port: int, log: Path) -> None:
        self._api = f"http://{HOST}:{port}"
        self._profiles: dict[str, Profile] = {}
        self._upstreams: dict[str, str] = {}
        self._captive: dict[str, str] = {}
        with log.open("w") as written:
            self._process = subprocess.Popen(
                [str(program), "-host", HOST, "-port", str(port)], stdin=subprocess.DEVNULL, stdout=written, stderr=written
            )
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.close()
                raise LinksError(f"Toxiproxy does not answer at {self._api}: see {log}")
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def version(self) -> str:
        """What it says of itself."""
        return str(self._call("GET", "/version").get("version", "?"))

    def open(self, link: str, profile: Profile, port: int, target: str, captive: str) -> str:
        """A link to `target` (host:port), in good condition; where centres find it. `captive` is a portal's address."""
        self._profiles[link], self._upstreams[link], self._captive[link] = profile, target, captive
        self._call("POST", "/proxies", {"name": link, "listen": f"{HOST}:{port}", "upstream": target, "enabled": True})
        self.put(link, "good")
        return f"{HOST}:{port}"

    def put(self, link: str, condition: Condition) -> None:
        """From now on the link is in this condition."""
        path = f"/proxies/{link}"
        if condition == "cut":
            self._call("POST", path, {"enabled": False})
            return
        upstream = self._captive[link] if condition == "captive" else self._upstreams[link]
        self._call("POST", path, {"enabled": True, "upstream": upstream})
        for toxic in self._call("GET", path)["toxics"]:
            self._call("DELETE", f"{path}/toxics/{toxic['name']}")
        if condition == "half_open":
            for stream in ("upstream", "downstream"):
                self._toxic(path, f"silent-{stream}", "timeout", stream, {"timeout": 0})
            return
        profile = self._profiles[link].congested() if condition == "congested" else self._profiles[link]
        for stream, kbps in (("upstream", profile.up_kbps), ("downstream", profile.down_kbps)):
            one_way = {"latency": round(profile.round_trip_ms / 2), "jitter": round(profile.jitter_ms / 2)}
            self._toxic(path, f"way-{stream}", "latency", stream, one_way)
            kilobytes = max(1, math.ceil(profile.rate_kbps(kbps) / 8))
            self._toxic(path, f"rate-{stream}", "bandwidth", stream, {"rate": kilobytes})

    def close(self) -> None:
        """Ends the server and with it every link."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_SECONDS)

    def _toxic(self, path: str, name: str, kind: str, stream: str, attributes: dict[str, int]) -> None:
        body = {"name": name, "type": kind, "stream": stream, "toxicity": 1.0, "attributes": attributes}
        self._call("POST", f"{path}/toxics", body)

    def _answers(self) -> bool:
        try:
            self._call("GET", "/version")
        except LinksError:
            return False
        return True

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        # It takes its API's callers for browsers unless they say otherwise.
        headers = {"Content-Type": "application/json", "User-Agent": "motcua-lab"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._api + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:
                raw = answer.read()
        except urllib.error.HTTPError as error:
            raise LinksError(f"Toxiproxy answers {error.code} to {method} {path}: {error.read(300)!r}") from error
        except OSError as error:
            raise LinksError(f"Toxiproxy does not answer at {self._api}: {type(error).__name__}") from error
        return json.loads(raw) if raw.startswith(b"{") else {"version": raw.decode(errors="replace")}
