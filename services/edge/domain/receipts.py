"""Receipts: what intake said of each event that it stored, so that a centre can show where in the archive its events lie."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct

from contracts import instants
from services.edge.domain.replies import ItemReply
from services.edge.domain.window import Waiting


class Stored(Struct, frozen=True):
    """An event, the SHA-256 of the bytes that were sent, and its place in dossier.reported where intake named it."""

    dossier: str
    id: str
    sha256: str
    partition: int | None
    offset: int | None


class Receipt(Struct, frozen=True):
    """One answer of intake."""

    at: str
    stored: tuple[Stored, ...]


def receipt(batch: Sequence[Waiting], items: Sequence[ItemReply], stored: Sequence[int], at: int) -> Receipt:
    """The receipt for those of a batch that were stored, by their indices."""
    return Receipt(
        instants.show(at),
        tuple(
            Stored(
                batch[each].subject,
                batch[each].id,
                sha256(batch[each].body).hexdigest(),
                items[each].partition,
                items[each].offset,
            )
            for each in stored
        ),
    )


def encode(one: Receipt) -> bytes:
    """A line of the exported file, without its end."""
    return msgspec.json.encode(one)
