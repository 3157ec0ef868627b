"""The ledger: a dossier told to a reader, every minute of its legal time with the reason why it ran, stood or was closed."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from contracts import instants
from contracts.data import Received, Submitted
from services.processing.domain import arrows, explained, facts
from services.processing.domain.calendar import HORIZON_DAY
from services.processing.domain.dossier import Dossier
from services.processing.domain.fold import look
from services.processing.domain.generation import GEN
from services.processing.domain.history import Taken, Walk
from services.processing.domain.moves import Move, moves
from services.processing.domain.rules import Rules
from services.processing.domain.sentences import sentence
from services.processing.domain.sources import cited
from services.processing.domain.stretches import Segment, segments, stretches
from services.processing.domain.verdict import verdict

# Three years of half-days and a mebibyte of an answer; a limit is of days or months, and stretches tell all of it. The
# oldest are left out: what runs now is asked for.
SEGMENTS_MAX: Final = 4_000


def dossier_view(dossier: Dossier, log_clock: int | None, rules: Rules) -> dict[str, Any]:
    """`GET /v1/dossiers/{code}`: state, bodies, dues, steps in the order in which they applied, misfits."""
    walk, view = look(dossier, log_clock, rules)
    stand = view.stand
    return {
        "dossier": dossier.code,
        "state": stand.state,
        "state_detail": stand.state_detail,
        "state_name": None if stand.state is None else dict(zip(("vi", "en"), arrows.NAMES[walk.state], strict=True)),
        "procedure": stand.procedure,
        "field": stand.field,
        "channel": stand.channel,
        "parent": walk.parent,
        "receiver": stand.receiver,
        "competent": stand.competent,
        "due_original": explained.show(None if walk.due_original is None else walk.due_original.at),
        "due_current": explained.show(None if walk.due_current is None else walk.due_current.at),
        "acceptance_due": explained.show(walk.acceptance_due if walk.acceptance_hours is not None else None),
        "overdue": stand.overdue,
        "due_in_24h": stand.due_in_24h,
        "due_in_72h": stand.due_in_72h,
        "acceptance_overdue": stand.acceptance_overdue,
        "history": [_step(taken, walk) for taken in walk.steps],
        "misfits": parked_view(dossier, log_clock, rules),
        "gen": GEN,
        "digest": rules.digest,
    }


def deadline_view(dossier: Dossier, log_clock: int | None, rules: Rules) -> dict[str, Any]:
    """`GET /v1/dossiers/{code}/deadline`: every minute, what moved the dues, by which rule, and two sentences."""
    walk, view = look(dossier, log_clock, rules)
    until = _until(walk, log_clock)
    told = [] if until is None else stretches(walk, until)
    pieces = [piece for stretch in told for piece in segments(stretch)]
    moved = list(moves(walk))
    stands = verdict(walk, view.stand, log_clock)
    said = sentence(walk, moved, stands)
    shown = pieces[-SEGMENTS_MAX:]
    return {
        "dossier": dossier.code,
        "state": view.stand.state,
        "state_detail": view.stand.state_detail,
        "limit": None if walk.limit is None else {"amount": walk.limit.amount, "unit": walk.limit.unit},
        "limit_from": _limit_from(walk),
        "segments": [explained.segment(piece) for piece in shown],
        "segments_left_out": len(pieces) - len(shown),
        "stretches": [explained.stretch(stretch) for stretch in told],
        "moves": [explained.move(move) for move in moved],
        "balance": explained.balance(walk, told, pieces),
        "verdict": explained.verdict(stands, walk.completion),
        "due_original": explained.show(None if walk.due_original is None else walk.due_original.at),
        "due_current": explained.show(None if walk.due_current is None else walk.due_current.at),
        "acceptance_due": explained.show(walk.acceptance_due if walk.acceptance_hours is not None else None),
        "rules": cited(_rules(shown, moved, walk), _limit_from(walk), _legal_basis(walk)),
        "calendar_digest": rules.digest,
        "gen": GEN,
        "sentence": {"vi": said.vi, "en": said.en},
    }


def parked_view(dossier: Dossier, log_clock: int | None, rules: Rules) -> list[dict[str, Any]]:
    """The events without a step, each with the reason of its last try and how it stands now."""
    walk, _ = look(dossier, log_clock, rules)
    return [
        {
            "offset": misfit.event.offset,
            "source": misfit.event.source,
            "id": misfit.event.id,
            "fact": misfit.event.fact,
            "occurred_at": instants.show(misfit.event.time),
            "recorded_at": instants.show(misfit.event.recorded_at),
            "code": misfit.code,
            "standing": facts.misfit_standing(misfit, log_clock),
            "expires_at": explained.show(misfit.event.time + facts.PARKED_FOR),
        }
        for misfit in walk.misfits
    ]


def standing_of(dossier: Dossier, offset: int, log_clock: int | None, rules: Rules) -> str | None:
    """How a kept reported record stands now; None for an offset that is not among the kept."""
    _, view = look(dossier, log_clock, rules)
    entry = view.misfits.get(offset) or view.content.get(offset)
    return None if entry is None else entry.standing


def units_concerned(dossier: Dossier, log_clock: int | None, rules: Rules) -> set[str]:
    """The bodies whose keys may read a dossier: receiver, all that were competent, and those that succeeded them."""
    walk, _ = look(dossier, log_clock, rules)
    bodies = set(walk.bodies)
    if log_clock is not None:
        bodies |= {rules.resolve(body, instants.day_number(log_clock)) for body in bodies}
    return bodies


# --- steps, and what a deadline is told from --------------------------------------------------------------------------


def _step(taken: Taken, walk: Walk) -> dict[str, Any]:
    event = taken.event
    state, detail = arrows.public(taken.state)
    step = walk.content[event.offset].step
    return {
        "fact": event.fact,
        "source": event.source,
        "id": event.id,
        "offset": event.offset,
        "occurred_at": instants.show(event.time),
        "recorded_at": instants.show(event.recorded_at),
        "competent": taken.competent,
        "state": state,
        "state_detail": detail,
        "due_current": explained.show(None if taken.due is None else taken.due.at),
        "timeliness": None if step is None else step.timeliness,
        "late": None if step is None else step.late,
    }


def _until(walk: Walk, log_clock: int | None) -> int | None:
    """Up to when there is something to tell: the end of an ended dossier, else the log clock."""
    if not walk.steps:
        return None
    if walk.state in arrows.FINAL or walk.state == arrows.COMPLETED:
        return (walk.completion or walk.steps[-1].event).time
    latest = max(taken.event.time for taken in walk.steps)
    return min(latest if log_clock is None else max(latest, log_clock), instants.midnight(HORIZON_DAY) - 1)


def _limit_from(walk: Walk) -> str | None:
    """Who gave the limit: the event of the reception, that of the submission, or else the catalogue."""
    if walk.limit is None:
        return None
    given = {
        taken.event.fact
        for taken in walk.steps
        if isinstance(taken.event.data, Submitted | Received) and taken.event.data.time_limit is not None
    }
    return next((fact for fact in ("received", "submitted") if fact in given), "catalogue")


def _legal_basis(walk: Walk) -> str | None:
    """The act that the catalogue names for the limit of the walk's procedure."""
    entry = walk.rules.procedure(walk.procedure)
    return None if entry is None else entry.legal_basis


def _rules(shown: Iterable[Segment], moved: Iterable[Move], walk: Walk) -> Iterator[tuple[str, int]]:
    """The rules that the view names, each with the day on which it was applied."""
    for piece in shown:
        yield piece.rule, instants.day_number(piece.begin)
    for move in moved:
        for rule in move.rules:
            yield rule, instants.day_number(move.at)
    if walk.completion is not None:
        for rule in explained.VERDICT_RULES:
            yield rule, instants.day_number(walk.completion.time)
