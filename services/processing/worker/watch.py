"""What is looked at now and then beside the fold: whether Kafka and Redis are there, the partitions still ours, the lag."""

import time
from typing import Final

from contracts.topics import REPORTED
from services.processing.errors import UnavailableError
from services.processing.log.membership import Membership
from services.processing.log.reading import Reader
from services.processing.settings import Settings
from services.processing.store.store import Store
from services.processing.worker.ownership import Ownership
from services.processing.worker.state import State

KAFKA_ANSWER_SECONDS: Final = 0.5


class Watch:
    """Looks when it is time; UnavailableError when one of the two has been away for longer than our patience."""

    def __init__(
        self, settings: Settings, store: Store, reader: Reader, membership: Membership, ownership: Ownership, state: State
    ) -> None:
        self._store = store
        self._reader = reader
        self._membership = membership
        self._owned = ownership
        self._state = state
        self._watch_seconds = settings.processing_watch_seconds
        self._lag_seconds = settings.processing_lag_commit_seconds
        self._patience_seconds = settings.processing_patience_seconds
        self._watched = self._lag_shown = time.monotonic()
        self._away_since: dict[str, float] = {}

    def wait(self) -> None:
        """Called while what was sent waits to be acknowledged, which has a bound of its own: that Kafka is away is told."""
        now = time.monotonic()
        if now - self._watched >= self._watch_seconds:
            self._watched = now
            if (answers := self._kafka_answers()) is not None:
                self._note("Kafka", answers)

    def acknowledged(self) -> None:
        """Kafka has all that was sent: however long that took, its next silence begins anew."""
        if "Kafka" in self._away_since:
            self._note("Kafka", True)

    def look(self) -> None:
        """Called once a turn."""
        now = time.monotonic()
        if now - self._watched >= self._watch_seconds:
            self._watched = now
            self._look_at_redis()
            self._look_at_kafka()
        if now - self._lag_shown >= self._lag_seconds:
            self._lag_shown = now
            self._membership.show_lag({number: lane.position.offset for number, lane in self._owned.lanes.items()})
            self._state.redis_says(self._store.check())
            self._look_at_ends()

    def _look_at_redis(self) -> None:
        """FLUSHALL, an older Redis put in place, another owner: then what is stored is not what we left there."""
        lanes, epochs = self._owned.lanes, self._owned.epochs
        moved = self._store.moved({number: (epochs[number], lane.pending.begin) for number, lane in lanes.items()})
        self._answers("Redis", moved is not None)
        for number in moved or ():
            self._owned.fenced(self._membership, number, "what Redis holds of it is not what this worker left there")

    def _look_at_kafka(self) -> None:
        if (answers := self._kafka_answers()) is not None:
            self._answers("Kafka", answers)

    def _kafka_answers(self) -> bool | None:
        """None where nobody need ask: while records, empty fetches or acknowledgements come in. One that is frozen takes its
        time before it is an error."""
        if self._state.kafka_erred() or self._state.is_unacknowledged or "Kafka" in self._away_since:
            return self._membership.answers(KAFKA_ANSWER_SECONDS)
        return None

    def _look_at_ends(self) -> None:
        """Of partitions that rest nothing is fetched, so nobody tells how much waits there."""
        resting = self._membership.owned - self._owned.lanes.keys()
        if not resting or "Kafka" in self._away_since:
            return
        try:
            self._state.resting_ends(self._reader.ends(REPORTED.name, sorted(resting)))
        except UnavailableError as error:
            # Whether Kafka is away is asked at the next look.
            self._state.kafka_error(type(error).__name__)

    def _answers(self, who: str, does: bool) -> None:
        if self._note(who, does) > self._patience_seconds:
            raise UnavailableError(f"{who} has not answered for {self._patience_seconds:g} s")

    def _note(self, who: str, does: bool) -> float:
        """Tells of it; for how many seconds it has not answered."""
        now = time.monotonic()
        if does:
            self._away_since.pop(who, None)
        away_since = now if does else self._away_since.setdefault(who, now)
        self._state.away(tuple(self._away_since))
        return now - away_since
