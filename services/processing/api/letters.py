"""Dead letters for operators: which of a topic's records are rows of a list, and how each stands by now."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from contracts import data, deadletters, instants
from contracts.deadletters import DeadLetter, Src
from contracts.events import Event, RefusedError, Ticked, code_of, from_record
from services.processing.domain import ledger
from services.processing.domain.dossier import Dossier, Fate, KeptEvent, Retired
from services.processing.domain.history import NO_ARROW, NOT_RESPONSIBLE, UNKNOWN_UNIT
from services.processing.domain.line import Position
from services.processing.domain.remedies import REPLAYED
from services.processing.domain.rules import Rules
from services.processing.log.records import Record

# Rejections of events that are kept: each may still become a step. All others were not kept and stand as they are.
MISFITS: Final = frozenset({UNKNOWN_UNIT, NO_ARROW, NOT_RESPONSIBLE})


class Reported(Struct, frozen=True):
    """What a dead letter's own bytes say of the record that was rejected; None where they say nothing readable."""

    dossier: str | None = None
    source: str | None = None
    id: str | None = None
    fact: str | None = None
    occurred_at: int | None = None
    control: str | None = None

    @property
    def unit(self) -> str | None:
        """The code in `source`."""
        return None if self.source is None else code_of(self.source)


class Row(Struct, frozen=True):
    """A dead letter at its place in dossier.rejected. `recorded_at` is the reported record's, where that is looked up."""

    partition: int
    offset: int
    letter: DeadLetter
    reported: Reported
    recorded_at: int | None = None

    @property
    def may_come_again(self) -> bool:
        """Whether another try of the same event can help."""
        return self.letter.code in REPLAYED

    @property
    def is_of_misfit(self) -> bool:
        """Whether it was written for an event that is kept, by a later tick."""
        return self.letter.code in MISFITS


class Wanted(Struct, frozen=True):
    """The filters of a list; None lets everything through."""

    code: str | None = None
    unit: str | None = None

    def takes(self, row: Row) -> bool:
        """Whether a row belongs to the list."""
        if self.code is not None and row.letter.code != self.code:
            return False
        return self.unit is None or row.reported.unit == self.unit


class Stand(Struct, frozen=True):
    """How a dead letter stands by now; None: nobody can say. `offset` and `recorded_at` are the reported record's."""

    standing: str | None
    offset: int | None
    recorded_at: int | None


def read(partition: int, record: Record) -> Row | None:
    """The row of a record of dossier.rejected; None for one that no worker has written."""
    try:
        letter = deadletters.from_record(record.key, record.value, record.headers)
    except (ValueError, KeyError):
        return None
    return Row(partition, record.offset, letter, _reported(letter))


def is_counted(src: Src, position: Position | None) -> bool:
    """Whether the record that a dead letter belongs to is counted in at a position."""
    return position is not None and src[:2] < (position.offset, position.index)


def stand(row: Row, dossier: Dossier | Retired | None, log_clock: int | None, rules: Rules | None) -> Stand:
    """How a row stands; a dossier comes with the log clock of its partition and the rules in force there."""
    kept = _kept(row, dossier)
    at = row.letter.src[0] if not row.is_of_misfit else None if kept is None else kept.offset
    recorded_at = row.recorded_at if kept is None else kept.recorded_at
    return Stand(_standing(row, dossier, kept, log_clock, rules), at, recorded_at)


def show(row: Row, stand: Stand) -> dict[str, Any]:
    """A row of the answer."""
    says = row.reported
    return {
        "code": row.letter.code,
        "detail": row.letter.detail,
        "standing": stand.standing,
        "dossier": says.dossier,
        "source": says.source,
        "id": says.id,
        "fact": says.fact,
        "occurred_at": _show(says.occurred_at),
        "recorded_at": _show(stand.recorded_at),
        "reported": {"partition": row.partition, "offset": stand.offset},
        "src": list(row.letter.src),
        "position": {"partition": row.partition, "offset": row.offset},
    }


def since(row: Row, dossier: Dossier | Retired | None, log_clock: int | None, rules: Rules | None) -> str | None:
    """How the event of a dead letter that another try can help stands in its dossier by now, `retired` where the dossier's
    history is gone; None: it has not come again, or nobody can say."""
    if not row.may_come_again or dossier is None:
        return None
    if isinstance(dossier, Retired):
        return "retired"
    kept = next((each for each in dossier.kept if _is_of(row, each)), None)
    return None if kept is None or rules is None else ledger.standing_of(dossier, kept.offset, log_clock, rules)


def codes_of(rows: Iterable[Row]) -> dict[int, Sequence[str]]:
    """The dossiers by which the standings of rows are found, by partition."""
    found: dict[int, dict[str, None]] = {}
    for row in rows:
        if row.is_of_misfit and row.reported.dossier is not None:
            found.setdefault(row.partition, {})[row.reported.dossier] = None
    return {partition: tuple(codes) for partition, codes in found.items()}


def _standing(
    row: Row, dossier: Dossier | Retired | None, kept: KeptEvent | Fate | None, log_clock: int | None, rules: Rules | None
) -> str | None:
    """None: nobody can say just now, because no rules or no such event are known."""
    if row.reported.control is not None:
        return row.reported.control
    if not row.is_of_misfit:
        return "rejected"
    if isinstance(kept, Fate):
        return kept.standing
    if kept is None or rules is None or not isinstance(dossier, Dossier):
        return None
    return ledger.standing_of(dossier, kept.offset, log_clock, rules)


def _kept(row: Row, dossier: Dossier | Retired | None) -> KeptEvent | Fate | None:
    if not row.is_of_misfit or dossier is None:
        return None
    known: Iterable[KeptEvent | Fate] = dossier.lettered if isinstance(dossier, Retired) else dossier.kept
    return next((event for event in known if _is_of(row, event)), None)


def _is_of(row: Row, event: KeptEvent | Fate) -> bool:
    return (event.source, event.id) == (row.reported.source, row.reported.id)


def _reported(letter: DeadLetter) -> Reported:
    try:
        says = from_record(letter.value, letter.headers)
    except RefusedError:
        return _whatever_is_readable(letter)
    if isinstance(says, Event):
        return Reported(says.subject, says.source, says.id, says.fact, says.time)
    return Reported(control="tick" if isinstance(says, Ticked) else "control")


def _whatever_is_readable(letter: DeadLetter) -> Reported:
    """Attributes of a record that breaks the contract: those of their form, and nothing else of it."""
    texts: dict[str, str] = {}
    for name, text in letter.headers:
        if text is not None:
            texts[name] = text.decode(errors="replace")
    source = texts.get("ce_source", "")
    parts = source.split("/")
    is_source = len(parts) in (3, 4) and parts[:2] == ["", "units"] and _is(parts[2], data.Code)
    return Reported(
        dossier=_only(texts.get("ce_subject"), data.DossierCode),
        source=source if is_source and (len(parts) == 3 or _is(parts[3], data.DossierCode)) else None,
        id=_only(texts.get("ce_id"), data.EventId),
        occurred_at=_instant(texts.get("ce_time", "")),
    )


def _instant(text: str) -> int | None:
    try:
        instant = instants.parse(text)
        instants.show(instant)
    except (ValueError, OverflowError):
        return None
    return instant


def _only(text: str | None, form: Any) -> str | None:
    return text if text is not None and _is(text, form) else None


def _is(text: str, form: Any) -> bool:
    try:
        msgspec.convert(text, form)
    except msgspec.ValidationError:
        return False
    return True


def _show(instant: int | None) -> str | None:
    return None if instant is None else instants.show(instant)
