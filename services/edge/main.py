"""The edge, put together: `python -m services.edge.main` serves; `export`, `receipts`, `discarded`, `keygen` beside it."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from pydantic import ValidationError

from contracts import reference_files
from contracts.face import logs, serving
from contracts.face.serving import Lifespan
from contracts.face.turns import Turns
from contracts.keys import KeySource, open_keys
from services.edge import carrying
from services.edge.app import build_app
from services.edge.domain.fullness import Limits
from services.edge.domain.judgement import House
from services.edge.domain.pace import Bounds
from services.edge.doors import Ports
from services.edge.instruments import Instruments
from services.edge.link.heartbeats import Heartbeats
from services.edge.link.intake import Intake
from services.edge.link.line import LinkBook
from services.edge.link.sender import Sender
from services.edge.settings import KIB, MIB, Settings
from services.edge.store.errors import InUseError
from services.edge.store.outbox import Outbox
from services.edge.store.reserve import Reserve
from services.edge.store.views import Places
from services.edge.store.writer import Writer

STOP_SECONDS = 10
_log = logging.getLogger(__name__)


def main() -> None:
    """Read the command and the settings, then serve, or do the one thing that was asked."""
    given = _arguments()
    try:
        if given.command == "keygen":
            print(f"public key, for the city: {carrying.keygen(Settings().signing_key_file)}")
        elif given.command == "export":
            settings = Settings()
            places = Places(settings.store_dir, settings.high_water_file)
            count = carrying.export(places, settings.signing_key_file, given.file, _now())
            print(f"{count} unsent events are in {given.file}; they stay in the outbox, too")
        elif given.command == "receipts":
            settings = Settings()
            places = Places(settings.store_dir, settings.high_water_file)
            print(f"{carrying.export_receipts(places, given.file)} receipts are in {given.file}")
        elif given.command == "discarded":
            settings = Settings()
            places = Places(settings.store_dir, settings.high_water_file)
            print(f"{carrying.export_discarded(places, given.file)} discarded events are in {given.file}")
        else:
            with logs.begun("edge"):
                serve()
    except carrying.CarryingError as error:
        sys.exit(str(error))
    except ValidationError as error:
        sys.exit(f"edge cannot start: {logs.misfits(error)}")


def serve() -> None:
    """Refuse to start with one clear sentence, or serve until told to stop."""
    settings = Settings()
    try:
        codes = known_codes(settings)
        keys = open_keys(settings.keys_file, settings.dev_keys, settings.host, own_codes(settings, codes))
        settings.intake_key()
    except (ValueError, OSError) as error:
        sys.exit(f"edge cannot start: {error}")
    ports, intake, heartbeats = compose(settings, keys, codes)
    ports.writer.open()
    if isinstance(ports.writer.fault, InUseError):
        sys.exit(f"edge cannot start: {ports.writer.fault.detail}")
    serving.serve(build_app(ports, lifespan_of(ports, intake, heartbeats)), settings.host, settings.port, STOP_SECONDS)


def _arguments() -> argparse.Namespace:
    reading = argparse.ArgumentParser(prog="python -m services.edge.main", description=__doc__)
    commands = reading.add_subparsers(dest="command", metavar="export|receipts|discarded|keygen")
    exporting = commands.add_parser("export", help="write the unsent events into one signed file")
    exporting.add_argument("file", type=Path, help="where to write it, a USB stick say")
    receipts = commands.add_parser("receipts", help="write the last receipts of intake, one JSON line for each answer")
    discarded = commands.add_parser(
        "discarded", help="write the events that were thrown away in the quarantine, one JSON line each"
    )
    for each in (receipts, discarded):
        each.add_argument("file", type=Path, help="where to write them")
    commands.add_parser("keygen", help="make this centre's signing key and say its public key")
    return reading.parse_args()


def known_codes(settings: Settings) -> frozenset[str]:
    """Every code that the reference data knows on any day."""
    return reference_files.read(settings.reference_dir).codes()


def own_codes(settings: Settings, codes: frozenset[str]) -> frozenset[str]:
    """The codes that development keys speak for here: the centre's own, since the city would take no other from it."""
    if settings.edge_unit is None:
        return codes
    if settings.edge_unit not in codes:
        raise ValueError("MOTCUA_EDGE_UNIT is not known to the reference data")
    return frozenset({settings.edge_unit})


def compose(settings: Settings, keys: KeySource, codes: frozenset[str]) -> tuple[Ports, Intake, Heartbeats]:
    """The whole service; nothing is opened yet."""
    instruments = Instruments()
    limits = Limits(
        settings.edge_outbox_events_max,
        settings.edge_outbox_mib * MIB,
        settings.edge_outbox_age_max_seconds,
        settings.edge_outbox_sources_max,
        settings.edge_alarm_percent_max / 100,
    )
    places = Places(settings.store_dir, settings.high_water_file)
    reserve = Reserve(settings.store_dir / "reserve", settings.edge_reserve_kib * KIB)
    outbox = Outbox(places, limits, reserve, _now, settings.edge_receipts_events_max)
    writer = Writer(outbox, places, settings.edge_commit_kib * KIB, settings.edge_waiting_kib * KIB, instruments)
    intake = Intake(settings)
    bounds = Bounds(
        settings.edge_send_batch_events_max,
        settings.edge_send_target_seconds,
        settings.edge_answer_seconds / 4,
        settings.edge_send_requests_max,
    )
    link = LinkBook(bounds)
    ports = Ports(
        settings=settings,
        keys=keys,
        house=House(codes, settings.edge_event_bytes_max, keeps_recordedtime=settings.clock == "log"),
        limits=limits,
        writer=writer,
        sender=Sender(settings, writer, intake, link, instruments),
        link=link,
        turns=Turns(
            settings.edge_requests_in_flight_max,
            settings.edge_requests_waiting_max,
            settings.edge_turn_seconds,
            instruments.requests_in_flight,
        ),
        instruments=instruments,
        now=_now,
    )
    return ports, intake, Heartbeats(settings, writer, intake, link, instruments)


def lifespan_of(ports: Ports, intake: Intake, heartbeats: Heartbeats) -> Lifespan:
    """Starts the line when the door opens; at the end first the line, then the store, so that what was said is kept."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await intake.open()
        tasks = [
            asyncio.create_task(ports.sender.run(), name="sender"),
            asyncio.create_task(heartbeats.run(), name="heartbeats"),
        ]
        for task in tasks:
            task.add_done_callback(_ended)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await ports.sender.stop()
        await intake.close()
        await asyncio.to_thread(ports.writer.close)

    return lifespan


def _ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        # Without its line an outbox would only fill: whoever keeps this process running starts it anew.
        _log.critical("%s ended, so the edge ends", task.get_name(), exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)


def _now() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    main()
