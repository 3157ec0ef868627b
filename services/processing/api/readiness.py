"""Whether dossiers can be answered now: Redis, a position in each partition, the rules in force, keys."""

import asyncio

from contracts.keys import KeySource
from services.processing.api.logs import Logs, LogsUnavailableError
from services.processing.api.states import Snapshot, States, StatesUnavailableError

# Less than the patience of those who ask for readiness.
LOOK_SECONDS = 2.5


class Readiness:
    """Looks when asked; what is amiss and yet keeps no dossier from being answered is a note."""

    def __init__(self, states: States, logs: Logs, keys: KeySource) -> None:
        self._states = states
        self._logs = logs
        self._keys = keys

    async def look(self) -> tuple[list[str], list[str]]:
        """Reasons for not being ready, and notes."""
        reasons: list[str] = []
        notes: list[str] = []
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                snapshot = await self._states.read()
        except (StatesUnavailableError, TimeoutError):
            reasons.append("redis: the stored dossiers cannot be read")
        else:
            reasons += await self._of(snapshot)
        if self._logs.fault:
            notes.append(f"kafka: {self._logs.fault}; dead letters cannot be read, lag is an upper bound")
        if self._keys.fault:
            (notes if self._keys.ring().by_digest else reasons).append(f"keys: {self._keys.fault}")
        return reasons, notes

    async def _of(self, snapshot: Snapshot) -> list[str]:
        reasons: list[str] = []
        if missing := snapshot.without_position:
            reasons.append(f"partitions_without_position: {', '.join(map(str, missing))}")
        digests = {position.digest for position in snapshot.positions if position is not None and position.digest}
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                for digest in sorted(digests):
                    await self._logs.rules(digest)
        except (LogsUnavailableError, TimeoutError) as error:
            reasons.append(f"rules: {error or 'no answer in time'}")
        return reasons
