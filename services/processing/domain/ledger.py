"""The ledger: a dossier told to a reader, every minute of its legal time with the reason why it ran, stood or was closed."""

from collections.abc import Iterator
from typing import Any, Final

from contracts import instants
from contracts.data import TimeLimit
from services.processing.domain import arrows, facts
from services.processing.domain.calendar import WorkingTime
from services.processing.domain.dossier import Dossier
from services.processing.domain.fold import look
from services.processing.domain.generation import GEN
from services.processing.domain.history import Taken, Walk
from services.processing.domain.rules import Rules

SEGMENTS_MAX: Final = 2_000
LIMIT_NAMES: Final = {
    "working_hours": ("giờ làm việc", "working hours"),
    "working_days": ("ngày làm việc", "working days"),
    "calendar_days": ("ngày", "calendar days"),
    "months": ("tháng", "months"),
}


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
        "due_original": _show(None if walk.due_original is None else walk.due_original.at),
        "due_current": _show(None if walk.due_current is None else walk.due_current.at),
        "acceptance_due": _show(walk.acceptance_due if walk.acceptance_hours is not None else None),
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
    """`GET /v1/dossiers/{code}/deadline`: limit, segments, dues and a sentence in both languages."""
    walk, view = look(dossier, log_clock, rules)
    until = _until(walk, log_clock)
    segments = [] if until is None else list(_segments(walk, until))
    return {
        "dossier": dossier.code,
        "state": view.stand.state,
        "state_detail": view.stand.state_detail,
        "limit": None if walk.limit is None else {"amount": walk.limit.amount, "unit": walk.limit.unit},
        "segments": segments[:SEGMENTS_MAX],
        "segments_left_out": max(0, len(segments) - SEGMENTS_MAX),
        "due_original": _show(None if walk.due_original is None else walk.due_original.at),
        "due_current": _show(None if walk.due_current is None else walk.due_current.at),
        "acceptance_due": _show(walk.acceptance_due if walk.acceptance_hours is not None else None),
        "calendar_digest": rules.digest,
        "gen": GEN,
        "sentence": {"vi": _sentence_vi(walk), "en": _sentence_en(walk)},
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
            "expires_at": instants.show(misfit.event.time + facts.PARKED_FOR),
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


# --- steps and segments -----------------------------------------------------------------------------------------------


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
        "due_current": _show(None if taken.due is None else taken.due.at),
        "timeliness": None if step is None else step.timeliness,
        "late": None if step is None else step.late,
    }


def _until(walk: Walk, log_clock: int | None) -> int | None:
    """Up to when there is something to tell: the end of an ended dossier, else the log clock."""
    if not walk.steps:
        return None
    if walk.state in arrows.FINAL or walk.state == arrows.COMPLETED:
        end = walk.completion or walk.steps[-1].event
        return end.time
    latest = max(taken.event.time for taken in walk.steps)
    return latest if log_clock is None else max(latest, log_clock)


def _segments(walk: Walk, until: int) -> Iterator[dict[str, Any]]:
    """Running, paused and closed pieces from the reception on (before it, those of the acceptance limit)."""
    begin, why, paused = 0, "", False
    hours, limit = walk.acceptance_hours, None
    for taken in walk.steps:
        at = max(begin, taken.event.time)
        starts = taken.state_before == arrows.UNBORN
        turns = starts or taken.event.fact == "received" or (taken.state in arrows.PAUSED) != paused
        if not turns:
            continue
        if not starts:
            yield from _pieces(begin, at, why, paused, hours, limit)
        begin, why, paused = at, taken.event.fact, taken.state in arrows.PAUSED
        if taken.event.fact == "received":
            hours, limit = walk.hours, walk.limit
    yield from _pieces(begin, until, why, paused, hours, limit)


def _pieces(
    begin: int, end: int, why: str, paused: bool, hours: WorkingTime | None, limit: TimeLimit | None
) -> Iterator[dict[str, Any]]:
    if end <= begin:
        return
    if paused or hours is None or (limit is not None and limit.unit in ("calendar_days", "months")):
        worked = 0 if hours is None else hours.worked(begin, end) // instants.MINUTE
        yield _piece("paused" if paused else "running", begin, end, worked, why)
        return
    for start, stop, is_open in hours.segments(begin, end):
        worked = (stop - start) // instants.MINUTE if is_open else 0
        yield _piece("running" if is_open else "closed", start, stop, worked, why if is_open else "outside_hours")


def _piece(kind: str, begin: int, end: int, minutes: int, why: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "from": instants.show(begin),
        "to": instants.show(end),
        "working_minutes": minutes,
        "why": why,
    }


# --- sentences --------------------------------------------------------------------------------------------------------


def _sentence_vi(walk: Walk) -> str:
    received = _received_at(walk)
    if received is None:
        if walk.acceptance_hours is None:
            return "Hồ sơ chưa được ghi nhận đăng ký."
        return f"Hồ sơ đã đăng ký, cơ quan phải tiếp nhận hoặc từ chối trước {_clock(walk.acceptance_due)}."
    if walk.limit is None or walk.due_current is None:
        return f"Hồ sơ được tiếp nhận lúc {_clock(received)}; thủ tục này không có thời hạn giải quyết."
    name = LIMIT_NAMES[walk.limit.unit][0]
    limit, due = f"{walk.limit.amount} {name}", _clock(walk.due_current.at)
    text = f"Hồ sơ được tiếp nhận lúc {_clock(received)}, thời hạn {limit}, hạn trả kết quả là {due}."
    if walk.state in arrows.PAUSED:
        return text + " Thời hạn đang tạm dừng và sẽ được cộng thêm khi hồ sơ tiếp tục."
    return text


def _sentence_en(walk: Walk) -> str:
    received = _received_at(walk)
    if received is None:
        if walk.acceptance_hours is None:
            return "The dossier has not been submitted yet."
        return f"The dossier was submitted and must be accepted or refused by {_clock(walk.acceptance_due)}."
    if walk.limit is None or walk.due_current is None:
        return f"The dossier was received at {_clock(received)}; its procedure has no time limit."
    name = LIMIT_NAMES[walk.limit.unit][1]
    limit, due = f"{walk.limit.amount} {name}", _clock(walk.due_current.at)
    text = f"The dossier was received at {_clock(received)}, the limit is {limit}, the result is due by {due}."
    if walk.state in arrows.PAUSED:
        return text + " The clock is paused; the time of the pause will be added when it goes on."
    return text


def _received_at(walk: Walk) -> int | None:
    return next((taken.event.time for taken in walk.steps if taken.event.fact == "received"), None)


def _clock(instant: int) -> str:
    text = instants.show(instant)
    return f"{text[11:16]} {text[8:10]}/{text[5:7]}/{text[:4]}"


def _show(instant: int | None) -> str | None:
    return None if instant is None else instants.show(instant)
