"""Reference data: units, departments, procedures and the calendar as one body, named by its digest."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain
from typing import Literal

import msgspec
from msgspec import Struct

from contracts.data import TimeLimit

UnitKind = Literal["ward", "commune", "special_zone", "city_centre", "department"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Unit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A unit or department over the days `valid_from`..`valid_to` (both included, `YYYY-MM-DD`)."""

    code: str
    name: str
    kind: UnitKind
    hours: str
    parent: str | None = None
    valid_from: str
    valid_to: str | None = None
    successor: str | None = None


class Procedure(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A procedure of the catalogue; `sample` marks one that is shipped as an example, not as the city's own list.

    `legal_basis` is the act that sets its limit, in words for people; a body without any has the bytes it always had.
    """

    code: str
    name: str
    field: str
    time_limit: TimeLimit | None = None
    end_to_end: bool = False
    sample: bool = False
    legal_basis: str | None = None


class Calendar(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hours profiles (weekday -> windows `["07:00", "11:30"]`), days off and make-up days with the reason of each.

    National holidays are written out here by whoever builds the body, so that a digest says everything. A make-up day is
    worked with the windows of the weekday that `make_up_as` names in the profile (Monday's, say).
    """

    profiles: dict[str, dict[Weekday, list[tuple[str, str]]]]
    days_off: dict[str, str]
    make_up_days: dict[str, str]
    make_up_as: Weekday = "mon"


class Reference(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One body of reference data."""

    units: list[Unit]
    departments: list[Unit]
    procedures: list[Procedure]
    calendar: Calendar

    def bodies(self) -> Iterator[Unit]:
        """Every row of a unit or department."""
        return chain(self.units, self.departments)

    def codes(self) -> frozenset[str]:
        """Every code that is a unit's or department's on any day."""
        return frozenset(each.code for each in self.bodies())


def encode(body: Reference) -> bytes:
    """Canonical JSON: sorted members, so that equal bodies have equal digests."""
    return msgspec.json.encode(body, order="sorted")


def decode(value: bytes) -> Reference:
    """The body of its bytes; msgspec.MsgspecError when they are none."""
    return msgspec.json.decode(value, type=Reference)


def digest(value: bytes) -> str:
    """The key of a body: BLAKE2b, 16 bytes, in hex."""
    return blake2b(value, digest_size=16).hexdigest()
