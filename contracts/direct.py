"""HTTP to the system's own doors: never through the proxy that `http_proxy` names for the world outside."""

from typing import Final
from urllib.request import OpenerDirector, ProxyHandler, build_opener

OPENER: Final[OpenerDirector] = build_opener(ProxyHandler({}))
