"""What the fold needs of whoever brings it records; the narrow door through which Faust could be left."""

from collections.abc import Collection, Mapping
from typing import Protocol


class Host(Protocol):
    """A member of the group that reads the lifecycle topic. Partitions are numbers, offsets those of the log."""

    def mine(self) -> set[int]:
        """The partitions assigned now; none while they are being handed out."""

    async def earliest_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The first offset that the log still has."""

    async def highwaters(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The offset that the next record will have."""

    async def seek(self, offsets: Mapping[int, int]) -> None:
        """The next records of these partitions are those from these offsets on; returns when that is so."""
