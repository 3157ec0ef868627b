"""What an answer says: one result per item in the order sent, and the one status that sums them up."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from contracts.events import Event, ItemCode
from services.intake.domain.judgement import Refusal

UNACKNOWLEDGED = "Kafka has not acknowledged it: send it again"


class Result(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one item; `stored` only after Kafka acknowledged it on all in-sync replicas."""

    index: int
    id: str | None
    status: Literal["stored", "refused", "retry"]
    code: ItemCode | None = None
    detail: str | None = None
    partition: int | None = None
    offset: int | None = None


class Position(Struct, frozen=True):
    """Where Kafka keeps a record."""

    partition: int
    offset: int


def results(verdicts: Sequence[Event | Refusal], positions: Sequence[Position | None]) -> list[Result]:
    """Results of a body; `positions` are those of its events, in order, None where the outcome is not known."""
    kept = iter(positions)
    return [
        _refused(index, verdict) if isinstance(verdict, Refusal) else _sent(index, verdict.id, next(kept))
        for index, verdict in enumerate(verdicts)
    ]


def all_retry(ids: Sequence[str | None], why: str) -> list[Result]:
    """Results of a body of which nothing was judged nor stored."""
    return [_retry(index, item_id, why) for index, item_id in enumerate(ids)]


def status_of(answers: Sequence[Result]) -> Literal[202, 207, 403, 422, 503]:
    """The status that sums up a body's results.

    | results                                   | status |
    |-------------------------------------------|--------|
    | all stored (also of an empty batch)       | 202    |
    | some stored, others not                   | 207    |
    | none stored, at least one to send again   | 503    |
    | all refused, each `unit_not_allowed`      | 403    |
    | all refused otherwise                     | 422    |
    """
    statuses = {answer.status for answer in answers}
    if statuses <= {"stored"}:
        return 202
    if "stored" in statuses:
        return 207
    if "retry" in statuses:
        return 503
    return 403 if all(answer.code == "unit_not_allowed" for answer in answers) else 422


def _refused(index: int, refusal: Refusal) -> Result:
    return Result(index=index, id=refusal.id, status="refused", code=refusal.code, detail=refusal.detail)


def _sent(index: int, item_id: str, position: Position | None) -> Result:
    if position is None:
        return _retry(index, item_id, UNACKNOWLEDGED)
    return Result(index=index, id=item_id, status="stored", partition=position.partition, offset=position.offset)


def _retry(index: int, item_id: str | None, why: str) -> Result:
    return Result(index=index, id=item_id, status="retry", code="unavailable", detail=why)
