"""Dead letters: the original bytes and headers of a rejected record, with the code and detail of the rejection beside."""

from collections.abc import Sequence

from msgspec import Struct

CODE, DETAIL, SRC, PREV = "code", "detail", "src", "prev"

Src = tuple[int, int, int]


class DeadLetter(Struct, frozen=True, kw_only=True):
    """`src` = (offset, index, n): the n-th dead letter of the lifecycle record (offset, index); `prev` the one before."""

    code: str
    detail: str
    src: Src
    prev: Src | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def to_headers(letter: DeadLetter) -> list[tuple[str, bytes | None]]:
    """The original headers, then our four."""
    return [
        *letter.headers,
        (CODE, letter.code.encode()),
        (DETAIL, letter.detail.encode()),
        (SRC, _show(letter.src)),
        (PREV, b"" if letter.prev is None else _show(letter.prev)),
    ]


def from_record(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None) -> DeadLetter:
    """A dead letter read back; ValueError or KeyError when our four headers are not on it."""
    pairs = list(headers or ())
    own = {name: text or b"" for name, text in pairs[-4:]}
    src = _parse(own[SRC])
    return DeadLetter(
        code=own[CODE].decode(),
        detail=own[DETAIL].decode(),
        src=src,
        prev=_parse(own[PREV]) if own[PREV] else None,
        key=key,
        value=value,
        headers=tuple(pairs[:-4]),
    )


def _show(src: Src) -> bytes:
    return b"%d.%d.%d" % src


def _parse(text: bytes) -> Src:
    offset, index, n = text.split(b".")
    return int(offset), int(index), int(n)
