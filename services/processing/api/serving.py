"""The API put together: serves until it is told to stop."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from contracts import reference_files
from contracts.face import serving
from contracts.keys import KeySource, open_keys
from services.processing.api.app import build_app
from services.processing.api.doors import Ports
from services.processing.api.instruments import Instruments
from services.processing.api.logs import Logs
from services.processing.api.states import States
from services.processing.settings import Settings

STOP_SECONDS = 6


def serve(settings: Settings) -> None:
    """Refuse to start with one clear sentence, or serve; returns when told to stop."""
    try:
        app = compose(settings, open_keys(settings.keys_file, settings.dev_keys, settings.host, known_codes(settings)))
    except (ValueError, OSError) as error:
        sys.exit(f"processing's API cannot start: {'; '.join(str(error).splitlines())}")
    serving.serve(app, settings.host, settings.api_port, STOP_SECONDS)


def known_codes(settings: Settings) -> frozenset[str]:
    """Every code that the reference data knows on any day."""
    return reference_files.read(settings.reference_dir).codes()


def compose(settings: Settings, keys: KeySource) -> FastAPI:
    """The whole API; nothing is connected before its lifespan begins."""
    instruments = Instruments()
    states = States(settings.redis_url, lambda kind: instruments.redis_errors.labels(kind).inc(), settings.generation)
    logs = Logs(
        settings.bootstrap, settings.processing_watch_seconds, lambda read: instruments.kafka_errors.labels(read).inc()
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.create_task(logs.keep_watch(), name="ends")
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await logs.close()
        await states.close()

    ports = Ports(
        settings=settings,
        keys=keys,
        states=states,
        logs=logs,
        instruments=instruments,
        now=lambda: time.time_ns() // 1000,
    )
    return build_app(ports, lifespan)
