"""Loads a file that a centre carried by hand: its signature first, then its events through intake's door, in their order."""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from contracts import carried, instants
from contracts.carried import CarriedError
from contracts.events import code_of
from deploy.operators.deadletters.doors import Doors
from deploy.operators.deadletters.journal import Journal
from deploy.operators.errors import CarriedFileError
from deploy.operators.settings import OperatorSettings

BATCH_EVENTS: Final = 500
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
REST_SECONDS: Final = 2.0
TRIES_MAX: Final = 30
REFUSED_SHOWN_MAX: Final = 20
COPY_BYTES: Final = 1024 * 1024


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `import`."""
    parser.add_argument("file", type=Path, help="the file that `edge export` has written")
    parser.add_argument(
        "--trust", type=Path, required=True, metavar="KEYS", help='{"keys": [{"name", "public_key", "codes"}]}'
    )


def run(settings: OperatorSettings, given: argparse.Namespace) -> int:
    """Exit status 0 when intake has stored every event; 1 when it refused some, which are printed."""
    try:
        trust = carried.read_trust(given.trust)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.state_dir) as file:
            _copy(given.file, file)
            header, closing = carried.verify(file, trust)
            print(f"{closing.events} events of {header.made_at}, signature and codes are right")
            with Journal(settings.state_dir) as journal:
                stored, refused = _Import(Doors(settings), journal).run(file, closing)
    except CarriedError as error:
        raise CarriedFileError(str(given.file), str(error)) from error
    except OSError as error:
        place = error.filename or f"{given.file}, copied into {settings.state_dir}"
        raise CarriedFileError(str(place), error.strerror or str(error)) from error
    print(f"{stored} stored, {refused} refused; what came over the line, too, counts once")
    return 1 if refused else 0


def _copy(path: Path, copy: BinaryIO) -> None:
    """As many bytes as it has now: a stick may give something else at a second reading than at the one that is checked."""
    with open(path, "rb") as stick:
        left = os.fstat(stick.fileno()).st_size
        while left and (some := stick.read(min(left, COPY_BYTES))):
            copy.write(some)
            left -= len(some)
    copy.seek(0)


class _Import:
    def __init__(self, doors: Doors, journal: Journal) -> None:
        self._doors = doors
        self._journal = journal
        self._run = str(uuid4())

    def run(self, file: BinaryIO, closing: carried.Closing) -> tuple[int, int]:
        """Batch after batch, each answered before the next: a dossier's events stay in order."""
        file.seek(0)
        self._write("begun", sha256=closing.sha256, events=closing.events)
        stored = refused = 0
        for unit, batch in _batches(carried.events(file, closing)):
            for item in self._hand_in(unit, batch):
                if item["status"] == "stored":
                    stored += 1
                    continue
                refused += 1
                self._write("refused", event=item.get("id"), code=item.get("code"))
                if refused <= REFUSED_SHOWN_MAX:
                    print(f"refused: {item.get('id')}: {item.get('code')}: {item.get('detail')}")
        self._write("ended", stored=stored, refused=refused)
        return stored, refused

    def _hand_in(self, unit: str, batch: list[bytes]) -> Iterator[dict[str, object]]:
        """The items' answers; what could not be stored yet goes again, together with all behind it in this batch."""
        left = batch
        for _ in range(TRIES_MAX):
            items = self._doors.hand_in_all(unit, left)
            settled = next((number for number, item in enumerate(items) if item["status"] == "retry"), len(items))
            yield from items[:settled]
            left = left[settled:]
            if not left:
                return
            time.sleep(REST_SECONDS)
        raise CarriedFileError(
            "intake", f"{len(left)} events of a batch could not be stored in {TRIES_MAX} tries; import the file again later"
        )

    def _write(self, step: str, **members: object) -> None:
        self._journal.write(at=instants.show(time.time_ns() // 1000), act="import", run=self._run, step=step, **members)


def _batches(events: Iterator[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Runs of events of one unit, each within the bounds of a request."""
    for unit, run in groupby(events, key=_unit):
        while some := list(islice(run, BATCH_EVENTS)):
            while some:
                size, count = 0, 0
                for event in some:
                    if count and size + len(event) > BATCH_BYTES_MAX:
                        break
                    size, count = size + len(event), count + 1
                yield unit, some[:count]
                some = some[count:]


def _unit(event: bytes) -> str:
    return code_of(carried.source_of(event))
