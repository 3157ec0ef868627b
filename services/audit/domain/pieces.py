"""Pieces of lifecycle records by number: equal pieces are equal bytes, so each is read once and remembered as an integer."""

from typing import NamedTuple

from contracts.lifecycle import Counted, Stand, decode_counted, decode_stand

NOTHING = 0


class Head(NamedTuple):
    """The part of a stand under which steps count."""

    field: str | None
    channel: str | None
    receiver: str | None


class Pieces:
    """Numbers for stands and entries; 0 is the absent piece."""

    def __init__(self) -> None:
        self._stands: dict[bytes, int] = {b"": NOTHING}
        self._entries: dict[bytes, int] = {b"": NOTHING}
        self._heads: dict[Head, int] = {}
        self.stands: list[Stand] = [Stand()]
        self.entries: list[Counted] = [Counted(standing="control")]
        self.heads: list[Head] = []
        self.head_of: list[int] = [self._head(Stand())]

    def stand(self, piece: bytes) -> int:
        """Number of a stand; ValueError when it is none."""
        number = self._stands.get(piece)
        if number is None:
            stand = decode_stand(piece)
            number = self._stands[piece] = len(self.stands)
            self.stands.append(stand)
            self.head_of.append(self._head(stand))
        return number

    def entry(self, piece: bytes) -> int:
        """Number of what an entry counts as; ValueError when it is none."""
        number = self._entries.get(piece)
        if number is None:
            counted = decode_counted(piece)
            number = self._entries[piece] = len(self.entries)
            self.entries.append(counted)
        return number

    def _head(self, stand: Stand) -> int:
        head = Head(stand.field, stand.channel, stand.receiver)
        number = self._heads.get(head)
        if number is None:
            number = self._heads[head] = len(self.heads)
            self.heads.append(head)
        return number
