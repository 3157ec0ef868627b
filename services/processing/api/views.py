"""Answers about one dossier and lists of parked events, as the ledger tells them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts import instants
from contracts.data import Annulled
from contracts.events import code_of
from services.processing.domain import ledger
from services.processing.domain.dossier import Dossier, KeptEvent
from services.processing.domain.fold import look
from services.processing.domain.rules import Rules

Judged = tuple[Dossier, int | None, Rules]
"""A dossier with the log clock of its partition and the rules in force there."""


def dossier_answer(judged: Judged) -> dict[str, Any]:
    """Everything kept of a dossier: each of its events is in exactly one of the five lists."""
    dossier, _, _ = judged
    _, view = look(*judged)
    told = ledger.dossier_view(*judged)
    standings = {offset: entry.standing for offset, entry in view.content.items()}
    return {
        "code": told.pop("dossier"),
        **told,
        "annulled": [_event(event) for event in dossier.kept if standings.get(event.offset) == "annulled"],
        "annulments": [
            _event(event) | {"event": event.data.event, "reason": event.data.reason}
            for event in dossier.kept
            if isinstance(event.data, Annulled) and standings.get(event.offset) == "applied"
        ],
        "repeats": [_event(event) for event in dossier.kept if standings.get(event.offset) == "duplicate"],
    }


def deadline_answer(judged: Judged) -> dict[str, Any]:
    """Every minute of a dossier's legal time, with the reason."""
    told = ledger.deadline_view(*judged)
    return {"code": told.pop("dossier"), **told}


def parked_rows(
    found: Sequence[tuple[int, str]], dossiers: Mapping[tuple[int, str], Judged], unit: str | None, rows_max: int
) -> tuple[list[dict[str, Any]], int]:
    """Events that stand `parked` now, and of how many of the dossiers found; a dossier's rows are never torn apart."""
    rows: list[dict[str, Any]] = []
    for count, (partition, code) in enumerate(found, 1):
        if (judged := dossiers.get((partition, code))) is not None:
            rows += _parked(partition, judged, unit)
        if len(rows) >= rows_max:
            return rows, count
    return rows, len(found)


def _parked(partition: int, judged: Judged, unit: str | None) -> Iterable[dict[str, Any]]:
    dossier, _, _ = judged
    for told in sorted(ledger.parked_view(*judged), key=lambda row: int(row["offset"])):
        if told["standing"] == "parked" and (unit is None or code_of(told["source"]) == unit):
            offset = told.pop("offset")
            yield {"dossier": dossier.code, **told, "reported": {"partition": partition, "offset": offset}}


def _event(event: KeptEvent) -> dict[str, Any]:
    return {
        "fact": event.fact,
        "source": event.source,
        "id": event.id,
        "offset": event.offset,
        "occurred_at": instants.show(event.time),
        "recorded_at": instants.show(event.recorded_at),
    }
