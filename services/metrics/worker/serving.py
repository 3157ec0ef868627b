"""The counting process, put together."""

import asyncio
import gc
import logging
import sys
import time

from contracts import topics
from services.metrics.instruments import Instruments
from services.metrics.settings import Settings
from services.metrics.store.ledger import Identity, Ledger
from services.metrics.worker.app import CountingApp, Worker
from services.metrics.worker.doctor import Doctor
from services.metrics.worker.door import Door
from services.metrics.worker.fold import Fold
from services.metrics.worker.health import Health, Pulse
from services.metrics.worker.identity import LogBook, NotThereError
from services.metrics.worker.quiet import be_quiet
from services.metrics.worker.transport import MemberHost

_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Counts until told to stop."""
    be_quiet()
    # Records are read by the thousand and forgotten at once: looked through as seldom as that, they cost a third less.
    gc.set_threshold(50_000, 20, 100)
    topic = topics.lifecycle(settings.generation)
    instruments, health = Instruments(), [Health(("waiting for Kafka",))]
    door = Door(lambda: health[0], instruments.registry)
    try:
        door.open(settings.host, settings.worker_port)
    except OSError as error:
        sys.exit(f"metrics cannot start: port {settings.worker_port} cannot be opened ({error.strerror})")
    log_book = LogBook(settings.bootstrap, topic, settings.metrics_call_seconds)
    _wait_for_topic(log_book, settings.metrics_watch_seconds, health)

    # No uvloop: when a broker dies it raises what aiokafka does not catch, and a task dies in silence.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    async def which_log() -> Identity:
        return await asyncio.to_thread(log_book.identity)

    ledger = Ledger(
        settings.redis_url,
        settings.generation,
        settings.metrics_call_seconds,
        "beside" if settings.metrics_beside else "live",
    )
    pulse = Pulse()
    fold = Fold(settings, ledger, lambda: MemberHost(counting.consumer), which_log, instruments)
    counting = CountingApp(settings, topic, fold, instruments, pulse)
    door.health = lambda: counting.health
    Doctor(counting.ailments, pulse, instruments, settings.metrics_watch_seconds, settings.metrics_patience_seconds).start()
    worker = Worker(counting.app, loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()


def _wait_for_topic(log_book: LogBook, pause_seconds: float, health: list[Health]) -> None:
    """A stack starts its processes before its topics are made: no reason to end, nor to hurry."""
    said = ""
    while True:
        try:
            log_book.identity()
        except NotThereError as error:
            health[0] = Health((str(error),))
            if str(error) != said:
                said = str(error)
                _log.warning("waiting: %s", said)
            time.sleep(pause_seconds)
        else:
            health[0] = Health()
            return
