"""What the kernel knows of the connections to a door of this machine, whichever program holds them (Linux)."""

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from tests.faults.waiting import NotInTimeError

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
DUMP = 0x301
DONE, ERROR = 3, 2
ESTABLISHED = 1 << 1
WITH_TCP_INFO, TCP_INFO = 1 << 1, 2
ANSWER_BYTES = 1 << 18
ANSWER_SECONDS = 5.0
ANY = 0xFFFFFFFF
# Of struct inet_diag_msg: its length, and where both ports stand; of struct tcp_info: where the two counts of bytes do.
DIAG_BYTES, PORTS_AT, COUNTS_AT = 72, 4, 120


class Crossed(NamedTuple):
    """Bytes that a door has taken from its client, and bytes of it that the client has taken."""

    asked: int
    answered: int


def connections(port: int) -> dict[int, Crossed]:
    """The connections that are open to this door now, by the port of their client; NotInTimeError when nobody says."""
    try:
        return _asked(port)
    except OSError as error:
        raise NotInTimeError(f"the kernel does not tell which connections there are: {error}") from error


def _asked(port: int) -> dict[int, Crossed]:
    question = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, WITH_TCP_INFO, 0, ESTABLISHED)
    question += struct.pack("=HH16s16sIII", 0, 0, b"", b"", 0, ANY, ANY)
    told: dict[int, Crossed] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(ANSWER_SECONDS)
        kernel.send(struct.pack("=IHHII", 16 + len(question), SOCK_DIAG_BY_FAMILY, DUMP, 1, 0) + question)
        while True:
            for kind, body in _messages(kernel.recv(ANSWER_BYTES)):
                if kind == DONE:
                    return told
                if kind == ERROR:
                    raise OSError(f"answer {body[:4].hex()}")
                door, client = struct.unpack_from(">HH", body, PORTS_AT)
                if door == port:
                    told[client] = _crossed(body[DIAG_BYTES:])


def _messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(answer):
        length, kind = struct.unpack_from("=IH", answer, at)
        yield kind, answer[at + 16 : at + length]
        at += -(-length // 4) * 4


def _crossed(attributes: bytes) -> Crossed:
    at = 0
    while at < len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, at)
        if kind == TCP_INFO:
            answered, asked = struct.unpack_from("=QQ", attributes, at + 4 + COUNTS_AT)
            return Crossed(asked, answered)
        at += -(-length // 4) * 4
    raise OSError("how much crossed one is missing")
