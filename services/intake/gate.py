"""The gate: whether events can be stored right now, looked at again and again, and why not when not."""

import asyncio
import logging
from typing import Protocol

from services.intake.archive import NotUsableError
from services.intake.instruments import Instruments

_log = logging.getLogger(__name__)


class Checks(Protocol):
    """What the gate asks; may block for some bounded seconds, raises NotUsableError with the reason."""

    def check(self) -> None: ...


class Gate:
    """Open while the last look found nothing wrong; shut at the start."""

    def __init__(self, checks: Checks, instruments: Instruments, recheck_seconds: float) -> None:
        self.reason: str | None = "starting: the archive has not been checked yet"
        self._checks = checks
        self._instruments = instruments
        self._recheck_seconds = recheck_seconds
        self._look_now = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether events can be stored."""
        return self.reason is None

    def look_now(self) -> None:
        """Something went wrong: do not wait for the next round. Called on the event loop."""
        self._look_now.set()

    async def keep_watch(self) -> None:
        """Look for ever, at least every `recheck_seconds`; never twice at a time."""
        while True:
            self._look_now.clear()
            await self.look()
            try:
                await asyncio.wait_for(self._look_now.wait(), self._recheck_seconds)
                # However many errors come in, the broker is asked at most five times a second.
                await asyncio.sleep(min(0.2, self._recheck_seconds))
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Look once, and remember what was found."""
        try:
            await asyncio.to_thread(self._checks.check)
            found = None
        except NotUsableError as error:
            found = str(error)
        except Exception as error:
            _log.exception("the check of the archive failed")
            found = f"check_failed: {type(error).__name__}"
        if found != self.reason:
            _log.warning("not ready: %s", found) if found else _log.info("ready: events can be stored")
        self.reason = found
        self._instruments.ready.set(found is None)
        self._instruments.kafka_unreachable.set(found is not None and found.startswith("kafka_unreachable"))
