"""Packed events: pieces that any client's gzip stream may go on with."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.api.packing import HEADER, Event


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_pieces_in_any_row_are_one_gzip_stream(plain: list[bytes]) -> None:
    """Whatever a client heard before: each piece is whole when it has arrived, without waiting for another."""
    events = [Event(each) for each in plain]
    unpacking = zlib.decompressobj(wbits=31)
    assert unpacking.decompress(HEADER) == b""
    for event in [*events, *reversed(events)]:
        assert unpacking.decompress(event.packed) == event.plain


def test_what_repeats_itself_becomes_small() -> None:
    """Rows of units are alike: a tenth is left of them."""
    row = b'{"unit":"19753","counters":{"submitted":900,"received":1300,"received_direct":395}},'
    assert len(Event(row * 40).packed) * 10 < len(row) * 40
