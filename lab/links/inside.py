"""Sockets that live in a network namespace, made by a process that itself stays outside of it."""

import ctypes
import os
import socket
from pathlib import Path
from typing import Any

import aiohttp

from lab.errors import LinksError

NAMESPACES = Path("/run/netns")
CLONE_NEWNET = 0x40000000  # setns(2): a network namespace, and no other kind


class Inside:
    """Makes sockets in the namespace of this name; they stay there. For one thread, which is back before anybody waits."""

    def __init__(self, namespace: str) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            self._there = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise LinksError(f"there is no network namespace {namespace}: {error.strerror}") from error
        self._here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self, address: tuple[Any, ...]) -> socket.socket:
        """For aiohttp: a socket of this family, kind and protocol."""
        family, kind, protocol = address[:3]
        self._enter(self._there)
        try:
            return socket.socket(family, kind, protocol)
        finally:
            self._enter(self._here)

    def reaches(self, door: str, within_seconds: float) -> bool:
        """Whether somebody can be connected to from there, at host:port."""
        host, _, port = door.rpartition(":")
        with self((socket.AF_INET, socket.SOCK_STREAM, 0)) as line:
            line.settimeout(within_seconds)
            return line.connect_ex((host, int(port))) == 0

    def close(self) -> None:
        """Lets go of the namespace; its sockets stay."""
        os.close(self._there)
        os.close(self._here)

    def _enter(self, namespace: int) -> None:
        if self._libc.setns(namespace, CLONE_NEWNET) != 0:
            raise LinksError(f"cannot change the network namespace: {os.strerror(ctypes.get_errno())}")


def connector(inside: Inside | None, limit: int = 100) -> aiohttp.TCPConnector:
    """For a client whose connections begin there; None: here."""
    return aiohttp.TCPConnector(limit=limit, socket_factory=inside)
