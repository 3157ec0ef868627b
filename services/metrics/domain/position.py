"""How far a lifecycle partition is counted, and why it may have stopped."""

from dataclasses import dataclass
from typing import Literal

from contracts.lifecycle import CHAIN_START

# gap: a record does not follow the highest counted; diverged: it follows with another history; unreadable: it is no
# lifecycle record; log_changed: the log is not the one that was counted.
Stop = Literal["gap", "diverged", "unreadable", "log_changed"]
STOPS: tuple[Stop, ...] = ("gap", "diverged", "unreadable", "log_changed")

Src = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Position:
    """`next` is the lifecycle offset to count next; `src` and `chain` are those of the highest record counted; `read` is
    the chain header of the record before `next`, counted or dropped. `closed`, `recorded_at`, `log_clock`
    and `digest` are of the last reported record that is counted in with its `last`. Instants are microseconds since 1970."""

    next: int = 0
    src: Src | None = None
    chain: bytes = CHAIN_START
    read: str | None = None
    closed: int = -1
    recorded_at: int | None = None
    log_clock: int | None = None
    digest: str | None = None
    stopped: Stop | None = None
