"""When a store may go on counting, and when it must begin a new incarnation."""

from typing import Annotated

from msgspec import Meta, Struct

RANDOM_BYTES = 10
_MS_BITS = 48


class HighWater(Struct, frozen=True):
    """The furthest that a store ever came, kept outside it."""

    incarnation: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)")]
    position: Annotated[int, Meta(ge=0)]


def is_continued(incarnation: str, position: int, mark: HighWater | None) -> bool:
    """Whether this store is the one that made the mark, and not an older copy of it.

    Without a mark nobody can tell, so it is not: a new incarnation costs nothing, a number used twice cannot be undone.
    """
    return mark is not None and mark.incarnation == incarnation and mark.position <= position


def new_incarnation(now_ms: int, chance: bytes, *former: str | None) -> str:
    """A UUIDv7 that sorts behind every former one, also when the clock was set back: audit tells by that which
    numbers lie in a store that was put back."""
    latest = max((_milliseconds(each) for each in former if each is not None), default=-1)
    return _uuid7(max(now_ms, latest + 1), chance)


def _uuid7(milliseconds: int, chance: bytes) -> str:
    bits = int.from_bytes(chance[:RANDOM_BYTES], "big")
    number = (
        (milliseconds & (1 << _MS_BITS) - 1) << 80 | 7 << 76 | (bits >> 62 & 0xFFF) << 64 | 0b10 << 62 | bits & (1 << 62) - 1
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _milliseconds(incarnation: str) -> int:
    return int(incarnation.replace("-", "")[:12], 16)
