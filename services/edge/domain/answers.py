"""What the centre's door answers: one result per item in the order sent, and the one status that sums them up."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from contracts.events import ItemCode
from services.edge.domain.judgement import Entry, Refusal


class Result(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one item; `stored` only after it lay safely in the outbox."""

    index: int
    id: str | None
    status: Literal["stored", "refused", "retry"]
    code: ItemCode | None = None
    detail: str | None = None


def results(verdicts: Sequence[Entry | Refusal], why_not_kept: str | None) -> list[Result]:
    """Results of a body: its entries were kept together, or none of them was and `why_not_kept` says why."""
    return [_result(index, verdict, why_not_kept) for index, verdict in enumerate(verdicts)]


def status_of(answers: Sequence[Result]) -> Literal[202, 207, 403, 422, 503]:
    """The status that sums up a body's results; the table is intake's, so that a sender need not know who answers."""
    statuses = {answer.status for answer in answers}
    if statuses <= {"stored"}:
        return 202
    if "stored" in statuses:
        return 207
    if "retry" in statuses:
        return 503
    return 403 if all(answer.code == "unit_not_allowed" for answer in answers) else 422


def _result(index: int, verdict: Entry | Refusal, why_not_kept: str | None) -> Result:
    if isinstance(verdict, Refusal):
        return Result(index=index, id=verdict.id, status="refused", code=verdict.code, detail=verdict.detail)
    if why_not_kept is not None:
        return Result(index=index, id=verdict.id, status="retry", code="unavailable", detail=why_not_kept)
    return Result(index=index, id=verdict.id, status="stored")
