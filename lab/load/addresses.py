"""To whom load may be sent: this machine, and hosts that somebody has named on purpose."""

import ipaddress
import os
from urllib.parse import urlsplit

from lab.errors import AddressError

NAMED_BY = "MOTCUA_LOAD_HOSTS"


def checked(address: str) -> str:
    """`http://host:port` as it was given; AddressError unless it is of this machine or named in MOTCUA_LOAD_HOSTS."""
    parts = urlsplit(address)
    host = parts.hostname
    if parts.scheme != "http" or host is None or parts.path not in ("", "/"):
        raise AddressError(f"{address!r} is no address of a service: say it as http://127.0.0.1:8001")
    if not (_is_here(host) or host in named_hosts()):
        raise AddressError(
            f"load goes to this machine alone: {host} is another one. If it is a test host of yours, name it in {NAMED_BY}"
        )
    return address.rstrip("/")


def named_hosts() -> tuple[str, ...]:
    """Test hosts named in the environment, separated by commas."""
    return tuple(name.strip() for name in os.environ.get(NAMED_BY, "").split(",") if name.strip())


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
