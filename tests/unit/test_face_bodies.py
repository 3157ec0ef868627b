"""Bodies off the wire: what counts is their size unpacked, within a bound of what arrives."""

import asyncio
import gzip
import random
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from contracts.face.bodies import MEMBERS_MAX, PACKED_BYTES_MORE, _Unpacking, read_body
from contracts.face.problems import ProblemError

BYTES_MAX = 300_000


def read(pieces: Sequence[bytes], **headers: str) -> bytes:
    """What is read of a body that arrives in these pieces."""
    waiting = list(pieces)

    async def receive() -> Message:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return asyncio.run(read_body(Request({"type": "http", "headers": named}, receive), BYTES_MAX, 5.0))


def code_of(pieces: Sequence[bytes], **headers: str) -> tuple[int, str]:
    """How a body is refused."""
    with pytest.raises(ProblemError) as caught:
        read(pieces, **headers)
    return caught.value.status, caught.value.code


@pytest.mark.parametrize("level", [0, 9])
@pytest.mark.parametrize("members", [1, 64])
def test_a_body_within_its_bound_is_taken_also_where_packing_makes_it_longer(level: int, members: int) -> None:
    """To the last byte, with and without its length said; what does not shrink is longer packed."""
    whole, each = random.Random(1).randbytes(BYTES_MAX), BYTES_MAX // members
    parts = [whole[at * each : (at + 1) * each] for at in range(members - 1)] + [whole[(members - 1) * each :]]
    packed = b"".join(gzip.compress(part, level) for part in parts)
    assert len(packed) > BYTES_MAX
    pieces = [packed[: BYTES_MAX // 2], packed[BYTES_MAX // 2 :]]
    assert read(pieces, content_encoding="gzip") == whole
    assert read(pieces, content_encoding="gzip", content_length=str(len(packed))) == whole


def test_a_body_beyond_its_bound_is_refused_packed_or_not() -> None:
    """Unpacked by one byte; packed by one byte unpacked, or by more on the wire than packing can add."""
    whole = b" " * (BYTES_MAX + 1)
    beyond = BYTES_MAX + BYTES_MAX // 1000 + PACKED_BYTES_MORE + 1
    for pieces, headers in (
        ([whole], {}),
        ([b""], {"content_length": str(len(whole))}),
        ([gzip.compress(whole)], {"content_encoding": "gzip"}),
        ([b""], {"content_encoding": "gzip", "content_length": str(beyond)}),
        ([_idle(beyond)], {"content_encoding": "gzip"}),
    ):
        assert code_of(pieces, **headers) == (413, "body_too_large")


def test_of_members_there_may_be_so_many_and_behind_one_that_is_too_large_none_is_unpacked() -> None:
    """Empty ones by the thousand are a bomb of time, one that is large a bomb of memory."""
    assert read([gzip.compress(b"") * MEMBERS_MAX], content_encoding="gzip") == b""
    assert code_of([gzip.compress(b"") * (MEMBERS_MAX + 1)], content_encoding="gzip") == (400, "broken_gzip")
    assert _Unpacking(10).feed(gzip.compress(b" " * 11) + gzip.compress(b" " * 100_000)) == b" " * 11


def _idle(size: int) -> bytes:
    """A beginning of gzip of that size that holds nothing: empty blocks, one after the other."""
    return (gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * (size // 5 + 1))[:size]
