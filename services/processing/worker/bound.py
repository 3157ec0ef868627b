"""The bound on what is bad: which partitions must stand still, because too many of their last records were rejected.

As they arrived: one that is parked then may be early or bad, and nobody can tell yet.
"""

from collections.abc import Mapping
from typing import Final

from services.processing.domain import share
from services.processing.domain.share import Recent
from services.processing.settings import Settings

REASON: Final = "too_many_rejected"
# What a tick or a control record did says nothing about what centres send.
_NOT_SENT: Final = frozenset({"tick", "control"})


class Bound:
    """Counts by commit. A partition that has passed the bound stands still until this process is started again."""

    def __init__(self, settings: Settings) -> None:
        self._percent_max = settings.processing_rejected_percent_max
        self._window_records = settings.processing_rejected_window_records
        self._recent: dict[int, Recent] = {}
        self._passed: set[int] = set()

    @property
    def detail(self) -> str:
        """What the bound says."""
        return f"more than {self._percent_max:g} % of the last {self._window_records} records were rejected"

    def committed(self, number: int, outcomes: Mapping[str, int]) -> float:
        """The outcomes of a commit are taken; the share that is rejected by now, 0 to 1."""
        records = sum(times for outcome, times in outcomes.items() if outcome not in _NOT_SENT)
        recent = self._recent.get(number, Recent())
        if records:
            recent = share.after(recent, outcomes.get("rejected", 0), records, self._window_records)
            self._recent[number] = recent
        if share.is_too_much(recent, self._window_records, self._percent_max):
            self._passed.add(number)
        return recent.rejected / recent.records if recent.records else 0.0

    def passed(self) -> frozenset[int]:
        """Partitions that must go no further, also when they are taken over again."""
        return frozenset(self._passed)
