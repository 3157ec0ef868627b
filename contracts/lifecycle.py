"""Lifecycle records: what one reported record did to at most one dossier, so that a counting reader needs no memory."""

from hashlib import blake2b
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec import field as member

Outcome = Literal["applied", "parked", "duplicate", "rejected", "annulled", "tick", "control"]
Timeliness = Literal["early", "on_time", "late", "without_due"]
Late = Literal["by_link", "entry"]
Birth = Literal["case", "leg"]

CHAIN_HEADER = "chain"
CHAIN_START = bytes(8)


class Stand(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a dossier stands: what its stocks are counted from, and what its steps are counted under."""

    procedure: str | None = None
    field: str | None = None
    channel: str | None = None
    receiver: str | None = None
    competent: str | None = None
    state: int | None = None
    state_detail: Literal["suspended", "terminal"] | None = None
    overdue: bool = False
    due_in_24h: bool = False
    due_in_72h: bool = False
    acceptance_overdue: bool = False
    parked: dict[str, int] = member(default_factory=dict)


class Step(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The countable content of an event that moved its dossier.

    `competent` is the body competent when it applied (at a hand-over the one that gives up). `timeliness` stands on the
    completion that holds now, and on no other.
    """

    fact: str
    competent: str
    birth: Birth | None = None
    timeliness: Timeliness | None = None
    late: Late | None = None
    digitised: bool = False
    electronic_result: bool = False
    paid_online: bool = False


class Entry(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One reported record as it counts: undone under `was`, done under `is`. `source` is the code, `day` that of `time`."""

    offset: int
    standing: Outcome
    source: str | None = None
    day: str | None = None
    skewed: bool = False
    backdated: bool = False
    step: Step | None = None


class Lifecycle(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One lifecycle record. Instants are microseconds since 1970; `src` and `prev` are (offset, index) pairs."""

    src: tuple[int, int]
    prev: tuple[int, int] | None
    last: bool
    outcome: Outcome
    recorded_at: int
    log_clock: int | None = None
    digest: str | None = None
    source: str | None = None
    fact: str | None = None
    occurred_at: int | None = None
    dossier: str | None = None
    was: Stand | None = None
    now: Stand | None = member(default=None, name="is")
    undone: tuple[Entry, ...] = ()
    done: tuple[Entry, ...] = ()
    retired: bool = False


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Lifecycle)


def encode(record: Lifecycle) -> bytes:
    """The record's value bytes; equal records give equal bytes."""
    return _ENCODER.encode(record)


def decode(value: bytes) -> Lifecycle:
    """The record of its value bytes; msgspec.MsgspecError when they are none."""
    return _DECODER.decode(value)


def chain(previous: bytes, value: bytes) -> bytes:
    """The 8-byte digest that ties a record to all before it in its partition."""
    return blake2b(previous + value, digest_size=8).digest()
