"""What the API reads of Kafka: ends of the archive, rules, dead letters; each reader lives on a thread of its own."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Final, TypeVar

from contracts.topics import PARTITIONS, REPORTED
from services.processing.api import pages
from services.processing.api.letters import Row
from services.processing.api.pages import Page, Search
from services.processing.domain.rules import Rules
from services.processing.errors import MisconfiguredError, UnavailableError
from services.processing.log.reading import Place, Reader
from services.processing.log.shelf import RulesShelf

CALL_SECONDS: Final = 2.0
# Ends that were asked for longer ago say nothing about now.
ENDS_HOLD_SECONDS: Final = 5.0
RULES_MAX: Final = 64
# Longer than this no answer waits to know the ends; its lag is then an upper bound.
LOOK_NOW_SECONDS_MAX: Final = 0.5

_PARTITIONS: Final = range(PARTITIONS)
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class LogsUnavailableError(Exception):
    """Kafka did not answer within its bound, or lacks the rules in force."""


class Logs:
    """For one event loop. `keep_watch` keeps the ends fresh; whoever asks for figures never waits for them."""

    def __init__(self, bootstrap: str, watch_seconds: float, on_error: Callable[[str], None]) -> None:
        self.fault: str | None = "starting: Kafka has not been asked yet"
        self.first_recorded_at: Mapping[int, int] = {}
        self._ends: Mapping[int, int] | None = None
        self._ends_at = float("-inf")
        self._watch_seconds = watch_seconds
        self._on_error = on_error
        self._rules: dict[str, Rules] = {}
        self._said = ""
        self._asking_now = asyncio.Lock()
        self._watching = _Thread("watching", bootstrap)
        self._scanning = _Thread("scanning", bootstrap)

    @property
    def ends(self) -> Mapping[int, int] | None:
        """The end of each partition of dossier.reported, None while it is not known."""
        return self._ends if monotonic() - self._ends_at < ENDS_HOLD_SECONDS else None

    async def keep_watch(self) -> None:
        """Asks for the ends again and again; never ends by itself."""
        while True:
            try:
                await self._look()
                fault: str | None = None
            except LogsUnavailableError as error:
                fault = str(error)
            except Exception as error:  # whatever it was, the next look may go well; without looks nobody knows the lag
                _log.exception("the look at Kafka failed")
                fault = f"the look at Kafka failed: {type(error).__name__}"
            self.fault = fault
            await asyncio.sleep(self._watch_seconds)

    async def look_now(self) -> None:
        """Makes `ends` those of a moment after this was called; None where Kafka does not say so at once.

        Who was told `stored` and asks right afterwards must not read a lag of 0 from ends that were older than his event.
        """
        called_at = monotonic()
        async with self._asking_now:
            if self._ends_at >= called_at:
                return
            self._ends = None
            if self.fault is None:
                with suppress(LogsUnavailableError, TimeoutError):
                    await asyncio.wait_for(self._look(), LOOK_NOW_SECONDS_MAX)

    async def rules(self, digest: str) -> Rules:
        """The rules of a digest, the same object at every call."""
        if (found := self._rules.get(digest)) is None:
            self._give_up_early()
            found = await self._ask("rules", self._watching, lambda thread: thread.shelf.get(digest))
            if len(self._rules) >= RULES_MAX:
                del self._rules[next(iter(self._rules))]
            found = self._rules.setdefault(digest, found)
        return found

    async def letters(self, search: Search) -> Page:
        """One page of dead letters, up to their ends after the positions of the search were read."""
        self._give_up_early()
        # Asked on the thread whose connections are in use every second: a client that has rested may need some to wake.
        ends = await self._ask("ends", self._watching, lambda thread: thread.reader.ends(search.topic, _PARTITIONS))
        return await self._ask("letters", self._scanning, lambda thread: pages.read(thread.reader, search, ends))

    async def letter(self, place: Place) -> Row | None:
        """The dead letter at a place, None where none lies."""
        self._give_up_early()
        return await self._ask("letters", self._scanning, lambda thread: pages.one(thread.reader, place))

    async def close(self) -> None:
        """Ends the clients and their threads."""
        await asyncio.gather(self._watching.close(), self._scanning.close())

    async def _look(self) -> None:
        asked_at = monotonic()
        ends = await self._ask("ends", self._watching, lambda thread: thread.reader.ends(REPORTED.name, _PARTITIONS))
        if asked_at > self._ends_at or self._ends is None:
            self._ends, self._ends_at = ends, asked_at
        if len(self.first_recorded_at) < PARTITIONS:
            self.first_recorded_at = await self._ask("ends", self._watching, lambda thread: _firsts(thread.reader))

    def _give_up_early(self) -> None:
        """While the watch finds Kafka away, nobody queues up to find the same."""
        if self.fault is not None:
            raise LogsUnavailableError("Kafka cannot be read now")

    async def _ask(self, what: str, thread: "_Thread", asked: "Callable[[_Thread], _T]") -> _T:
        try:
            return await thread.run(asked)
        except UnavailableError as error:
            self._on_error(what)
            if str(error) != self._said:
                self._said = str(error)
                _log.warning("reading %s: %s", what, error)
            # Who asks over HTTP need not know where Kafka lies.
            raise LogsUnavailableError("Kafka cannot be read now") from error
        except MisconfiguredError as error:
            self._on_error(what)
            raise LogsUnavailableError(str(error)) from error


class _Thread:
    """A thread with a reader and a shelf that nobody else touches."""

    def __init__(self, name: str, bootstrap: str) -> None:
        self._executor = ThreadPoolExecutor(1, f"kafka-{name}")
        self._bootstrap = bootstrap
        self._reader: Reader | None = None
        self._shelf: RulesShelf | None = None

    @property
    def reader(self) -> Reader:
        """Its reader, made when first asked for."""
        if self._reader is None:
            self._reader = Reader(self._bootstrap, CALL_SECONDS)
        return self._reader

    @property
    def shelf(self) -> RulesShelf:
        """Its shelf; without patience, since whoever waits for an answer has none."""
        if self._shelf is None:
            self._shelf = RulesShelf(self.reader, 0.0)
        return self._shelf

    async def run(self, asked: "Callable[[_Thread], _T]") -> _T:
        """The answer of a call on the thread; callers wait for each other."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, asked, self)

    async def close(self) -> None:
        """Ends it after the call that it is at, or leaves it to the end of the process."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.run(_Thread._close), 2 * CALL_SECONDS)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _firsts(reader: Reader) -> dict[int, int]:
    found = reader.at(Place(REPORTED.name, number, 0) for number in _PARTITIONS)
    return {place.partition: record.recorded_at for place, record in found.items()}
