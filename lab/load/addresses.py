"""To whom load may be sent: this machine, and hosts that somebody has named on purpose."""

import ipaddress
import os
from urllib.parse import urlsplit

from lab.errors import AddressError

NAMED_BY = "MOTCUA_LOAD_HOSTS"


def checked(address: str) -> str:
    """`http://host:port` as it was given; AddressError unless it is of this machine or named in MOTCUA_LOAD_HOSTS."""
    host = _host(address)
    if host is None:
        raise AddressError(f"{address!r} is no address of a service: say it as http://127.0.0.1:8001")
    if not (_is_here(host) or host in named_hosts()):
        raise AddressError(
            f"load goes to this machine alone: {host} is another one. If it is a test host of yours, name it in {NAMED_BY}"
        )
    return address.rstrip("/")


def named_hosts() -> tuple[str, ...]:
    """Test hosts named in the environment, separated by commas; names of hosts are the same in capitals."""
    return tuple(name.strip().lower() for name in os.environ.get(NAMED_BY, "").split(",") if name.strip())


def _host(address: str) -> str | None:
    """The host, in small letters; None for whatever is more or less than scheme, host and port."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    more = parts.path not in ("", "/") or any(mark in address for mark in "?#@")
    return None if parts.scheme != "http" or more or port == 0 else host


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
