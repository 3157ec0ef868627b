"""Taking over a partition: what its stored position, its log and what was sent before it mean for the new owner."""

from typing import Literal

from msgspec import Struct

from contracts.deadletters import Src
from services.processing.domain.line import Position

Verdict = Literal["go_on", "wipe", "log_changed", "diverged", "internal_errors"]


class Tail(Struct, frozen=True):
    """The highest lifecycle record and dead letter of a partition that were ever sent; None where there is none."""

    src: tuple[int, int] | None = None
    chain: bytes | None = None
    letter_src: Src | None = None


def judge(position: Position, tail: Tail, *, log_is_same: bool, reported_end: int) -> Verdict:
    """`go_on` from the position, `wipe` and fold from the start, or stop with the reason."""
    if not log_is_same or position.offset > reported_end:
        return "log_changed"
    if tail.src is not None and tail.src[0] >= reported_end:
        # More was sent than is reported: the fold would wait for ever for records that it must not send again.
        return "log_changed"
    if _is_behind(tail, position):
        return "wipe"
    if tail.src is not None and tail.src == position.src and tail.chain != position.chain:
        return "diverged"
    return "internal_errors" if position.too_many_errors else "go_on"


def _is_behind(tail: Tail, position: Position) -> bool:
    """Whether something that the position says was sent is not there: it is sent again by folding from the start."""
    if position.src is not None and (tail.src is None or tail.src < position.src):
        return True
    return position.letter_src is not None and (tail.letter_src is None or tail.letter_src < position.letter_src)
