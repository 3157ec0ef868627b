"""The audit service put together: looks and answers until it is told to stop."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from contracts import reference_files
from contracts.face import serving
from contracts.keys import KeySource, open_keys
from services.audit import disks
from services.audit.app import build_app
from services.audit.instruments import Instruments
from services.audit.settings import Settings
from services.audit.watch import Watch

GRACE_SECONDS = 3
NICENESS = 10


def serve(settings: Settings, seed: int) -> None:
    """Refuse to start with one clear sentence, or serve; returns when told to stop."""
    # Whoever counts and answers comes first: an audit can wait.
    os.nice(NICENESS)
    try:
        app = compose(settings, seed, _keys(settings))
    except (ValueError, OSError) as error:
        sys.exit(f"audit cannot start: {'; '.join(str(error).splitlines())}")
    serving.serve(app, settings.host, settings.port, GRACE_SECONDS)


def compose(settings: Settings, seed: int, keys: KeySource | None) -> FastAPI:
    """The whole service; nothing is looked at before its lifespan begins."""
    instruments = Instruments()
    disks.watch(disks.places(settings.audit_disks), instruments)
    watch = Watch(settings, seed, instruments, failed=lambda: os.kill(os.getpid(), signal.SIGTERM))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watch.start()
        yield
        watch.stop()

    return build_app(watch, keys, instruments, lifespan)


def _keys(settings: Settings) -> KeySource | None:
    """Who may see dossiers' codes; without keys nobody may, and the counts are for all."""
    if settings.keys_file is None and not settings.dev_keys:
        return None
    codes = reference_files.read(settings.reference_dir).codes()
    return open_keys(settings.keys_file, settings.dev_keys, settings.host, codes)
