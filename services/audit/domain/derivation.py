"""Dossiers of the sample, derived from nothing, held against their lifecycle records and processing's answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts import instants
from contracts.events import Event, RefusedError, from_record
from contracts.lifecycle import Counted, Stand, decode_stand
from services.audit.domain.findings import Check, Difference, Findings
from services.audit.domain.line import Line
from services.audit.domain.pieces import NOTHING, Pieces
from services.audit.domain.plain_calendar import Due
from services.audit.domain.plain_dossier import Arrived, Derived, derive
from services.audit.domain.plain_rules import PlainRules
from services.audit.domain.sample import Chosen

KNOWN, UNKNOWN, RETIRED = 200, 404, 410


@dataclass(frozen=True)
class Answered:
    """What processing answered about a dossier as of a reported record of its partition."""

    as_of: int
    status: int
    told: Mapping[str, object]


def derived(chosen: Chosen, line: Line, bodies: Mapping[str, PlainRules], upto: int) -> Derived | None:
    """The dossier as of a reported record; None when nothing readable was reported of it up to then."""
    arrived: list[Arrived] = []
    for stored in chosen.records:
        if stored.offset > upto:
            break
        try:
            event = from_record(stored.value, stored.headers)
        except RefusedError:
            continue
        if isinstance(event, Event):
            failed = stored.offset in line.letters.failed
            arrived.append(Arrived(stored.offset, event, stored.recorded_at, failed))
    return derive(arrived, line.course, bodies, upto) if arrived else None


def against_lifecycle(
    findings: Findings, pieces: Pieces, chosen: Chosen, line: Line, bodies: Mapping[str, PlainRules]
) -> None:
    """The last stand and every record's standing, as of the last reported record that is closed."""
    found = derived(chosen, line, bodies, line.closed)
    if found is None:
        return
    stands, standings = findings["sample.stands"], findings["sample.standings"]
    stands.examined += 1
    said = decode_stand(chosen.stand) if chosen.stand else Stand()
    for name in Stand.__struct_fields__:
        if (want := getattr(found.stand, name)) != (have := getattr(said, name)):
            _differ(stands, chosen, f"the lifecycle's last `is` has another `{name}` than what was derived", want, have)
    if found.retired != chosen.retired:
        _differ(stands, chosen, "retired in one and not in the other", found.retired, chosen.retired)
    for offset, counted in sorted(found.counted.items()):
        standings.examined += 1
        number = line.standings.of(offset)
        stood = pieces.entries[number] if number != NOTHING else None
        if stood != counted:
            place = Difference(
                "the record counts otherwise than what was derived", line.partition, offset, chosen.code,
                expected=_show(counted), found="nothing" if stood is None else _show(stood),
            )  # fmt: skip
            standings.differ(place)


def against_answer(check: Check, chosen: Chosen, answered: Answered, line: Line, bodies: Mapping[str, PlainRules]) -> None:
    """Processing's answer, as of its own position."""
    found = derived(chosen, line, bodies, answered.as_of)
    check.examined += 1
    status = UNKNOWN if found is None or not is_kept(found) else RETIRED if found.retired else KNOWN
    if status != answered.status:
        _differ(check, chosen, "processing's API answers with another status", status, answered.status)
        return
    if found is None or status != KNOWN:
        return
    for name, want in _expected(found).items():
        have = answered.told.get(name)
        if want != have:
            _differ(check, chosen, f"processing's API answers another `{name}` than what was derived", want, have)


def is_kept(found: Derived) -> bool:
    """Whether any event of the dossier is kept, so that processing knows it."""
    told = found.history
    # Where there is a repeat there is a step, or an annulment before it; so it is with what was annulled.
    return bool(told.steps or told.misfits or told.annulments)


def _expected(found: Derived) -> dict[str, object]:
    told, stand = found.history, found.stand
    misfits = {misfit.offset for misfit in told.misfits}
    return {
        **{name: getattr(stand, name) for name in _OF_STAND},
        "due_original": _instant(told.due_original),
        "due_current": _instant(told.due_current),
        "acceptance_due": None if told.acceptance_due is None else instants.show(told.acceptance_due),
        "history": {offset: (step.fact, step.timeliness, step.late) for offset, step in told.steps.items()},
        "misfits": {offset: found.counted[offset].standing for offset in misfits},
        "annulled": told.annulled,
        "annulments": told.annulments,
        "repeats": told.repeats,
    }


_OF_STAND = (
    "state", "state_detail", "procedure", "field", "channel", "receiver", "competent", "overdue", "due_in_24h",
    "due_in_72h", "acceptance_overdue",
)  # fmt: skip


def _instant(due: Due | None) -> str | None:
    return None if due is None else instants.show(due[0])


def _show(counted: Counted) -> str:
    step = counted.step
    if step is None:
        return f"{counted.standing} on {counted.day}"
    ended = "" if step.timeliness is None else f" {step.timeliness}" + ("" if step.late is None else f" late {step.late}")
    return f"{counted.standing} {step.fact}{ended} on {counted.day}"


def _differ(check: Check, chosen: Chosen, detail: str, want: object, have: object) -> None:
    check.differ(Difference(detail, chosen.partition, dossier=chosen.code, expected=str(want), found=str(have)))
