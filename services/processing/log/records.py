"""A record as Kafka keeps it, with the digest by which it is known again."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from confluent_kafka import Message
from msgspec import Struct

_PACK = msgspec.msgpack.Encoder()


class Record(Struct, frozen=True, gc=False):
    """One stored record; `recorded_at` is its LogAppendTime in microseconds."""

    offset: int
    recorded_at: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    def digest(self) -> bytes:
        """What is kept of the last record read, to know whether the log is still the same."""
        return blake2b(_PACK.encode((self.recorded_at, self.key, self.value, self.headers)), digest_size=16).digest()


def of(found: Message) -> Record:
    """The record of a consumed one without an error."""
    # The client types keys, values and header values as text or bytes; what it hands out are bytes.
    read: Any = found
    return Record(read.offset(), read.timestamp()[1] * 1000, read.key(), read.value(), read.headers() or [])
