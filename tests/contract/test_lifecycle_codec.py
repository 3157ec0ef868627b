"""The lifecycle codec: one wire form, two readings of it, equal records in equal bytes."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import lifecycle
from contracts.data import FACTS
from contracts.lifecycle import Counted, Entry, Lifecycle, Stand, Step
from tests.contract.published import examples, is_valid, name_of

CODES = st.from_regex(r"[A-Za-z0-9._-]{1,6}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers(0, 2**53)
OUTCOMES = st.sampled_from(["applied", "parked", "duplicate", "rejected", "annulled", "tick", "control"])
STANDS = st.builds(
    Stand, procedure=st.none() | CODES, field=st.none() | TEXTS, channel=st.none() | CODES, receiver=st.none() | CODES,
    competent=st.none() | CODES, state=st.none() | st.integers(1, 10), overdue=st.booleans(), due_in_24h=st.booleans(),
    state_detail=st.sampled_from([None, "suspended", "terminal"]), parked=st.dictionaries(CODES, st.integers(1, 32)),
)  # fmt: skip
STEPS = st.builds(
    Step, fact=st.sampled_from(sorted(FACTS)), competent=CODES, birth=st.sampled_from([None, "case", "leg"]),
    timeliness=st.sampled_from([None, "early", "on_time", "late", "without_due"]), digitised=st.booleans(),
    late=st.sampled_from([None, "by_link", "entry"]),
)  # fmt: skip
ENTRIES = st.lists(
    st.builds(
        Entry, offset=NUMBERS, standing=OUTCOMES, source=st.none() | CODES, day=st.none() | st.dates().map(str),
        skewed=st.booleans(), backdated=st.booleans(), step=st.none() | STEPS,
    ),
    max_size=3,
).map(tuple)  # fmt: skip
POSITIONS = st.tuples(NUMBERS, NUMBERS)
RECORDS = st.builds(
    Lifecycle, src=POSITIONS, prev=st.none() | POSITIONS, last=st.booleans(), outcome=OUTCOMES, recorded_at=NUMBERS,
    log_clock=st.none() | NUMBERS, digest=st.none() | CODES, source=st.none() | TEXTS, occurred_at=st.none() | NUMBERS,
    fact=st.none() | st.sampled_from(sorted(FACTS)), dossier=st.none() | CODES, was=st.none() | STANDS,
    now=st.none() | STANDS, undone=ENTRIES, done=ENTRIES, retired=st.booleans(),
)  # fmt: skip


@given(RECORDS)
def test_a_record_is_read_back_and_is_valid(record: Lifecycle) -> None:
    """Nothing is lost, and anyone's JSON Schema validator takes it."""
    value = lifecycle.encode(record)
    assert lifecycle.decode(value) == record
    assert lifecycle.encode(lifecycle.decode(value)) == value
    assert is_valid("records/lifecycle", json.loads(value))


@pytest.mark.slow
@given(RECORDS)
def test_both_readings_say_the_same(record: Lifecycle) -> None:
    """A counting reader that decodes the pieces by itself misses nothing that counts."""
    lean = lifecycle.decode_countable(lifecycle.encode(record))
    for name in lifecycle.Position.__struct_fields__:
        assert getattr(lean, name) == getattr(record, name)
    for piece, stand in ((lean.was, record.was), (lean.now, record.now)):
        assert (lifecycle.decode_stand(bytes(piece)) if bytes(piece) else None) == stand
    for pieces, entries in ((lean.undone, record.undone), (lean.done, record.done)):
        assert [entry_of(offset, lifecycle.decode_counted(bytes(piece))) for offset, piece in pieces] == list(entries)


@pytest.mark.slow
@given(STANDS, ENTRIES)
def test_equal_pieces_are_equal_bytes_in_whatever_record(stand: Stand, entries: tuple[Entry, ...]) -> None:
    """A memo by bytes needs that: neither the offset nor the order in which misfits were parked is in a piece."""
    turned = msgspec.structs.replace(stand, parked=dict(reversed(stand.parked.items())))
    moved = tuple(msgspec.structs.replace(entry, offset=entry.offset + 1) for entry in entries)
    one = lifecycle.decode_countable(lifecycle.encode(a_record(1, now=stand, done=entries)))
    other = lifecycle.decode_countable(lifecycle.encode(a_record(2, now=turned, done=moved)))
    assert bytes(one.now) == bytes(other.now)
    assert [bytes(piece) for _, piece in one.done] == [bytes(piece) for _, piece in other.done]


@given(STANDS)
def test_equal_records_are_equal_bytes(stand: Stand) -> None:
    """The chain goes over the bytes: a re-fold must give the same ones."""
    turned = msgspec.structs.replace(stand, parked=dict(reversed(stand.parked.items())))
    assert lifecycle.encode(a_record(1, was=stand)) == lifecycle.encode(a_record(1, was=turned))


@pytest.mark.parametrize("path", [p for p in examples("invalid/records") if p.name.startswith("lifecycle.")], ids=name_of)
def test_the_lean_reading_refuses_what_it_can_see(path: Path) -> None:
    """Position and shape are checked at once; the pieces when they are decoded."""
    value = json.dumps(json.loads(path.read_text())["record"]).encode()
    with pytest.raises(ValueError, match=r"."):
        read_leanly(value)


@given(st.binary(max_size=80))
def test_other_bytes_are_a_value_error(value: bytes) -> None:
    """A reader stops with one kind of error."""
    for read in (lifecycle.decode, read_leanly):
        with pytest.raises(ValueError, match=r"."):
            read(value)


def test_the_chain_is_blake2b_over_the_chain_before_and_the_value() -> None:
    """The figure was made with `b2sum -l 64` over eight zero bytes and the two letters."""
    first = lifecycle.chain(lifecycle.CHAIN_START, b"ab")
    assert first.hex() == "1c477b7b71d464b0"
    assert lifecycle.chain(first, b"ab") != first


def a_record(offset: int, **pieces: Any) -> Lifecycle:
    return Lifecycle(src=(offset, 0), prev=None, last=True, outcome="applied", recorded_at=1, **pieces)


def entry_of(offset: int, counted: Counted) -> Entry:
    return Entry(offset=offset, **msgspec.structs.asdict(counted))


def read_leanly(value: bytes) -> None:
    record = lifecycle.decode_countable(value)
    for stand in (record.was, record.now):
        if bytes(stand):
            lifecycle.decode_stand(bytes(stand))
    for _, piece in (*record.undone, *record.done):
        lifecycle.decode_counted(bytes(piece))
