"""Cursors: where a list goes on, as text that says nothing to whoever carries it from page to page."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from contracts.data import Code, DossierCode
from contracts.topics import PARTITIONS
from services.processing.domain.generation import GEN
from services.processing.domain.worklists import NO_DUE, Name, Role

CHARACTERS_MAX: Final = 256
FORM: Final = "^[A-Za-z0-9_-]{0,256}$"

_TEXT = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_Place = Annotated[int, Meta(ge=0, lt=1 << 62)]
_Partition = Annotated[int, Meta(ge=0, lt=PARTITIONS)]
# As far as scores of the worklists' sets are whole numbers.
_Score = Annotated[int, Meta(ge=0, le=NO_DUE)]
_C = TypeVar("_C", "RejectedCursor", "ParkedCursor", "WorklistCursor")


class NoCursorError(ValueError):
    """The text is no cursor of this list, or one of another generation."""


class RejectedCursor(Struct, frozen=True, array_like=True, tag=f"rejected{GEN}"):
    """Goes on at an offset of a partition of dossier.rejected; `last` is the highest `src` met in it so far."""

    partition: _Partition = 0
    offset: _Place = 0
    last: tuple[_Place, _Place, _Place] | None = None


class ParkedCursor(Struct, frozen=True, array_like=True, tag=f"parked{GEN}"):
    """Goes on behind a dossier code of a partition; None: from its first."""

    partition: _Partition = 0
    after: DossierCode | None = None


class WorklistCursor(Struct, frozen=True, array_like=True, tag=f"worklist{GEN}"):
    """Goes on behind a score and a dossier code of one list; what stands still is neither passed over nor shown twice."""

    list: Name
    role: Role
    unit: Code
    score: _Score
    code: DossierCode


def write(cursor: RejectedCursor | ParkedCursor | WorklistCursor) -> str:
    """The text of a cursor."""
    return urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def read_rejected(text: str) -> RejectedCursor:
    """The cursor of a text; NoCursorError when it is none of this list."""
    return _read(text, _REJECTED)


def read_parked(text: str) -> ParkedCursor:
    """The cursor of a text; NoCursorError when it is none of this list."""
    return _read(text, _PARKED)


def read_worklist(text: str) -> WorklistCursor:
    """The cursor of a text; NoCursorError when it is none of these lists."""
    return _read(text, _WORKLIST)


def _read(text: str, decoder: "msgspec.json.Decoder[_C]") -> _C:
    if _TEXT.fullmatch(text) is None:
        raise NoCursorError
    try:
        cursor = decoder.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:
        raise NoCursorError from error
    if write(cursor) != text:
        raise NoCursorError
    return cursor


_REJECTED = msgspec.json.Decoder(RejectedCursor)
_PARKED = msgspec.json.Decoder(ParkedCursor)
_WORKLIST = msgspec.json.Decoder(WorklistCursor)
