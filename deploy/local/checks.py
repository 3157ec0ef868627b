"""What is looked at before anything is started, so that a wrong start costs one sentence and leaves nothing behind."""

import random
import socket
from collections.abc import Iterable

from deploy.local.errors import OldPythonError, PortInUseError
from deploy.local.settings import CONTROLLER_PORT, OLDEST_PYTHON, PORTS

_BASES = range(20_000, 32_600, 100)  # below Linux' ephemeral ports, so that no outgoing connection takes one meanwhile
_TRIES = 200


def check_python(version: tuple[int, int]) -> None:
    """OldPythonError when this Python is older than the services need."""
    if version < OLDEST_PYTHON:
        raise OldPythonError(version, OLDEST_PYTHON)


def check_ports(host: str, port_base: int, services: Iterable[str]) -> None:
    """PortInUseError for the first port of these services that somebody else listens on."""
    for service in services:
        if service not in PORTS:
            continue
        offsets = [PORTS[service], CONTROLLER_PORT] if service == "kafka" else [PORTS[service]]
        for offset in offsets:
            if not is_free(host, port_base + offset):
                raise PortInUseError(port_base + offset, service, free_port_base(host))


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections that have just ended do not matter to a server (it sets this option too); a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port_base(host: str = "127.0.0.1") -> int:
    """A base, chosen by chance, whose ports are all free now."""
    offsets = [*PORTS.values(), CONTROLLER_PORT]
    for base in random.sample(_BASES, k=min(_TRIES, len(_BASES))):
        if all(is_free(host, base + offset) for offset in offsets):
            return base
    raise RuntimeError(f"no free block of ports between {_BASES.start} and {_BASES.stop}")
