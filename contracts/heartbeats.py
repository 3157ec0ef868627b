"""Heartbeats: how an edge says how it stands, so that silence and a backlog can be told apart from idleness."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Meta, MsgspecError, Struct, json

from contracts import instants

Source = Annotated[str, Meta(pattern=r"^/units/[A-Za-z0-9._-]{1,32}(/[A-Za-z0-9._-]{1,64})?$(?!\n)")]
DateTime = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})$(?!\n)"
    ),
]
# Beyond 2**53, readers of JSON take one integer for another, and one of hundreds of digits is no number to Prometheus.
Count = Annotated[int, Meta(ge=0, le=2**53)]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$(?!\n)")]
# First and last of numbers without a hole.
Span = tuple[Count, Count]
SPANS_MAX = 1000
# The newest: a heartbeat must fit into one record of Kafka.
INCARNATIONS_MAX = 10
# An edge that has not been heard for so long may be another one's predecessor, whichever of the two sorts first.
UNHEARD = 5 * instants.MINUTE
# What is written down as a span longer than this is no measurement.
_MEASURED_SECONDS_MAX = 100.0 * 366 * 24 * 3600


class Refused(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Numbers of one incarnation that intake refused: they lie aside, or somebody has decided to forget their events."""

    incarnation: Uuid
    quarantined: Annotated[list[Span], Meta(max_length=SPANS_MAX)] = []
    discarded: Annotated[list[Span], Meta(max_length=SPANS_MAX)] = []


class Heartbeat(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The newest by (`incarnation`, `at`) holds for a `source`; `centre.status` keeps one per source."""

    # `at` is by the edge's clock, or by intake's (as its `Date` shows it) while the two are more than a minute apart: the
    # newest must be the newest also after a clock was put right. `delivered_until` is by the edge's clock, as far as intake
    # takes it: at most a day ahead, and left out before 2000. `clock_offset_seconds` is the edge's clock less intake's.
    # `quarantined_sequences` are of this incarnation, while they are a thousand at most. `refused` has what they leave
    # unsaid; where that is nothing, an intake of a former release, which does not know it, takes the heartbeat as well.
    source: Source
    incarnation: Uuid
    at: DateTime
    spool_depth: Count
    oldest_unsent_age_seconds: Annotated[float, Meta(ge=0)]
    delivered_until: DateTime | None = None
    quarantined_sequences: Annotated[list[Count], Meta(max_length=1000)] = []
    clock_offset_seconds: float = 0.0
    link: Literal["up", "slow", "down", "unknown"] = "unknown"
    refused: Annotated[Sequence[Refused], Meta(max_length=INCARNATIONS_MAX)] = []


class KeptRefused(Refused, frozen=True, forbid_unknown_fields=False, kw_only=True):
    """The same as `centre.status` keeps it."""


class Kept(Heartbeat, frozen=True, forbid_unknown_fields=False, kw_only=True):
    """A heartbeat as `centre.status` keeps it: operators have `retired` its edge, or have not."""

    # The door alone is closed: a reader of an older release must not go on with what the source had said before.
    refused: Annotated[Sequence[KeptRefused], Meta(max_length=INCARNATIONS_MAX)] = []
    retired: bool = False


def read_kept(value: bytes | None) -> Kept | None:
    """A heartbeat of `centre.status`; None for what is none, also where `at` shows no moment or it nests too deep."""
    try:
        beat = json.decode(value or b"", type=Kept)
        instants.parse(beat.at)
    except (MsgspecError, ValueError, RecursionError):
        return None
    return beat


def replaces(beat: Kept, known: Kept | None, latest: int) -> bool:
    """Whether a heartbeat holds instead of a `known` one of its source that lies before it in the log: it is as new by
    incarnation and time, or one of them is that of a retired edge. No true `at` is later than `latest` (µs)."""
    if known is None or known.retired or beat.retired:
        return True
    said_at, known_at = (_said_at(each, latest) for each in (beat, known))
    made_ahead = _is_made_ahead(beat, said_at)
    if beat.incarnation.lower() == known.incarnation.lower() or made_ahead == _is_made_ahead(known, known_at):
        return (known.incarnation.lower(), known_at) <= (beat.incarnation.lower(), said_at)
    # One that was made ahead would hide for as long whatever is made in its place, and is heard where nobody else is.
    return not made_ahead or said_at - known_at > UNHEARD


def _said_at(beat: Kept, latest: int) -> int:
    """Instants have many forms of the same moment. What lies ahead was said by a clock that has been put right since, and
    is older than all that came after it."""
    at = instants.parse(beat.at)
    return at if at <= latest else 0


def _is_made_ahead(beat: Kept, said_at: int) -> bool:
    """Whether a store was made by a clock that ran ahead, as the instant shows at which it says something.

    RFC 9562, 5.7: the first 48 bits of a UUIDv7 are the milliseconds at which it was made.
    """
    made_at = int(beat.incarnation[:8] + beat.incarnation[9:13], 16) * 1000
    return beat.incarnation[14] == "7" and made_at > said_at + instants.MINUTE


def measured(seconds: float) -> int:
    """A span that an edge has measured, in microseconds."""
    return round(max(-_MEASURED_SECONDS_MAX, min(_MEASURED_SECONDS_MAX, seconds)) * instants.SECOND)


def how_many(spans: Iterable[Span]) -> int:
    """How many numbers there are in spans that do not overlap."""
    return sum(max(0, last - first + 1) for first, last in spans)


def how_many_aside(beat: Heartbeat) -> int:
    """How many events lie aside, refused by intake, in all stores that a heartbeat tells of."""
    return len(beat.quarantined_sequences) + sum(how_many(each.quarantined) for each in beat.refused)
