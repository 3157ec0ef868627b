"""How the outbox and the line stand, as `GET /v1/outbox` and the status page tell it."""

from msgspec import Struct

from services.edge.domain.fullness import Limits, alarms, fill, refuses
from services.edge.link.line import LinkBook
from services.edge.store.views import Stand


class SourceTold(Struct, frozen=True):
    """How far one source was delivered."""

    incarnation: str
    last_acknowledged_sequence: int


class OutboxTold(Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/outbox`."""

    depth: int
    bytes: int
    oldest_age_seconds: float
    link: str
    fill: float
    sources: dict[str, SourceTold]
    alarm: bool
    full: str | None
    quarantined: dict[str, int]
    clock_offset_seconds: float | None
    heartbeats_refused: dict[str, str]


def told_of(stand: Stand, limits: Limits, link: LinkBook) -> OutboxTold:
    """How the outbox and the line stand; what an earlier incarnation left shows until the present one counts."""
    sources: dict[str, SourceTold] = {}
    for line in sorted(stand.lines, key=lambda line: line.incarnation == stand.incarnation):
        sources[line.source] = SourceTold(line.incarnation, line.last_acknowledged)
    offset = link.clock_offset_seconds
    return OutboxTold(
        depth=stand.unsent,
        bytes=stand.load.bytes,
        oldest_age_seconds=round(stand.oldest_age_seconds, 3),
        link=link.state,
        fill=round(fill(stand.load, limits), 4),
        sources=sources,
        alarm=alarms(stand.load, limits) or not stand.reserve_in_place,
        full="disk" if not stand.has_room else refuses(stand.load, limits),
        quarantined=stand.quarantine,
        clock_offset_seconds=None if offset is None else round(offset, 3),
        heartbeats_refused=dict(sorted(link.unheard.items())),
    )
