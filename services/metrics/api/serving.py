"""The API put together: serves until it is told to stop."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI

from contracts import instants, reference_files
from contracts.face import serving
from services.metrics.api.app import build_app
from services.metrics.api.centres import Centres
from services.metrics.api.doors import Ports
from services.metrics.api.front import Front, Tiles
from services.metrics.api.instruments import Instruments
from services.metrics.api.rules import Rules
from services.metrics.api.snapshots import Snapshots
from services.metrics.api.stream import Stream
from services.metrics.api.told import Told
from services.metrics.api.units import Units
from services.metrics.api.watch import Watch
from services.metrics.settings import Settings

_log = logging.getLogger(__name__)
STOP_SECONDS = 2
# An answer, also that there is none, comes within five seconds.
REDIS_SECONDS_MAX = 2.0
# A look at Kafka may take some seconds, however short the time after which a heartbeat is old.
BEATS_HOLD_SECONDS_MIN = 5.0


def serve(settings: Settings) -> None:
    """Refuse to start with one clear sentence, or serve; returns when told to stop."""
    try:
        units = Units(reference_files.read(settings.reference_dir))
    except (ValueError, OSError) as error:
        sys.exit(f"metrics' API cannot start: {'; '.join(str(error).splitlines())}")
    serving.serve(compose(settings, units), settings.host, settings.api_port, STOP_SECONDS)


def compose(settings: Settings, units: Units) -> FastAPI:
    """The whole API; nothing is connected before its lifespan begins."""
    instruments = Instruments()
    call_seconds = min(settings.metrics_call_seconds, REDIS_SECONDS_MAX)
    # Half of it: with the pause between two heartbeats before it, none is called old because nobody here has read on.
    beats_hold_seconds = max(settings.metrics_heartbeat_old_seconds / 2, BEATS_HOLD_SECONDS_MIN)
    watch = Watch(
        settings.bootstrap, call_seconds, beats_hold_seconds, lambda name: instruments.kafka_errors.labels(name).inc()
    )
    rules = Rules(settings.bootstrap, units, call_seconds, lambda name: instruments.kafka_errors.labels(name).inc())
    snapshots = Snapshots(
        settings.redis_url, settings.live_gen, call_seconds, lambda kind: instruments.redis_errors.labels(kind).inc(),
        rules.follow,
    )  # fmt: skip

    def now() -> int:
        return time.time_ns() // 1000

    centres = Centres(
        units,
        watch,
        now,
        old_after=round(settings.metrics_heartbeat_old_seconds * instants.SECOND),
        patience=settings.metrics_silence_working_minutes * instants.MINUTE,
        own={unit: minutes * instants.MINUTE for unit, minutes in settings.silence_minutes_of.items()},
    )
    told = Told(units, centres, watch, instruments, now)
    stream = Stream(snapshots, told, instruments)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watch.start()
        looking = asyncio.create_task(stream.keep_watch(), name="stream")
        yield
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await asyncio.to_thread(watch.close)
        await snapshots.close()

    ports = Ports(
        snapshots=snapshots, rules=rules, watch=watch, told=told, stream=stream,
        front=Front(settings.worklists_url, _tiles(settings.reference_dir)), instruments=instruments, now=now,
    )  # fmt: skip
    return build_app(ports, lifespan)


def _tiles(directory: Path) -> Tiles:
    """Where units stand on the map; a file that is wrong takes the map away, and no figure."""
    try:
        return reference_files.tiles(directory)
    except (ValueError, OSError) as error:
        _log.error("the board has no map: %s", "; ".join(str(error).splitlines()))
        return {}
