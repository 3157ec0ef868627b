"""Events packed once for all clients: pieces of a gzip stream that may stand behind any other piece.

Each piece begins without a memory of what was sent before and ends on a byte, so the same bytes fit into everybody's stream.
"""

import struct
import zlib
from functools import cached_property
from typing import Final

LEVEL: Final = 6
# A gzip stream's beginning: deflate, no name, no time, of no system in particular. It has no end: the client goes first.
HEADER: Final = struct.pack("<4BL2B", 0x1F, 0x8B, 8, 0, 0, 0, 255)


class Event:
    """Something that clients hear, plain or packed."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    @cached_property
    def packed(self) -> bytes:
        """A piece to stand behind the header and any other pieces; made when the first client wants it."""
        return _pack(self.plain)


class Packed:
    """The same for what is kept for long: a tenth of it, and plain again for the few who want it so."""

    def __init__(self, plain: bytes) -> None:
        self.packed = _pack(plain)

    @property
    def plain(self) -> bytes:
        """As it was."""
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(self.packed)


def _pack(plain: bytes) -> bytes:
    packing = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packing.compress(plain) + packing.flush(zlib.Z_SYNC_FLUSH)
