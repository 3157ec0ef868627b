"""Intake, put together: `python -m services.intake.main` serves until it is told to stop."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from contracts import reference_files
from contracts.face import logs, serving
from contracts.face.turns import Turns
from contracts.keys import KEYS_MAX, KeySource, open_keys
from services.intake.app import build_app
from services.intake.archive import Archive
from services.intake.domain.judgement import House
from services.intake.domain.quotas import Quota, QuotaBook
from services.intake.doors import Ports
from services.intake.gate import Gate
from services.intake.instruments import Instruments
from services.intake.journal import Journal
from services.intake.settings import Settings

STOP_SECONDS = 10


def main() -> None:
    """Read the settings, refuse to start with one clear sentence, or serve."""
    argparse.ArgumentParser(prog="python -m services.intake.main", description=__doc__).parse_args()
    with logs.begun("intake"):
        serve()


def serve() -> None:
    """Serves until told to stop."""
    settings = Settings()
    try:
        codes = known_codes(settings)
        keys = open_keys(settings.keys_file, settings.dev_keys, settings.host, codes)
    except (ValueError, OSError) as error:
        sys.exit(f"intake cannot start: {error}")
    serving.serve(compose(settings, keys, codes), settings.host, settings.port, STOP_SECONDS)


def known_codes(settings: Settings) -> frozenset[str]:
    """Every code that the reference data knows on any day."""
    return reference_files.read(settings.reference_dir).codes()


def compose(settings: Settings, keys: KeySource, codes: frozenset[str]) -> FastAPI:
    """The whole service; nothing is connected before its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def on_trouble(fatal: bool) -> None:
            loop.call_soon_threadsafe(_trouble, gate, fatal)

        journal.open(on_trouble)
        watch = asyncio.create_task(gate.keep_watch(), name="gate")
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await asyncio.to_thread(journal.close)

    instruments = Instruments()
    gate = Gate(Archive(settings), instruments, settings.intake_recheck_seconds)
    journal = Journal(settings, instruments)
    ports = Ports(
        settings=settings,
        keys=keys,
        house=House(codes, settings.intake_event_bytes_max),
        journal=journal,
        gate=gate,
        quotas=QuotaBook(Quota(settings.intake_quota_events_per_second, settings.intake_quota_burst_events), KEYS_MAX),
        turns=Turns(
            settings.intake_requests_in_flight_max,
            settings.intake_requests_waiting_max,
            settings.intake_turn_seconds,
            instruments.requests_in_flight,
        ),
        instruments=instruments,
        now=lambda: time.time_ns() // 1000,
        monotonic=time.monotonic,
    )
    return build_app(ports, lifespan)


def _trouble(gate: Gate, fatal: bool) -> None:
    gate.look_now()
    if fatal:
        # A client that gave up never recovers; whoever keeps this process running starts it anew.
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
