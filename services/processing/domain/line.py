"""The line: the fold of one partition as values, from positions to the lifecycle records and dead letters they leave."""

from typing import Final

import msgspec
from msgspec import Struct

from contracts import instants, lifecycle
from contracts.deadletters import Src
from contracts.events import Activated, Control, Event, Opened, Ticked
from contracts.lifecycle import CHAIN_START, Lifecycle
from services.processing.domain.dossier import Retired
from services.processing.domain.effects import Effect, Letter, Moment

INTERNAL_ERRORS_MAX_PER_HOUR: Final = 10


class Position(Struct, frozen=True, kw_only=True, gc=False):
    """How far a partition is folded and what the next record builds on; stored in one step with its dossiers.

    `index` > 0 and `scanned` are set between the slices of a tick or activation only. `digest` is that of the rules in
    force: of the former ones until an activation is worked off. Instants are microseconds since 1970.
    """

    offset: int = 0
    index: int = 0
    scanned: str | None = None
    src: tuple[int, int] | None = None
    chain: bytes = CHAIN_START
    letter_src: Src | None = None
    clock: str | None = None
    cluster: str | None = None
    log_clock: int | None = None
    first_clock: int | None = None
    digest: str | None = None
    errors: tuple[int, ...] = ()
    recorded_at: int | None = None

    @property
    def too_many_errors(self) -> bool:
        """Whether the fold failed so often within an hour that the partition must stop with an alarm."""
        return len(self.errors) > INTERNAL_ERRORS_MAX_PER_HOUR


class SentLetter(Struct, frozen=True, gc=False):
    """A dead letter to produce: the bytes and headers of the reported record at `offset`."""

    offset: int
    code: str
    detail: str
    src: Src
    prev: Src | None


class Sent(Struct, frozen=True, gc=False):
    """One lifecycle record to produce, with the dead letters that belong to it."""

    src: tuple[int, int]
    value: bytes
    chain: bytes
    dossier: str | None
    letters: tuple[SentLetter, ...] = ()


def after_event(position: Position, at: Moment, event: Event | None, effect: Effect) -> tuple[Position, Sent]:
    """An event (None: an unreadable record) leaves exactly one record; the position moves to the next offset."""
    record = Lifecycle(
        src=(at.offset, 0),
        prev=position.src,
        last=True,
        outcome=effect.outcome,
        recorded_at=at.recorded_at,
        log_clock=position.log_clock,
        digest=position.digest,
        source=None if event is None else event.source,
        fact=None if event is None else event.fact,
        occurred_at=None if event is None else event.time,
        dossier=None if event is None else event.subject,
        was=effect.was,
        now=effect.now,
        undone=effect.undone,
        done=effect.done,
    )
    return _send(
        position, record, effect.letters, offset=at.offset + 1, index=0, scanned=None,
        errors=_errors(position, at, effect), recorded_at=at.recorded_at,
    )  # fmt: skip


def after_dossier(
    position: Position, at: Moment, code: str, effect: Effect, *, log_clock: int | None, digest: str | None
) -> tuple[Position, Sent]:
    """One changed dossier within a tick or activation; `log_clock` and `digest` are those after the control record."""
    record = Lifecycle(
        src=(at.offset, position.index),
        prev=position.src,
        last=False,
        outcome=effect.outcome,
        recorded_at=at.recorded_at,
        log_clock=log_clock,
        digest=digest,
        dossier=code,
        was=effect.was,
        now=effect.now,
        undone=effect.undone,
        done=effect.done,
        retired=_is_retired(effect),
    )
    return _send(
        position, record, effect.letters, index=position.index + 1, scanned=code, errors=_errors(position, at, effect)
    )


def after_control(position: Position, at: Moment, control: Control, *, log_clock: int | None) -> tuple[Position, Sent]:
    """The closing record of a control record; the position moves to the next offset, clock and rules take effect."""
    digest = control.digest if isinstance(control, Activated) else position.digest
    record = Lifecycle(
        src=(at.offset, position.index),
        prev=position.src,
        last=True,
        outcome="tick" if isinstance(control, Ticked) else "control",
        recorded_at=at.recorded_at,
        log_clock=log_clock,
        digest=digest,
        done=(lifecycle.Entry(offset=at.offset, standing="tick" if isinstance(control, Ticked) else "control"),),
    )
    first_clock = position.first_clock
    if first_clock is None:
        first_clock = log_clock
    opened = control if isinstance(control, Opened) else None
    return _send(
        position, record, (), offset=at.offset + 1, index=0, scanned=None, log_clock=log_clock,
        first_clock=first_clock, digest=digest, recorded_at=at.recorded_at,
        clock=position.clock if opened is None else opened.clock,
        cluster=position.cluster if opened is None else opened.cluster,
    )  # fmt: skip


def clock_after(position: Position, tick: Ticked, recorded_at: int) -> int:
    """The log clock a tick leads to: never backwards; in an archive of the wall clock not beyond its recording."""
    at = tick.at if position.clock == "log" else min(tick.at, recorded_at)
    return at if position.log_clock is None else max(at, position.log_clock)


def _send(position: Position, record: Lifecycle, letters: tuple[Letter, ...], **moved: object) -> tuple[Position, Sent]:
    value = lifecycle.encode(record)
    chain = lifecycle.chain(position.chain, value)
    sent: list[SentLetter] = []
    last = position.letter_src
    for n, letter in enumerate(letters):
        src = (*record.src, n)
        sent.append(SentLetter(letter.offset, letter.code, letter.detail, src, last))
        last = src
    after = msgspec.structs.replace(position, src=record.src, chain=chain, letter_src=last, **moved)
    return after, Sent(record.src, value, chain, record.dossier, tuple(sent))


def _errors(position: Position, at: Moment, effect: Effect) -> tuple[int, ...]:
    if not effect.internal_error:
        return position.errors
    recent = tuple(moment for moment in position.errors if moment > at.recorded_at - instants.HOUR)
    return (*recent, at.recorded_at)[-(INTERNAL_ERRORS_MAX_PER_HOUR + 1) :]


def _is_retired(effect: Effect) -> bool:
    return effect.outcome == "tick" and isinstance(effect.dossier, Retired)
