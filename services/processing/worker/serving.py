"""The worker put together: waits for its archive and its Redis, then folds until it is told to stop."""

import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from threading import Event
from types import FrameType
from typing import Final
from uuid import uuid4

from services.processing.domain.fold import MACHINES_FAULTS
from services.processing.domain.line import Position
from services.processing.domain.takeover import Tail
from services.processing.errors import MisconfiguredError, ProcessingError, UnavailableError
from services.processing.instruments import Instruments
from services.processing.log import archive
from services.processing.log.archive import NotOpenedError, TopicDiffersError
from services.processing.log.reading import Reader
from services.processing.log.sending import Sender
from services.processing.log.shelf import RulesShelf
from services.processing.settings import Settings
from services.processing.store.store import Store, connect
from services.processing.worker.door import open_door
from services.processing.worker.lane import Bounds, Lane
from services.processing.worker.ownership import Ownership
from services.processing.worker.state import State
from services.processing.worker.ticking import Ticker
from services.processing.worker.turns import Turns

UNAVAILABLE, MISCONFIGURED = 1, 2
LOOK_AGAIN_SECONDS = 0.5
# Operators may take their time between starting the services and opening the archive.
OPENING_SECONDS: Final = 600.0
SETTLE_SECONDS: Final = 5.0
# Dossiers hold no cycles: looking for some again and again in tens of thousands of them would take half of the time.
COLLECT_AFTER: Final = (100_000, 20, 100)
_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Folds; ends with 1 when the world is at fault, with 2 when starting again cannot help."""
    stop = Event()

    def asked_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked_to_stop)
    state = State(Instruments())
    gc.set_threshold(*COLLECT_AFTER)
    try:
        open_door(state, settings.host, settings.worker_port)
        _fold(settings, state, stop)
    except MisconfiguredError as error:
        _log.error("processing cannot go on: %s", error)
        sys.exit(MISCONFIGURED)
    except ProcessingError as error:
        _log.error("processing ends uncommitted: %s", error)
        sys.exit(UNAVAILABLE)
    except MACHINES_FAULTS as error:
        _log.error("processing ends uncommitted: %s", type(error).__name__, exc_info=error)
        sys.exit(UNAVAILABLE)


def _fold(settings: Settings, state: State, stop: Event) -> None:
    def redis_error(name: str) -> None:
        state.redis_error(name)
        if stop.is_set():
            raise UnavailableError("told to stop while Redis is away")

    owner = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
    store = Store(
        connect(settings.redis_url, settings.processing_call_seconds),
        owner,
        settings.processing_patience_seconds,
        redis_error,
        settings.generation,
        state.redis_says,
    )
    reader = Reader(settings.bootstrap, settings.processing_call_seconds)
    try:
        _wait_for_archive(settings, reader, state, stop)
        _wait(store.check, state, stop, settings.processing_patience_seconds)
        if not stop.is_set():
            state.waits_for(None)
            _turns(settings, store, reader, state, stop).run()
    finally:
        reader.close()


def _turns(settings: Settings, store: Store, reader: Reader, state: State, stop: Event) -> Turns:
    shelf = RulesShelf(reader, settings.processing_patience_seconds)
    sender = Sender(settings.bootstrap, settings.generation, settings.processing_delivery_seconds, state.kafka_error)
    state.sends_by(sender)
    state.lives_by(settings.clock)
    bounds = Bounds(settings.processing_chunk_records, settings.processing_slice_dossiers)
    cache_dossiers = settings.processing_cache_dossiers

    def make_lane(number: int, position: Position, tail: Tail) -> Lane:
        return Lane(number, position, tail, shelf, store, bounds, cache_dossiers)

    does_tick = settings.clock == "wall" and settings.live_gen == settings.generation
    ticker = Ticker(sender, state) if does_tick else None
    ownership = Ownership(
        store, reader, settings.generation, make_lane, lambda: sender.settle(SETTLE_SECONDS), state, cache_dossiers
    )
    return Turns(settings, store, reader, sender, ownership, ticker, state, stop.is_set)


def _wait_for_archive(settings: Settings, reader: Reader, state: State, stop: Event) -> None:
    away_since: float | None = None

    def missing() -> str | None:
        nonlocal away_since
        try:
            archive.check(settings.clock, settings.generation, reader)
        except TopicDiffersError as error:
            away_since = None
            return f"log_changed: {error}"
        except NotOpenedError as error:
            away_since = None
            return f"waiting for the archive to be opened: {error}"
        except UnavailableError as error:
            away_since = time.monotonic() if away_since is None else away_since
            if time.monotonic() - away_since > settings.processing_patience_seconds:
                raise
            return f"kafka_unreachable: {error}"
        return None

    _wait(missing, state, stop, OPENING_SECONDS)


def _wait(missing: Callable[[], str | None], state: State, stop: Event, patience_seconds: float) -> None:
    """Until nothing is missing any more; UnavailableError at the bound."""
    deadline = time.monotonic() + patience_seconds
    while not stop.is_set() and (why := missing()) is not None:
        state.waits_for(why)
        if time.monotonic() > deadline:
            raise UnavailableError(why)
        stop.wait(LOOK_AGAIN_SECONDS)
