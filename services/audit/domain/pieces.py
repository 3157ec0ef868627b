"""Pieces of lifecycle records by number: equal pieces are equal bytes, so each is read once and remembered as an integer."""

from typing import NamedTuple

import msgspec

from contracts.lifecycle import Counted, Stand, decode_counted, decode_stand

NOTHING = 0
# Bytes that are looked up without being read again; what they stand for is never forgotten.
READ_MAX = 200_000


class Head(NamedTuple):
    """The part of a stand under which steps count."""

    field: str | None
    channel: str | None
    receiver: str | None


class Pieces:
    """Numbers for stands, as far as they count (whatever the procedure), and for entries; 0 is the absent piece."""

    def __init__(self) -> None:
        self.stands: list[Stand] = []
        self.entries: list[Counted] = [Counted(standing="control")]
        self.heads: list[Head] = []
        self.head_of: list[int] = []
        self._stands: dict[bytes, int] = {}
        self._entries: dict[bytes, int] = {b"": NOTHING}
        self._alike: dict[bytes, int] = {}
        self._heads: dict[Head, int] = {}
        self._stand(Stand())

    def stand(self, piece: bytes) -> int:
        """Number of a stand as it counts; ValueError when it is none."""
        if not piece:
            return NOTHING
        number = self._stands.get(piece)
        if number is None:
            if len(self._stands) >= READ_MAX:
                self._stands.clear()
            number = self._stands[piece] = self._stand(decode_stand(piece))
        return number

    def entry(self, piece: bytes) -> int:
        """Number of what an entry counts as; ValueError when it is none."""
        number = self._entries.get(piece)
        if number is None:
            counted = decode_counted(piece)
            number = self._entries[piece] = len(self.entries)
            self.entries.append(counted)
        return number

    def _stand(self, full: Stand) -> int:
        stand = msgspec.structs.replace(full, procedure=None)
        alike = _ENCODER.encode(stand)
        number = self._alike.get(alike)
        if number is None:
            number = self._alike[alike] = len(self.stands)
            self.stands.append(stand)
            self.head_of.append(self._head(stand))
        return number

    def _head(self, stand: Stand) -> int:
        head = Head(stand.field, stand.channel, stand.receiver)
        number = self._heads.get(head)
        if number is None:
            number = self._heads[head] = len(self.heads)
            self.heads.append(head)
        return number


_ENCODER = msgspec.json.Encoder(order="deterministic")
